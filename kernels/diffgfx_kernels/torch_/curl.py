"""Vorticity at the centres of cells: central differences of the velocity there."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.staggered import centres, slope

__all__ = ["backward", "curl", "forward", "turned"]


def _beyond(field: Tensor, dim: int, high: bool, kind: str, wall: Tensor) -> Tensor:
    """Return what lies one cell beyond an end: on a line, a parabola through a wall's value."""
    count = field.shape[dim]
    inside = field.narrow(dim, count - 1 if high else 0, 1)
    if kind == "periodic":
        return field.narrow(dim, 0 if high else count - 1, 1)
    if kind not in ("no_slip", "inflow"):
        return inside
    if count == 1:
        return 2.0 * wall - inside
    following = field.narrow(dim, count - 2 if high else 1, 1)
    return (8.0 * wall - 6.0 * inside + following) / 3.0


def turned(slopes: list[list[Tensor]]) -> Tensor:
    """Return the curl, (B, 1 or 3, ...), from slopes by component, then axis."""
    if len(slopes) == 2:
        return (slopes[1][0] - slopes[0][1])[:, None]
    return torch.stack(
        [
            slopes[2][1] - slopes[1][2],
            slopes[0][2] - slopes[2][0],
            slopes[1][0] - slopes[0][1],
        ],
        dim=1,
    )


def curl(
    velocity: Sequence[Tensor], side_velocity: Tensor, cell: float, sides: Sequence[str]
) -> Tensor:
    """Return the vorticity at centres, differentiable."""
    middle = centres(velocity, sides)
    dim = len(velocity)
    slopes = []
    for component in range(dim):
        field, found = middle[:, component], []
        for axis in range(dim):
            ends = [
                _beyond(
                    field, -1 - axis, bool(k), sides[2 * axis + k],
                    side_velocity[:, 2 * axis + k, component].view(-1, *[1] * dim),
                )
                for k in range(2)
            ]  # fmt: skip
            found.append(slope(field, axis, cell, *ends))
        slopes.append(found)
    return turned(slopes)


def forward(
    velocity: Sequence[Tensor], side_velocity: Tensor, cell: float, sides: Sequence[str]
) -> Tensor:
    """Return the vorticity [1/s] at centres, shape (B, 1, H, W) or (B, 3, D, H, W)."""
    return curl(velocity, side_velocity, cell, sides)


def backward(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    cell: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the velocity and that of the sides."""
    dim = len(velocity)
    _, found = pull(
        lambda *parts: curl(parts[:dim], parts[dim], cell, sides),
        (*velocity, side_velocity),
        g_value,
    )
    return found[:dim], found[dim]
