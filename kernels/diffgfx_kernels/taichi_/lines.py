"""Operators along the lines of a field: slopes of heights, faces of slopes, and their transposes.

Fields are (B, P), a texel's index being row times width plus column. A line is a row or a column
of `texels` a `stride` apart, and the next line starts a `pitch` further. The tridiagonal solves run
along a line in order, several lines side by side, and over blocks of lines in parallel.
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.slope_scheme import SLOPE_TAPS, recovery_rows
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.runtime import real_of

__all__ = [
    "Lines",
    "columns_of",
    "recover",
    "recover_gradient",
    "rows_of",
    "slope_along",
    "slope_along_gradient",
]

BLOCK = 8
"""Lines side by side: more would share too few ways of the first-level cache."""


class Lines(NamedTuple):
    """Which lines of a field."""

    texels: int
    stride: int
    lines: int
    pitch: int

    @property
    def blocks(self) -> int:
        """Blocks of lines an image."""
        return (self.lines + BLOCK - 1) // BLOCK


def rows_of(height: int, width: int) -> Lines:
    """The rows of an image."""
    return Lines(width, 1, height, width)


def columns_of(height: int, width: int) -> Lines:
    """The columns of an image."""
    return Lines(height, width, width, 1)


def _table(count: int, like: Tensor) -> Tensor:
    """Factor the system of `recovery_rows`; see `_factor`."""
    below, middle, above = (column.tolist() for column in recovery_rows(count).unbind(dim=1))
    return _factor(below, middle, above, 1.0).to(like)


def _transposed_table(count: int, scale: float, like: Tensor) -> Tensor:
    """Factor the transpose of that system, for a right-hand side times ``scale``."""
    below, middle, above = (column.tolist() for column in recovery_rows(count).unbind(dim=1))
    return _factor([0.0, *above[:-1]], middle, [*below[1:], 0.0], scale).to(like)


def _factor(below: list[float], middle: list[float], above: list[float], scale: float) -> Tensor:
    """What a tridiagonal solve multiplies with, row by row, shape (max(rows, 1), 3).

    On the way up, the previous value and the right-hand side; on the way down, the next value.
    """
    table: list[tuple[float, float, float]] = []
    carried = 0.0
    for under, pivot, over in zip(below, middle, above, strict=False):
        inverse = 1.0 / (pivot - under * carried)
        carried = over * inverse
        table.append((under * inverse, scale * inverse, carried))
    return torch.tensor(table or [(0.0, 0.0, 0.0)], dtype=torch.float64)


@ti.func
def neighbour(i, count, wrap: ti.template()):
    """An index up to two beyond a line's ends, brought back into it."""
    inside = ti.min(ti.max(i, 0), count - 1)
    if ti.static(wrap):
        inside = (i + 2 * count) % count
    return inside


@ti.func
def slope_along(
    field: ti.template(), b, start, stride, i, weights: ti.template(), wrap: ti.template()
):
    """The slope at texel i of the line that starts at `start`.

    The weights sum to zero; differences to the texel itself keep what little a low relief on a high
    base has.
    """
    here = field[b, start + i * stride]
    total = 0.0 * here
    for k in ti.static(range(SLOPE_TAPS)):
        if ti.static(k != 2):
            at = neighbour(i + k - 2, weights.shape[0], wrap)
            total += weights[i, k] * (field[b, start + at * stride] - here)
    return total


@ti.func
def slope_along_gradient(
    field: ti.template(), b, start, stride, i, weights: ti.template(), wrap: ti.template()
):
    """The transpose of `slope_along`: what the gradients of a line's slopes give height i."""
    count = weights.shape[0]
    total = 0.0 * field[b, start]
    for k in ti.static(range(SLOPE_TAPS)):
        j = i + 2 - k
        if ti.static(wrap):
            at = neighbour(j, count, wrap)
            total += weights[at, k] * field[b, start + at * stride]
        else:
            if 0 <= j < count:
                total += weights[j, k] * field[b, start + j * stride]
    return total


@kernel
def _recover(
    slope: ti.types.ndarray(ndim=2),
    table: ti.types.ndarray(ndim=2),
    face: ti.types.ndarray(ndim=2),
    count: int,
    stride: int,
    lines: int,
    pitch: int,
    blocks: int,
    spread: int,
    real: ti.template(),
):
    for item in range(slope.shape[0] * blocks * spread):
        if item % spread == 0:
            b = item // spread // blocks
            first = item // spread % blocks * BLOCK
            side = ti.min(BLOCK, lines - first)
            carried = ti.Matrix.zero(real, 1, BLOCK)
            for i in range(count - 1):
                for j in range(side):
                    at = (first + j) * pitch + i * stride
                    right = slope[b, at + stride]
                    if i == 0:
                        right = 0.5 * (slope[b, at] + right)
                    carried[0, j] = table[i, 1] * right - table[i, 0] * carried[0, j]
                    face[b, at] = carried[0, j]
            for turn in range(count - 2):
                i = count - 3 - turn
                for j in range(side):
                    at = (first + j) * pitch + i * stride
                    carried[0, j] = face[b, at] - table[i, 2] * carried[0, j]
                    face[b, at] = carried[0, j]
            for j in range(side):
                face[b, (first + j) * pitch + (count - 1) * stride] = 0.0


@kernel
def _recover_gradient(
    field: ti.types.ndarray(ndim=2),
    table: ti.types.ndarray(ndim=2),
    g_slope: ti.types.ndarray(ndim=2),
    count: int,
    stride: int,
    lines: int,
    pitch: int,
    blocks: int,
    spread: int,
    real: ti.template(),
):
    for item in range(field.shape[0] * blocks * spread):
        if item % spread == 0:
            b = item // spread // blocks
            first = item // spread % blocks * BLOCK
            side = ti.min(BLOCK, lines - first)
            carried = ti.Matrix.zero(real, 1, BLOCK)
            for i in range(count - 1):
                for j in range(side):
                    at = (first + j) * pitch + i * stride
                    right = field[b, at + stride] - field[b, at]
                    carried[0, j] = table[i, 1] * right - table[i, 0] * carried[0, j]
                    g_slope[b, at + stride] = carried[0, j]
            for turn in range(count - 2):
                i = count - 3 - turn
                for j in range(side):
                    at = (first + j) * pitch + (i + 1) * stride
                    carried[0, j] = g_slope[b, at] - table[i, 2] * carried[0, j]
                    g_slope[b, at] = carried[0, j]
            for j in range(side):  # the first face is the mean of two slopes
                at = (first + j) * pitch
                g_slope[b, at] = 0.5 * carried[0, j]
                if count > 1:
                    g_slope[b, at + stride] = 0.5 * carried[0, j]


def recover(slope: Tensor, lines: Lines, spread: int) -> Tensor:
    """Slopes at the faces of free lines, from slopes at the texels, both (B, P).

    Face i follows texel i; the place after the last texel holds zero.
    """
    face = torch.empty_like(slope)
    table = _table(lines.texels, slope)
    _recover(slope, table, face, *lines, lines.blocks, spread, real_of(slope))
    return face


def recover_gradient(field: Tensor, texel: float, lines: Lines, spread: int) -> Tensor:
    """The transpose of `recover`, of the differences of a field (B, P) over the texel's side."""
    g_slope = torch.empty_like(field)
    table = _transposed_table(lines.texels, 1.0 / texel, field)
    _recover_gradient(field, table, g_slope, *lines, lines.blocks, spread, real_of(field))
    return g_slope
