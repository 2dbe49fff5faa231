"""Draw triangles block by block, for the many threads of a GPU: minima do not depend on order.

The box of every triangle is cut into blocks, and threads take blocks in turn. All are drawn twice:
first each pixel finds the least depth, then the least triangle at that depth. Depths are whole
numbers in the order of the reals that they are, so that the second time finds exactly what the
first one left.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.barycentric import centre, slopes_of, weights_of
from diffgfx_kernels.taichi_.bins import set_up, touches
from diffgfx_kernels.taichi_.cover import corners_of, cover
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["draw_minima", "most_slots"]

BLOCK = 8
"""Pixels along a side of a block."""

THREADS = 1 << 17
"""That blocks are dealt out to, in turn."""

MOST_SLOTS = 2**19
"""Triangles that may be set up at a time, or half as many as pixels if that is more."""

MOST_LINES = (2**31 - 1) // 9
"""Triangles whose lines, nine numbers each, can be counted in 32 bits."""

NOTHING = 2**63 - 1
"""A depth behind everything, as a whole number."""

NOBODY = 2**31 - 1
"""A triangle after all others."""


@ti.func
def ordered(bits):
    """A real number's bits as a whole number in the order of the reals, and back again."""
    return ti.select(bits < 0, bits ^ ti.i64(NOTHING), bits)


@ti.func
def key_of(depth):
    """A depth as a whole number; both zeros are one."""
    wide = ti.cast(depth, ti.f64)
    bits = ti.bit_cast(wide, ti.i64)
    return ti.select(wide == 0.0, ti.cast(0, ti.i64), ordered(bits))


@ti.func
def keep_least(depths: ti.template(), labels: ti.template(), p, u, v, depth, t, second):
    """Let a pixel's depth be this one at most; the second time, the triangle that has it."""
    key = key_of(depth)
    if second == 0:
        if key < depths[p]:
            ti.atomic_min(depths[p], key)
    elif key == depths[p]:
        ti.atomic_min(labels[p], t)


@ti.func
def last_not_above(values: ti.template(), count, wanted):
    """The last of ascending numbers, the first being 0, that is not above a number from 0 on."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        if values[middle] <= wanted:
            low = middle
        else:
            high = middle
    return low


@kernel
def set_up_all(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    spans: ti.types.ndarray(ndim=2),
    offsets: ti.types.ndarray(ndim=1),
    lines: ti.types.ndarray(ndim=1),
    boxes: ti.types.ndarray(ndim=1),
    images: ti.types.ndarray(ndim=1),
    blocks: ti.types.ndarray(ndim=1),
    slots: int,
    width: int,
    height: int,
):
    """Set every triangle up, and count its blocks, which come after its own place."""
    for slot in range(slots):
        image = last_not_above(offsets, spans.shape[0], slot)
        t = spans[image, 0] + slot - spans[image, 2]
        count = ti.cast(0, ti.i64)
        if set_up(pos, tri, lines, boxes, spans[image, 3], t, slot, width, height):
            columns = boxes[4 * slot + 1] // BLOCK - boxes[4 * slot] // BLOCK + 1
            rows = boxes[4 * slot + 3] // BLOCK - boxes[4 * slot + 2] // BLOCK + 1
            count = ti.cast(columns, ti.i64) * rows
        images[slot] = image
        blocks[slot + 1] = count


@kernel
def draw_blocks(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    spans: ti.types.ndarray(ndim=2),
    lines: ti.types.ndarray(ndim=1),
    boxes: ti.types.ndarray(ndim=1),
    images: ti.types.ndarray(ndim=1),
    starts: ti.types.ndarray(ndim=1),
    below: ti.types.ndarray(ndim=1),
    depths: ti.types.ndarray(ndim=1),
    labels: ti.types.ndarray(ndim=1),
    slots: int,
    width: int,
    height: int,
    second: int,
    threads: int,
    peel: ti.template(),
    real: ti.template(),
):
    """Draw all blocks once: for depths, or the second time for who has them."""
    for thread in range(threads):
        at = ti.cast(thread, ti.i64)
        while at < starts[slots]:
            slot = last_not_above(starts, slots, at)
            image, n = images[slot], ti.cast(at - starts[slot], ti.i32)
            left, right = boxes[4 * slot], boxes[4 * slot + 1]
            low, high = boxes[4 * slot + 2], boxes[4 * slot + 3]
            columns = right // BLOCK - left // BLOCK + 1
            column, row = left // BLOCK + n % columns, low // BLOCK + n // columns
            several = right // BLOCK > left // BLOCK and high // BLOCK > low // BLOCK
            if touches(lines, slot, column, row, several, BLOCK):
                x0, y0 = ti.max(left, column * BLOCK), ti.max(low, row * BLOCK)
                x1 = ti.min(right + 1, column * BLOCK + BLOCK)
                y1 = ti.min(high + 1, row * BLOCK + BLOCK)
                cover(
                    pos, tri, lines, below, depths, labels, keep_least, second,
                    image * width * height, spans[image, 3], slot,
                    spans[image, 0] + slot - spans[image, 2], x0, x1, y0, y1, width, height, peel,
                    real,
                )  # fmt: skip
            at += threads


@kernel
def show(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    spans: ti.types.ndarray(ndim=2),
    depths: ti.types.ndarray(ndim=1),
    labels: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    slopes: ti.types.ndarray(ndim=1),
    pixels: int,
    width: int,
    height: int,
    sloped: ti.template(),
    real: ti.template(),
):
    """Write what every pixel sees."""
    for p in range(pixels):
        t = labels[p]
        seen, found = ti.Vector.zero(real, 4), ti.Vector.zero(real, 4)
        if t != NOBODY:
            fx, fy = centre(p % width, width, real), centre(p // width % height, height, real)
            x, y, _z, w = corners_of(pos, tri, spans[p // width // height, 3], t)
            seen[0], seen[1] = weights_of(x, y, w, fx, fy, real)
            seen[2] = ti.cast(ti.bit_cast(ordered(depths[p]), ti.f64), real)
            seen[3] = ti.cast(t + 1, real)
            if ti.static(sloped):
                across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
                found = slopes_of(x, y, w, fx, fy, across, up, real)
        for c in ti.static(range(4)):
            rast[4 * p + c] = seen[c]
            if ti.static(sloped):
                slopes[4 * p + c] = found[c]


def most_slots(pixels: int) -> int:
    """Return how many triangles may be set up at a time for so many pixels."""
    return min(max(MOST_SLOTS, pixels // 2), MOST_LINES)


def _parts(spans: Tensor, most: int) -> list[Tensor]:
    """Return spans, int32 (B, 4), that have few enough triangles each, and together all."""
    found, rest = [], spans
    while int(rest[:, 1].sum()) > most:
        before = rest[:, 1].cumsum(0) - rest[:, 1]  # 64 bits: all images may have more than 2^31
        taken = (most - before).clamp(min=0).minimum(rest[:, 1].long()).int()
        offset = before.clamp(max=most).int()
        found.append(torch.stack([rest[:, 0], taken, offset, rest[:, 3]], dim=1))
        left = rest[:, 1] - taken
        offset = (left.cumsum(0) - left).int()
        rest = torch.stack([rest[:, 0] + taken, left, offset, rest[:, 3]], dim=1)
    return [*found, rest]


def draw_minima(
    pos: Tensor, tri: Tensor, spans: Tensor, below: Tensor | None, rast: Tensor, slopes: Tensor
) -> None:
    """Fill rast and slopes, as the reference does.

    Args:
        pos: Vertices of all images, (B, V, 4), or (V, 4) of each.
        tri: Triangles, (T, 3).
        spans: First triangle, count, first slot and first vertex of each image, int32 (B, 4), on
            the CPU.
        below: What to draw beneath, (B, H, W, 4), if anything.
        rast: (B, H, W, 4).
        slopes: (B, H, W, 4), or of no channels.
    """
    device, pixels = pos.device, rast.numel() // 4
    height, width = rast.shape[1:3]
    depths = torch.full((pixels,), NOTHING, dtype=torch.int64, device=device)
    labels = torch.full((pixels,), NOBODY, dtype=torch.int32, device=device)
    parts = _parts(spans, most_slots(pixels))
    slots = int(parts[0][:, 1].sum())
    lines = torch.empty(9 * slots, dtype=torch.int64, device=device)
    boxes, images = tri.new_empty(4 * slots), tri.new_empty(slots)
    blocks = torch.zeros(slots + 1, dtype=torch.int64, device=device)
    for second in (0, 1):
        for part in parts:
            count, there = int(part[:, 1].sum()), part.to(device)
            if second == 0 or len(parts) > 1:
                set_up_all(
                    pos.view(-1), tri.view(-1), there, there[:, 2].contiguous(), lines, boxes,
                    images, blocks, count, width, height,
                )  # fmt: skip
                starts = blocks[: count + 1].cumsum(0)
            draw_blocks(
                pos.view(-1), tri.view(-1), there, lines, boxes, images, starts,
                (rast if below is None else below).view(-1), depths, labels, count, width, height,
                second, THREADS, below is not None, runtime.real_of(pos),
            )  # fmt: skip
    show(
        pos.view(-1), tri.view(-1), there, depths, labels, rast.view(-1), slopes.view(-1), pixels,
        width, height, slopes.shape[-1] == 4, runtime.real_of(pos),
    )  # fmt: skip
