"""What the plain fluid ops share: axes, means between faces and cells, and what sides do to them.

Axis 0 is x, the last dimension of a tensor.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["centres", "faces_between", "flat", "force_faces", "read", "slope", "solved_means"]


def flat(faces: Sequence[Tensor]) -> Tensor:
    """Return faces as one tensor, (B, P)."""
    return torch.cat([face.flatten(1) for face in faces], dim=1)


def read(face: Tensor, axis: int, sides: Sequence[str]) -> Tensor:
    """Return faces as ops read them: the last ones of a periodic axis are its first."""
    if sides[2 * axis] != "periodic":
        return face
    dim = -1 - axis
    count = face.shape[dim] - 1
    return torch.cat([face.narrow(dim, 0, count), face.narrow(dim, 0, 1)], dim=dim)


def faces_between(
    field: Tensor,
    axis: int,
    sides: Sequence[str],
    inner: tuple[float, float],
    edge: dict[str, float],
) -> Tensor:
    """Return weighted neighbours at the faces across an axis.

    Args:
        field: Values of cells, (B, [D,] H, W).
        axis: Which.
        sides: Kinds of the sides, two an axis.
        inner: Weights of the cells below and above a face.
        edge: At a face on a side of this kind, how often the one cell's weight counts; else never.
    """
    dim, (below, above) = -1 - axis, inner
    count = field.shape[dim]
    first, last = field.narrow(dim, 0, 1), field.narrow(dim, count - 1, 1)
    between = below * field.narrow(dim, 0, count - 1) + above * field.narrow(dim, 1, count - 1)
    low, high = sides[2 * axis], sides[2 * axis + 1]
    if low == "periodic":
        start = end = below * last + above * first
    else:
        start = above * edge.get(low, 0.0) * first
        end = below * edge.get(high, 0.0) * last
    return torch.cat([start, between, end], dim=dim)


def solved_means(field: Tensor, axis: int, sides: Sequence[str]) -> Tensor:
    """Return means at the faces whose velocity is not fixed, zero at others."""
    return faces_between(field, axis, sides, (0.5, 0.5), {"outflow": 2.0})


def force_faces(
    velocity: Sequence[Tensor], forces: Sequence[Tensor], sides: Sequence[str]
) -> list[Tensor]:
    """Return the velocity after a push, given at centres by axis [m/s]."""
    return [
        read(face, axis, sides) + solved_means(push, axis, sides)
        for axis, (face, push) in enumerate(zip(velocity, forces, strict=True))
    ]


def centres(velocity: Sequence[Tensor], sides: Sequence[str]) -> Tensor:
    """Return the mean of the two faces of each cell, (B, dim, [D,] H, W)."""
    means = []
    for axis, face in enumerate(velocity):
        dim, known = -1 - axis, read(face, axis, sides)
        count = known.shape[dim] - 1
        means.append(0.5 * (known.narrow(dim, 0, count) + known.narrow(dim, 1, count)))
    return torch.stack(means, dim=1)


def slope(field: Tensor, axis: int, cell: float, low: Tensor, high: Tensor) -> Tensor:
    """Return central differences along an axis, given what lies one cell beyond its ends."""
    dim = -1 - axis
    wide = torch.cat([low, field, high], dim=dim)
    count = field.shape[dim]
    return (wide.narrow(dim, 2, count) - wide.narrow(dim, 0, count)) / (2.0 * cell)
