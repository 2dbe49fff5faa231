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
def corner_row(pos: ti.template(), i, j, k, c: ti.template()):
    """One coordinate of three vertices, given where these start."""
    return ti.Vector([pos[i + c], pos[j + c], pos[k + c]])


@ti.func
def centre(p, pixels, real: ti.template()):
    """Where a pixel's centre is, from -1 to 1."""
    return ti.cast(2 * p + 1, real) / ti.cast(pixels, real) - 1.0


@ti.func
def clear_tile(rast: ti.template(), first, x0, x1, y0, y1, width, real: ti.template()):
    """Let a tile see nothing; first: where its image starts."""
    for py in range(y0, y1):
        for at in range(first + 4 * (py * width + x0), first + 4 * (py * width + x1)):
            rast[at] = ti.select(at % 4 == 2, NOTHING, 0.0)


@ti.func
def see(
    rast: ti.template(), below: ti.template(), at, x, y, z, w, fx, fy, label,
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
            deep = below[at + 3] > 0.0 and depth > below[at + 2]
        if deep and depth < rast[at + 2]:
            rast[at] = u
            rast[at + 1] = v
            rast[at + 2] = depth
            rast[at + 3] = label


@ti.func
def draw_triangle(
    pos: ti.template(), tri: ti.template(), lines: ti.template(), below: ti.template(),
    rast: ti.template(), first, base, slot, t, x0, x1, y0, y1, width, height,
    peel: ti.template(), real: ti.template(),
):  # fmt: skip
    """Draw a triangle into a rectangle of pixels; first: where its image starts."""
    i, j, k = 4 * (base + tri[3 * t]), 4 * (base + tri[3 * t + 1]), 4 * (base + tri[3 * t + 2])
    x, y = corner_row(pos, i, j, k, 0), corner_row(pos, i, j, k, 1)
    z, w = corner_row(pos, i, j, k, 2), corner_row(pos, i, j, k, 3)
    label = ti.cast(t + 1, real)
    r0, r1, r2 = (lines[9 * slot], lines[9 * slot + 3], lines[9 * slot + 6])
    u0, u1, u2 = (lines[9 * slot + 1], lines[9 * slot + 4], lines[9 * slot + 7])
    a0 = value_at(lines, slot, 0, x0, y0)
    a1 = value_at(lines, slot, 1, x0, y0)
    a2 = value_at(lines, slot, 2, x0, y0)
    for py in range(y0, y1):
        fy = centre(py, height, real)
        b0, b1, b2 = a0, a1, a2
        for px in range(x0, x1):
            if (b0 | b1 | b2) >= 0:
                see(
                    rast, below, first + 4 * (py * width + px), x, y, z, w,
                    centre(px, width, real), fy, label, peel, real,
                )  # fmt: skip
            b0 += r0 * SUBPIXELS
            b1 += r1 * SUBPIXELS
            b2 += r2 * SUBPIXELS
        a0 += u0 * SUBPIXELS
        a1 += u1 * SUBPIXELS
        a2 += u2 * SUBPIXELS


@ti.func
def finish_tile(
    pos: ti.template(), tri: ti.template(), rast: ti.template(), slopes: ti.template(), first,
    base, x0, x1, y0, y1, width, height, sloped: ti.template(), real: ti.template(),
):  # fmt: skip
    """Empty the pixels that see nothing, and find slopes for the others."""
    across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
    for py in range(y0, y1):
        fy = centre(py, height, real)
        for px in range(x0, x1):
            at = first + 4 * (py * width + px)
            t = ti.cast(rast[at + 3], ti.i32) - 1
            found = ti.Vector.zero(real, 4)
            if t < 0:
                rast[at + 2] = 0.0
            elif ti.static(sloped):
                i, j, k = tri[3 * t], tri[3 * t + 1], tri[3 * t + 2]
                i, j, k = 4 * (base + i), 4 * (base + j), 4 * (base + k)
                x, y = corner_row(pos, i, j, k, 0), corner_row(pos, i, j, k, 1)
                w = corner_row(pos, i, j, k, 3)
                found = slopes_of(x, y, w, centre(px, width, real), fy, across, up, real)
            if ti.static(sloped):
                for c in ti.static(range(4)):
                    slopes[at + c] = found[c]


@kernel
def draw(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    spans: ti.types.ndarray(ndim=2),
    lines: ti.types.ndarray(ndim=1),
    boxes: ti.types.ndarray(ndim=1),
    places: ti.types.ndarray(ndim=1),
    entries: ti.types.ndarray(ndim=1),
    below: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    slopes: ti.types.ndarray(ndim=1),
    width: int,
    height: int,
    chunks: int,
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
                first = 4 * image * width * height
                x0, y0 = at % tiles % columns * tile, at % tiles // columns * tile
                x1, y1 = ti.min(x0 + tile, width), ti.min(y0 + tile, height)
                clear_tile(rast, first, x0, x1, y0, y1, width, real)
                start = 0
                if at > 0:
                    start = places[at * chunks - 1]
                for e in range(start, places[at * chunks + chunks - 1]):
                    slot = entries[e]
                    draw_triangle(
                        pos, tri, lines, below, rast, first, spans[image, 3], slot,
                        spans[image, 0] + slot - spans[image, 2],
                        ti.max(x0, boxes[4 * slot]), ti.min(x1, boxes[4 * slot + 1] + 1),
                        ti.max(y0, boxes[4 * slot + 2]), ti.min(y1, boxes[4 * slot + 3] + 1),
                        width, height, peel, real,
                    )  # fmt: skip
                finish_tile(
                    pos, tri, rast, slopes, first, spans[image, 3], x0, x1, y0, y1, width, height,
                    sloped, real,
                )  # fmt: skip


@ti.func
def add_run(partial: ti.template(), tri: ti.template(), first, t, sums):
    """Add the gradients of a run of pixels to the corners of the triangle that they see."""
    if t >= 0:
        for k in ti.static(range(3)):
            at = first + 4 * tri[3 * t + k]
            for c in ti.static(range(4)):
                partial[at + c] += sums[c, k]


@ti.func
def share_of(rows, slab, slabs):
    """The first row of a slab."""
    return ti.cast(ti.cast(rows, ti.i64) * slab // slabs, ti.i32)


@kernel
def pull_back(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    g_rast: ti.types.ndarray(ndim=1),
    g_slopes: ti.types.ndarray(ndim=1),
    partial: ti.types.ndarray(ndim=1),
    images: int,
    width: int,
    height: int,
    slabs: int,
    vertices: int,
    step: int,
    spread: int,
    with_z: ti.template(),
    sloped: ti.template(),
    real: ti.template(),
):
    """Add what every row of images sends back to its slab; step: vertices from image to image."""
    for item in range(slabs * spread):
        if item % spread == 0:
            slab = item // spread
            rows = images * height
            across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
            for line in range(share_of(rows, slab, slabs), share_of(rows, slab + 1, slabs)):
                base = line // height * step
                fy = centre(line % height, height, real)
                last = -1
                sums = ti.Matrix.zero(real, 4, 3)
                x, y = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                z, w = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                for px in range(width):
                    at = 4 * (line * width + px)
                    t = ti.cast(rast[at + 3], ti.i32) - 1
                    if t != last:
                        add_run(partial, tri, 4 * vertices * slab, last, sums)
                        last = t
                        sums = ti.Matrix.zero(real, 4, 3)
                        if t >= 0:
                            i, j, k = tri[3 * t], tri[3 * t + 1], tri[3 * t + 2]
                            i, j, k = 4 * (base + i), 4 * (base + j), 4 * (base + k)
                            x = corner_row(pos, i, j, k, 0)
                            y = corner_row(pos, i, j, k, 1)
                            z = corner_row(pos, i, j, k, 2)
                            w = corner_row(pos, i, j, k, 3)
                    if t >= 0:
                        g = ti.Vector([g_rast[at], g_rast[at + 1], g_rast[at + 2]])
                        g_more = ti.Vector.zero(real, 4)
                        if ti.static(sloped):
                            for c in ti.static(range(4)):
                                g_more[c] = g_slopes[at + c]
                        g_x, g_y, g_z, g_w = seen_gradient(
                            x, y, z, w, centre(px, width, real), fy, across, up, g, g_more,
                            with_z, sloped, real,
                        )  # fmt: skip
                        for k in ti.static(range(3)):
                            sums[0, k] += g_x[k]
                            sums[1, k] += g_y[k]
                            sums[2, k] += g_z[k]
                            sums[3, k] += g_w[k]
                add_run(partial, tri, 4 * vertices * slab, last, sums)


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
    batch = len(spans)
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
        pos.view(-1),
        tri.view(-1),
        spans,
        lines.view(-1),
        boxes.view(-1),
        counts.view(-1),
        width,
        height,
        deal.chunks,
        deal.spread,
        deal.tile,
    )
    ends = counts.view(-1).cumsum(dim=0)
    entries = tri.new_empty(int(ends[-1]))
    places = (ends - counts.view(-1)).to(torch.int32).view_as(counts)
    fill_entries(
        spans,
        lines.view(-1),
        boxes.view(-1),
        places.view(-1),
        entries,
        width,
        height,
        deal.chunks,
        deal.spread,
        deal.tile,
    )
    draw(
        pos.view(-1), tri.view(-1), spans, lines.view(-1), boxes.view(-1), places.view(-1), entries,
        (rast if below is None else below).view(-1), rast.view(-1), slopes.view(-1), width, height,
        deal.chunks, deal.groups, deal.spread, deal.tile, below is not None, sloped,
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
        pos.view(-1), tri.view(-1), rast.view(-1), g_rast.view(-1), g_slopes.view(-1),
        partial.view(-1), len(rast), rast.shape[2], rast.shape[1], slabs, vertices,
        0 if shared else vertices,
        deal.spread, with_z, g_slopes.shape[-1] == 4, runtime.real_of(pos),
    )  # fmt: skip
    return partial.view(images, -1, *partial.shape[1:]).sum(dim=1).view_as(pos)
