"""Means and differences between the faces and the cells of a staggered grid, and their transposes.

Every linear op here is a table of two weights a face, for the cells on its two sides, read either
way: from cells to faces, or, as its transpose, from faces to cells. Two kernels serve them all.
In 2-D the grid has depth one and no z-faces.

Fields of cells are (B, C, P) and faces (B, P), x running fastest. Rows are dealt out in a fixed
number of chunks (`grid`); on a GPU a piece of a row is one cell.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for

__all__ = [
    "Box",
    "box_of",
    "cells_to_faces",
    "divergence_weights",
    "face_weights",
    "faces_to_cells",
    "force_weights",
    "gradient_weights",
    "mean_weights",
    "own_gradient",
    "push",
    "ring",
    "take",
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
    cells: Sequence[int],
    sides: Sequence[str],
    inner: tuple[float, float],
    edge: Mapping[str, float],
    both: bool,
    like: Tensor,
) -> Tensor:
    """Return the weights of the cells below and above each face, (dim, N+1, 2).

    Args:
        cells: ([D,] H, W).
        sides: Kinds of the sides, two an axis.
        inner: Weights at a face between two cells.
        edge: At a face on a side of this kind, how often the one cell's weight counts; else never.
        both: Whether the last face of a periodic axis is as the first one is, or nothing.
        like: Gives the dtype and the device.
    """
    dim = len(cells)
    weights = torch.tensor(inner, dtype=torch.float64).repeat(dim, max(cells) + 1, 1)
    below, above = inner
    for axis in range(dim):
        count = cells[dim - 1 - axis]
        low, high = sides[2 * axis], sides[2 * axis + 1]
        if low == "periodic":
            weights[axis, count] *= float(both)
            continue
        weights[axis, 0, 0], weights[axis, 0, 1] = 0.0, above * edge.get(low, 0.0)
        weights[axis, count, 0], weights[axis, count, 1] = below * edge.get(high, 0.0), 0.0
    return weights.to(like)


_FREE = {"outflow": 2.0}
_EVERY = dict.fromkeys(("no_slip", "free_slip", "inflow", "outflow"), 1.0)


def divergence_weights(
    cells: Sequence[int], sides: Sequence[str], cell: float, like: Tensor
) -> Tensor:
    """Return the table whose transpose is the divergence."""
    return face_weights(cells, sides, (1.0 / cell, -1.0 / cell), _EVERY, False, like)


def gradient_weights(
    cells: Sequence[int], sides: Sequence[str], cell: float, like: Tensor
) -> Tensor:
    """Return the table of the gradient at faces; the field is zero on an outflow's faces."""
    return face_weights(cells, sides, (-1.0 / cell, 1.0 / cell), _FREE, True, like)


def mean_weights(
    cells: Sequence[int], sides: Sequence[str], to_faces: bool, like: Tensor
) -> Tensor:
    """Return the table of means at faces, or the one whose transpose is the mean at centres."""
    edge = dict.fromkeys(_EVERY, 2.0) if to_faces else _EVERY
    return face_weights(cells, sides, (0.5, 0.5), edge, to_faces, like)


def force_weights(cells: Sequence[int], sides: Sequence[str], like: Tensor) -> Tensor:
    """Return the table of means at the faces whose velocity is not fixed."""
    return face_weights(cells, sides, (0.5, 0.5), _FREE, True, like)


@ti.func
def ring(place, count):
    """A place along an axis, brought back from one step beyond either end."""
    return ti.select(place < 0, place + count, ti.select(place >= count, place - count, place))


@ti.func
def take(chunk, chunks, total):
    """The first of a chunk's pieces, and the one after its last."""
    share = (total + chunks - 1) // chunks
    return chunk * share, ti.min((chunk + 1) * share, total)


@ti.kernel
def _to_faces(
    field: ti.types.ndarray(ndim=3),
    weights: ti.types.ndarray(ndim=3),
    out_x: ti.types.ndarray(ndim=2),
    out_y: ti.types.ndarray(ndim=2),
    out_z: ti.types.ndarray(ndim=2),
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
    shared: ti.template(),
):
    deep = depth + dim - 2
    strips = (width + lanes) // lanes
    total = field.shape[0] * deep * (height + 1) * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                y = piece // strips % (height + 1)
                z = piece // strips // (height + 1) % deep
                b = piece // strips // (height + 1) // deep
                # x: in this row, the cell below a face is one to the left
                if y < height and z < depth:
                    row = (z * height + y) * width
                    at = (z * height + y) * (width + 1)
                    for x in range(start, ti.min(start + lanes, width + 1)):
                        out_x[b, at + x] = (
                            weights[0, x, 0] * field[b, 0, row + ring(x - 1, width)]
                            + weights[0, x, 1] * field[b, 0, row + ring(x, width)]
                        )
                for axis in ti.static(range(1, dim)):
                    channel = ti.static(0 if shared else axis)
                    out = ti.static((out_x, out_y, out_z)[axis])
                    place, below, above = y, z * height, z * height
                    inside = z < depth
                    at = (z * (height + 1) + y) * width
                    if ti.static(axis == 1):
                        below += ring(y - 1, height)
                        above += ring(y, height)
                    else:
                        place = z
                        inside = y < height
                        below = ring(z - 1, depth) * height + y
                        above = ring(z, depth) * height + y
                        at = (z * height + y) * width
                    if inside:
                        low, high = weights[axis, place, 0], weights[axis, place, 1]
                        for x in range(start, ti.min(start + lanes, width)):
                            out[b, at + x] = (
                                low * field[b, channel, below * width + x]
                                + high * field[b, channel, above * width + x]
                            )


@ti.kernel
def _to_cells(
    face_x: ti.types.ndarray(ndim=2),
    face_y: ti.types.ndarray(ndim=2),
    face_z: ti.types.ndarray(ndim=2),
    weights: ti.types.ndarray(ndim=3),
    field: ti.types.ndarray(ndim=3),
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
    shared: ti.template(),
):
    strips = (width + lanes - 1) // lanes
    total = field.shape[0] * depth * height * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                stop = ti.min(start + lanes, width)
                y = piece // strips % height
                z = piece // strips // height % depth
                b = piece // strips // height // depth
                row = (z * height + y) * width
                at = (z * height + y) * (width + 1)
                for x in range(start, stop):
                    field[b, 0, row + x] = (
                        weights[0, x, 1] * face_x[b, at + x]
                        + weights[0, x + 1, 0] * face_x[b, at + x + 1]
                    )
                # around a periodic axis the first and the last face touch both ends
                if start == 0:
                    field[b, 0, row] += weights[0, width, 1] * face_x[b, at + width]
                if stop == width:
                    field[b, 0, row + width - 1] += weights[0, 0, 0] * face_x[b, at]
                for axis in ti.static(range(1, dim)):
                    channel = ti.static(0 if shared else axis)
                    face = ti.static((face_x, face_y, face_z)[axis])
                    # the faces of this line are a stride apart
                    place, count, stride, origin = y, height, width, z * (height + 1) * width
                    if ti.static(axis == 2):
                        place, count, stride, origin = z, depth, width * height, y * width
                    low, high = weights[axis, place, 1], weights[axis, place + 1, 0]
                    around, back = 0.0 * low, 0.0 * low
                    if place == 0:
                        around = weights[axis, count, 1]
                    if place == count - 1:
                        back = weights[axis, 0, 0]
                    lower = origin + place * stride
                    end = origin + count * stride
                    for x in range(start, stop):
                        value = low * face[b, lower + x] + high * face[b, lower + stride + x]
                        if place == 0:
                            value += around * face[b, end + x]
                        if place == count - 1:
                            value += back * face[b, origin + x]
                        if ti.static(shared):
                            field[b, channel, row + x] += value
                        else:
                            field[b, channel, row + x] = value


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
        flat = [face.view(batch, -1) for face in faces]
        _to_faces(field.flatten(2), weights, *flat, *flat[: 3 - box.dim], *box, shared)
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
        flat = [face.view(batch, -1) for face in faces]
        _to_cells(*flat, *flat[: 3 - dim], weights, field.flatten(2), *box, shared)
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
