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
def span(mask: ti.template(), start, lanes, mode: ti.template()):
    """From the first shown lane to past the last, in whole vectors; empty if all are hidden."""
    low, high = 0, lanes
    if ti.static(mode.masked):
        low, high = lanes, 0
        for j in range(lanes):
            if mask[start + j] != 0:
                low = ti.min(low, j)
                high = j + 1
        low = low // VECTOR * VECTOR
        high = ti.min((high + VECTOR - 1) // VECTOR * VECTOR, lanes)
    return low, ti.max(high - low, 0)


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
