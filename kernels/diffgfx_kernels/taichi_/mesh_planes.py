"""Copies between the planes of an image and the rows of a tile, where pixels are shown.

A tile is cut to the span from its first shown pixel to its last, in whole vectors of 8 lanes; what
lies outside is set to zero where it is stored. Inside the span, hidden pixels are loaded as zeros,
whatever they hold: they have no normal, so that no light reaches them, and no gradient.
"""

import taichi as ti

from diffgfx_kernels.taichi_.grid import rolled, run_start

__all__ = ["blank", "load_rows", "span", "store_rows"]

VECTOR = 8


@ti.func
def span(mask: ti.template(), start, lanes, width: ti.template(), mode: ti.template()):
    """The first shown lane and the count up to the last, in whole vectors; 0 if all are hidden.

    The bound on the count changes nothing. It lets the compiler see that lanes stand side by side
    in memory (`grid.run_start`).
    """
    low, high = 0, lanes
    if ti.static(mode.masked):
        low, high = lanes, 0
        for j in range(lanes):
            shown = mask[start + j] != 0
            low = ti.min(low, ti.select(shown, j, lanes))
            high = ti.max(high, ti.select(shown, j + 1, 0))
        low = low // VECTOR * VECTOR
        high = ti.min((high + VECTOR - 1) // VECTOR * VECTOR, lanes)
    return low, ti.min(ti.max(high - low, 0), width)


@ti.func
def load_rows(
    tile: ti.template(),
    row: ti.template(),
    source: ti.template(),
    plane,
    planes: ti.template(),
    mask: ti.template(),
    shown,
    first,
    lanes,
    pixels,
    mode: ti.template(),
):
    """Copy consecutive planes of an image to consecutive rows of a tile."""
    for c in range(rolled(planes, lanes)):
        start = run_start(plane + c, pixels, first)
        for j in range(lanes):
            value = source[start + j]
            if ti.static(mode.masked):
                value = ti.select(mask[shown + j] != 0, value, 0.0)
            tile[row + c, j] = value


@ti.func
def store_rows(
    tile: ti.template(),
    row: ti.template(),
    target: ti.template(),
    plane,
    planes: ti.template(),
    first,
    lanes,
    pixels,
):
    """Copy consecutive rows of a tile to consecutive planes of an image."""
    for c in range(rolled(planes, lanes)):
        start = run_start(plane + c, pixels, first)
        for j in range(lanes):
            target[start + j] = tile[row + c, j]


@ti.func
def blank(target: ti.template(), plane, planes: ti.template(), first, lanes, pixels):
    """Set a tile's pixels to zero in consecutive planes of an image."""
    for c in range(rolled(planes, lanes)):
        start = run_start(plane + c, pixels, first)
        for j in range(lanes):
            target[start + j] = 0.0
