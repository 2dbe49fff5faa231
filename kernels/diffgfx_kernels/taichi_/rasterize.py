"""Draw triangles tile by tile: each tile goes through its own list, and keeps what is nearest.

The image itself serves as the depth buffer. Gradients go to a fixed number of slabs, runs of rows
with vertices of their own, which are added in order: results do not depend on threads.
A GPU, which has more of these than there are tiles, draws by minima and adds whole numbers.
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.barycentric import centre, slopes_of
from diffgfx_kernels.taichi_.bins import count_entries, fill_entries
from diffgfx_kernels.taichi_.cover import corners_of, cover
from diffgfx_kernels.taichi_.draw_minima import draw_minima, most_slots
from diffgfx_kernels.taichi_.grid import many_threads
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.rasterize_adjoint import add_everywhere, pull_back

__all__ = ["backward", "forward"]

NOTHING = float(2**30)
"""A depth behind everything."""

MOST_ENTRIES = 2**16
"""Entries that lists may have, or eight a pixel if that is more."""

TILE = 32
"""Pixels along a side of a tile."""

CHUNKS = 16
"""Parts that the triangles of an image are sorted in."""

GROUPS = 64
"""Parts that tiles are dealt out in."""

MOST_SLABS = 16
"""Slabs that gradients of an image go to."""

SPREAD = 512
"""Loop items a part; see `grid`."""


@ti.func
def clear_tile(rast: ti.template(), first, x0, x1, y0, y1, width, real: ti.template()):
    """Let a tile see nothing; first: where its image starts."""
    for py in range(y0, y1):
        for at in range(first + 4 * (py * width + x0), first + 4 * (py * width + x1)):
            rast[at] = ti.select(at % 4 == 2, NOTHING, 0.0)


@ti.func
def keep_nearest(rast: ti.template(), labels: ti.template(), p, u, v, depth, t, second):
    """Let a pixel see a triangle that covers it, if that is nearest."""
    if depth < rast[4 * p + 2]:
        rast[4 * p] = u
        rast[4 * p + 1] = v
        rast[4 * p + 2] = depth
        rast[4 * p + 3] = 0.0 * u + (t + 1)


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
                x, y, _z, w = corners_of(pos, tri, base, t)
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
    fresh: int,
    last: int,
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
                if fresh == 1:
                    clear_tile(rast, first, x0, x1, y0, y1, width, real)
                start = 0
                if at > 0:
                    start = places[at * chunks - 1]
                for e in range(start, places[at * chunks + chunks - 1]):
                    slot = entries[e]
                    cover(
                        pos, tri, lines, below, rast, rast, keep_nearest, 0, first // 4,
                        spans[image, 3], slot, spans[image, 0] + slot - spans[image, 2],
                        ti.max(x0, boxes[4 * slot]), ti.min(x1, boxes[4 * slot + 1] + 1),
                        ti.max(y0, boxes[4 * slot + 2]), ti.min(y1, boxes[4 * slot + 3] + 1),
                        width, height, peel, real,
                    )  # fmt: skip
                if last == 1:
                    finish_tile(
                        pos, tri, rast, slopes, first, spans[image, 3], x0, x1, y0, y1, width,
                        height, sloped, real,
                    )  # fmt: skip


def _spans(pos: Tensor, tri: Tensor, ranges: Tensor | None) -> Tensor:
    """Return first triangle, count, first slot and first vertex of each image, on the CPU."""
    if ranges is None:
        batch, vertices = pos.shape[:2]
        image = torch.arange(batch, dtype=torch.int64)
        count = torch.full_like(image, len(tri))
        columns = [torch.zeros_like(image), count, len(tri) * image, vertices * image]
    else:
        start, count = ranges.long().unbind(dim=1)
        columns = [start, count, count.cumsum(dim=0) - count, torch.zeros_like(start)]
    return torch.stack(columns, dim=1).int()


class _Frame(NamedTuple):
    """What a draw reads and writes."""

    pos: Tensor
    tri: Tensor
    below: Tensor | None
    rast: Tensor
    slopes: Tensor

    @property
    def pixels(self) -> int:
        """Of all images together."""
        return self.rast.numel() // 4


def _halves(spans: Tensor) -> list[Tensor]:
    """Return the earlier and the later triangles of every image."""
    start, count, _, vertex = spans.unbind(dim=1)
    found = []
    for first, number in ((start, count // 2), (start + count // 2, count - count // 2)):
        offset = (number.cumsum(dim=0) - number).to(torch.int32)
        found.append(torch.stack([first, number, offset, vertex], dim=1))
    return found


def _paint(frame: _Frame, spans: Tensor, fresh: bool, last: bool) -> None:
    """Draw the triangles of spans over what has been drawn; in halves where lists get too long."""
    pos, tri, below, rast, slopes = frame
    height, width = rast.shape[1:3]
    slots = int(spans[:, 1].sum())
    alone = int(spans[:, 1].max()) < 2
    if slots > most_slots(frame.pixels) and not alone:
        for part, half in enumerate(_halves(spans)):
            _paint(frame, half, fresh and part == 0, last and part == 1)
        return
    tiles = -(-width // TILE) * -(-height // TILE)
    lines = tri.new_empty(9 * slots, dtype=torch.int64)
    boxes = tri.new_empty(4 * slots)
    counts = tri.new_zeros(len(spans) * tiles * CHUNKS)
    count_entries(
        pos.view(-1), tri.view(-1), spans, lines, boxes, counts, width, height, CHUNKS,
        SPREAD, TILE,
    )  # fmt: skip
    ends = counts.cumsum(dim=0)
    total = int(ends[-1])
    if total > max(MOST_ENTRIES, 8 * frame.pixels) and not alone:
        del lines, boxes
        for part, half in enumerate(_halves(spans)):
            _paint(frame, half, fresh and part == 0, last and part == 1)
        return
    entries = tri.new_empty(total)
    places = (ends - counts).to(torch.int32)
    fill_entries(
        spans, lines, boxes, places, entries, width, height, CHUNKS, SPREAD, TILE
    )
    draw(
        pos.view(-1), tri.view(-1), spans, lines, boxes, places, entries,
        (rast if below is None else below).view(-1), rast.view(-1), slopes.view(-1), width, height,
        fresh, last, CHUNKS, GROUPS, SPREAD, TILE, below is not None,
        slopes.shape[-1] == 4, runtime.real_of(pos),
    )  # fmt: skip


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
    spans = _spans(pos, tri, ranges)
    rast = pos.new_empty((len(spans), height, width, 4))
    slopes = pos.new_empty((len(spans), height, width, 4 if sloped else 0))
    if rast.numel() == 0 or int(spans[:, 1].sum()) == 0:
        return rast.zero_(), slopes.zero_()
    if many_threads(pos.device):
        draw_minima(pos, tri, spans, below, rast, slopes)
    else:
        _paint(_Frame(pos, tri, below, rast, slopes), spans, True, True)
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
    if many_threads(pos.device):
        return add_everywhere(g_rast, g_slopes, pos, tri, rast, shared, with_z)
    images, vertices = (1, len(pos)) if shared else (len(pos), pos.shape[1])
    fitting = 2 * rast.numel() // (4 * images * vertices)
    slabs = images * min(max(fitting, 2), MOST_SLABS)
    partial = pos.new_zeros((slabs, vertices, 4))
    pull_back(
        pos.view(-1), tri.view(-1), rast.view(-1), g_rast.view(-1), g_slopes.view(-1),
        partial.view(-1), len(rast) * rast.shape[1], rast.shape[2], rast.shape[1], slabs, vertices,
        0 if shared else vertices,
        SPREAD, with_z, g_slopes.shape[-1] == 4, runtime.real_of(pos),
    )  # fmt: skip
    return partial.view(images, -1, *partial.shape[1:]).sum(dim=1).view_as(pos)
