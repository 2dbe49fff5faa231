"""The transpose of tracing and reading: gradients are scattered into windows of rows.

A slab of source rows has a buffer of its own for each packed tensor, which holds the rows it can
reach (`windows_for`). The buffers are added in the order of the slabs, so that results depend
neither on threads nor on scheduling, and take little more memory than the gradient itself.
"""

import math
from typing import NamedTuple

import taichi as ti
from torch import Tensor

from diffgfx_kernels.taichi_.trace import start_index
from diffgfx_kernels.taichi_.transport import (
    PINNED,
    SLOPED,
    base_of,
    derivative,
    is_periodic,
    nodes_of,
    side_base_of,
    side_slot,
    strides_of,
)

__all__ = [
    "Windows",
    "in_window",
    "place_in_window",
    "scatter",
    "scatter_entry",
    "trace_gradient",
    "window_row",
    "windows_for",
]

SLABS = 16
"""The most parts of the source rows; set by the grid alone, and so is the order of all sums."""


class Windows(NamedTuple):
    """Which rows of the last axis each slab may reach.

    Attributes:
        share: Source rows a slab.
        margin: Rows it reaches beyond its own; -1 if its window is all of them.
        rows: Rows of a window.
        slabs: How many slabs hold a row.
    """

    share: int
    margin: int
    rows: int
    slabs: int


def windows_for(last_component: Tensor, cells: int, step: float) -> Windows:
    """Return windows that hold whatever a step can reach.

    A path of ``n`` cells, rounded up, ends in the cell ``n`` rows on at the farthest, and what is
    read there lies in that row and the next. Half-way between other components' rows it is at most
    ``n / 2 + 1 / 2`` rows on, which is never farther.

    Args:
        last_component: The velocity along the last axis and the numbers on the sides, (B, P).
        cells: Cells along the last axis.
        step: Cells that a velocity of one goes.
    """
    share = (cells + SLABS) // SLABS
    slabs = (cells + share) // share
    fastest = float(last_component.abs().max()) * abs(step)
    if math.isfinite(fastest) and fastest < cells:
        margin = math.ceil(fastest) + 1
        if share + 2 * margin < cells:
            return Windows(share, margin, share + 2 * margin, slabs)
    return Windows(share, -1, cells + 1, slabs)


@ti.func
def window_row(row, first, size, rules, dim: ti.template()):
    """Where a row stands in the window that begins with row ``first``."""
    local = row - first
    if is_periodic(dim - 1, rules) == 1:
        if local < 0:
            local += size[dim - 1]
        if local >= size[dim - 1]:
            local -= size[dim - 1]
    return local


@ti.func
def place_in_window(at, size, first, strides, rules, dim: ti.template()):
    """How far a place lies from the start of its component in a window."""
    moved = at
    moved[dim - 1] = window_row(at[dim - 1], first, size, rules, dim)
    return moved.dot(strides)


@ti.func
def in_window(index, first, size, rules, dim: ti.template()):
    """The places of a sample, the rows counted in a window."""
    moved = index
    for k in ti.static(range(2)):
        moved[dim - 1, k] = window_row(index[dim - 1, k], first, size, rules, dim)
    return moved


@ti.func
def scatter(
    buffer: ti.template(), q, base, side_base, side_step, strides, index, weight, g,
    dim: ti.template(),
):  # fmt: skip
    """The transpose of `sample`: deal a gradient out to the values and sides it was read from."""
    g_rest = g
    for turn in ti.static(range(dim)):
        axis = ti.static(dim - 1 - turn)
        if index[axis, 2] > 0:
            slot = side_slot(index, axis, side_base, side_step)
            buffer[q, slot] = buffer[q, slot] + weight[axis, 2] * g_rest
        g_rest = weight[axis, 1] * g_rest
    for t in range(2**dim):
        at = base
        g_part = g_rest
        for axis in ti.static(range(dim)):
            second = (t >> axis) & 1 == 1
            at += ti.select(second, index[axis, 1], index[axis, 0]) * strides[axis]
            share = ti.select(second, weight[axis, 0], 1.0 - weight[axis, 0])
            g_part = share * g_part
        buffer[q, at] = buffer[q, at] + g_part


@ti.func
def scatter_entry(
    buffer: ti.template(), q, base, side_base, side_step, strides, index, rules, half, entry,
    g, dim: ti.template(),
):  # fmt: skip
    """The transpose of one of the values that `stencil_bounds` looks at."""
    at = base
    g_inside = g
    for turn in ti.static(range(dim)):
        axis = ti.static(dim - 1 - turn)
        bit = (entry >> axis) & 1
        at += ti.select(bit == 1, index[axis, 1], index[axis, 0]) * strides[axis]
        if index[axis, 2] == 1 + bit:
            side = side_slot(index, axis, 0, 1)
            slot = side_base + side * side_step
            if (rules >> (PINNED + side)) & 1:
                buffer[q, slot] = buffer[q, slot] + g_inside
                g_inside = 0.0 * g
            elif (rules >> (SLOPED + side)) & 1:
                buffer[q, slot] = buffer[q, slot] + half * g_inside
    buffer[q, at] = buffer[q, at] + g_inside


@ti.func
def trace_gradient(
    velocity: ti.template(), buffer: ti.template(), q, b, at, size, rules, step, middle,
    free_middle, g_end, first, rows, lattice, dim: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """The transpose of `trace`: from the end of a path to the velocity along it.

    The gradient to the end is zero along axes on which it was clamped. The window begins with row
    `first` and has `rows` rows.
    """
    side_base = side_base_of(size, size[dim - 1], size[dim - 1] + 1, dim)
    side_window = side_base_of(size, rows, rows, dim)
    g_middle = ti.Vector.zero(real, dim)
    for c in range(dim):
        side_at = side_base + c
        g_speed = 0.0 * step
        for axis in ti.static(range(dim)):
            if axis == c:
                g_speed = -step * g_end[axis]
        index, weight = nodes_of(middle, size, rules, 0.0 * step, c, dim)
        strides = strides_of(size, c, dim)
        base = base_of(size, c, size[dim - 1], dim)
        _, slopes = derivative(velocity, b, base, side_at, dim, strides, index, weight, dim)
        g_middle += g_speed * slopes
        scatter(
            buffer, q, base_of(size, c, rows, dim), side_window + c, dim, strides,
            in_window(index, first, size, rules, dim), weight, g_speed, dim,
        )  # fmt: skip
    for c in range(dim):
        g_first = 0.0 * step
        for axis in ti.static(range(dim)):
            if axis == c:
                g_first = -0.125 * step * g_middle[axis] * free_middle[axis]
        strides = strides_of(size, c, dim)
        base = base_of(size, c, rows, dim)
        for tap in range(4):
            face = start_index(at, size, rules, tap, c, lattice, dim)
            to = base + place_in_window(face, size, first, strides, rules, dim)
            buffer[q, to] = buffer[q, to] + g_first
