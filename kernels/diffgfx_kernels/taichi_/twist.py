"""Central differences between cells, and the curl made of them.

A difference is a table of three weights by place along each axis: for the cell before, the cell
itself and the one after, around the ends. What lies beyond a side is worked into the end rows, so
that the transpose is a table too.
"""

from collections.abc import Sequence

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import take
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.staggered import box_of, ring

__all__ = ["difference", "neighbours", "slope_weights", "twist", "wall_weights"]

WALLS = ("no_slip", "inflow")

PLACES = 5
"""Rows of a table: two places at either end, and all between."""


def _beyond(kind: str, count: int) -> tuple[float, float, float]:
    """Weights of the end cell, the one before it and the wall in what lies beyond a side."""
    if kind not in WALLS:
        return 1.0, 0.0, 0.0
    if count == 1:
        return -1.0, 0.0, 2.0
    return -2.0, 1.0 / 3.0, 8.0 / 3.0


def _rows(count: int, low: str, high: str, scale: float) -> list[list[float]]:
    """Weights of the cell before, itself and the cell after, by place."""
    rows = [[-scale, 0.0, scale] for _ in range(count)]
    for kind, place, out, sign in ((low, 0, 0, -scale), (high, count - 1, 2, scale)):
        if kind == "periodic":
            continue
        itself, inner, _ = _beyond(kind, count)
        rows[place][out] = 0.0
        rows[place][1] += sign * itself
        rows[place][2 - out] += sign * inner if count > 1 else 0.0
    return rows


def slope_weights(
    cells: Sequence[int], sides: Sequence[str], cell: float, like: Tensor, turned: bool = False
) -> Tensor:
    """Return the table of central differences, or of minus their transpose, (dim, `PLACES`, 3).

    All places but two at either end are alike, so that a long axis has the table of a short one.
    """
    table = []
    for axis in range(len(cells)):
        count = min(cells[len(cells) - 1 - axis], PLACES)
        rows = _rows(count, sides[2 * axis], sides[2 * axis + 1], 0.5 / cell)
        if turned:
            rows = [[-rows[k - 1][2], -rows[k][1], -rows[(k + 1) % count][0]] for k in range(count)]
        wide = [[0.0] * 3 for _ in range(PLACES)]
        for k, row in enumerate(rows):
            wide[k if k < 2 else k - count + PLACES] = row
        table.append(wide)
    return torch.tensor(table, dtype=like.dtype, device=like.device)


def wall_weights(cells: Sequence[int], sides: Sequence[str], cell: float) -> list[float]:
    """Return how much a wall's velocity counts in the differences next to it, by side."""
    dim = len(cells)
    found = []
    for side, kind in enumerate(sides):
        wall = 0.0 if kind == "periodic" else _beyond(kind, cells[dim - 1 - side // 2])[2]
        found.append((0.5 if side % 2 else -0.5) * wall / cell)
    return found


@ti.func
def kind_of(place, count):
    """The row of a table that holds for a place."""
    return ti.select(place < 2, place, ti.select(place >= count - 2, place - count + PLACES, 2))


@ti.func
def neighbours(axis: ti.template(), x, y, z, width, height, depth):
    """The row of the table along an axis, and the cells before and after, around the ends."""
    kind, before, after = 0, 0, 0
    row = (z * height + y) * width
    if ti.static(axis == 0):
        kind = kind_of(x, width)
        before = row + ring(x - 1, width)
        after = row + ring(x + 1, width)
    elif ti.static(axis == 1):
        kind = kind_of(y, height)
        before = (z * height + ring(y - 1, height)) * width + x
        after = (z * height + ring(y + 1, height)) * width + x
    else:
        kind = kind_of(z, depth)
        before = (ring(z - 1, depth) * height + y) * width + x
        after = (ring(z + 1, depth) * height + y) * width + x
    return kind, before, after


@ti.func
def difference(
    field: ti.template(), b, channel, weights: ti.template(), axis: ti.template(),
    x, y, z, width, height, depth,
):  # fmt: skip
    """The slope of a channel along an axis."""
    kind, before, after = neighbours(axis, x, y, z, width, height, depth)
    at = (z * height + y) * width + x
    return (
        weights[axis, kind, 0] * field[b, channel, before]
        + weights[axis, kind, 1] * field[b, channel, at]
        + weights[axis, kind, 2] * field[b, channel, after]
    )


@kernel
def _twist(
    field: ti.types.ndarray(ndim=3),
    weights: ti.types.ndarray(ndim=3),
    out: ti.types.ndarray(ndim=3),
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
    scalar: ti.template(),
):
    strips = (width + lanes - 1) // lanes
    total = field.shape[0] * depth * height * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                y = piece // strips % height
                z = piece // strips // height % depth
                b = piece // strips // height // depth
                row = (z * height + y) * width
                for x in range(start, ti.min(start + lanes, width)):
                    if ti.static(dim == 2 and scalar):
                        out[b, 0, row + x] = difference(
                            field, b, 0, weights, 1, x, y, z, width, height, depth
                        )
                        out[b, 1, row + x] = -difference(
                            field, b, 0, weights, 0, x, y, z, width, height, depth
                        )
                    elif ti.static(dim == 2):
                        out[b, 0, row + x] = difference(
                            field, b, 1, weights, 0, x, y, z, width, height, depth
                        ) - difference(field, b, 0, weights, 1, x, y, z, width, height, depth)
                    else:
                        for k in ti.static(range(3)):
                            i, j = ti.static((k + 1) % 3, (k + 2) % 3)
                            out[b, k, row + x] = difference(
                                field, b, j, weights, i, x, y, z, width, height, depth
                            ) - difference(field, b, i, weights, j, x, y, z, width, height, depth)


def twist(field: Tensor, weights: Tensor) -> Tensor:
    """Return the curl of cells: of vectors, or in 2-D also of a scalar along z.

    Args:
        field: (B, dim, [D,] H, W), or (B, 1, H, W).
        weights: Of `slope_weights`. Those turned give the transpose of the curl.
    """
    runtime.start(field.device)
    batch, channels = field.shape[:2]
    box = box_of(field.shape[2:], field.device)
    scalar = channels == 1
    count = 3 if box.dim == 3 else 3 - channels
    out = field.new_empty((batch, count, *field.shape[2:]))
    if field.numel():
        _twist(field.flatten(2), weights, out.flatten(2), *box, scalar)
    return out
