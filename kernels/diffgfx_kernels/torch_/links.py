"""Second differences over links of given strength, and which points of a grid are solved for."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.sides import TWIN, WRAP
from diffgfx_kernels.torch_.lines import End, ends_of, grown, joined, solved

__all__ = ["linked", "tied", "unknown"]


def _strength(link: Tensor, place: int, ends: tuple[End, End]) -> Tensor:
    """Return the strength of every step along a dimension, with those at the ends: 1 at a side."""
    count = link.shape[place]
    inner = link.narrow(place, 0, count - 1)
    last = link.narrow(place, count - 1, 1)
    low = high = torch.ones_like(last)
    if ends[0][0] == WRAP:
        low = high = last
    if ends[0][0] == TWIN:
        low, high = link.narrow(place, count - 2, 1), link.narrow(place, 0, 1)
    return torch.cat([low, inner, high], dim=place)


def tied(parts: Sequence[Tensor], values: Tensor, rules: Sequence[int]) -> list[Tensor]:
    """Return components whose second twins equal the first."""
    dim, found = parts[0].ndim - 1, []
    for c, part in enumerate(parts):
        for a in range(dim):
            part = joined(part, dim - a, ends_of(rules, values, c, a, dim))
        found.append(part)
    return found


def linked(
    parts: Sequence[Tensor],
    links: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
) -> list[Tensor]:
    """Return what points gain from their neighbours, differentiable, zero where a point is held.

    Args:
        parts: Components, tied.
        links: Strength of the step from each point to the next, for each component and axis.
        values: What goes with the rules, (B, components, sides).
        rules: At the sides of each component; see `sides`.
        cell: Side of a cell.
    """
    dim, found = parts[0].ndim - 1, []
    for c, part in enumerate(parts):
        total = torch.zeros_like(part)
        ends = [ends_of(rules, values, c, a, dim) for a in range(dim)]
        for a in range(dim):
            link = links[c * dim + a]
            for other in range(dim):
                link = joined(link, dim - other, ends[other])
            steps = grown(part, dim - a, ends[a]).diff(dim=dim - a)
            total = total + (_strength(link, dim - a, ends[a]) * steps).diff(dim=dim - a)
        for a in range(dim):
            total = solved(total, dim - a, ends[a])
        found.append(total / cell**2)
    return found


def unknown(wet: Sequence[Tensor], values: Tensor, rules: Sequence[int]) -> list[Tensor]:
    """Return 1 where a point is solved for: in the fluid, not held, and the first of twins."""
    dim, found = wet[0].ndim - 1, []
    for c, part in enumerate(wet):
        mask = part.clone()
        for a in range(dim):
            ends = ends_of(rules, values, c, a, dim)
            mask = solved(mask, dim - a, ends)
            if ends[0][0] == TWIN:
                mask.narrow(dim - a, mask.shape[dim - a] - 1, 1).zero_()
        found.append(mask)
    return found
