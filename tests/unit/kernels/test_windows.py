"""The rows that a slab is said to reach are all that its gradients go to."""

import pytest
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import advect, advect_velocity, packed
from diffgfx_kernels.taichi_.transport_adjoint import Windows, windows_for
from diffgfx_kernels.transport import Transport

ROWS, WIDTH = 64, 5
COURANT = (0.0, 0.3, 0.5, 0.99999999, 1.0, 1.00000001, 1.5, 2.0, 3.2)
WALLS = ("no_slip", "no_slip", "inflow", "outflow")
AROUND = ("no_slip", "no_slip", "periodic", "periodic")


def _flow(fastest: float, periodic: bool) -> list[Tensor]:
    """Faces that go at one speed up or down, by chance."""
    draw = torch.Generator().manual_seed(7)
    across = torch.rand((1, ROWS, WIDTH + 1), generator=draw, dtype=torch.float64) - 0.5
    along = torch.rand((1, ROWS + 1, WIDTH), generator=draw, dtype=torch.float64)
    along = fastest * torch.where(along < 0.5, -1.0, 1.0)
    if periodic:
        along[:, -1] = along[:, 0]
    return [fastest * across, along]


def _draw(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def _all_rows(speed: Tensor, cells: int, step: float) -> Windows:
    found = windows_for(speed, cells, step)
    return Windows(found.share, -1, cells + 1, found.slabs)


def _gradients(fastest: float, sides: tuple[str, ...], scheme: str) -> list[Tensor]:
    around = sides[2] == "periodic"
    scalar = ("flux", "fixed", *(("periodic",) * 2 if around else ("zero_gradient",) * 2))
    velocity, side_velocity = _flow(fastest, around), 0.1 * fastest * _draw(1, 4, 2)
    field, side_value = _draw(1, 2, ROWS, WIDTH), _draw(1, 2, 4)
    step = Transport(1.0, 1.0, sides, scalar, scheme)
    g_field, g_velocity, g_value, g_side = advect.backward(
        _draw(1, 2, ROWS, WIDTH), field, velocity, side_value, side_velocity, step
    )
    step = Transport(1.0, 1.0, sides, (), scheme)
    carried = [_draw(*face.shape) for face in velocity]
    g_carried, g_along, g_ends = advect_velocity.backward(
        [face.flip(1) for face in carried], carried, velocity, side_velocity, step
    )
    return [g_field, *g_velocity, g_value, g_side, *g_carried, *g_along, g_ends]


def test_a_slab_has_its_rows_and_as_many_more_as_a_path_can_cross():
    speed = torch.tensor([[0.5, -1.5]])
    assert windows_for(speed, 64, 1.0) == Windows(share=5, margin=3, rows=11, slabs=13)
    assert windows_for(speed, 64, 20.0) == Windows(share=5, margin=-1, rows=65, slabs=13)


@pytest.mark.parametrize("sides", [WALLS, AROUND], ids=["walls", "around"])
@pytest.mark.parametrize("scheme", ["semi_lagrangian", "maccormack"])
@pytest.mark.parametrize("fastest", COURANT)
def test_windows_lose_nothing(
    monkeypatch: pytest.MonkeyPatch, fastest: float, scheme: str, sides: tuple[str, ...]
):
    narrow = _gradients(fastest, sides, scheme)
    monkeypatch.setattr(packed, "windows_for", _all_rows)
    for found, expected in zip(narrow, _gradients(fastest, sides, scheme), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
