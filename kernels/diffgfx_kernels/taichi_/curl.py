"""Vorticity at the centres of cells: means of faces, then central differences."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.taichi_.staggered import (
    cells_to_faces,
    faces_to_cells,
    mean_weights,
    totals,
)
from diffgfx_kernels.taichi_.twist import slope_weights, twist, wall_weights

__all__ = ["backward", "forward"]


def _touched(side: int, dim: int) -> list[tuple[int, int, float]]:
    """Return components of a side's velocity, the vorticity's they are part of, and the sign."""
    axis = side // 2
    if dim == 2:
        return [(1 - axis, 0, -1.0 if axis else 1.0)]
    return [((axis + 1) % 3, (axis + 2) % 3, 1.0), ((axis + 2) % 3, (axis + 1) % 3, -1.0)]


def forward(
    velocity: Sequence[Tensor], side_velocity: Tensor, cell: float, sides: Sequence[str]
) -> Tensor:
    """Return the vorticity [1/s] at centres, shape (B, 1, H, W) or (B, 3, D, H, W)."""
    cells, dim = (*velocity[0].shape[1:-1], velocity[0].shape[-1] - 1), len(velocity)
    weights = mean_weights(sides, False, velocity[0])
    middle = faces_to_cells(velocity, weights, shared=False)
    value = twist(middle, slope_weights(cells, sides, cell, middle))
    for side, wall in enumerate(wall_weights(cells, sides, cell)):
        if wall and value.numel():
            layer = value.select(-1 - side // 2, -(side % 2))
            for component, turned, sign in _touched(side, dim):
                known = side_velocity[:, side, component].view(-1, *[1] * (dim - 1))
                layer[:, turned] += sign * wall * known
    return value


def backward(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    cell: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the velocity and that of the sides."""
    cells, dim = g_value.shape[2:], len(velocity)
    g_middle = twist(g_value, slope_weights(cells, sides, cell, g_value, turned=True))
    g_velocity = cells_to_faces(g_middle, mean_weights(sides, False, g_value), shared=False)
    g_side = torch.zeros_like(side_velocity)
    for side, wall in enumerate(wall_weights(cells, sides, cell)):
        if wall and g_value.numel():
            layer = totals(g_value.select(-1 - side // 2, -(side % 2)))
            for component, turned, sign in _touched(side, dim):
                g_side[:, side, component] = sign * wall * layer[:, turned]
    return g_velocity, g_side
