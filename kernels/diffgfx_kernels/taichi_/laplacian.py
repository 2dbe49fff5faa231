"""Second differences of packed components; the transpose is the same kernel.

Among the points that have an equation the operator is its own transpose. A held point gives its
neighbour, and so gets the gradient of that: the difference that it would have if it were free.
"""

from collections.abc import Sequence

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sides import HELD, SLOPE, TWIN, VALUE, WRAP
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.components import (
    Layout,
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

__all__ = ["backward", "differences", "forward", "transposed", "value_gradient"]


@ti.func
def beyond(b, component, axis, side, i, values: ti.template(), plan: ti.template()):
    """A point's neighbour: what it counts, what is added, how far it is; and if there is none."""
    line = line_of(component, axis, plan)
    count, stride, rule = line[0], line[1], line[2]
    if side == 1:
        rule = line[3]
    step = 2 * side - 1
    shift = step * stride
    zero = 0.0 * values[b, 0, 0]
    extra = zero
    sign = zero + 1.0
    held = 0
    if i == (count - 1) * side:
        shift = 0
        if rule == WRAP:
            shift = -step * (count - 1) * stride
        if rule == TWIN:
            shift = -step * (count - 2) * stride
        if rule == VALUE:
            sign = -sign
            extra = 2.0 * values[b, component, 2 * axis + side]
        if rule == SLOPE:
            extra = values[b, component, 2 * axis + side]
        if rule == HELD:
            held = 1
    return sign, extra, shift, held


@ti.func
def difference_row(
    b, c, start, place, factor, values: ti.template(), plan: ti.template(), field: ti.template(),
    rate: ti.template(), masked: ti.template(),
):  # fmt: skip
    """Sum the second differences along a row."""
    width = plan[c, 2]
    y0_sign, y0_extra, y0, y0_held = beyond(b, c, 1, 0, place[1], values, plan)
    y1_sign, y1_extra, y1, y1_held = beyond(b, c, 1, 1, place[1], values, plan)
    z0_sign, z0_extra, z0, z0_held = beyond(b, c, 2, 0, place[2], values, plan)
    z1_sign, z1_extra, z1, z1_held = beyond(b, c, 2, 1, place[2], values, plan)
    x0_sign, x0_extra, x0, x0_held = beyond(b, c, 0, 0, 0, values, plan)
    x1_sign, x1_extra, x1, x1_held = beyond(b, c, 0, 1, width - 1, values, plan)
    extra = (y0_extra + y1_extra) + (z0_extra + z1_extra)
    weight = factor
    if masked and y0_held + y1_held + z0_held + z1_held > 0:
        weight = 0.0 * factor
    for x in range(width):
        at = start + x
        here = field[b, at]
        along_y = (y0_sign * field[b, at + y0] - here) + (y1_sign * field[b, at + y1] - here)
        along_z = (z0_sign * field[b, at + z0] - here) + (z1_sign * field[b, at + z1] - here)
        left, right = -here, -here
        if x > 0:
            left += field[b, at - 1]
        else:
            left += x0_sign * field[b, at + x0] + x0_extra
        if x < width - 1:
            right += field[b, at + 1]
        else:
            right += x1_sign * field[b, at + x1] + x1_extra
        rate[b, at] = ((left + right) + (along_y + along_z) + extra) * weight
    if ti.static(masked):
        if x0_held == 1:
            rate[b, start] = 0.0
        if x1_held == 1:
            rate[b, start + width - 1] = 0.0


@kernel
def difference(
    field: ti.types.ndarray(ndim=2),
    values: ti.types.ndarray(ndim=3),
    plan: ti.types.ndarray(ndim=2),
    scale: ti.types.ndarray(ndim=1),
    rate: ti.types.ndarray(ndim=2),
    rows: int,
    chunks: int,
    spread: int,
    components: ti.template(),
    masked: ti.template(),
):
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = share_of(item // spread, chunks, field.shape[0] * rows)
            for turn in range(first, last):
                c, start, place = row_at(turn % rows, plan, components)
                difference_row(
                    turn // rows, c, start, place, scale[0], values, plan, field, rate, masked
                )


def differences(
    packed: Tensor, values: Tensor, layout: Layout, cell: float, masked: bool = True
) -> Tensor:
    """Return the Laplacian of packed components, zero where a point is held if ``masked``."""
    rate = torch.empty_like(packed)
    scale = torch.tensor([cell**-2.0], dtype=torch.float64).to(packed)
    if packed.numel():
        grid = grid_for(packed.device)
        difference(
            packed, values, layout.plan, scale, rate, layout.rows, grid.chunks, grid.spread,
            len(layout.shapes), masked,
        )  # fmt: skip
    return rate


def transposed(g_rate: Tensor, values: Tensor, layout: Layout, cell: float) -> Tensor:
    """Return what gradients from `pull_back` give the points."""
    return differences(g_rate, torch.zeros_like(values), layout, cell, masked=False)


def value_gradient(g_rate: Tensor, values: Tensor, layout: Layout, cell: float) -> Tensor:
    """Return what gradients give the numbers of the rules; of twins only the first counts."""
    g_values = torch.zeros_like(values)
    weight = {VALUE: 2.0 * cell**-2.0, SLOPE: cell**-2.0}
    dim = layout.dim
    for c, view in enumerate(layout.views(g_rate)):
        for a in range(dim):
            if layout.rule(c, a)[0] == TWIN:
                view = view.narrow(dim - a, 0, view.shape[dim - a] - 1)
        for a in range(dim):
            for side, rule in enumerate(layout.rule(c, a)):
                if rule in weight and view.numel():
                    end = view.select(dim - a, side * (view.shape[dim - a] - 1))
                    g_values[:, c, 2 * a + side] = weight[rule] * end.flatten(1).sum(dim=1)
    return g_values


def forward(
    parts: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return the Laplacians, shaped as the parts, zero where a point is held."""
    runtime.start(values.device)
    layout = lay_out(parts, rules)
    return unpack(differences(pack(parts, layout), values, layout, cell), layout)


def backward(
    g_rate: Sequence[Tensor],
    parts: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the parts and to the values."""
    runtime.start(values.device)
    layout = lay_out(parts, rules)
    packed = pull_back(g_rate, layout)
    g_values = value_gradient(packed, values, layout, cell)
    g_packed = transposed(packed, values, layout, cell)
    return unpack(once(g_packed, layout), layout), g_values
