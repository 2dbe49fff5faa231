"""Draw triangles tile by tile: each tile goes through its own list, and keeps what is nearest.

The image itself serves as the depth buffer. Gradients go to a fixed number of slabs, runs of rows
with vertices of their own, which are added in order: results do not depend on threads.
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.snapping import SUBPIXELS
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.barycentric import seen_gradient, slopes_of, weights_of
from diffgfx_kernels.taichi_.bins import count_entries, fill_entries
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.side_lines import value_at

__all__ = ["backward", "forward"]

NOTHING = float(2**30)
"""A depth behind everything."""


@ti.func
def corner_row(pos: ti.template(), base, i, j, k, c: ti.template()):
    """One coordinate of three vertices."""
    return ti.Vector([pos[base + i, c], pos[base + j, c], pos[base + k, c]])


@ti.func
def centre(p, pixels, real: ti.template()):
    """Where a pixel's centre is, from -1 to 1."""
    return ti.cast(2 * p + 1, real) / ti.cast(pixels, real) - 1.0


@ti.func
def clear_tile(rast: ti.template(), image, x0, x1, y0, y1, real: ti.template()):
    """Let a tile see nothing."""
    for py in range(y0, y1):
        for px in range(x0, x1):
            rast[image, py, px, 0] = 0.0
            rast[image, py, px, 1] = 0.0
            rast[image, py, px, 2] = NOTHING
            rast[image, py, px, 3] = 0.0


@ti.func
def see(
    rast: ti.template(), below: ti.template(), image, px, py, x, y, z, w, fx, fy, label,
    peel: ti.template(), real: ti.template(),
):  # fmt: skip
    """Let a pixel see a triangle that covers it, if that is nearest."""
    u, v = weights_of(x, y, w, fx, fy, real)
    t = 1.0 - u - v
    here_w = u * w[0] + v * w[1] + t * w[2]
    here_z = u * z[0] + v * z[1] + t * z[2]
    if here_w > 0.0 and ti.abs(here_z) <= here_w:
        depth = here_z / here_w
        deep = True
        if ti.static(peel):
            deep = below[image, py, px, 3] > 0.0 and depth > below[image, py, px, 2]
        if deep and depth < rast[image, py, px, 2]:
            rast[image, py, px, 0] = u
            rast[image, py, px, 1] = v
            rast[image, py, px, 2] = depth
            rast[image, py, px, 3] = label


@ti.func
def draw_triangle(
    pos: ti.template(), tri: ti.template(), lines: ti.template(), below: ti.template(),
    rast: ti.template(), image, base, slot, t, x0, x1, y0, y1, width, height,
    peel: ti.template(), real: ti.template(),
):  # fmt: skip
    """Draw a triangle into a rectangle of pixels."""
    i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
    x, y = corner_row(pos, base, i, j, k, 0), corner_row(pos, base, i, j, k, 1)
    z, w = corner_row(pos, base, i, j, k, 2), corner_row(pos, base, i, j, k, 3)
    label = ti.cast(t + 1, real)
    right = ti.Vector([lines[slot, 0], lines[slot, 3], lines[slot, 6]]) * SUBPIXELS
    up = ti.Vector([lines[slot, 1], lines[slot, 4], lines[slot, 7]]) * SUBPIXELS
    row = ti.Vector([value_at(lines, slot, c, x0, y0) for c in ti.static(range(3))])
    for py in range(y0, y1):
        fy = centre(py, height, real)
        here = row
        for px in range(x0, x1):
            if (here[0] | here[1] | here[2]) >= 0:
                see(
                    rast, below, image, px, py, x, y, z, w, centre(px, width, real), fy, label,
                    peel, real,
                )  # fmt: skip
            here += right
        row += up


@ti.func
def finish_tile(
    pos: ti.template(), tri: ti.template(), rast: ti.template(), slopes: ti.template(), image,
    base, x0, x1, y0, y1, width, height, sloped: ti.template(), real: ti.template(),
):  # fmt: skip
    """Empty the pixels that see nothing, and find slopes for the others."""
    across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
    for py in range(y0, y1):
        fy = centre(py, height, real)
        for px in range(x0, x1):
            t = ti.cast(rast[image, py, px, 3], ti.i32) - 1
            found = ti.Vector.zero(real, 4)
            if t < 0:
                rast[image, py, px, 2] = 0.0
            elif ti.static(sloped):
                i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
                x, y = corner_row(pos, base, i, j, k, 0), corner_row(pos, base, i, j, k, 1)
                w = corner_row(pos, base, i, j, k, 3)
                found = slopes_of(x, y, w, centre(px, width, real), fy, across, up, real)
            if ti.static(sloped):
                for c in ti.static(range(4)):
                    slopes[image, py, px, c] = found[c]


@kernel
def draw(
    pos: ti.types.ndarray(ndim=2),
    tri: ti.types.ndarray(ndim=2),
    spans: ti.types.ndarray(ndim=2),
    lines: ti.types.ndarray(ndim=2),
    boxes: ti.types.ndarray(ndim=2),
    places: ti.types.ndarray(ndim=2),
    entries: ti.types.ndarray(ndim=1),
    below: ti.types.ndarray(ndim=4),
    rast: ti.types.ndarray(ndim=4),
    slopes: ti.types.ndarray(ndim=4),
    width: int,
    height: int,
    groups: int,
    spread: int,
    tile: ti.template(),
    peel: ti.template(),
    sloped: ti.template(),
    real: ti.template(),
):
    columns = (width + tile - 1) // tile
    tiles = columns * ((height + tile - 1) // tile)
    for item in range(groups * spread):
        if item % spread == 0:
            group = item // spread
            total = spans.shape[0] * tiles
            for turn in range((total - group + groups - 1) // groups):
                at = turn * groups + group
                image = at // tiles
                x0, y0 = at % tiles % columns * tile, at % tiles // columns * tile
                x1, y1 = ti.min(x0 + tile, width), ti.min(y0 + tile, height)
                clear_tile(rast, image, x0, x1, y0, y1, real)
                first = 0
                if at > 0:
                    first = places[at - 1, places.shape[1] - 1]
                for e in range(first, places[at, places.shape[1] - 1]):
                    slot = entries[e]
                    draw_triangle(
                        pos, tri, lines, below, rast, image, spans[image, 3], slot,
                        spans[image, 0] + slot - spans[image, 2],
                        ti.max(x0, boxes[slot, 0]), ti.min(x1, boxes[slot, 1] + 1),
                        ti.max(y0, boxes[slot, 2]), ti.min(y1, boxes[slot, 3] + 1),
                        width, height, peel, real,
                    )  # fmt: skip
                finish_tile(
                    pos, tri, rast, slopes, image, spans[image, 3], x0, x1, y0, y1, width, height,
                    sloped, real,
                )  # fmt: skip


@ti.func
def add_run(partial: ti.template(), tri: ti.template(), slab, t, sums):
    """Add the gradients of a run of pixels to the corners of the triangle that they see."""
    if t >= 0:
        for k in ti.static(range(3)):
            vertex = tri[t, k]
            for c in ti.static(range(4)):
                partial[slab, vertex, c] += sums[c, k]


@ti.func
def share_of(rows, slab, slabs):
    """The first row of a slab."""
    return ti.cast(ti.cast(rows, ti.i64) * slab // slabs, ti.i32)


@kernel
def pull_back(
    pos: ti.types.ndarray(ndim=2),
    tri: ti.types.ndarray(ndim=2),
    rast: ti.types.ndarray(ndim=4),
    g_rast: ti.types.ndarray(ndim=4),
    g_slopes: ti.types.ndarray(ndim=4),
    partial: ti.types.ndarray(ndim=3),
    slabs: int,
    step: int,
    spread: int,
    with_z: ti.template(),
    sloped: ti.template(),
    real: ti.template(),
):
    """Add what every row of images sends back to its slab; step: vertices from image to image."""
    height, width = rast.shape[1], rast.shape[2]
    rows = rast.shape[0] * height
    for item in range(slabs * spread):
        if item % spread == 0:
            slab = item // spread
            across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
            first, end = share_of(rows, slab, slabs), share_of(rows, slab + 1, slabs)
            for line in range(first, end):
                image, py = line // height, line % height
                base = image * step
                fy = centre(py, height, real)
                last = -1
                sums = ti.Matrix.zero(real, 4, 3)
                x, y = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                z, w = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                for px in range(width):
                    t = ti.cast(rast[image, py, px, 3], ti.i32) - 1
                    if t != last:
                        add_run(partial, tri, slab, last, sums)
                        last = t
                        sums = ti.Matrix.zero(real, 4, 3)
                        if t >= 0:
                            i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
                            x = corner_row(pos, base, i, j, k, 0)
                            y = corner_row(pos, base, i, j, k, 1)
                            z = corner_row(pos, base, i, j, k, 2)
                            w = corner_row(pos, base, i, j, k, 3)
                    if t >= 0:
                        g = ti.Vector([g_rast[image, py, px, c] for c in ti.static(range(3))])
                        g_more = ti.Vector.zero(real, 4)
                        if ti.static(sloped):
                            for c in ti.static(range(4)):
                                g_more[c] = g_slopes[image, py, px, c]
                        g_x, g_y, g_z, g_w = seen_gradient(
                            x, y, z, w, centre(px, width, real), fy, across, up, g, g_more,
                            with_z, sloped, real,
                        )  # fmt: skip
                        for k in ti.static(range(3)):
                            sums[0, k] += g_x[k]
                            sums[1, k] += g_y[k]
                            sums[2, k] += g_z[k]
                            sums[3, k] += g_w[k]
                add_run(partial, tri, slab, last, sums)


class _Deal(NamedTuple):
    """How work is dealt out on a device.

    Attributes:
        tile: Pixels along a side of a tile.
        chunks: Parts that the triangles of an image are sorted in.
        groups: Parts that tiles are dealt out in.
        slabs: Most slabs that gradients of an image go to.
        spread: Loop items a part; see `grid`.
    """

    tile: int
    chunks: int
    groups: int
    slabs: int
    spread: int


def _deal_for(device: torch.device) -> _Deal:
    if device.type == "cuda":
        return _Deal(tile=8, chunks=256, groups=16384, slabs=256, spread=1)
    return _Deal(tile=16, chunks=16, groups=64, slabs=16, spread=512)


def _spans(pos: Tensor, tri: Tensor, ranges: Tensor | None) -> Tensor:
    """Return first triangle, count, first slot and first vertex of each image, int32 (B, 4)."""
    if ranges is None:
        batch, vertices = pos.shape[:2]
        image = torch.arange(batch, dtype=torch.int64)
        count = torch.full_like(image, len(tri))
        columns = [torch.zeros_like(image), count, len(tri) * image, vertices * image]
    else:
        start, count = ranges.long().unbind(dim=1)
        columns = [start, count, count.cumsum(dim=0) - count, torch.zeros_like(start)]
    return torch.stack(columns, dim=1).to(pos.device, torch.int32)


def forward(
    pos: Tensor,
    tri: Tensor,
    ranges: Tensor | None,
    below: Tensor | None,
    size: tuple[int, int],
    sloped: bool,
) -> tuple[Tensor, Tensor]:
    """Return rast (B, H, W, 4) and its slopes, as the reference does."""
    runtime.start(pos.device)
    width, height = size
    deal = _deal_for(pos.device)
    spans = _spans(pos, tri, ranges)
    batch, flat = len(spans), pos.view(-1, 4)
    rast = pos.new_empty((batch, height, width, 4))
    slopes = pos.new_empty((batch, height, width, 4 if sloped else 0))
    slots = int(spans[:, 1].sum())
    if slots == 0:
        return rast.zero_(), slopes.zero_()
    tiles = -(-width // deal.tile) * -(-height // deal.tile)
    lines = tri.new_empty((slots, 9), dtype=torch.int64)
    boxes = tri.new_empty((slots, 4))
    counts = tri.new_zeros((batch * tiles, deal.chunks))
    count_entries(
        flat, tri, spans, lines, boxes, counts, width, height, deal.chunks, deal.spread, deal.tile
    )
    ends = counts.view(-1).cumsum(dim=0)
    entries = tri.new_empty(int(ends[-1]))
    places = (ends - counts.view(-1)).to(torch.int32).view_as(counts)
    fill_entries(
        spans, lines, boxes, places, entries, width, height, deal.chunks, deal.spread, deal.tile
    )
    draw(
        flat, tri, spans, lines, boxes, places, entries, rast if below is None else below, rast,
        slopes, width, height, deal.groups, deal.spread, deal.tile, below is not None, sloped,
        runtime.real_of(pos),
    )  # fmt: skip
    return rast, slopes


def backward(
    g_rast: Tensor,
    g_slopes: Tensor,
    pos: Tensor,
    tri: Tensor,
    rast: Tensor,
    shared: bool,
    with_z: bool,
) -> Tensor:
    """Return the gradient to pos, as the reference does."""
    runtime.start(pos.device)
    if len(tri) == 0 or rast.numel() == 0 or pos.numel() == 0:
        return torch.zeros_like(pos)
    deal = _deal_for(pos.device)
    images, vertices = (1, len(pos)) if shared else (len(pos), pos.shape[1])
    fitting = 2 * rast.numel() // (4 * images * vertices)
    slabs = images * min(max(fitting, 2), deal.slabs)
    partial = pos.new_zeros((slabs, vertices, 4))
    pull_back(
        pos.view(-1, 4), tri, rast, g_rast, g_slopes, partial, slabs, 0 if shared else vertices,
        deal.spread, with_z, g_slopes.shape[-1] == 4, runtime.real_of(pos),
    )  # fmt: skip
    return partial.view(images, -1, *partial.shape[1:]).sum(dim=1).view_as(pos)
