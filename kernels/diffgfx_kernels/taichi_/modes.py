"""The eigenvectors of a line's second difference, in closed form.

They are waves that vanish, or are level, at the ends: at the point itself where that is held, half
a cell beyond it elsewhere; on a ring, sums of a sine and a cosine (Hartley's). Angles are counted
in whole parts of a turn, so that they are exact however fast a wave. They are applied as matrices,
whatever the ends; torch's products are compiled code.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.sides import HELD, TWIN, VALUE, WRAP
from diffgfx_kernels.taichi_.components import Layout

__all__ = ["Modes", "modes_of", "solve"]


class Modes(NamedTuple):
    """Eigenvectors of one axis.

    Attributes:
        read: From points to modes, (modes, points); points without an equation count nothing.
        write: From modes to points, (points, modes).
        values: Eigenvalues of the negative second difference of unit cells.
    """

    read: Tensor
    write: Tensor
    values: Tensor


def _waves(points: Tensor, numbers: Tensor, turn: int, shift: int) -> Tensor:
    """Return sin(2 pi (points numbers + shift) / turn), a row a wave."""
    parts = torch.arange(turn, dtype=torch.float64, device=points.device)
    return (parts * (2.0 * math.pi / turn)).sin()[(numbers[:, None] * points + shift) % turn]


def modes_of(count: int, low: int, high: int, like: Tensor) -> Modes:
    """Return the eigenvectors of a line of points with rules at its ends."""
    first, points = int(low == HELD), count - int(low == HELD) - int(high in (HELD, TWIN))
    index = torch.arange(points, device=like.device)
    if points == 0:
        return Modes(like.new_zeros((0, count)), like.new_zeros((count, 0)), like.new_zeros(0))
    if low in (WRAP, TWIN):
        turn = 8 * points  # sin + cos is a sine that starts an eighth of a turn later
        waves = _waves(8 * index, index, turn, points)
        angle = index.double() * (math.pi / points)
    else:
        # positions and lengths in half cells from the low end, wave numbers in halves
        sine, odd = low in (HELD, VALUE), (low in (HELD, VALUE)) != (high in (HELD, VALUE))
        place = 2 * index + (2 if low == HELD else 1)
        length = 2 * points + (low == HELD) + (high == HELD)
        number = 2 * index + (1 if odd else 2 if sine else 0)
        turn = 4 * length
        waves = _waves(place, number, turn, 0 if sine else length)
        angle = number.double() * (0.5 * math.pi / length)
    waves = waves / waves.square().sum(dim=1, keepdim=True).sqrt()
    read = waves.new_zeros((points, count))
    read[:, first : first + points] = waves
    write = read.T.clone()
    if high == TWIN:
        write[-1] = write[0]
    values = (2.0 * angle.sin()).square()
    return Modes(read.to(like), write.contiguous().to(like), values.to(like))


def _apply(matrix: Tensor, field: Tensor, place: int) -> Tensor:
    """Multiply along dimension ``place`` of (B, ...), of which there are two or three more."""
    if place == field.ndim - 1:
        return torch.matmul(field, matrix.T)
    if place == field.ndim - 2:
        return torch.matmul(matrix, field)
    return torch.matmul(matrix, field.flatten(2)).view(len(field), len(matrix), *field.shape[2:])


def solve(right: Tensor, amount: Tensor, layout: Layout, cell: float) -> Tensor:
    """Solve (1 - amount Laplacian) x = right for packed components, nothing given at the ends.

    Args:
        right: The right-hand sides, (B, P); read where a point has an equation, twins at the first.
        amount: Diffusivity times time, (B,).
        layout: How the components are packed.
        cell: Side of a cell.

    Returns:
        The solution, (B, P), zero where a point is held.
    """
    dim, known, found = layout.dim, {}, []
    scale = (amount / cell**2).view(-1, *[1] * dim)
    for c, field in enumerate(layout.views(right)):
        total = torch.ones_like(scale)
        writes = []
        for a in range(dim):
            place = dim - a
            key = (field.shape[place], *layout.rule(c, a))
            if key not in known:
                known[key] = modes_of(*key, right)
            modes = known[key]
            field = _apply(modes.read, field, place)
            total = total + scale * modes.values.view(-1, *[1] * a)
            writes.append(modes.write)
        field = field / total
        for a, write in enumerate(writes):
            field = _apply(write, field, dim - a)
        found.append(field.flatten(1))
    return torch.cat(found, dim=1)
