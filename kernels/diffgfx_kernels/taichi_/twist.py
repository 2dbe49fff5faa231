"""Central differences between cells, and the curl made of them.

A difference is a table of three weights a place along each axis: for the cell before, the cell
itself and the one after, around the ends. What lies beyond a side is worked into the first and the
last row, so that the transpose is a table too.
"""

from collections.abc import Sequence

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.staggered import box_of, ring, take

__all__ = ["difference", "neighbours", "slope_weights", "transposed", "twist", "wall_weights"]

WALLS = ("no_slip", "inflow")


def _beyond(kind: str, count: int) -> tuple[float, float, float]:
    """Weights of the end cell, the one before it and the wall in what lies beyond a side."""
    if kind not in WALLS:
        return 1.0, 0.0, 0.0
    if count == 1:
        return -1.0, 0.0, 2.0
    return -2.0, 1.0 / 3.0, 8.0 / 3.0


def slope_weights(cells: Sequence[int], sides: Sequence[str], cell: float, like: Tensor) -> Tensor:
    """Return the table of central differences, (dim, N, 3)."""
    dim, scale = len(cells), 0.5 / cell
    weights = torch.tensor([-scale, 0.0, scale], dtype=torch.float64).repeat(dim, max(cells), 1)
    for axis in range(dim):
        count = cells[dim - 1 - axis]
        for kind, place, out, sign in (
            (sides[2 * axis], 0, 0, -scale),
            (sides[2 * axis + 1], count - 1, 2, scale),
        ):
            if kind == "periodic":
                continue
            itself, inner, _ = _beyond(kind, count)
            weights[axis, place, out] = 0.0
            weights[axis, place, 1] += sign * itself
            if count > 1:
                weights[axis, place, 2 - out] += sign * inner
    return weights.to(like)


def wall_weights(cells: Sequence[int], sides: Sequence[str], cell: float) -> list[float]:
    """Return how much a wall's velocity counts in the differences next to it, by side."""
    dim = len(cells)
    found = []
    for side, kind in enumerate(sides):
        wall = 0.0 if kind == "periodic" else _beyond(kind, cells[dim - 1 - side // 2])[2]
        found.append((0.5 if side % 2 else -0.5) * wall / cell)
    return found


def transposed(weights: Tensor, cells: Sequence[int]) -> Tensor:
    """Return the table of the transpose."""
    turned = torch.zeros_like(weights)
    for axis in range(len(cells)):
        count = cells[len(cells) - 1 - axis]
        rows = weights[axis, :count]
        turned[axis, :count, 0] = rows[:, 2].roll(1)
        turned[axis, :count, 1] = rows[:, 1]
        turned[axis, :count, 2] = rows[:, 0].roll(-1)
    return turned


@ti.func
def neighbours(axis: ti.template(), x, y, z, width, height, depth):
    """The place along an axis, and the cells before and after, around the ends."""
    place, before, after = x, 0, 0
    row = (z * height + y) * width
    if ti.static(axis == 0):
        before = row + ring(x - 1, width)
        after = row + ring(x + 1, width)
    elif ti.static(axis == 1):
        place = y
        before = (z * height + ring(y - 1, height)) * width + x
        after = (z * height + ring(y + 1, height)) * width + x
    else:
        place = z
        before = (ring(z - 1, depth) * height + y) * width + x
        after = (ring(z + 1, depth) * height + y) * width + x
    return place, before, after


@ti.func
def difference(
    field: ti.template(), b, channel, weights: ti.template(), axis: ti.template(),
    x, y, z, width, height, depth,
):  # fmt: skip
    """The slope of a channel along an axis."""
    place, before, after = neighbours(axis, x, y, z, width, height, depth)
    at = (z * height + y) * width + x
    return (
        weights[axis, place, 0] * field[b, channel, before]
        + weights[axis, place, 1] * field[b, channel, at]
        + weights[axis, place, 2] * field[b, channel, after]
    )


@ti.kernel
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
        weights: Of `slope_weights`. The negative of its transpose gives the transpose of the curl.
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
