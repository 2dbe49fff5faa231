"""Second differences over links of given strength, their diagonal, and the links' gradients.

Among the points that are solved for the operator is its own transpose; what others get from a
gradient is the same sum at their places.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.components import Layout, row_at, share_of
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.laplacian import beyond
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["diagonal", "linked", "pull_links"]


@ti.func
def gain(
    b, axis, at, shift, back, sign, extra, here, links: ti.template(), field: ti.template(),
    alone: ti.template(),
):  # fmt: skip
    """What a point gets from a neighbour; a side is as far as a neighbour, and never cut."""
    strength = 0.0 * here + 1.0
    if shift != 0:
        strength = links[b, axis, ti.select(back, at + shift, at)]
    other = field[b, at + shift]
    if ti.static(alone):
        itself = ti.select(shift == 0, here, 0.0 * here)
        other = itself
    return strength * (sign * other + extra - here)


@kernel
def link_differences(
    field: ti.types.ndarray(ndim=2),
    links: ti.types.ndarray(ndim=3),
    values: ti.types.ndarray(ndim=3),
    plan: ti.types.ndarray(ndim=2),
    scale: ti.types.ndarray(ndim=1),
    rate: ti.types.ndarray(ndim=2),
    rows: int,
    chunks: int,
    spread: int,
    components: ti.template(),
    alone: ti.template(),
):
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = share_of(item // spread, chunks, field.shape[0] * rows)
            for turn in range(first, last):
                b = turn // rows
                c, start, place = row_at(turn % rows, plan, components)
                width = plan[c, 2]
                for x in range(width):
                    at = start + x
                    here = field[b, at]
                    place[0] = x
                    total = 0.0 * here
                    for axis in ti.static(range(components)):
                        for side in ti.static(range(2)):
                            i = place[axis]
                            count = plan[c, 2 + axis]
                            shift = (2 * side - 1) * plan[c, 5 + axis]
                            sign, extra = 0.0 * here + 1.0, 0.0 * here
                            if i == (count - 1) * side:
                                sign, extra, shift, _ = beyond(b, c, axis, side, i, values, plan)
                            total += gain(
                                b, axis, at, shift, 1 - side, sign, extra, here, links, field,
                                alone,
                            )  # fmt: skip
                    rate[b, at] = scale[b] * total


@kernel
def pair_gradients(
    dual: ti.types.ndarray(ndim=2),
    field: ti.types.ndarray(ndim=2),
    values: ti.types.ndarray(ndim=3),
    plan: ti.types.ndarray(ndim=2),
    scale: ti.types.ndarray(ndim=1),
    g_links: ti.types.ndarray(ndim=3),
    rows: int,
    chunks: int,
    spread: int,
    components: ti.template(),
):
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = share_of(item // spread, chunks, field.shape[0] * rows)
            for turn in range(first, last):
                b = turn // rows
                c, start, place = row_at(turn % rows, plan, components)
                for x in range(plan[c, 2]):
                    at = start + x
                    place[0] = x
                    for axis in ti.static(range(components)):
                        i = place[axis]
                        shift = plan[c, 5 + axis]
                        if i == plan[c, 2 + axis] - 1:
                            _sign, _extra, shift, _held = beyond(b, c, axis, 1, i, values, plan)
                        loss = dual[b, at] - dual[b, at + shift]
                        slope = field[b, at + shift] - field[b, at]
                        g_links[b, axis, at] = scale[b] * loss * slope


def _differences(
    field: Tensor, links: Tensor, values: Tensor, layout: Layout, scale: Tensor, alone: bool
) -> Tensor:
    rate, grid = torch.empty_like(field), grid_for(field.device)
    link_differences(
        field, links, values, layout.plan, scale, rate, layout.rows, grid.chunks, grid.spread,
        layout.dim, alone,
    )  # fmt: skip
    return rate


def linked(field: Tensor, links: Tensor, values: Tensor, layout: Layout, scale: Tensor) -> Tensor:
    """Return what points gain from their neighbours, held ones too, times ``scale`` (B,)."""
    return _differences(field, links, values, layout, scale, False)


def diagonal(links: Tensor, values: Tensor, layout: Layout, scale: Tensor) -> Tensor:
    """Return what `linked` makes of a point by itself, for each point, (B, P)."""
    ones = links.new_ones((links.shape[0], links.shape[2]))
    return _differences(ones, links, torch.zeros_like(values), layout, scale, True)


def pull_links(
    dual: Tensor, field: Tensor, values: Tensor, layout: Layout, scale: Tensor
) -> Tensor:
    """Return the gradients of ``dual * linked(field)`` to the links, (B, axes, P)."""
    found, grid = dual.new_empty((dual.shape[0], layout.dim, dual.shape[1])), grid_for(dual.device)
    pair_gradients(
        dual, field, values, layout.plan, scale, found, layout.rows, grid.chunks, grid.spread,
        layout.dim,
    )  # fmt: skip
    return found
