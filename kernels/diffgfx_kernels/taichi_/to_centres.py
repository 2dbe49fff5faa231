"""Velocity at the centres of cells: the mean of two faces."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.taichi_.staggered import cells_to_faces, faces_to_cells, mean_weights

__all__ = ["backward", "forward"]


def forward(velocity: Sequence[Tensor], sides: Sequence[str]) -> Tensor:
    """Return the velocity at centres, shape (B, dim, [D,] H, W)."""
    weights = mean_weights(sides, False, velocity[0])
    return faces_to_cells(velocity, weights, shared=False)


def backward(g_field: Tensor, velocity: Sequence[Tensor], sides: Sequence[str]) -> list[Tensor]:
    """Return the gradient to the velocity."""
    weights = mean_weights(sides, False, g_field)
    return cells_to_faces(g_field, weights, shared=False)
