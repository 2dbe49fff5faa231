"""Trace points back along a staggered velocity, and read what lies there: the reference.

Lengths are in cells. A quantity lives on a lattice: at the cells' centres, or at the faces across
one axis. A lattice's places along an axis are whole numbers plus 1/2, or whole numbers across its
own faces. Values between places are linear in each coordinate, x first. Between the last centre and
a side, the line runs to the value on the side, by the side's rule. The faces at both ends of a
periodic axis are one, and the first is read.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.torch_.fixed_order import take_at
from diffgfx_kernels.transport import SideRule, Transport

__all__ = ["Quantity", "carry", "positions_of", "velocity_quantities"]


class Quantity(NamedTuple):
    """Values on a lattice.

    Attributes:
        values: Shape (B, C, [D,] H, W), one more along the lattice's axis.
        side: The numbers given on the sides, shape (B, C, 2 dim).
        rules: What they mean.
        periodic: Of each axis.
        axis: Whose faces the lattice is, -1 for centres.
    """

    values: Tensor
    side: Tensor
    rules: tuple[SideRule, ...]
    periodic: tuple[bool, ...]
    axis: int


class Nodes(NamedTuple):
    """Two places on an axis, the share of the second, and which of the two lies on a side."""

    first: Tensor
    second: Tensor
    share: Tensor
    low: Tensor
    high: Tensor


def velocity_quantities(
    velocity: Sequence[Tensor], side_velocity: Tensor, step: Transport, rules: tuple[SideRule, ...]
) -> list[Quantity]:
    """The components of a velocity, one a quantity; the numbers on sides are (B, 2 dim, dim)."""
    return [
        Quantity(face[:, None], side_velocity[:, None, :, c], rules, step.periodic, c)
        for c, face in enumerate(velocity)
    ]


def positions_of(shape: Sequence[int], axis: int, like: Tensor) -> list[Tensor]:
    """Coordinates of a lattice's places, x first, each (1, P) with x running fastest."""
    dim = len(shape)
    ranges = [
        torch.arange(n, dtype=like.dtype, device=like.device)
        + (0.0 if dim - 1 - k == axis else 0.5)
        for k, n in enumerate(shape)
    ]
    return [grid.reshape(1, -1) for grid in reversed(torch.meshgrid(*ranges, indexing="ij"))]


def _nodes(place: Tensor, count: int, periodic: bool, face: bool) -> Nodes:
    """The places around a coordinate that lies in the box of ``count`` cells."""
    never = torch.zeros_like(place, dtype=torch.bool)
    here = place if face else place - 0.5
    floor = here.detach().floor()
    first = floor.nan_to_num().clamp(-1, count).long()
    if periodic:
        return Nodes(first % count, (first + 1) % count, here - floor, never, never)
    if face:
        first = first.clamp(0, count - 1)
        return Nodes(first, first + 1, here - first, never, never)
    low = here < 0
    high = ~low & (here >= count - 1)
    share = torch.where(
        low, 2 * here + 1, torch.where(high, 2 * (here - (count - 1)), here - floor)
    )
    first = first.clamp(0, count - 1)
    second = torch.where(low | high, first, (first + 1).clamp(max=count - 1))
    return Nodes(first, second, share, low, high)


def _sample(quantity: Quantity, place: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The value at places (B, P) in the box, and the values it lies among, each (B, C, P)."""
    values, side, rules = quantity.values, quantity.side, quantity.rules
    dim, flat = len(place), values.flatten(2)
    sizes = list(reversed(values.shape[2:]))
    cells = [n - (k == quantity.axis) for k, n in enumerate(sizes)]
    nodes = [
        _nodes(place[k], cells[k], quantity.periodic[k], k == quantity.axis) for k in range(dim)
    ]

    def on_side(inside: Tensor, there: Tensor, number: int) -> Tensor:
        value = rules[number].kept * inside + rules[number].scale * side[:, :, number, None]
        return torch.where(there[:, None], value, inside)

    def read(k: int, index: Tensor, stride: int) -> tuple[Tensor, list[Tensor]]:
        if k < 0:
            value = take_at(flat, index)
            return value, [value]
        at = nodes[k]
        inner = stride // sizes[k - 1] if k else 1
        one, ones = read(k - 1, index + at.first * stride, inner)
        two, twos = read(k - 1, index + at.second * stride, inner)
        one = on_side(one, at.low, 2 * k)
        two = on_side(two, at.high, 2 * k + 1)
        entries = [on_side(entry, at.low, 2 * k) for entry in ones]
        entries += [on_side(entry, at.high, 2 * k + 1) for entry in twos]
        return one + at.share[:, None] * (two - one), entries

    plane = 1
    for n in sizes[:-1]:
        plane *= n
    return read(dim - 1, torch.zeros_like(nodes[0].first), plane)


def _bring_inside(place: Tensor, count: int, periodic: bool) -> tuple[Tensor, Tensor]:
    """A coordinate wrapped or clamped into the box, and whether it was clamped."""
    if periodic:
        wrapped = place - count * (place.detach() / count).floor()
        return torch.where(wrapped >= count, wrapped - count, wrapped), place != place
    outside = (place < 0) | (place > count)
    low = torch.where(place < 0, torch.zeros_like(place), place)
    return torch.where(place > count, torch.full_like(place, count), low), outside


def _trace(
    start: Sequence[Tensor], velocity: Sequence[Quantity], step: float, cells: Sequence[int]
) -> tuple[list[Tensor], Tensor]:
    """Where the points were a step ago, by the midpoint rule, and whether they left the box."""
    periodic = velocity[0].periodic
    left = torch.zeros_like(start[0], dtype=torch.bool)

    def moved(along: Sequence[Tensor], share: float) -> tuple[list[Tensor], Tensor]:
        found, out = [], left
        for x, speed, n, wrap in zip(start, along, cells, periodic, strict=True):
            place, clamped = _bring_inside(x - share * step * speed, n, wrap)
            found.append(place)
            out = out | clamped
        return found, out

    def speeds(place: Sequence[Tensor]) -> list[Tensor]:
        return [_sample(component, place)[0][:, 0] for component in velocity]

    middle, left_early = moved(speeds(start), 0.5)
    end, left_late = moved(speeds(middle), 1.0)
    return end, left_early | left_late


def _bounds(entries: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The least and the largest of values; the first of equals gets the gradient."""
    low = high = entries[0]
    for entry in entries[1:]:
        low = torch.where(entry < low, entry, low)
        high = torch.where(entry > high, entry, high)
    return low, high


def carry(carried: Quantity, velocity: Sequence[Quantity], step: Transport) -> Tensor:
    """Return the carried values one step later, of the same shape, differentiable.

    Values at every place of the lattice are traced; the caller puts those on the sides right.
    """
    shape, values = carried.values.shape, carried.values
    cells = [n - (k == carried.axis) for k, n in enumerate(reversed(shape[2:]))]
    start = [x.expand(shape[0], -1) for x in positions_of(shape[2:], carried.axis, values)]
    back, left = _trace(start, velocity, step.step, cells)
    value, entries = _sample(carried, back)
    value = _held(value.view(shape), carried, step).flatten(2)
    if step.scheme == "semi_lagrangian":
        return value.view(shape)
    ahead, left_ahead = _trace(start, velocity, -step.step, cells)
    again, _ = _sample(carried._replace(values=value.view(shape)), ahead)
    low, high = _bounds(entries)
    better = value + 0.5 * (values.flatten(2) - again)
    better = torch.where(better < low, low, torch.where(better > high, high, better))
    left = left | left_ahead | _beyond_centres(ahead, carried.axis, step.sides, cells)
    better = torch.where(left[:, None], value, better)
    return _held(better.view(shape), carried, step)


def _beyond_centres(
    place: Sequence[Tensor], own: int, sides: Sequence[str], cells: Sequence[int]
) -> Tensor:
    """Whether places lie beyond the outermost centres before an outflow."""
    beyond = torch.zeros_like(place[0], dtype=torch.bool)
    for axis, (x, n) in enumerate(zip(place, cells, strict=True)):
        if axis != own:
            if sides[2 * axis] == "outflow":
                beyond = beyond | (x < 0.5)
            if sides[2 * axis + 1] == "outflow":
                beyond = beyond | (x > n - 0.5)
    return beyond


def _held(value: Tensor, carried: Quantity, step: Transport) -> Tensor:
    """Put back the normal velocity on sides that hold it; make the ends of a period one."""
    if carried.axis < 0:
        return value
    dim = value.ndim - 1 - carried.axis
    last = value.shape[dim] - 1
    low, high = value.narrow(dim, 0, 1), value.narrow(dim, last, 1)
    inside = value.narrow(dim, 1, last - 1)
    if step.periodic[carried.axis]:
        high = low
    else:
        old = carried.values
        if step.sides[2 * carried.axis] != "outflow":
            low = old.narrow(dim, 0, 1)
        if step.sides[2 * carried.axis + 1] != "outflow":
            high = old.narrow(dim, last, 1)
    return torch.cat([low, inside, high], dim=dim)
