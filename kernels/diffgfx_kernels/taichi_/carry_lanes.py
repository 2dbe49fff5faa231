"""Places side by side along x, far from every side, carried together: functions of kernels.

A loop over lanes has no branch, so that LLVM makes vector instructions of it: three times as fast
as one place after another, and the same to the bit. Where the path of one lane comes near a side,
all of them go the other way. Rows of a block: the place along each axis, or values; a column a
lane.
"""

import taichi as ti
import torch

from diffgfx_kernels.taichi_.trace import faces_inside, mean_of_faces
from diffgfx_kernels.taichi_.transport import base_of, strides_of

__all__ = ["lanes_for", "next_run", "read_lanes", "trace_lanes"]

_LANES = 8
"""Sixteen take longer: what they hold no longer fits the registers of AVX2."""


def lanes_for(device: torch.device) -> int:
    """Return how many places go together; on a GPU threads take one at a time."""
    return _LANES if device.type == "cpu" else 1


@ti.func
def next_run(i, at, size, length, lanes: ti.template(), dim: ti.template()):
    """Where the next places of a line begin, how many they are, and whether they make lanes.

    Lanes are of places 1 to ``size - 2``. The last of them go back as far as they must to be whole:
    what is computed twice is written twice, by one thread.
    """
    first, count, together = i, length - i, 0
    if ti.static(lanes > 1):
        deep = 1
        for axis in ti.static(range(1, dim)):
            if at[axis] < 1 or at[axis] > size[axis] - 2:
                deep = 0
        if deep == 1 and size[0] - 2 >= lanes and i < size[0] - 1:
            if i == 0:
                count = 1
            else:
                first = ti.min(i, size[0] - 1 - lanes)
                count = lanes
                together = 1
    return first, count, together


@ti.func
def _are_inner(place: ti.template(), size, lanes: ti.template(), dim: ti.template()):
    """Whether no side and no end of a period is within reach of a sample of any lane."""
    inner = 1
    for axis in ti.static(range(dim)):
        for j in range(lanes):
            here = place[axis, j]
            above = ti.cast(here >= 0.5, ti.i32)
            inner = ti.min(inner, above * ti.cast(here < size[axis] - 0.5, ti.i32))
    return inner


@ti.func
def _start_of(at, axis: ti.template(), j, lattice):
    """A coordinate of the place of a lane."""
    start = at[axis] + ti.select(axis == lattice, 0.0, 0.5)
    if ti.static(axis == 0):
        start += j
    return start


@ti.func
def _middle_of(
    velocity: ti.template(), place: ti.template(), b, at, size, step, lattice,
    lanes: ti.template(), dim: ti.template(),
):  # fmt: skip
    """Fill the places half a step upstream."""
    for c in ti.static(range(dim)):
        face, along, across = faces_inside(at, size, c, lattice, dim)
        for j in range(lanes):
            speed = mean_of_faces(velocity, b, face + j, along, across)
            place[c, j] = _start_of(at, c, j, lattice) - 0.5 * step * speed


@ti.func
def read_lanes(
    packed: ti.template(), place: ti.template(), found: ti.template(), row: ti.template(), b, base,
    size, lattice, bounded: ti.template(), lanes: ti.template(), dim: ti.template(),
):  # fmt: skip
    """Fill a row with values at inner places and, if wanted, the next two with their bounds."""
    strides = strides_of(size, lattice, dim)
    for j in range(lanes):
        first = base
        share = 0.0 * ti.Vector([place[0, j]] * dim)
        for axis in ti.static(range(dim)):
            here = place[axis, j] - ti.select(axis == lattice, 0.0, 0.5)
            floor = ti.floor(here)
            first += ti.cast(floor, ti.i32) * strides[axis]
            share[axis] = here - floor
        value = 0.0 * ti.Vector([place[0, j]] * 2**dim)
        for t in ti.static(range(2**dim)):
            at = first
            for axis in ti.static(range(dim)):
                if ti.static((t >> axis) & 1 == 1):
                    at += strides[axis]
            value[t] = packed[b, at]
        if ti.static(bounded):
            found[row + 1, j] = value.min()
            found[row + 2, j] = value.max()
        for axis in ti.static(range(dim)):
            for t in ti.static(range(2 ** (dim - 1 - axis))):
                value[t] = value[2 * t] + share[axis] * (value[2 * t + 1] - value[2 * t])
        found[row, j] = value[0]


@ti.func
def trace_lanes(
    velocity: ti.template(), place: ti.template(), speed: ti.template(), b, at, size, step, lattice,
    lanes: ti.template(), dim: ti.template(),
):  # fmt: skip
    """Fill the places a step upstream of inner ones, by the midpoint rule.

    Returns whether the paths of all lanes are inner; only then the places hold. ``speed`` is room.
    """
    _middle_of(velocity, place, b, at, size, step, lattice, lanes, dim)
    inner = _are_inner(place, size, lanes, dim)
    if inner == 1:
        for c in ti.static(range(dim)):
            base = base_of(size, c, size[dim - 1], dim)
            read_lanes(velocity, place, speed, c, b, base, size, c, False, lanes, dim)
        for c in ti.static(range(dim)):
            for j in range(lanes):
                place[c, j] = _start_of(at, c, j, lattice) - step * speed[c, j]
        inner = _are_inner(place, size, lanes, dim)
    return inner
