"""Gradient of a field of cells at the faces between them."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.taichi_.staggered import cells_to_faces, difference_weights, faces_to_cells

__all__ = ["backward", "forward"]


def forward(field: Tensor, cell: float, sides: Sequence[str]) -> list[Tensor]:
    """Return the gradient [unit/m] at faces of a field (B, 1, [D,] H, W)."""
    weights = difference_weights(sides, cell, field)
    return cells_to_faces(field, weights, shared=True)


def backward(g_faces: Sequence[Tensor], field: Tensor, cell: float, sides: Sequence[str]) -> Tensor:
    """Return the gradient to the field."""
    weights = difference_weights(sides, cell, field)
    return faces_to_cells(g_faces, weights, shared=True)
