"""Kernels that take gradients back through `carry`: one slab of rows after another.

A loop runs over slabs; a slab's rows, of all lattices, scatter into its own windows in order, and
`add_windows` adds the windows.
"""

import taichi as ti

from diffgfx_kernels.taichi_.carry import (
    carried_base,
    carried_side,
    is_twin,
    line_length,
    line_start,
    size_of,
    twin_of,
)
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.trace import trace
from diffgfx_kernels.taichi_.transport import (
    derivative,
    is_before_outflow,
    is_held,
    is_periodic,
    nodes_of,
    plane_of,
    stencil_bounds,
    strides_of,
)
from diffgfx_kernels.taichi_.transport_adjoint import (
    in_window,
    place_in_window,
    scatter,
    scatter_entry,
    trace_gradient,
    window_row,
)

__all__ = ["add_windows", "carry_gradient", "correct_gradient"]


@ti.func
def row_lines(size, lattice, dim: ti.template()):
    """Lines along x in a row of the last axis."""
    lines = 1
    if ti.static(dim == 3):
        lines = size[1] + ti.cast(lattice == 1, ti.i32)
    return lines


@ti.func
def carry_place_gradient(
    velocity: ti.template(), carried: ti.template(), g_value: ti.template(),
    g_low: ti.template(), g_high: ti.template(), flow_window: ti.template(),
    window: ti.template(), q, b, at, size, channels, flow_rules, rules, step, half, first, rows,
    lattice, bounded: ti.template(), dim: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """The transpose of `carry_place`; a bound that was taken has a gradient of its own."""
    outer = size[dim - 1]
    strides = strides_of(size, lattice, dim)
    far = twin_of(at, size, strides, lattice, flow_rules, dim)
    middle, free_middle, end, free_end, _inner = trace(
        velocity, b, at, size, flow_rules, step, lattice, dim, real
    )
    index, weight = nodes_of(end, size, rules, half, lattice, dim)
    moved = in_window(index, first, size, flow_rules, dim)
    side_step = ti.select(lattice < 0, 1, dim)
    g_end = ti.Vector.zero(real, dim)
    for channel in range(channels):
        base = carried_base(channel, size, outer, lattice, dim)
        side_base = carried_side(channel, channels, size, outer, outer + 1, lattice, dim)
        here = base + at.dot(strides)
        g = g_value[b, here]
        if far > 0:
            g += g_value[b, here + far]
        _, slopes = derivative(carried, b, base, side_base, side_step, strides, index, weight, dim)
        g_end += g * slopes
        scatter(
            window, q, carried_base(channel, size, rows, lattice, dim),
            carried_side(channel, channels, size, rows, rows, lattice, dim),
            side_step, strides, moved, weight, g, dim,
        )  # fmt: skip
        if ti.static(bounded):  # noqa: SIM102 (known when compiled)
            if g_low[b, here] != 0.0 or g_high[b, here] != 0.0:
                _l, _h, at_low, at_high = stencil_bounds(
                    carried,
                    b,
                    base,
                    side_base,
                    side_step,
                    strides,
                    index,
                    rules,
                    half,
                    0.0 * g,
                    dim,
                )
                below = g_low[b, here] != 0.0
                scatter_entry(
                    window, q, carried_base(channel, size, rows, lattice, dim),
                    carried_side(channel, channels, size, rows, rows, lattice, dim),
                    side_step, strides, moved, rules, half, ti.select(below, at_low, at_high),
                    g_low[b, here] + g_high[b, here], dim,
                )  # fmt: skip
    for axis in ti.static(range(dim)):
        g_end[axis] = free_end[axis] * g_end[axis]
    trace_gradient(
        velocity, flow_window, q, b, at, size, flow_rules, step, middle, free_middle, g_end,
        first, rows, lattice, dim, real,
    )  # fmt: skip


@kernel
def carry_gradient(
    velocity: ti.types.ndarray(ndim=2),
    carried: ti.types.ndarray(ndim=2),
    g_value: ti.types.ndarray(ndim=2),
    g_low: ti.types.ndarray(ndim=2),
    g_high: ti.types.ndarray(ndim=2),
    flow_window: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=2),
    w: int,
    h: int,
    d: int,
    channels: int,
    flow_rules: int,
    rules: int,
    step64: ti.f64,
    half64: ti.f64,
    share: int,
    margin: int,
    rows: int,
    slabs: int,
    spread: int,
    scalar: int,
    parts: int,
    bounded: ti.template(),
    dim: ti.template(),
    real: ti.template(),
):
    """The transpose of `carry_back`, slab by slab."""
    for item in range(slabs * velocity.shape[0] * spread):
        if item % spread == 0:
            q = item // spread
            slab, b = q // velocity.shape[0], q % velocity.shape[0]
            size = size_of(w, h, d, dim)
            step, half = ti.cast(step64, real), ti.cast(half64, real)
            first = ti.select(margin < 0, 0, slab * share - margin)
            for part in range(parts):
                lattice = part - scalar
                strides = strides_of(size, lattice, dim)
                lines = row_lines(size, lattice, dim)
                end = ti.min(
                    (slab + 1) * share, size[dim - 1] + ti.cast(lattice == dim - 1, ti.i32)
                )
                for line in range(slab * share * lines, end * lines):
                    at = line_start(line, size, lattice, dim)
                    for i in range(line_length(size, lattice)):
                        at[0] = i
                        if is_held(at, size, lattice, flow_rules, dim):
                            local = place_in_window(at, size, first, strides, flow_rules, dim)
                            here = carried_base(0, size, size[dim - 1], lattice, dim)
                            here += at.dot(strides)
                            base = carried_base(0, size, rows, lattice, dim)
                            window[q, base + local] = window[q, base + local] + g_value[b, here]
                        elif not is_twin(at, size, lattice, flow_rules, dim):
                            carry_place_gradient(
                                velocity, carried, g_value, g_low, g_high, flow_window, window, q,
                                b, at, size, channels, flow_rules, rules, step, half, first, rows,
                                lattice, bounded, dim, real,
                            )  # fmt: skip


@ti.func
def correct_place_gradient(
    velocity: ti.template(), carried: ti.template(), value: ti.template(), low: ti.template(),
    high: ti.template(), g_out: ti.template(), flow_window: ti.template(), window: ti.template(),
    value_window: ti.template(), q, b, at, size, channels, flow_rules, rules, step, half, first,
    rows, lattice, dim: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """The transpose of `correct_place`."""
    outer = size[dim - 1]
    strides = strides_of(size, lattice, dim)
    side_step = ti.select(lattice < 0, 1, dim)
    far = twin_of(at, size, strides, lattice, flow_rules, dim)
    local = place_in_window(at, size, first, strides, flow_rules, dim)
    middle, free_middle, ahead, free_ahead, _inner = trace(
        velocity, b, at, size, flow_rules, -step, lattice, dim, real
    )
    stays = free_middle.min() * free_ahead.min()
    stays *= is_before_outflow(ahead, size, flow_rules, lattice, dim)
    index, weight = nodes_of(ahead, size, rules, half, lattice, dim)
    g_ahead = ti.Vector.zero(real, dim)
    for channel in range(channels):
        base = carried_base(channel, size, outer, lattice, dim)
        side_base = carried_side(channel, channels, size, outer, outer + 1, lattice, dim)
        base_window = carried_base(channel, size, rows, lattice, dim)
        here = base + at.dot(strides)
        g = g_out[b, here]
        if far > 0:
            g += g_out[b, here + far]
        g_low, g_high = 0.0 * g, 0.0 * g
        if stays == 0 or low[b, here] > high[b, here]:
            value_window[q, base_window + local] = value_window[q, base_window + local] + g
        else:
            again, slopes = derivative(
                value, b, base, side_base, side_step, strides, index, weight, dim
            )
            better = value[b, here] + 0.5 * (carried[b, here] - again)
            below, above = better < low[b, here], better > high[b, here]
            if below or above:  # the bound gets it, in `carry_place_gradient`
                g_low, g_high = ti.select(below, g, 0.0 * g), ti.select(above, g, 0.0 * g)
            else:
                g_again = -0.5 * g
                value_window[q, base_window + local] = value_window[q, base_window + local] + g
                window[q, base_window + local] = 0.5 * g  # the first to write here
                g_ahead += g_again * slopes
                scatter(
                    value_window, q, base_window,
                    carried_side(channel, channels, size, rows, rows, lattice, dim), side_step,
                    strides, in_window(index, first, size, flow_rules, dim), weight, g_again, dim,
                )  # fmt: skip
        low[b, here] = g_low
        high[b, here] = g_high
    for axis in ti.static(range(dim)):
        g_ahead[axis] = free_ahead[axis] * g_ahead[axis]
    trace_gradient(
        velocity, flow_window, q, b, at, size, flow_rules, -step, middle, free_middle, g_ahead,
        first, rows, lattice, dim, real,
    )  # fmt: skip


@kernel
def correct_gradient(
    velocity: ti.types.ndarray(ndim=2),
    carried: ti.types.ndarray(ndim=2),
    value: ti.types.ndarray(ndim=2),
    low: ti.types.ndarray(ndim=2),
    high: ti.types.ndarray(ndim=2),
    g_out: ti.types.ndarray(ndim=2),
    flow_window: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=2),
    value_window: ti.types.ndarray(ndim=2),
    w: int,
    h: int,
    d: int,
    channels: int,
    flow_rules: int,
    rules: int,
    step64: ti.f64,
    half64: ti.f64,
    share: int,
    margin: int,
    rows: int,
    slabs: int,
    spread: int,
    scalar: int,
    parts: int,
    dim: ti.template(),
    real: ti.template(),
):
    """The transpose of `correct`; `low` and `high` become the gradients to the bounds."""
    for item in range(slabs * velocity.shape[0] * spread):
        if item % spread == 0:
            q = item // spread
            slab, b = q // velocity.shape[0], q % velocity.shape[0]
            size = size_of(w, h, d, dim)
            step, half = ti.cast(step64, real), ti.cast(half64, real)
            first = ti.select(margin < 0, 0, slab * share - margin)
            for part in range(parts):
                lattice = part - scalar
                strides = strides_of(size, lattice, dim)
                lines = row_lines(size, lattice, dim)
                end = ti.min(
                    (slab + 1) * share, size[dim - 1] + ti.cast(lattice == dim - 1, ti.i32)
                )
                for line in range(slab * share * lines, end * lines):
                    at = line_start(line, size, lattice, dim)
                    for i in range(line_length(size, lattice)):
                        at[0] = i
                        if is_held(at, size, lattice, flow_rules, dim):
                            local = place_in_window(at, size, first, strides, flow_rules, dim)
                            here = carried_base(0, size, size[dim - 1], lattice, dim)
                            here += at.dot(strides)
                            base = carried_base(0, size, rows, lattice, dim)
                            window[q, base + local] = g_out[b, here]  # the first to write here
                        elif not is_twin(at, size, lattice, flow_rules, dim):
                            correct_place_gradient(
                                velocity, carried, value, low, high, g_out, flow_window, window,
                                value_window, q, b, at, size, channels, flow_rules, rules, step,
                                half, first, rows, lattice, dim, real,
                            )  # fmt: skip


@kernel
def add_windows(
    window: ti.types.ndarray(ndim=2),
    total: ti.types.ndarray(ndim=2),
    w: int,
    h: int,
    d: int,
    channels: int,
    outer: int,
    sides: int,
    flow_rules: int,
    share: int,
    margin: int,
    rows: int,
    slabs: int,
    spread: int,
    scalar: int,
    parts: int,
    dim: ti.template(),
):
    """Add the windows of all slabs, in order."""
    for item in range(total.shape[0] * (outer + 1) * spread):
        if item % spread == 0:
            b, row = item // spread // (outer + 1), item // spread % (outer + 1)
            size = size_of(w, h, d, dim)
            periodic = is_periodic(dim - 1, flow_rules) == 1
            for part in range(parts):
                lattice = part - scalar
                plane = plane_of(size, lattice, dim)
                if row < outer + ti.cast(lattice == dim - 1, ti.i32):
                    for channel in range(channels):
                        base = carried_base(channel, size, outer, lattice, dim) + row * plane
                        for i in range(plane):
                            total[b, base + i] = 0.0
                        for slab in range(slabs):
                            first = ti.select(margin < 0, 0, slab * share - margin)
                            local = window_row(row, first, size, flow_rules, dim)
                            if 0 <= local < rows and not (periodic and row == outer):
                                q = slab * total.shape[0] + b
                                begin = carried_base(channel, size, rows, lattice, dim)
                                begin += local * plane
                                for i in range(plane):
                                    total[b, base + i] = total[b, base + i] + window[q, begin + i]
            if row == 0:
                for i in range(sides):
                    end, end_window = total.shape[1] - sides + i, window.shape[1] - sides + i
                    total[b, end] = 0.0
                    for slab in range(slabs):
                        q = slab * total.shape[0] + b
                        total[b, end] = total[b, end] + window[q, end_window]
