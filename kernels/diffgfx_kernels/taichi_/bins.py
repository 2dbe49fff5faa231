"""Triangles sorted into the tiles of images that they may touch, in order, without atomics.

Triangles are dealt out in chunks of consecutive ones. Each chunk counts for each tile what it will
put there; running sums over tiles, and over the chunks in a tile, say where; and each chunk fills
its places. A tile's list is therefore in the order of the triangles, whoever wrote it.
"""

import taichi as ti

from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.side_lines import best_in, may_be_seen, side_lines

__all__ = ["count_entries", "fill_entries"]


@ti.func
def set_up(
    pos: ti.template(), tri: ti.template(), lines: ti.template(), boxes: ti.template(),
    base, t, slot, width, height,
):  # fmt: skip
    """Find the lines and the box of a triangle; return whether it may cover a centre."""
    c = ti.Matrix.zero(ti.f64, 4, 3)
    for k in ti.static(range(3)):
        vertex = base + tri[3 * t + k]
        for i in ti.static(range(4)):
            c[i, k] = ti.cast(pos[4 * vertex + i], ti.f64)
    drawn = False
    x = ti.Vector([c[0, 0], c[0, 1], c[0, 2]])
    y = ti.Vector([c[1, 0], c[1, 1], c[1, 2]])
    z = ti.Vector([c[2, 0], c[2, 1], c[2, 2]])
    w = ti.Vector([c[3, 0], c[3, 1], c[3, 2]])
    boxes[4 * slot + 1] = -1  # no columns, no rows
    boxes[4 * slot + 3] = -1
    boxes[4 * slot] = 0
    boxes[4 * slot + 2] = 0
    if may_be_seen(x, y, z, w):
        found, box, drawn = side_lines(x, y, w, width, height)
        if drawn:
            for i in ti.static(range(4)):
                boxes[4 * slot + i] = box[i]
            for k in ti.static(range(3)):
                for i in ti.static(range(3)):
                    lines[9 * slot + 3 * k + i] = found[k, i]
    return drawn


@ti.func
def touches(lines: ti.template(), slot, column, row, several, tile: ti.template()):
    """Whether a triangle may cover a centre in a tile of its box."""
    found = True
    if several:
        for k in ti.static(range(3)):
            found = found and best_in(lines, slot, k, column * tile, row * tile, tile) >= 0
    return found


@kernel
def count_entries(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    spans: ti.types.ndarray(ndim=2),
    lines: ti.types.ndarray(ndim=1),
    boxes: ti.types.ndarray(ndim=1),
    counts: ti.types.ndarray(ndim=1),
    width: int,
    height: int,
    chunks: int,
    spread: int,
    tile: ti.template(),
):
    """Set every triangle up, and count each chunk's entries in each tile."""
    columns = (width + tile - 1) // tile
    tiles = columns * ((height + tile - 1) // tile)
    for item in range(spans.shape[0] * chunks * spread):
        if item % spread == 0:
            image, chunk = item // spread // chunks, item // spread % chunks
            share = (spans[image, 1] + chunks - 1) // chunks
            for i in range(chunk * share, ti.min((chunk + 1) * share, spans[image, 1])):
                slot = spans[image, 2] + i
                t = spans[image, 0] + i
                if set_up(pos, tri, lines, boxes, spans[image, 3], t, slot, width, height):
                    c0, c1 = boxes[4 * slot] // tile, boxes[4 * slot + 1] // tile
                    r0, r1 = boxes[4 * slot + 2] // tile, boxes[4 * slot + 3] // tile
                    several = c1 > c0 and r1 > r0
                    for row in range(r0, r1 + 1):
                        for column in range(c0, c1 + 1):
                            if touches(lines, slot, column, row, several, tile):
                                at = image * tiles + row * columns + column
                                counts[at * chunks + chunk] = counts[at * chunks + chunk] + 1


@kernel
def fill_entries(
    spans: ti.types.ndarray(ndim=2),
    lines: ti.types.ndarray(ndim=1),
    boxes: ti.types.ndarray(ndim=1),
    places: ti.types.ndarray(ndim=1),
    entries: ti.types.ndarray(ndim=1),
    width: int,
    height: int,
    chunks: int,
    spread: int,
    tile: ti.template(),
):
    """Write each chunk's entries; places move from where they start to where they end."""
    columns = (width + tile - 1) // tile
    tiles = columns * ((height + tile - 1) // tile)
    for item in range(spans.shape[0] * chunks * spread):
        if item % spread == 0:
            image, chunk = item // spread // chunks, item // spread % chunks
            share = (spans[image, 1] + chunks - 1) // chunks
            for i in range(chunk * share, ti.min((chunk + 1) * share, spans[image, 1])):
                slot = spans[image, 2] + i
                c0, c1 = boxes[4 * slot] // tile, boxes[4 * slot + 1] // tile
                r0, r1 = boxes[4 * slot + 2] // tile, boxes[4 * slot + 3] // tile
                several = c1 > c0 and r1 > r0
                for row in range(r0, r1 + 1):
                    for column in range(c0, c1 + 1):
                        if touches(lines, slot, column, row, several, tile):
                            at = image * tiles + row * columns + column
                            entries[places[at * chunks + chunk]] = slot
                            places[at * chunks + chunk] = places[at * chunks + chunk] + 1
