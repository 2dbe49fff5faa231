"""Gradient of a field of cells at the faces between them."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.staggered import faces_between, flat

__all__ = ["backward", "forward", "gradient"]


def gradient(field: Tensor, cell: float, sides: Sequence[str]) -> list[Tensor]:
    """Return the differences at faces, differentiable."""
    inner = (-1.0 / cell, 1.0 / cell)
    return [
        faces_between(field[:, 0], axis, sides, inner, {"outflow": 2.0})
        for axis in range(field.ndim - 2)
    ]


def forward(field: Tensor, cell: float, sides: Sequence[str]) -> list[Tensor]:
    """Return the gradient [unit/m] at faces of a field (B, 1, [D,] H, W)."""
    return gradient(field, cell, sides)


def backward(g_faces: Sequence[Tensor], field: Tensor, cell: float, sides: Sequence[str]) -> Tensor:
    """Return the gradient to the field."""
    return pull(lambda f: flat(gradient(f, cell, sides)), (field,), flat(g_faces))[1][0]
