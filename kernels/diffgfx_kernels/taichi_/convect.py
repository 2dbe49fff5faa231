"""Convection of a staggered velocity: fluxes that are products of means, and their transpose.

At an edge between the volumes of two components, one mean carries the other, and the product is the
flux of both. So the gradient of an edge is one number, from which each component takes the other's
share. A row is gone through once along its component's own axis, and once for each other axis.
"""

from collections.abc import Sequence

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sides import HELD, SLOPE, TWIN, VALUE, WRAP
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.components import (
    lay_out,
    line_of,
    once,
    pack,
    pull_back,
    row_at,
    share_of,
    unpack,
)
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["backward", "forward"]


@ti.func
def mean_at(b, base, edge, line, low, high, field: ti.template()):
    """The mean of the points before and after an edge of a line, or what holds at the side."""
    first = ti.max(edge - 1, 0)
    second = ti.min(edge, line[0] - 1)
    if edge == 0 and line[2] == WRAP:
        first = line[0] - 1
    if edge == line[0] and line[3] == WRAP:
        second = 0
    mean = 0.5 * (field[b, base + first * line[1]] + field[b, base + second * line[1]])
    if edge == 0 and line[2] == VALUE:
        mean = low
    if edge == line[0] and line[3] == VALUE:
        mean = high
    return mean


@ti.func
def share_at(edge, line, half):
    """What the mean at an edge takes of a point beside it."""
    share = half
    if (edge == 0 and line[2] == VALUE) or (edge == line[0] and line[3] == VALUE):
        share = 0.0 * half
    if (edge == 0 and line[2] == SLOPE) or (edge == line[0] and line[3] == SLOPE):
        share = 2.0 * half
    return share


@ti.func
def jump_at(b, base, edge, line, g_rate: ti.template()):
    """The gradient of the point after an edge less that of the point before it; none outside."""
    jump = 0.0 * g_rate[b, base]
    if edge < line[0]:
        jump += g_rate[b, base + edge * line[1]]
    elif line[3] == WRAP:
        jump += g_rate[b, base]
    if edge > 0:
        jump -= g_rate[b, base + (edge - 1) * line[1]]
    elif line[2] == WRAP:
        jump -= g_rate[b, base + (line[0] - 1) * line[1]]
    return jump


@ti.func
def leaving(b, at, i, line, field: ti.template()):
    """What leaves through both ends of a face's volume along the face's own axis."""
    here = field[b, at]
    last = line[0] - 1
    below = here
    above = here
    if i > 0:
        below = field[b, at - line[1]]
    elif line[2] == TWIN:
        below = field[b, at + (last - 1) * line[1]]
    if i < last:
        above = field[b, at + line[1]]
    elif line[3] == TWIN:
        above = field[b, at - (last - 1) * line[1]]
    flux = 0.25 * (above - below) * (above + 2.0 * here + below)
    if i == 0 and line[2] == SLOPE:
        flux = (above - here) * (here + ti.min(here, 0.0 * here))
    if i == last and line[3] == SLOPE:
        flux = (here - below) * (here + ti.max(here, 0.0 * here))
    if (i == 0 and line[2] == HELD) or (i == last and line[3] == HELD):
        flux = 0.0 * here
    return flux


@ti.func
def leaving_gradient(b, at, i, line, field: ti.template(), g_rate: ti.template()):
    """The transpose of `leaving`, for one face; `g_rate` counts what stays."""
    here = field[b, at]
    zero = 0.0 * here
    g_here = g_rate[b, at]
    last = line[0] - 1
    below, above, g_below, g_above = zero, zero, zero, zero
    if i > 0:
        below = field[b, at - line[1]]
        g_below = g_rate[b, at - line[1]]
    elif line[2] == TWIN:
        below = field[b, at + (last - 1) * line[1]]
        g_below = g_rate[b, at + (last - 1) * line[1]]
    if i < last:
        above = field[b, at + line[1]]
        g_above = g_rate[b, at + line[1]]
    g_field = zero
    open_low, open_high = line[2] == SLOPE, line[3] == SLOPE
    if open_low and i == 0:
        g_field -= g_here * (above - here) * ti.select(here <= 0.0, 2.0, 1.0)
        g_field += g_here * (here + ti.min(here, zero))
        g_here = zero
    if open_low and i == 1:
        g_field -= g_below * (below + ti.min(below, zero))
        g_below = zero
    if open_high and i == last:
        g_field -= g_here * (here - below) * ti.select(here >= 0.0, 2.0, 1.0)
        g_field -= g_here * (here + ti.max(here, zero))
        g_here = zero
    if open_high and i == last - 1:
        g_field += g_above * (above + ti.max(above, zero))
        g_above = zero
    if i > 0 or line[2] == TWIN:
        g_field += 0.5 * (g_here - g_below) * (here + below)
    if i < last:
        g_field += 0.5 * (g_above - g_here) * (here + above)
    return g_field


@ti.func
def inner_run(c, a, place, own, across, width):
    """The part of a row in which no edge of a volume touches a side: where it starts and ends."""
    first, end = 0, width
    if c == 0 or a == 0:
        first, end = 1, ti.max(width - 1, 1)
    row_inside = (c == 0 or (place[c] > 0 and place[c] < own[0] - 1)) and (
        a == 0 or (place[a] > 0 and place[a] < across[0] - 1)
    )
    if not row_inside:
        first, end = width, width
    return first, end


@ti.func
def cross_row(
    b, c, a, start, place, plan: ti.template(), scale: ti.template(),
    values: ti.template(), field: ti.template(), rate: ti.template(),
):  # fmt: skip
    """Add what crosses a row's volumes along another axis."""
    rest = 3 - c - a
    own, across, along = line_of(c, c, plan), line_of(c, a, plan), line_of(a, c, plan)
    stride_a = plan[a, 5 + a]
    width = plan[c, 2]
    inverse = scale[0]
    corner = plan[a, 1] + place[c] * along[1] + place[a] * stride_a
    corner += place[rest] * plan[a, 5 + rest]  # the other component's point in the row's corner
    first, end = inner_run(c, a, place, own, across, width)
    for x in range(first, end):
        at, near = start + x, corner + x
        far = near + stride_a
        here = field[b, at]
        into = (field[b, at - across[1]] + here) * (field[b, near - along[1]] + field[b, near])
        out = (here + field[b, at + across[1]]) * (field[b, far - along[1]] + field[b, far])
        rate[b, at] = rate[b, at] + 0.25 * (into - out) * inverse
    low, high = values[b, c, 2 * a], values[b, c, 2 * a + 1]
    low_a, high_a = values[b, a, 2 * c], values[b, a, 2 * c + 1]
    for k in range(width - (end - first)):
        x = k if k < first else k + end - first
        at = start + x
        i = place[c] + (x if c == 0 else 0)
        j = place[a] + (x if a == 0 else 0)
        base, base_a = at - j * across[1], corner + x - i * along[1]
        into = mean_at(b, base, j, across, low, high, field)
        into *= mean_at(b, base_a, i, along, low_a, high_a, field)
        out = mean_at(b, base, j + 1, across, low, high, field)
        out *= mean_at(b, base_a + stride_a, i, along, low_a, high_a, field)
        held = (i == 0 and own[2] == HELD) or (i == own[0] - 1 and own[3] == HELD)
        rate[b, at] = rate[b, at] + ti.select(held, 0.0 * out, (into - out) * inverse)


@ti.func
def cross_row_gradient(
    b, c, a, start, place, plan: ti.template(), scale: ti.template(), values: ti.template(),
    field: ti.template(), g_rate: ti.template(), g_field: ti.template(),
):  # fmt: skip
    """Add the transpose of `cross_row`, both for the component as carried and as carrier."""
    rest = 3 - c - a
    own, across, along = line_of(c, c, plan), line_of(c, a, plan), line_of(a, c, plan)
    stride_a = plan[a, 5 + a]
    width = plan[c, 2]
    inverse = scale[0]
    corner = plan[a, 1] + place[c] * along[1] + place[a] * stride_a
    corner += place[rest] * plan[a, 5 + rest]
    first, end = inner_run(c, a, place, own, across, width)
    for x in range(first, end):
        at, near = start + x, corner + x
        far = near + stride_a
        g_here = g_rate[b, at]
        g_into = g_here - g_rate[b, at - across[1]]
        g_into += g_rate[b, near] - g_rate[b, near - along[1]]
        g_out = g_rate[b, at + across[1]] - g_here
        g_out += g_rate[b, far] - g_rate[b, far - along[1]]
        g_sum = g_into * (field[b, near - along[1]] + field[b, near])
        g_sum += g_out * (field[b, far - along[1]] + field[b, far])
        g_field[b, at] = g_field[b, at] + 0.25 * g_sum * inverse
    low_a, high_a = values[b, a, 2 * c], values[b, a, 2 * c + 1]
    for k in range(width - (end - first)):
        x = k if k < first else k + end - first
        at = start + x
        i = place[c] + (x if c == 0 else 0)
        j = place[a] + (x if a == 0 else 0)
        base, base_a = at - j * across[1], corner + x - i * along[1]
        for e in range(2):
            g_edge = jump_at(b, base, j + e, across, g_rate)
            g_edge += jump_at(b, base_a + e * stride_a, i, along, g_rate)
            carrier = mean_at(b, base_a + e * stride_a, i, along, low_a, high_a, field)
            g_field[b, at] = (
                g_field[b, at] + share_at(j + e, across, 0.5 * inverse) * g_edge * carrier
            )


@kernel
def convection(
    field: ti.types.ndarray(ndim=2),
    values: ti.types.ndarray(ndim=3),
    plan: ti.types.ndarray(ndim=2),
    scale: ti.types.ndarray(ndim=1),
    rate: ti.types.ndarray(ndim=2),
    rows: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = share_of(item // spread, chunks, field.shape[0] * rows)
            for turn in range(first, last):
                b = turn // rows
                c, start, place = row_at(turn % rows, plan, dim)
                own = line_of(c, c, plan)
                for x in range(plan[c, 2]):
                    i = place[c] + (x if c == 0 else 0)
                    rate[b, start + x] = -leaving(b, start + x, i, own, field) * scale[0]
                for r in ti.static(range(1, dim)):
                    cross_row(b, c, (c + r) % dim, start, place, plan, scale, values, field, rate)


@kernel
def convection_gradient(
    field: ti.types.ndarray(ndim=2),
    g_rate: ti.types.ndarray(ndim=2),
    values: ti.types.ndarray(ndim=3),
    plan: ti.types.ndarray(ndim=2),
    scale: ti.types.ndarray(ndim=1),
    g_field: ti.types.ndarray(ndim=2),
    rows: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = share_of(item // spread, chunks, field.shape[0] * rows)
            for turn in range(first, last):
                b = turn // rows
                c, start, place = row_at(turn % rows, plan, dim)
                own = line_of(c, c, plan)
                for x in range(plan[c, 2]):
                    i = place[c] + (x if c == 0 else 0)
                    g_own = leaving_gradient(b, start + x, i, own, field, g_rate)
                    g_field[b, start + x] = g_own * scale[0]
                for r in ti.static(range(1, dim)):
                    a = (c + r) % dim
                    cross_row_gradient(
                        b, c, a, start, place, plan, scale, values, field, g_rate, g_field
                    )


@kernel
def side_gradient(
    field: ti.types.ndarray(ndim=2),
    g_rate: ti.types.ndarray(ndim=2),
    values: ti.types.ndarray(ndim=3),
    plan: ti.types.ndarray(ndim=2),
    scale: ti.types.ndarray(ndim=1),
    g_values: ti.types.ndarray(ndim=3),
    spread: int,
    dim: ti.template(),
):
    for item in range(field.shape[0] * dim * 2 * dim * spread):
        if item % spread == 0:
            b = item // spread // (2 * dim * dim)
            c = item // spread // (2 * dim) % dim
            side = item // spread % (2 * dim)
            a = side // 2
            rest = 3 - c - a
            across = line_of(c, a, plan)
            zero = 0.0 * scale[0]
            total = zero
            if a != c and across[2 + side % 2] == VALUE:
                own, along, other = line_of(c, c, plan), line_of(a, c, plan), line_of(c, rest, plan)
                e = side % 2 * across[0]
                for m in range(other[0]):
                    base_a = plan[a, 1] + e * plan[a, 5 + a] + m * plan[a, 5 + rest]
                    for i in range(own[0] - (1 if own[3] == TWIN else 0)):
                        # the other component's faces are held here, and where a wall gives its
                        # mean (in a corner), so is this one's: neither has a gradient
                        base = plan[c, 1] + i * own[1] + m * other[1]
                        g_edge = jump_at(b, base, e, across, g_rate)
                        total += g_edge * mean_at(b, base_a, i, along, zero, zero, field)
            g_values[b, c, side] = total * scale[0]


def _scale(values: Tensor, cell: float) -> Tensor:
    return torch.tensor([1.0 / cell], dtype=torch.float64).to(values)


def forward(
    velocity: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return -div(u u) of each component at its faces, shaped as the faces."""
    runtime.start(values.device)
    layout, grid = lay_out(velocity, rules), grid_for(values.device)
    packed = pack(velocity, layout)
    rate = torch.zeros_like(packed)
    if packed.numel():
        convection(
            packed, values, layout.plan, _scale(values, cell), rate,
            layout.rows, grid.chunks, grid.spread, layout.dim,
        )  # fmt: skip
    return unpack(rate, layout)


def backward(
    g_rate: Sequence[Tensor],
    velocity: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the velocity and to the values."""
    runtime.start(values.device)
    layout = lay_out(velocity, rules)
    packed, folded = pack(velocity, layout), pull_back(g_rate, layout)
    grid = grid_for(values.device)
    g_packed, g_values = torch.zeros_like(packed), torch.zeros_like(values)
    if packed.numel():
        given = (packed, folded, values, layout.plan, _scale(values, cell))
        convection_gradient(*given, g_packed, layout.rows, grid.chunks, grid.spread, layout.dim)
        side_gradient(*given, g_values, grid.spread, layout.dim)
    return unpack(once(g_packed, layout), layout), g_values
