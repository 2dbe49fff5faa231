"""Optical depth from every cell to a distant light, swept plane by plane, and its adjoint.

The planes lie across the largest component of the light's direction. With p counted from the light,
``a_p = S a_(p-1) + l s_p`` is the depth half a plane behind the centres of plane p, where s is the
density, l the length of a ray from plane to plane, and S reads a plane where the rays meet it. As
all rays are parallel, S is one stencil of two by two for the whole volume, and so is its transpose:
both passes gather.

Planes wait for one another. On a CPU one launch sweeps them all, in parallel over the batch only;
on a GPU each is a launch, in parallel over its cells.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["length_of", "main_axis", "sweep", "sweep_gradient"]

OTHERS = ((2, 1), (2, 0), (1, 0))
"""The two axes across each, in the order of a tensor's dimensions: z, y, x."""


@ti.func
def length_of(light: ti.template(), row, axis, frame: ti.template()):
    """Length of a ray from plane to plane; the frame's first number is the side of a cell."""
    x, y, z = light[row, 0], light[row, 1], light[row, 2]
    return frame[0] * ti.sqrt(x * x + y * y + z * z) / ti.abs(light[row, axis])


@ti.func
def layout(light: ti.template(), row, axis, depth, height, width):
    """Where planes lie (number, first cell, stride) and cells in them (counts, strides)."""
    counts = ti.Vector([width, height, depth])
    strides = ti.Vector([1, width, width * height])
    u = ti.select(axis == 2, 1, 2)
    v = ti.select(axis == 0, 1, 0)
    planes, stride = counts[axis], strides[axis]
    rising = light[row, axis] < 0.0  # the light is at the first plane of the tensor
    first = ti.select(rising, 0, (planes - 1) * stride)
    onward = ti.select(rising, stride, -stride)
    return ti.Vector([planes, first, onward]), ti.Vector(
        [counts[u], counts[v], strides[u], strides[v]]
    )


@ti.func
def shift(light: ti.template(), row, axis, way):
    """By how many cells a ray moves from plane to plane along the first or second other axis."""
    other = ti.select(axis == 2, 1, 2)
    if way == 1:
        other = ti.select(axis == 0, 1, 0)
    offset = light[row, other] / ti.abs(light[row, axis])
    whole = ti.floor(offset)
    return ti.cast(whole, ti.i32), offset - whole


@ti.func
def value_at(values: ti.template(), b, base, u, v, grid):
    """The number of a plane's cell, zero beyond the plane."""
    inside = 0 <= u < grid[0] and 0 <= v < grid[1]
    at = ti.select(inside, base + u * grid[2] + v * grid[3], base)
    value = values[b, at]
    return ti.select(inside, value, 0.0 * value)


@kernel
def add_planes(
    density: ti.types.ndarray(ndim=2),
    light: ti.types.ndarray(ndim=2),
    axes: ti.types.ndarray(ndim=1),
    frame: ti.types.ndarray(ndim=1),
    ahead: ti.types.ndarray(ndim=2),
    depth: int,
    height: int,
    width: int,
    begin: int,
    end: int,
    parts: int,
    spread: int,
):
    for item in range(density.shape[0] * parts * spread):
        if item % spread == 0:
            b, part = item // spread // parts, item // spread % parts
            row, axis = ti.min(b, light.shape[0] - 1), axes[b]
            length = length_of(light, row, axis, frame)
            planes, grid = layout(light, row, axis, depth, height, width)
            each = (grid[0] * grid[1] + parts - 1) // parts
            whole_u, u_part = shift(light, row, axis, 0)
            whole_v, v_part = shift(light, row, axis, 1)
            for plane in range(begin, ti.min(end, planes[0])):
                base = planes[1] + plane * planes[2]
                for place in range(each * part, ti.min(each * (part + 1), grid[0] * grid[1])):
                    u, v = place // grid[1], place % grid[1]
                    at = base + u * grid[2] + v * grid[3]
                    total = length * density[b, at]
                    if plane > 0:
                        near = base - planes[2]
                        p, q = u + whole_u, v + whole_v
                        low = value_at(ahead, b, near, p, q, grid)
                        low += v_part * (value_at(ahead, b, near, p, q + 1, grid) - low)
                        high = value_at(ahead, b, near, p + 1, q, grid)
                        high += v_part * (value_at(ahead, b, near, p + 1, q + 1, grid) - high)
                        total += low + u_part * (high - low)
                    ahead[b, at] = total


@kernel
def add_planes_gradient(
    density: ti.types.ndarray(ndim=2),
    light: ti.types.ndarray(ndim=2),
    axes: ti.types.ndarray(ndim=1),
    frame: ti.types.ndarray(ndim=1),
    ahead: ti.types.ndarray(ndim=2),
    g_depth: ti.types.ndarray(ndim=2),
    g_ahead: ti.types.ndarray(ndim=2),
    g_density: ti.types.ndarray(ndim=2),
    g_way: ti.types.ndarray(ndim=3),
    depth: int,
    height: int,
    width: int,
    begin: int,
    end: int,
    parts: int,
    spread: int,
):
    for item in range(density.shape[0] * parts * spread):
        if item % spread == 0:
            b, part = item // spread // parts, item // spread % parts
            row, axis = ti.min(b, light.shape[0] - 1), axes[b]
            length = length_of(light, row, axis, frame)
            planes, grid = layout(light, row, axis, depth, height, width)
            each = (grid[0] * grid[1] + parts - 1) // parts
            whole_u, u_part = shift(light, row, axis, 0)
            whole_v, v_part = shift(light, row, axis, 1)
            g_length, g_u, g_v = 0.0 * length, 0.0 * length, 0.0 * length
            for turn in range(begin, ti.min(end, planes[0])):
                plane = planes[0] - 1 - turn
                base = planes[1] + plane * planes[2]
                for place in range(each * part, ti.min(each * (part + 1), grid[0] * grid[1])):
                    u, v = place // grid[1], place % grid[1]
                    at = base + u * grid[2] + v * grid[3]
                    total = g_depth[b, at]
                    if turn > 0:
                        behind = base + planes[2]
                        p, q = u - whole_u, v - whole_v
                        low = value_at(g_ahead, b, behind, p, q, grid)
                        low += v_part * (value_at(g_ahead, b, behind, p, q - 1, grid) - low)
                        high = value_at(g_ahead, b, behind, p - 1, q, grid)
                        high += v_part * (value_at(g_ahead, b, behind, p - 1, q - 1, grid) - high)
                        total += low + u_part * (high - low)
                    g_ahead[b, at] = total
                    g_added = total - 0.5 * g_depth[b, at]
                    g_density[b, at] = g_density[b, at] + length * g_added
                    g_length += density[b, at] * g_added
                    if plane > 0:
                        near = base - planes[2]
                        p, q = u + whole_u, v + whole_v
                        first = value_at(ahead, b, near, p, q, grid)
                        right = value_at(ahead, b, near, p, q + 1, grid)
                        below = value_at(ahead, b, near, p + 1, q, grid)
                        cross = value_at(ahead, b, near, p + 1, q + 1, grid) - below - right + first
                        g_u += total * (below - first + v_part * cross)
                        g_v += total * (right - first + u_part * cross)
            g_way[b, part, 0] = g_length + g_way[b, part, 0]
            g_way[b, part, 1] = g_u + g_way[b, part, 1]
            g_way[b, part, 2] = g_v + g_way[b, part, 2]


def main_axis(light: Tensor, batch: int) -> Tensor:
    """Return the axis of the largest component of each direction, shape (B,), x being 0."""
    axes = light[:, :3].abs().argmax(dim=1).to(torch.int32)
    return axes.expand(batch).contiguous()


def _launches(density: Tensor, cells: tuple[int, int, int]) -> tuple[list[tuple[int, int]], int]:
    """Return the planes of each launch, and the parts that a plane is dealt out in."""
    most = max(cells)
    if density.device.type == "cpu":
        return [(0, most)], 1
    return [(plane, plane + 1) for plane in range(most)], 4096


def sweep(
    density: Tensor, light: Tensor, axes: Tensor, frame: Tensor, cells: tuple[int, int, int]
) -> Tensor:
    """Return the optical depth half a plane behind each cell's centre, shape (B, D H W)."""
    ahead = torch.empty_like(density)
    launches, parts = _launches(density, cells)
    spread = grid_for(density.device).spread
    for begin, end in launches:
        add_planes(density, light, axes, frame, ahead, *cells, begin, end, parts, spread)
    return ahead


def sweep_gradient(
    density: Tensor,
    light: Tensor,
    axes: Tensor,
    frame: Tensor,
    ahead: Tensor,
    g_depth: Tensor,
    g_density: Tensor,
    cells: tuple[int, int, int],
) -> Tensor:
    """Add the gradient through the depths to ``g_density``; return that to the directions, (B, 3).

    Args:
        density: Shape (B, D H W).
        light: Rows that start with the direction.
        axes: Of `main_axis`.
        frame: Its first number is the side of a cell.
        ahead: Of `sweep`.
        g_depth: Gradient to the depths at the cells' centres, shape (B, D H W).
        g_density: Edited in place.
        cells: D, H, W.
    """
    launches, parts = _launches(density, cells)
    spread = grid_for(density.device).spread
    g_ahead = torch.empty_like(density)
    g_way = density.new_zeros((density.shape[0], parts, 3))
    for begin, end in launches:
        add_planes_gradient(
            density, light, axes, frame, ahead, g_depth, g_ahead, g_density, g_way,
            *cells, begin, end, parts, spread,
        )  # fmt: skip
    rows = light[:, :3].expand(density.shape[0], -1)
    return direction_gradient(rows, axes.long(), float(frame[0]), g_way.sum(dim=1))


def direction_gradient(direction: Tensor, axes: Tensor, cell: float, g_way: Tensor) -> Tensor:
    """Return the gradient to directions from that to length and shifts between planes, (B, 3)."""
    axis = axes[:, None]
    others = torch.tensor(OTHERS, device=axes.device)[axes]
    main = direction.gather(1, axis)
    norm = direction.square().sum(dim=1, keepdim=True).sqrt()
    shifts = direction.gather(1, others) / main.abs()
    g_ratio = cell * g_way[:, :1]
    g_main = g_ratio * norm / main.abs() + (g_way[:, 1:] * shifts).sum(dim=1, keepdim=True)
    g_direction = g_ratio * direction / (norm * main.abs())
    g_direction = g_direction.scatter_add(1, others, g_way[:, 1:] / main.abs())
    return g_direction.scatter_add(1, axis, -g_main / main)
