"""Velocity at faces from that at the centres of cells: the mean of two neighbours."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.staggered import faces_between, flat

__all__ = ["backward", "forward", "to_faces"]

COPIED = dict.fromkeys(("no_slip", "free_slip", "inflow", "outflow"), 2.0)


def to_faces(field: Tensor, sides: Sequence[str]) -> list[Tensor]:
    """Return means at faces, a copy of the nearest cell on a side, differentiable."""
    return [
        faces_between(field[:, axis], axis, sides, (0.5, 0.5), COPIED)
        for axis in range(field.ndim - 2)
    ]


def forward(field: Tensor, sides: Sequence[str]) -> list[Tensor]:
    """Return the faces of a field (B, dim, [D,] H, W)."""
    return to_faces(field, sides)


def backward(g_faces: Sequence[Tensor], field: Tensor, sides: Sequence[str]) -> Tensor:
    """Return the gradient to the field."""
    return pull(lambda f: flat(to_faces(f, sides)), (field,), flat(g_faces))[1][0]
