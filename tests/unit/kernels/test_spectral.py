import math

import pytest
import torch

pytest.importorskip("taichi")

from diffgfx_kernels.taichi_.spectral import slope_symbol, solve_free


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 3), (7, 4), (8, 9)])
def test_a_cosine_mode_is_divided_by_its_eigenvalue(shape: tuple[int, int]) -> None:
    rows, columns = shape
    texel = (0.5, 0.2)
    for j in range(rows):
        for i in range(columns):
            y = (torch.arange(rows, dtype=torch.float64) + 0.5) * (math.pi * j / rows)
            x = (torch.arange(columns, dtype=torch.float64) + 0.5) * (math.pi * i / columns)
            mode = y.cos()[:, None] * x.cos()[None, :]
            value = (2.0 / texel[0] * math.sin(0.5 * math.pi * i / columns)) ** 2
            value += (2.0 / texel[1] * math.sin(0.5 * math.pi * j / rows)) ** 2
            expected = mode / value if value else torch.zeros_like(mode)
            torch.testing.assert_close(
                solve_free(mode[None], texel)[0], expected, rtol=1e-11, atol=1e-13
            )


def test_the_constant_mode_of_a_periodic_field_is_dropped() -> None:
    symbol = slope_symbol(4, 6, (1.0, 1.0), torch.zeros(1))
    assert symbol.shape == (2, 4, 4)
    assert symbol.dtype == torch.complex64
    assert bool((symbol[:, 0, 0] == 0).all())
    assert bool(torch.isfinite(torch.view_as_real(symbol)).all())
