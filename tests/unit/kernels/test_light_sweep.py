"""Light swept plane by plane, as a GPU does it, is light swept in one launch."""

import pytest
import torch

from diffgfx import ops
from diffgfx_kernels.taichi_ import light_sweep
from tests.contract.cases.march_volume import build_smoke


def shaded(seed: int) -> list[torch.Tensor]:
    found = build_smoke(torch.float64, "cpu", 2, seed)
    leaves = [found[name].requires_grad_() for name in ("density", "albedo", "light")]
    image = ops.march_volume(**found)
    weight = torch.rand(image.shape, generator=torch.Generator().manual_seed(9), dtype=image.dtype)
    return [image.detach(), *torch.autograd.grad((weight * image).sum(), leaves)]


@pytest.mark.parametrize("seed", range(3))
def test_launches_add_up(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = shaded(seed)

    def a_plane_each(density: torch.Tensor, cells: tuple[int, int, int]):
        return [(plane, plane + 1) for plane in range(max(cells))], 7

    monkeypatch.setattr(light_sweep, "_launches", a_plane_each)
    for one, many in zip(at_once, shaded(seed), strict=True):
        torch.testing.assert_close(many, one, rtol=1e-12, atol=1e-12)
