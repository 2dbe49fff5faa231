"""Convection of a staggered velocity by itself: fluxes that are products of means."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.sides import SLOPE, TWIN
from diffgfx_kernels.torch_.lines import End, ends_of, grown, joined, pull_parts, solved

__all__ = ["backward", "forward", "rates"]


def _mean(field: Tensor, place: int) -> Tensor:
    count = field.shape[place] - 1
    return 0.5 * (field.narrow(place, 0, count) + field.narrow(place, 1, count))


def _along(speed: Tensor, place: int, ends: tuple[End, End]) -> Tensor:
    """Return what leaves through the two ends of each face's volume along the face's own axis."""
    flux = _mean(speed, place).square()
    inner = flux.diff(dim=place)
    first, second = (speed.narrow(place, k, 1) for k in (0, 1))
    count = speed.shape[place]
    before, last = (speed.narrow(place, count - k, 1) for k in (2, 1))
    low = high = torch.zeros_like(first)
    if ends[0][0] == TWIN:
        low = high = flux.narrow(place, 0, 1) - flux.narrow(place, count - 2, 1)
    if ends[0][0] == SLOPE:
        low = (second - first) * (first + first.clamp(max=0.0))
    if ends[1][0] == SLOPE:
        high = (last - before) * (last + last.clamp(min=0.0))
    return torch.cat([low, inner, high], dim=place)


def rates(
    velocity: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return -div(u u) of each component at its faces, differentiable."""
    dim = len(velocity)

    def ends(component: int, axis: int) -> tuple[End, End]:
        return ends_of(rules, values, component, axis, dim)

    whole = [joined(face, dim - c, ends(c, c)) for c, face in enumerate(velocity)]
    found = []
    for c, speed in enumerate(whole):
        leaving = _along(speed, dim - c, ends(c, c))
        for a in (a for a in range(dim) if a != c):
            carried = _mean(grown(speed, dim - a, ends(c, a)), dim - a)
            carrier = _mean(grown(whole[a], dim - c, ends(a, c)), dim - c)
            leaving = leaving + (carrier * carried).diff(dim=dim - a)
        found.append(solved(leaving / -cell, dim - c, ends(c, c)))
    return found


def forward(
    velocity: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return the rates, shaped as the faces.

    Args:
        velocity: A component a tensor.
        values: What goes with the rules, (B, components, sides).
        rules: At the sides of each component; see `sides`.
        cell: Side of a cell.
    """
    return rates(velocity, values, rules, cell)


def backward(
    g_rate: Sequence[Tensor],
    velocity: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the velocity and to the values."""

    def call(*inputs: Tensor) -> list[Tensor]:
        return rates(inputs[:-1], inputs[-1], rules, cell)

    *g_velocity, g_values = pull_parts(call, (*velocity, values), g_rate)
    return g_velocity, g_values
