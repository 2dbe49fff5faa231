"""Means and differences between the faces and the cells of a staggered grid, and their transposes.

Every linear op here is a table of two weights a face, for the cells on its two sides, read either
way: from cells to faces, or, as its transpose, from faces to cells. Two kernels serve them all.
In 2-D the grid has depth one and no z-faces.

Tensors are flat, x running fastest (`grid`). Rows are dealt out in a fixed
number of chunks; on a GPU a piece of a row is one cell.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for, run_start, take
from diffgfx_kernels.taichi_.launch import kernel

__all__ = [
    "Box",
    "box_of",
    "cells_to_faces",
    "difference_weights",
    "divergence_weights",
    "face_weights",
    "faces_to_cells",
    "force_weights",
    "mean_weights",
    "own_gradient",
    "push",
    "ring",
    "totals",
]


class Box(NamedTuple):
    """Sizes of a grid, and how its rows are dealt out.

    Attributes:
        width: Cells along x.
        height: Cells along y.
        depth: Cells along z; one in 2-D.
        lanes: Cells a piece of a row.
        chunks: Parts that the pieces are dealt out in.
        spread: Loop items a chunk.
        dim: Axes.
    """

    width: int
    height: int
    depth: int
    lanes: int
    chunks: int
    spread: int
    dim: int

    def face_shape(self, batch: int, axis: int) -> tuple[int, ...]:
        """Return the shape of the faces across an axis."""
        cells = (self.depth, self.height, self.width)[-self.dim :]
        place = self.dim - 1 - axis
        return (batch, *(n + (i == place) for i, n in enumerate(cells)))


def box_of(cells: Sequence[int], device: torch.device) -> Box:
    """Return the box of cells ([D,] H, W) on a device."""
    grid = grid_for(device)
    depth = cells[0] if len(cells) == 3 else 1
    lanes = cells[-1] + 1 if grid.together else 1
    return Box(cells[-1], cells[-2], depth, lanes, grid.chunks, grid.spread, len(cells))


def face_weights(
    sides: Sequence[str],
    inner: tuple[float, float],
    edge: Mapping[str, float],
    both: bool,
    like: Tensor,
) -> Tensor:
    """Return the weights of the cells below and above a face, (dim, 3, 2).

    By axis, of its first face, of those between two cells, and of its last face.

    Args:
        sides: Kinds of the sides, two an axis.
        inner: Weights at a face between two cells.
        edge: At a face on a side of this kind, how often the one cell's weight counts; else never.
        both: Whether the last face of a periodic axis is as the first one is, or nothing.
        like: Gives the dtype and the device.
    """
    below, above = inner
    rows = []
    for low, high in zip(sides[::2], sides[1::2], strict=True):
        first, last = (0.0, above * edge.get(low, 0.0)), (below * edge.get(high, 0.0), 0.0)
        if low == "periodic":
            first, last = inner, inner if both else (0.0, 0.0)
        rows.append((first, inner, last))
    return torch.tensor(rows, dtype=like.dtype, device=like.device)


_FREE = {"outflow": 2.0}
_EVERY = dict.fromkeys(("no_slip", "free_slip", "inflow", "outflow"), 1.0)


def divergence_weights(sides: Sequence[str], cell: float, like: Tensor) -> Tensor:
    """Return the table whose transpose is the divergence."""
    return face_weights(sides, (1.0 / cell, -1.0 / cell), _EVERY, False, like)


def difference_weights(sides: Sequence[str], cell: float, like: Tensor) -> Tensor:
    """Return the table of the gradient at faces; the field is zero on an outflow's faces."""
    return face_weights(sides, (-1.0 / cell, 1.0 / cell), _FREE, True, like)


def mean_weights(sides: Sequence[str], to_faces: bool, like: Tensor) -> Tensor:
    """Return the table of means at faces, or the one whose transpose is the mean at centres."""
    edge = dict.fromkeys(_EVERY, 2.0) if to_faces else _EVERY
    return face_weights(sides, (0.5, 0.5), edge, to_faces, like)


def force_weights(sides: Sequence[str], like: Tensor) -> Tensor:
    """Return the table of means at the faces whose velocity is not fixed."""
    return face_weights(sides, (0.5, 0.5), _FREE, True, like)


@ti.func
def ring(place, count):
    """A place along an axis, brought back from one step beyond either end."""
    return ti.select(place < 0, place + count, ti.select(place >= count, place - count, place))


@ti.func
def run(first):
    """Where a run of numbers starts in a flat tensor; see `grid.run_start`."""
    return run_start(0, 0, first)


@ti.func
def row_faces(
    field: ti.template(), weights: ti.template(), out: ti.template(), row, at, width, start, stop
):
    """Weigh the cells of a row, left and right, into its faces across x from start to stop."""
    low, high = weights[0, 1, 0], weights[0, 1, 1]
    before, after, inner = run(row), run(row + 1), run(at + 1)
    for x in range(ti.max(start - 1, 0), ti.min(stop, width) - 1):
        out[inner + x] = low * field[before + x] + high * field[after + x]
    left, right = field[row + width - 1], field[row]  # around the ends
    if start == 0:
        out[at] = weights[0, 0, 0] * left + weights[0, 0, 1] * right
    if stop > width:
        out[at + width] = weights[0, 2, 0] * left + weights[0, 2, 1] * right


@kernel
def _to_faces(
    field: ti.types.ndarray(ndim=1),
    weights: ti.types.ndarray(ndim=3),
    out_x: ti.types.ndarray(ndim=1),
    out_y: ti.types.ndarray(ndim=1),
    out_z: ti.types.ndarray(ndim=1),
    batch: int,
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
    shared: ti.template(),
):
    channels = ti.static(1 if shared else dim)
    strips = (width + lanes) // lanes
    total = batch * (depth + dim - 2) * (height + 1) * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                y = piece // strips % (height + 1)
                z = piece // strips // (height + 1) % (depth + dim - 2)
                b = piece // strips // (height + 1) // (depth + dim - 2)
                stop = ti.min(start + lanes, width)
                if y < height and z < depth:
                    row = ((b * channels * depth + z) * height + y) * width
                    at = ((b * depth + z) * height + y) * (width + 1)
                    row_faces(field, weights, out_x, row, at, width, start, start + lanes)
                for axis in ti.static(range(1, dim)):
                    channel = ti.static(0 if shared else axis)
                    target = ti.static((out_x, out_y, out_z)[axis])
                    plane = (b * channels + channel) * depth
                    place, count, inside = y, height, z < depth
                    below = (plane + z) * height + ring(y - 1, height)
                    above = (plane + z) * height + ring(y, height)
                    at = run(((b * depth + z) * (height + 1) + y) * width)
                    if ti.static(axis == 2):
                        place, count, inside = z, depth, y < height
                        below = (plane + ring(z - 1, depth)) * height + y
                        above = (plane + ring(z, depth)) * height + y
                        at = run(((b * (depth + 1) + z) * height + y) * width)
                    if inside:
                        kind = end_of(place, count)
                        low, high = weights[axis, kind, 0], weights[axis, kind, 1]
                        before, after = run(below * width), run(above * width)
                        for x in range(start, stop):
                            target[at + x] = low * field[before + x] + high * field[after + x]


@ti.func
def end_of(place, count):
    """Whether a face is the first of its axis, between cells, or the last: 0, 1, 2."""
    return ti.select(place == 0, 0, ti.select(place == count, 2, 1))


@ti.func
def line(
    face: ti.template(), axis: ti.template(), weights: ti.template(), field: ti.template(),
    place, count, lower, stride, target, start, stop, added: ti.template(),
):  # fmt: skip
    """Weigh two rows of faces across y or z into a row of cells, and around a periodic axis."""
    low = weights[axis, end_of(place, count), 1]
    high = weights[axis, end_of(place + 1, count), 0]
    here, there, out = run(lower), run(lower + stride), run(target)
    for x in range(start, stop):
        value = low * face[here + x] + high * face[there + x]
        if ti.static(added):
            field[out + x] = field[out + x] + value
        else:
            field[out + x] = value
    # around a periodic axis the last face touches the first cell too, and the first face the last
    origin = lower - place * stride
    if place == 0:
        around, end = weights[axis, 2, 1], run(origin + count * stride)
        for x in range(start, stop):
            field[out + x] = field[out + x] + around * face[end + x]
    if place == count - 1:
        around, end = weights[axis, 0, 0], run(origin)
        for x in range(start, stop):
            field[out + x] = field[out + x] + around * face[end + x]


@ti.func
def row_cells(
    face: ti.template(), weights: ti.template(), field: ti.template(), at, row, width, start, stop
):
    """Weigh the faces of a row across x into its cells from start to stop."""
    low, high = weights[0, 1, 1], weights[0, 1, 0]
    left, right, out = run(at), run(at + 1), run(row)
    for x in range(ti.max(start, 1), ti.min(stop, width - 1)):
        field[out + x] = low * face[left + x] + high * face[right + x]
    # the end faces have weights of their own, and on a periodic axis touch both ends
    start_face, end_face = face[at], face[at + width]
    if start == 0:
        outer = weights[0, 0, 1] * start_face + weights[0, 2, 1] * end_face
        field[row] = outer + weights[0, end_of(1, width), 0] * face[at + 1]
    if stop == width:
        outer = weights[0, 0, 0] * start_face
        if width == 1:
            field[row] = field[row] + outer
        else:
            outer += weights[0, 2, 0] * end_face
            field[row + width - 1] = low * face[at + width - 1] + outer


@kernel
def _to_cells(
    face_x: ti.types.ndarray(ndim=1),
    face_y: ti.types.ndarray(ndim=1),
    face_z: ti.types.ndarray(ndim=1),
    weights: ti.types.ndarray(ndim=3),
    field: ti.types.ndarray(ndim=1),
    batch: int,
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
    shared: ti.template(),
):
    channels = ti.static(1 if shared else dim)
    strips = (width + lanes - 1) // lanes
    total = batch * depth * height * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                stop = ti.min(start + lanes, width)
                y = piece // strips % height
                z = piece // strips // height % depth
                b = piece // strips // height // depth
                row = ((b * channels * depth + z) * height + y) * width
                at = ((b * depth + z) * height + y) * (width + 1)
                row_cells(face_x, weights, field, at, row, width, start, stop)
                for axis in ti.static(range(1, dim)):
                    plane = (b * channels + ti.static(0 if shared else axis)) * depth + z
                    target = (plane * height + y) * width
                    if ti.static(axis == 1):
                        lower = ((b * depth + z) * (height + 1) + y) * width
                        line(
                            face_y, axis, weights, field, y, height,
                            lower, width, target, start, stop, shared,
                        )  # fmt: skip
                    else:
                        lower = ((b * (depth + 1) + z) * height + y) * width
                        line(
                            face_z, axis, weights, field, z, depth,
                            lower, width * height, target, start, stop, shared,
                        )  # fmt: skip


def cells_to_faces(field: Tensor, weights: Tensor, shared: bool) -> list[Tensor]:
    """Return weighted cells at faces.

    Args:
        field: (B, C, [D,] H, W).
        weights: Of `face_weights`.
        shared: Whether every axis reads channel 0, or its own.
    """
    runtime.start(field.device)
    box, batch = box_of(field.shape[2:], field.device), field.shape[0]
    faces = [field.new_empty(box.face_shape(batch, axis)) for axis in range(box.dim)]
    if field.numel():
        flat = [face.view(-1) for face in faces]
        _to_faces(field.view(-1), weights, *flat, *flat[: 3 - box.dim], batch, *box, shared)
    return faces


def faces_to_cells(faces: Sequence[Tensor], weights: Tensor, shared: bool) -> Tensor:
    """Return weighted faces at cells, (B, 1 or dim, [D,] H, W): the transpose of `cells_to_faces`.

    Args:
        faces: By axis.
        weights: Of `face_weights`.
        shared: Whether all axes add up in channel 0, or each has its own.
    """
    runtime.start(faces[0].device)
    batch, dim = faces[0].shape[0], len(faces)
    cells = (*faces[0].shape[1:-1], faces[0].shape[-1] - 1)
    box = box_of(cells, faces[0].device)
    field = faces[0].new_empty((batch, 1 if shared else dim, *cells))
    if field.numel():
        flat = [face.view(-1) for face in faces]
        _to_cells(*flat, *flat[: 3 - dim], weights, field.view(-1), batch, *box, shared)
    return field


def push(
    velocity: Sequence[Tensor],
    means: Sequence[Tensor],
    scales: Sequence[Tensor],
    sides: Sequence[str],
) -> list[Tensor]:
    """Return faces plus scaled means at them; the last ones of a periodic axis are its first."""
    pushed = []
    for axis, (face, mean, scale) in enumerate(zip(velocity, means, scales, strict=True)):
        moved = torch.addcmul(face, scale.view(-1, *[1] * (face.ndim - 1)), mean)
        if sides[2 * axis] == "periodic" and moved.numel():
            moved.select(-1 - axis, -1).copy_(moved.select(-1 - axis, 0))
        pushed.append(moved)
    return pushed


def own_gradient(g_faces: Sequence[Tensor], sides: Sequence[str]) -> list[Tensor]:
    """Return the gradient to faces that an op adds to: the ends of a periodic axis add up."""
    found = []
    for axis, g_face in enumerate(g_faces):
        own = g_face.clone()
        if sides[2 * axis] == "periodic" and own.numel():
            own.select(-1 - axis, 0).add_(g_face.select(-1 - axis, -1))
            own.select(-1 - axis, -1).zero_()
        found.append(own)
    return found


def totals(field: Tensor) -> Tensor:
    """Return sums over space, (B, C): an axis at a time, for one sum of all depends on threads."""
    while field.ndim > 2:
        field = field.sum(dim=-1)
    return field
