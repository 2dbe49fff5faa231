"""Scalar fluxes through the faces, upwind with a limited slope: conservative, second order.

The forward pass gathers: a cell finds the fluxes through its own faces, and its neighbour finds the
same numbers. The backward pass takes one axis at a time: a thread owns whole lines, along which
it scatters; numbers on the sides get a sum a chunk, added in order.
"""

from collections.abc import Sequence

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.carry import line_count, line_start, size_of
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.packed import pack, unpack
from diffgfx_kernels.taichi_.transport import (
    PINNED,
    SLOPED,
    base_of,
    is_periodic,
    rule_bits,
    strides_of,
)
from diffgfx_kernels.transport import Transport, scalar_rules

__all__ = ["backward", "forward"]

LIMITERS = ("van_leer", "central", "superbee")


@ti.func
def cell_value(packed: ti.template(), b, start, stride, i, count, side, rules, half):
    """The value of cell i of a line, extrapolated one beyond it; the sides stand at `side`."""
    at = i
    end = -1
    if i < 0:
        at, end = 0, 0
    elif i >= count:
        at, end = count - 1, 1
    axis_bit = rules & 1  # the line's own rules were shifted down
    if axis_bit == 1 and end >= 0:
        at = (i + 2 * count) % count
        end = -1
    value = packed[b, start + at * stride]
    if end >= 0:
        number = packed[b, side + end]
        if (rules >> (2 + end)) & 1:
            value = 2.0 * number - value
        elif (rules >> (4 + end)) & 1:
            value = value + 2.0 * half * number
    return value


@ti.func
def line_rules(axis, rules):
    """Rules of one axis: periodic, -, low and high given, low and high sloped."""
    pinned = (rules >> (PINNED + 2 * axis)) & 3
    sloped = (rules >> (SLOPED + 2 * axis)) & 3
    return is_periodic(axis, rules) + 4 * pinned + 16 * sloped


@ti.func
def slope_of(a, b, limiter):
    """The limited slope and its derivatives to both differences."""
    slope, to_a, to_b = 0.0 * a, 0.0 * a, 0.0 * a
    if a * b > 0:
        if limiter == 0:
            inverse = 1.0 / (a + b)
            slope = 2.0 * a * b * inverse
            to_a = 2.0 * (b * inverse) * (b * inverse)
            to_b = 2.0 * (a * inverse) * (a * inverse)
        elif limiter == 2:
            steep = ti.abs(a) > ti.abs(b)
            small, large = ti.select(steep, b, a), ti.select(steep, a, b)
            double = 2.0 * ti.abs(small) <= ti.abs(large)
            slope = ti.select(double, 2.0 * small, large)
            to_small = ti.select(double, 2.0 + 0.0 * a, 0.0 * a)
            to_large = ti.select(double, 0.0 * a, 1.0 + 0.0 * a)
            to_a = ti.select(steep, to_large, to_small)
            to_b = ti.select(steep, to_small, to_large)
        else:
            slope, to_a, to_b = 0.5 * (a + b), 0.5 + 0.0 * a, 0.5 + 0.0 * a
            if ti.min(ti.abs(a), ti.abs(b)) * 2.0 <= ti.abs(slope):
                first = ti.abs(a) <= ti.abs(b)
                slope = 2.0 * ti.select(first, a, b)
                to_a = ti.select(first, 2.0 + 0.0 * a, 0.0 * a)
                to_b = 2.0 - to_a
    return slope, to_a, to_b


@ti.func
def face_value(
    packed: ti.template(), b, start, stride, i, count, side, rules, half, speed, limiter
):
    """The value that the flow carries through face i, and its derivatives.

    They are to the cell two upwind, the one upwind, and the one downwind.
    """
    onward = speed >= 0
    up = ti.select(onward, i - 1, i)
    far = ti.select(onward, i - 2, i + 1)
    down = ti.select(onward, i, i - 1)
    here = cell_value(packed, b, start, stride, up, count, side, rules, half)
    value = here
    to_far, to_up, to_down = 0.0 * here, 1.0 + 0.0 * half, 0.0 * here
    if (up < 0 or up >= count) and rules & 1 == 0:  # it enters: the side's value
        inside = cell_value(packed, b, start, stride, down, count, side, rules, half)
        value = 0.5 * (here + inside)
        to_up, to_down = 0.5 + 0.0 * half, 0.5 + 0.0 * half
    else:
        before = here - cell_value(packed, b, start, stride, far, count, side, rules, half)
        after = cell_value(packed, b, start, stride, down, count, side, rules, half) - here
        slope, to_before, to_after = slope_of(before, after, limiter)
        value = value + 0.5 * slope
        to_far = -0.5 * to_before
        to_up = to_up + 0.5 * (to_before - to_after)
        to_down = 0.5 * to_after
    return value, to_far, to_up, to_down


@kernel
def fluxes(
    velocity: ti.types.ndarray(ndim=2),
    packed: ti.types.ndarray(ndim=2),
    out: ti.types.ndarray(ndim=2),
    w: int,
    h: int,
    d: int,
    channels: int,
    rules: int,
    limiter: int,
    step64: ti.f64,
    half64: ti.f64,
    chunks: int,
    spread: int,
    dim: ti.template(),
    real: ti.template(),
):
    for item in range(velocity.shape[0] * chunks * spread):
        if item % spread == 0:
            b, chunk = item // spread // chunks, item // spread % chunks
            size = size_of(w, h, d, dim)
            step, half = ti.cast(step64, real), ti.cast(half64, real)
            strides = strides_of(size, -1, dim)
            cells = w * h * d
            lines = line_count(size, -1, dim)
            share = (lines + chunks - 1) // chunks
            for line in range(chunk * share, ti.min(chunk * share + share, lines)):
                place = line_start(line, size, -1, dim)
                for i in range(w * channels):
                    channel = i // w
                    place[0] = i % w
                    here = channel * cells + place.dot(strides)
                    total = 0.0 * step
                    for axis in range(dim):
                        face = base_of(size, axis, size[dim - 1], dim)
                        face += place.dot(strides_of(size, axis, dim))
                        own = line_rules(axis, rules)
                        at, count, stride, hop = line_of(place, size, axis, strides, dim)
                        for end in range(2):
                            wrap = ti.select(end == 1 and at == count - 1 and own & 1 == 1, 1, 0)
                            speed = velocity[b, face + (end - wrap * count) * hop]
                            value, _a, _b, _c = face_value(
                                packed, b, here - at * stride, stride, at + end, count,
                                channels * cells + channel * 2 * dim + 2 * axis, own, half,
                                speed, limiter,
                            )  # fmt: skip
                            total += ti.select(end == 1, 1.0, -1.0) * speed * value
                    out[b, here] = packed[b, here] - step * total


@ti.func
def line_of(place, size, axis, strides, dim: ti.template()):
    """A place's index in its line along an axis, the line's cells, their stride, the faces'."""
    at, count, stride, hop = 0, 0, 0, 0
    own = strides_of(size, axis, dim)
    for k in ti.static(range(dim)):
        if k == axis:
            at, count, stride, hop = place[k], size[k], strides[k], own[k]
    return at, count, stride, hop


@ti.func
def scatter_cell(
    g_packed: ti.template(), g_side: ti.template(), q, b, start, stride, i, count, side, rules,
    half, g,
):  # fmt: skip
    """The transpose of `cell_value`."""
    at = i
    end = -1
    if i < 0:
        at, end = 0, 0
    elif i >= count:
        at, end = count - 1, 1
    if rules & 1 == 1 and end >= 0:
        at = (i + 2 * count) % count
        end = -1
    g_inside = g
    if end >= 0:
        if (rules >> (2 + end)) & 1:
            g_side[q, side + end] = g_side[q, side + end] + 2.0 * g
            g_inside = -g
        elif (rules >> (4 + end)) & 1:
            g_side[q, side + end] = g_side[q, side + end] + 2.0 * half * g
    g_packed[b, start + at * stride] = g_packed[b, start + at * stride] + g_inside


@ti.func
def scatter_face(
    g_packed: ti.template(), g_side: ti.template(), q, b, start, stride, i, count, side, rules,
    half, speed, g_far, g_up, g_down,
):  # fmt: skip
    """Add the gradients of the three cells that a face's value was made of."""
    for tap in range(3):
        g = ti.select(tap == 0, g_far, ti.select(tap == 1, g_up, g_down))
        cell = ti.select(speed >= 0, i - 2 + tap, i + 1 - tap)
        if g != 0.0:
            scatter_cell(g_packed, g_side, q, b, start, stride, cell, count, side, rules, half, g)


@ti.func
def flux_gradient(g_out: ti.template(), b, start, stride, i, count, rules):
    """What a flux through face i changes: the cell before it loses what the one after it gains."""
    g = 0.0 * g_out[b, start]
    if i < count:
        g += g_out[b, start + i * stride]
    if i > 0 or rules & 1 == 1:
        g -= g_out[b, start + (i - 1 + count) % count * stride]
    return g


@kernel
def fluxes_gradient(
    velocity: ti.types.ndarray(ndim=2),
    packed: ti.types.ndarray(ndim=2),
    g_out: ti.types.ndarray(ndim=2),
    g_velocity: ti.types.ndarray(ndim=2),
    g_packed: ti.types.ndarray(ndim=2),
    g_side: ti.types.ndarray(ndim=2),
    w: int,
    h: int,
    d: int,
    channels: int,
    rules: int,
    limiter: int,
    step64: ti.f64,
    half64: ti.f64,
    chunks: int,
    spread: int,
    axis: int,
    dim: ti.template(),
    real: ti.template(),
):
    for item in range(velocity.shape[0] * chunks * spread):
        if item % spread == 0:
            q = item // spread
            b, chunk = q // chunks, q % chunks
            size = size_of(w, h, d, dim)
            step, half = ti.cast(step64, real), ti.cast(half64, real)
            strides = strides_of(size, -1, dim)
            face_strides = strides_of(size, axis, dim)
            face_base = base_of(size, axis, size[dim - 1], dim)
            own, cells = line_rules(axis, rules), w * h * d
            _at, count, stride, hop = line_of(size, size, axis, strides, dim)
            lines = cells // count
            share = (lines + chunks - 1) // chunks
            for line in range(chunk * share, ti.min(chunk * share + share, lines)):
                place = across(line, size, axis, dim)
                for i in range(count + 1 - (own & 1)):
                    face = face_base + place.dot(face_strides) + i * hop
                    speed = velocity[b, face]
                    g_speed = 0.0 * step
                    for channel in range(channels):
                        start = channel * cells + place.dot(strides)
                        side = channel * 2 * dim + 2 * axis
                        side_at = channels * cells + side
                        g_flux = step * flux_gradient(g_out, b, start, stride, i, count, own)
                        value, to_far, to_up, to_down = face_value(
                            packed, b, start, stride, i, count, side_at, own, half, speed,
                            limiter,
                        )  # fmt: skip
                        g_speed += g_flux * value
                        g_value = g_flux * speed
                        scatter_face(
                            g_packed, g_side, q, b, start, stride, i, count, side, own, half,
                            speed, to_far * g_value, to_up * g_value, to_down * g_value,
                        )  # fmt: skip
                    g_velocity[b, face] = g_speed


@ti.func
def across(line, size, axis, dim: ti.template()):
    """The first place of a line along an axis."""
    place = ti.Vector.zero(ti.i32, dim)
    rest = line
    for k in ti.static(range(dim)):
        if k != axis:
            place[k] = rest % size[k]
            rest = rest // size[k]
    return place


def _numbers(field: Tensor, step: Transport) -> tuple[int | float, ...]:
    cells = field.shape[2:]
    bits = rule_bits(scalar_rules(step.scalar_sides, step.cell), step.sides)
    sizes = (cells[-1], cells[-2], cells[0] if len(cells) == 3 else 1)
    limiter = LIMITERS.index(step.scheme)
    return (*sizes, field.shape[1], bits, limiter, step.step, 0.5 * step.cell)


def forward(
    field: Tensor, velocity: Sequence[Tensor], side_value: Tensor, step: Transport
) -> Tensor:
    """Return the field after one explicit Euler step, shape (B, C, [D,] H, W)."""
    runtime.start(field.device)
    out = torch.empty_like(field)
    if field.numel() == 0:
        return out
    grid, dim = grid_for(field.device), field.ndim - 2
    fluxes(
        pack(velocity, velocity[0][:, :0]), pack([field], side_value), out.flatten(1),
        *_numbers(field, step), grid.chunks, grid.spread, dim, runtime.real_of(field),
    )  # fmt: skip
    return out


def backward(
    g_field: Tensor,
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    step: Transport,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Return the gradients to field, velocity and the numbers given on the sides."""
    runtime.start(field.device)
    if field.numel() == 0:
        still = [torch.zeros_like(face) for face in velocity]
        return torch.zeros_like(field), still, torch.zeros_like(side_value)
    grid, dim, batch = grid_for(field.device), field.ndim - 2, len(field)
    nothing = velocity[0][:, :0]
    along, g_old = pack(velocity, nothing), g_field.clone()
    g_along = torch.zeros_like(along)
    packed = pack([field], side_value)
    sums = field.new_zeros((batch * grid.chunks, side_value[0].numel()))
    for axis in range(dim):
        fluxes_gradient(
            along, packed, g_field.flatten(1), g_along, g_old.view(batch, -1), sums,
            *_numbers(field, step), grid.chunks, grid.spread, axis, dim, runtime.real_of(field),
        )  # fmt: skip
    g_sides = torch.zeros_like(side_value)
    for part in sums.view(batch, grid.chunks, *side_value.shape[1:]).unbind(dim=1):
        g_sides += part
    *g_velocity, _ = unpack(g_along, velocity, nothing)
    return g_old, g_velocity, g_sides
