"""Kernels that carry packed tensors: fields at the centres, or all components of a velocity.

A loop runs over chunks of lines along x, of one lattice after another. Where a path left the box,
the bounds are written the wrong way round, and the value stays semi-Lagrangian.
"""

import taichi as ti

from diffgfx_kernels.taichi_.carry_lanes import next_run, read_lanes, trace_lanes
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.trace import sample_inner, trace
from diffgfx_kernels.taichi_.transport import (
    base_of,
    is_before_outflow,
    is_held,
    is_periodic,
    nodes_of,
    plane_of,
    sample,
    side_base_of,
    stencil_bounds,
    strides_of,
)

__all__ = [
    "carried_base",
    "carried_side",
    "carry_back",
    "correct",
    "is_twin",
    "line_count",
    "line_length",
    "line_start",
    "size_of",
    "twin_of",
]


@ti.func
def line_length(size, lattice):
    """Places of a line along x."""
    return size[0] + ti.cast(lattice == 0, ti.i32)


@ti.func
def line_count(size, lattice, dim: ti.template()):
    """Lines along x of a lattice."""
    count = 1
    for axis in ti.static(range(1, dim)):
        count *= size[axis] + ti.cast(axis == lattice, ti.i32)
    return count


@ti.func
def line_start(line, size, lattice, dim: ti.template()):
    """The first place of a line."""
    at = ti.Vector.zero(ti.i32, dim)
    rest = line
    for axis in ti.static(range(1, dim)):
        if ti.static(axis == dim - 1):
            at[axis] = rest
        else:
            count = size[axis] + ti.cast(axis == lattice, ti.i32)
            at[axis] = rest % count
            rest = rest // count
    return at


@ti.func
def is_twin(at, size, lattice, rules, dim: ti.template()):
    """Whether the place is the second end of a period, which the first one fills."""
    twin = False
    for axis in ti.static(range(dim)):
        if axis == lattice:
            twin = at[axis] == size[axis] and is_periodic(axis, rules) == 1
    return twin


@ti.func
def twin_of(at, size, strides, lattice, rules, dim: ti.template()):
    """How far the other end of a period lies from this first one, 0 if it is none."""
    far = 0
    for axis in ti.static(range(dim)):
        if axis == lattice and at[axis] == 0 and is_periodic(axis, rules) == 1:
            far = size[axis] * strides[axis]
    return far


@ti.func
def carried_base(channel, size, rows, lattice, dim: ti.template()):
    """Where a channel, or a component, of so many rows begins."""
    base = channel * rows * plane_of(size, -1, dim)
    if lattice >= 0:
        base = base_of(size, lattice, rows, dim)
    return base


@ti.func
def carried_side(channel, channels, size, rows, last, lattice, dim: ti.template()):
    """Where the first number on the sides stands; they are 1 apart, those of a velocity `dim`."""
    side = channels * rows * plane_of(size, -1, dim) + channel * 2 * dim
    if lattice >= 0:
        side = side_base_of(size, rows, last, dim) + lattice
    return side


@ti.func
def size_of(w, h, d, dim: ti.template()):
    """Cells along each axis."""
    size = ti.Vector.zero(ti.i32, dim)
    size[0] = w
    size[1] = h
    if ti.static(dim == 3):
        size[2] = d
    return size


@ti.func
def carry_place(
    velocity: ti.template(), carried: ti.template(), value: ti.template(), low: ti.template(),
    high: ti.template(), b, at, size, channels, flow_rules, rules, step, half,
    lattice, bounded, dim: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """The value that arrives at one place, of every channel, and its bounds."""
    outer = size[dim - 1]
    strides = strides_of(size, lattice, dim)
    far = twin_of(at, size, strides, lattice, flow_rules, dim)
    _m, free_middle, end, free_end, inner = trace(
        velocity, b, at, size, flow_rules, step, lattice, dim, real
    )
    stays = free_middle.min() * free_end.min()
    for channel in range(channels):
        base = carried_base(channel, size, outer, lattice, dim)
        side = carried_side(channel, channels, size, outer, outer + 1, lattice, dim)
        side_step = ti.select(lattice < 0, 1, dim)
        here = base + at.dot(strides)
        found = 0.0 * step
        least, most = 1.0 + 0.0 * step, 0.0 * step
        if inner == 1:
            found, least, most = sample_inner(carried, b, base, end, size, lattice, True, dim)
        else:
            index, weight = nodes_of(end, size, rules, half, lattice, dim)
            found = sample(carried, b, base, side, side_step, strides, index, weight, dim)
            if bounded == 1 and stays == 1:
                least, most, _at_low, _at_high = stencil_bounds(
                    carried, b, base, side, side_step, strides, index, rules, half, found, dim
                )
        value[b, here] = found
        value[b, here + far] = found
        if bounded == 1:
            low[b, here] = least
            high[b, here] = most


@ti.func
def carry_lanes(
    velocity: ti.template(), carried: ti.template(), value: ti.template(), low: ti.template(),
    high: ti.template(), place: ti.template(), found: ti.template(), b, at, size, channels, step,
    lattice, bounded, wanted, lanes: ti.template(), dim: ti.template(),
):  # fmt: skip
    """`carry_place` for all lanes, if `wanted`; returns whether it was done."""
    inner = wanted
    if inner == 1:
        inner = trace_lanes(velocity, place, found, b, at, size, step, lattice, lanes, dim)
    if inner == 1:
        outer = size[dim - 1]
        for channel in range(channels):
            base = carried_base(channel, size, outer, lattice, dim)
            here = base + at.dot(strides_of(size, lattice, dim))
            read_lanes(carried, place, found, 0, b, base, size, lattice, True, lanes, dim)
            for j in range(lanes):
                value[b, here + j] = found[0, j]
            if bounded == 1:
                for j in range(lanes):
                    low[b, here + j] = found[1, j]
                for j in range(lanes):
                    high[b, here + j] = found[2, j]
    return inner


@kernel
def carry_back(
    velocity: ti.types.ndarray(ndim=2),
    carried: ti.types.ndarray(ndim=2),
    value: ti.types.ndarray(ndim=2),
    low: ti.types.ndarray(ndim=2),
    high: ti.types.ndarray(ndim=2),
    w: int,
    h: int,
    d: int,
    channels: int,
    flow_rules: int,
    rules: int,
    step64: ti.f64,
    half64: ti.f64,
    chunks: int,
    spread: int,
    scalar: int,
    parts: int,
    bounded: int,
    lanes: ti.template(),
    dim: ti.template(),
    real: ti.template(),
):
    """Read every place's value a step upstream; with its bounds, if `bounded`."""
    for item in range(velocity.shape[0] * parts * chunks * spread):
        if item % spread == 0:
            chunk = item // spread % chunks
            part = item // spread // chunks % parts
            b = item // spread // chunks // parts
            size = size_of(w, h, d, dim)
            step, half = ti.cast(step64, real), ti.cast(half64, real)
            lattice = part - scalar
            lines = line_count(size, lattice, dim)
            share = (lines + chunks - 1) // chunks
            place, found = ti.Matrix.zero(real, dim, lanes), ti.Matrix.zero(real, 3, lanes)
            for line in range(chunk * share, ti.min(chunk * share + share, lines)):
                at = line_start(line, size, lattice, dim)
                length, i = line_length(size, lattice), 0
                while i < length:
                    first, count, together = next_run(i, at, size, length, lanes, dim)
                    if ti.static(lanes > 1):
                        at[0] = first
                        together = carry_lanes(
                            velocity, carried, value, low, high, place, found, b, at, size,
                            channels, step, lattice, bounded, together, lanes, dim,
                        )  # fmt: skip
                    for x in range(i, ti.select(together == 1, i, first + count)):
                        at[0] = x
                        if is_held(at, size, lattice, flow_rules, dim):
                            base = base_of(size, lattice, size[dim - 1], dim)
                            here = base + at.dot(strides_of(size, lattice, dim))
                            value[b, here] = carried[b, here]
                        elif not is_twin(at, size, lattice, flow_rules, dim):
                            carry_place(
                                velocity, carried, value, low, high, b, at, size, channels,
                                flow_rules, rules, step, half, lattice, bounded, dim, real,
                            )  # fmt: skip
                    i = first + count


@ti.func
def correct_place(
    velocity: ti.template(), carried: ti.template(), value: ti.template(), low: ti.template(),
    high: ti.template(), out: ti.template(), b, at, size, channels, flow_rules, rules, step, half,
    lattice, dim: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """Take half of what is lost on the way there and back from the value, within its bounds."""
    outer = size[dim - 1]
    strides = strides_of(size, lattice, dim)
    far = twin_of(at, size, strides, lattice, flow_rules, dim)
    _m, free_middle, ahead, free_ahead, inner = trace(
        velocity, b, at, size, flow_rules, -step, lattice, dim, real
    )
    stays = free_middle.min() * free_ahead.min()
    stays *= is_before_outflow(ahead, size, flow_rules, lattice, dim)
    for channel in range(channels):
        base = carried_base(channel, size, outer, lattice, dim)
        side = carried_side(channel, channels, size, outer, outer + 1, lattice, dim)
        side_step = ti.select(lattice < 0, 1, dim)
        here = base + at.dot(strides)
        better = value[b, here]
        if stays == 1 and not low[b, here] > high[b, here]:
            again = 0.0 * step
            if inner == 1:
                again, _l, _h = sample_inner(value, b, base, ahead, size, lattice, False, dim)
            else:
                index, weight = nodes_of(ahead, size, rules, half, lattice, dim)
                again = sample(value, b, base, side, side_step, strides, index, weight, dim)
            better = better + 0.5 * (carried[b, here] - again)
            better = ti.select(better < low[b, here], low[b, here], better)
            better = ti.select(better > high[b, here], high[b, here], better)
        out[b, here] = better
        out[b, here + far] = better


@ti.func
def correct_lanes(
    velocity: ti.template(), carried: ti.template(), value: ti.template(), low: ti.template(),
    high: ti.template(), out: ti.template(), place: ti.template(), found: ti.template(), b, at,
    size, channels, step, lattice, wanted, lanes: ti.template(), dim: ti.template(),
):  # fmt: skip
    """`correct_place` for all lanes, if `wanted`; returns whether it was done."""
    inner = wanted
    if inner == 1:
        inner = trace_lanes(velocity, place, found, b, at, size, -step, lattice, lanes, dim)
    if inner == 1:
        outer = size[dim - 1]
        for channel in range(channels):
            base = carried_base(channel, size, outer, lattice, dim)
            here = base + at.dot(strides_of(size, lattice, dim))
            read_lanes(value, place, found, 0, b, base, size, lattice, False, lanes, dim)
            for j in range(lanes):
                old, least, most = value[b, here + j], low[b, here + j], high[b, here + j]
                better = old + 0.5 * (carried[b, here + j] - found[0, j])
                better = ti.select(better < least, least, better)
                better = ti.select(better > most, most, better)
                found[0, j] = ti.select(least > most, old, better)
            for j in range(lanes):
                out[b, here + j] = found[0, j]
    return inner


@kernel
def correct(
    velocity: ti.types.ndarray(ndim=2),
    carried: ti.types.ndarray(ndim=2),
    value: ti.types.ndarray(ndim=2),
    low: ti.types.ndarray(ndim=2),
    high: ti.types.ndarray(ndim=2),
    out: ti.types.ndarray(ndim=2),
    w: int,
    h: int,
    d: int,
    channels: int,
    flow_rules: int,
    rules: int,
    step64: ti.f64,
    half64: ti.f64,
    chunks: int,
    spread: int,
    scalar: int,
    parts: int,
    lanes: ti.template(),
    dim: ti.template(),
    real: ti.template(),
):
    """Take half of the error off every value, within its bounds."""
    for item in range(velocity.shape[0] * parts * chunks * spread):
        if item % spread == 0:
            chunk = item // spread % chunks
            part = item // spread // chunks % parts
            b = item // spread // chunks // parts
            size = size_of(w, h, d, dim)
            step, half = ti.cast(step64, real), ti.cast(half64, real)
            lattice = part - scalar
            lines = line_count(size, lattice, dim)
            share = (lines + chunks - 1) // chunks
            place, found = ti.Matrix.zero(real, dim, lanes), ti.Matrix.zero(real, 3, lanes)
            for line in range(chunk * share, ti.min(chunk * share + share, lines)):
                at = line_start(line, size, lattice, dim)
                length, i = line_length(size, lattice), 0
                while i < length:
                    first, count, together = next_run(i, at, size, length, lanes, dim)
                    if ti.static(lanes > 1):
                        at[0] = first
                        together = correct_lanes(
                            velocity, carried, value, low, high, out, place, found, b, at,
                            size, channels, step, lattice, together, lanes, dim,
                        )  # fmt: skip
                    for x in range(i, ti.select(together == 1, i, first + count)):
                        at[0] = x
                        if is_held(at, size, lattice, flow_rules, dim):
                            base = base_of(size, lattice, size[dim - 1], dim)
                            here = base + at.dot(strides_of(size, lattice, dim))
                            out[b, here] = carried[b, here]
                        elif not is_twin(at, size, lattice, flow_rules, dim):
                            correct_place(
                                velocity, carried, value, low, high, out, b, at, size,
                                channels, flow_rules, rules, step, half, lattice, dim, real,
                            )  # fmt: skip
                    i = first + count
