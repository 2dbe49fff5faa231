"""Antialias silhouettes: pairs of neighbours first, then the pixels that take part in any.

Pixels are dealt out in chunks. Each chunk lists the pairs between which an outline passes, in the
order of the pixels; what follows walks the lists only, as few pixels are on an outline (`shares`
says what is kept of a pair). A pixel of several pairs is written by the first of them. Gradients to
vertices are listed by pair too, sorted by vertex, and summed in order. Nothing is kept from the
forward pass.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for, many_threads, take
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.shares import (
    blended,
    given_gradient,
    leads,
    neighbours,
    share_gradient,
)
from diffgfx_kernels.taichi_.silhouette import (
    SCREEN_SIZE,
    corner_of,
    find_crossing,
    find_outlines,
    project,
)
from diffgfx_kernels.taichi_.silhouette_adjoint import (
    add_by_vertex,
    crossing_gradient,
    store_gradient,
    store_keys,
)

__all__ = ["backward", "forward"]

FEW = 8
"""Pixels of a chunk where there are threads by the thousand."""


@kernel
def find_edges(
    pos: ti.types.ndarray(ndim=3),
    tri: ti.types.ndarray(ndim=2),
    edges: ti.types.ndarray(ndim=2),
    screen: ti.types.ndarray(ndim=3),
    outlines: ti.types.ndarray(ndim=2),
    width: int,
    height: int,
    real: ti.template(),
    bounded: ti.template(),
):
    wide, high = 0.5 * ti.cast(width, real), 0.5 * ti.cast(height, real)
    for i in range(pos.shape[0] * pos.shape[1]):
        project(pos, screen, i // pos.shape[1], i % pos.shape[1], wide, high, bounded)
    for i in range(pos.shape[0] * tri.shape[0]):
        p, t = i // tri.shape[0], i % tri.shape[0]
        outlines[p, t] = find_outlines(screen, tri, edges, p, t, bounded)


@ti.func
def pair_share(
    rast: ti.template(), screen: ti.template(), tri: ti.template(), edges: ti.template(),
    outlines: ti.template(), first, second, x, y, p, upward: ti.template(), bounded: ti.template(),
):  # fmt: skip
    """Return the edge that passes between two pixels, 0 if none, and the share of it.

    x and y are the first pixel's centre from the middle of the image, and p is whose vertices. The
    edge is below zero if the surface is followed from the second pixel.
    """
    edge, alpha = 0, 0.0 * x
    one, other = ti.cast(rast[first, 3], ti.i32) - 1, ti.cast(rast[second, 3], ti.i32) - 1
    own = other < 0 or (one >= 0 and rast[first, 2] < rast[second, 2])
    t, beyond = other, one
    if own:
        t, beyond = one, other
    looked = t >= 0
    if ti.static(not bounded):
        looked = t >= 0 and outlines[p, t] != 0
    if looked:
        sign = 0.0 * x + 1.0
        if not own:
            sign = -sign
            if ti.static(upward):
                y += 1.0
            else:
                x += 1.0
        found, way = find_crossing(
            screen, tri, edges, outlines, p, t, beyond, x, y, upward, sign, bounded
        )
        if found > 0:
            edge, alpha = ti.select(own, found, -found), sign * (0.5 - way)
    return edge, alpha


@kernel
def find_pairs(
    rast: ti.types.ndarray(ndim=2),
    tri: ti.types.ndarray(ndim=2),
    screen: ti.types.ndarray(ndim=3),
    edges: ti.types.ndarray(ndim=2),
    outlines: ti.types.ndarray(ndim=2),
    cut: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    listed: ti.types.ndarray(ndim=1),
    counts: ti.types.ndarray(ndim=1),
    width: int,
    height: int,
    chunks: int,
    spread: int,
    real: ti.template(),
    bounded: ti.template(),
):
    pixels = rast.shape[0]
    wide, high = 0.5 * ti.cast(width - 1, real), 0.5 * ti.cast(height - 1, real)
    for item in range(chunks * spread):
        if item % spread == 0:
            chunk = item // spread
            start, stop = take(chunk, chunks, pixels)
            count = 0
            for line in range(start // width, (stop + width - 1) // width):
                p, row = line // height % screen.shape[0], line % height
                y, end = row - high, line * width + width - 1
                for i in range(ti.max(start, end + 1 - width), ti.min(stop, end + 1)):
                    here = rast[i, 3]
                    x = i - end + wide
                    if i < end and rast[i + 1, 3] != here:
                        edge, alpha = pair_share(
                            rast, screen, tri, edges, outlines, i, i + 1, x, y, p, False, bounded
                        )
                        if edge != 0:
                            cut[0, i], share[0, i] = edge, alpha
                            listed[2 * start + count] = i
                            count += 1
                    if row + 1 < height and rast[i + width, 3] != here:
                        edge, alpha = pair_share(
                            rast, screen, tri, edges, outlines, i, i + width, x, y, p, True, bounded
                        )
                        if edge != 0:
                            cut[1, i], share[1, i] = edge, alpha
                            listed[2 * start + count] = i + pixels
                            count += 1
            counts[chunk] = count


@ti.func
def centre_of(i, size: ti.template(), one):
    """A pixel's centre from the middle of its image; ``one`` gives the type."""
    x = 0.5 * one * (2 * (i % size[0]) + 1 - size[0])
    y = 0.5 * one * (2 * (i // size[0] % size[1]) + 1 - size[1])
    return x, y


@ti.func
def ends_of(place, pixels, width):
    """Which way a listed pair goes, 0 rightward or 1 upward, and its two pixels."""
    way = place // pixels
    first = place % pixels
    second = first + 1
    if way == 1:
        second = first + width
    return way, first, second


@kernel
def blend(
    source: ti.types.ndarray(ndim=2),
    cut: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    listed: ti.types.ndarray(ndim=1),
    counts: ti.types.ndarray(ndim=1),
    out: ti.types.ndarray(ndim=2),
    width: int,
    chunks: int,
    spread: int,
    real: ti.template(),
    graded: ti.template(),
    bounded: ti.template(),
):
    pixels = out.shape[0]
    one = ti.cast(1.0, real)
    for item in range(chunks * spread):
        if item % spread == 0:
            start, _ = take(item // spread, chunks, pixels)
            for n in range(counts[item // spread]):
                way, first, second = ends_of(listed[2 * start + n], pixels, width)
                for end in range(2):
                    i, slot = first, 2 * way + end
                    if end == 1:
                        i = second
                    near = neighbours(i, pixels, width)
                    if leads(cut, i, near, slot):
                        if ti.static(graded):
                            given_gradient(source, cut, share, out, i, near, width, one, bounded)
                        else:
                            blended(source, cut, share, out, i, near, one, bounded)


@kernel
def pair_gradients(
    g_out: ti.types.ndarray(ndim=2),
    color: ti.types.ndarray(ndim=2),
    tri: ti.types.ndarray(ndim=2),
    screen: ti.types.ndarray(ndim=3),
    cut: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    listed: ti.types.ndarray(ndim=1),
    counts: ti.types.ndarray(ndim=1),
    begins: ti.types.ndarray(ndim=1),
    keys: ti.types.ndarray(ndim=1),
    values: ti.types.ndarray(ndim=2),
    width: int,
    height: int,
    chunks: int,
    spread: int,
    real: ti.template(),
    bounded: ti.template(),
):
    pixels = color.shape[0]
    size = ti.Vector([width, height])
    for item in range(chunks * spread):
        if item % spread == 0:
            chunk = item // spread
            start, _ = take(chunk, chunks, pixels)
            for n in range(counts[chunk]):
                way, first, second = ends_of(listed[2 * start + n], pixels, width)
                edge, alpha = ti.abs(cut[way, first]) - 1, share[way, first]
                one = ti.cast(1.0, real)
                taker, slot, turn = second, 2 * way + 1, one
                if alpha > 0:
                    taker, slot, turn = first, 2 * way, -one
                g = 0.0 * one
                if ti.static(bounded) or ti.abs(alpha) < 0.5:
                    g = turn * share_gradient(
                        g_out, color, cut, share, taker, slot, width, one, bounded
                    )
                own = first
                if cut[way, first] < 0:
                    own = second
                p, k = own // (width * height) % screen.shape[0], edge % 3
                x, y = centre_of(own, size, one)
                t = edge // 3
                v, u = tri[t, (k + 1) % 3], tri[t, (k + 2) % 3]
                a = corner_of(screen, p, v, x, y, way == 1)
                b = corner_of(screen, p, u, x, y, way == 1)
                slope_a, slope_b = crossing_gradient(a, b, bounded)
                to = 2 * (begins[chunk] + n)
                store_keys(keys, to, p * screen.shape[1], v, u)
                store_gradient(values, screen, p, v, to, g * slope_a, x, y, size, way == 1)
                store_gradient(values, screen, p, u, to + 1, g * slope_b, x, y, size, way == 1)


class _Pairs:
    """The pairs between which an outline passes; see the module."""

    def __init__(
        self, rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, bounded: bool
    ) -> None:
        _, height, width, _ = rast.shape
        flat = rast.view(-1, 4)
        grid, many = grid_for(pos.device), many_threads(pos.device)
        self.deal = (-(-len(flat) // FEW) if many else grid.chunks, grid.spread)
        self.screen = pos.new_empty((*pos.shape[:2], SCREEN_SIZE))
        self.cut = tri.new_zeros((2, len(flat)))
        self.share = pos.new_empty((2, len(flat)))
        chunks = self.deal[0]
        self.listed = tri.new_empty(2 * -(-len(flat) // chunks) * chunks)
        self.counts = tri.new_empty(chunks)
        outlines = tri.new_empty((pos.shape[0], tri.shape[0]))
        real = runtime.real_of(pos)
        find_edges(pos, tri, edges, self.screen, outlines, width, height, real, bounded)
        find_pairs(
            flat, tri, self.screen, edges, outlines, self.cut, self.share, self.listed, self.counts,
            width, height, *self.deal, real, bounded,
        )  # fmt: skip

    def blend(self, source: Tensor, out: Tensor, graded: bool, bounded: bool) -> None:
        """Write the pixels of a picture that take part, or the gradient to them."""
        channels = source.shape[3]
        blend(
            source.view(-1, channels), self.cut, self.share, self.listed, self.counts,
            out.view(-1, channels), source.shape[2], *self.deal, runtime.real_of(source),
            graded, bounded,
        )  # fmt: skip


def forward(
    color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, bounded: bool
) -> Tensor:
    """Return the picture, shape (B, H, W, C)."""
    runtime.start(color.device)
    out = color.clone()
    if color.numel() and len(tri):
        _Pairs(rast, pos, tri, edges, bounded).blend(color, out, False, bounded)
    return out


def backward(
    g_out: Tensor,
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    edges: Tensor,
    bounded: bool,
    moved: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to the colours and (zero unless ``moved``) to the positions."""
    runtime.start(color.device)
    g_color, g_pos = g_out.clone(), torch.zeros_like(pos)
    if color.numel() == 0 or len(tri) == 0:
        return g_color, g_pos
    _, height, width, channels = color.shape
    pairs = _Pairs(rast, pos, tri, edges, bounded)
    pairs.blend(g_out, g_color, True, bounded)
    ends = pairs.counts.cumsum(0, dtype=torch.int32)
    count = 2 * int(ends[-1])
    if moved and count:
        keys, values = tri.new_empty(count), pos.new_empty((count, 3))
        pair_gradients(
            g_out.view(-1, channels), color.view(-1, channels), tri, pairs.screen, pairs.cut,
            pairs.share, pairs.listed, pairs.counts, ends - pairs.counts,
            keys, values, width, height, *pairs.deal, runtime.real_of(pos), bounded,
        )  # fmt: skip
        ordered, order = torch.sort(keys, stable=True)
        add_by_vertex(ordered, order, values, g_pos.view(-1, 4))
    return g_color, g_pos
