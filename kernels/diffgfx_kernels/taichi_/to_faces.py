"""Velocity at faces from that at the centres of cells: the mean of two neighbours."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.taichi_.staggered import cells_to_faces, faces_to_cells, mean_weights

__all__ = ["backward", "forward"]


def forward(field: Tensor, sides: Sequence[str]) -> list[Tensor]:
    """Return the faces of a field (B, dim, [D,] H, W)."""
    weights = mean_weights(sides, True, field)
    return cells_to_faces(field, weights, shared=False)


def backward(g_faces: Sequence[Tensor], field: Tensor, sides: Sequence[str]) -> Tensor:
    """Return the gradient to the field."""
    weights = mean_weights(sides, True, field)
    return faces_to_cells(g_faces, weights, shared=False)
