"""Vorticity confinement, as a chain of gathers: centres, curl, force, faces, and the way back."""

from collections.abc import Sequence

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.grid import take
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.staggered import (
    Box,
    box_of,
    cells_to_faces,
    faces_to_cells,
    force_weights,
    mean_weights,
    own_gradient,
    push,
    totals,
)
from diffgfx_kernels.taichi_.twist import (
    difference,
    slope_weights,
    twist,
)

__all__ = ["FLATTEST", "backward", "forward"]

FLATTEST = 0.01
"""Vorticity that changes by less than this share a cell has no direction to be pushed in."""


@ti.func
def vector(field: ti.template(), b, at, dim: ti.template()):
    """A vector in space; in 2-D one of a single channel is along z."""
    found = ti.Vector([0.0 * field[b, 0, at] for _ in range(3)])
    if ti.static(dim == 3):
        for k in ti.static(range(3)):
            found[k] = field[b, k, at]
    else:
        found[2] = field[b, 0, at]
    return found


@ti.func
def ridge(
    length: ti.template(), b, weights: ti.template(), x, y, z, width, height, depth,
    dim: ti.template(),
):  # fmt: skip
    """The gradient of the vorticity's length."""
    found = ti.Vector([0.0 * length[b, 0, 0] for _ in range(3)])
    for axis in ti.static(range(dim)):
        found[axis] = difference(length, b, 0, weights, axis, x, y, z, width, height, depth)
    return found


@ti.func
def inverse_length(steep, spin, flattest):
    """One over the length that the ridge is divided by, zero where there is nothing."""
    square = steep.dot(steep) + flattest * flattest * spin.dot(spin)
    return ti.select(square > 0.0, 1.0 / ti.sqrt(ti.select(square > 0.0, square, 1.0)), 0.0)


@kernel
def _force(
    vorticity: ti.types.ndarray(ndim=3),
    length: ti.types.ndarray(ndim=3),
    weights: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    force: ti.types.ndarray(ndim=3),
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    strips = (width + lanes - 1) // lanes
    total = vorticity.shape[0] * depth * height * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                y = piece // strips % height
                z = piece // strips // height % depth
                b = piece // strips // height // depth
                for x in range(start, ti.min(start + lanes, width)):
                    at = (z * height + y) * width + x
                    spin = vector(vorticity, b, at, dim)
                    steep = ridge(length, b, weights, x, y, z, width, height, depth, dim)
                    found = steep.cross(spin) * inverse_length(steep, spin, frame[0])
                    for axis in ti.static(range(dim)):
                        force[b, axis, at] = found[axis]


@kernel
def _force_gradient(
    vorticity: ti.types.ndarray(ndim=3),
    length: ti.types.ndarray(ndim=3),
    weights: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    g_force: ti.types.ndarray(ndim=3),
    g_ridge: ti.types.ndarray(ndim=3),
    g_vorticity: ti.types.ndarray(ndim=3),
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    strips = (width + lanes - 1) // lanes
    total = vorticity.shape[0] * depth * height * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                y = piece // strips % height
                z = piece // strips // height % depth
                b = piece // strips // height // depth
                for x in range(start, ti.min(start + lanes, width)):
                    at = (z * height + y) * width + x
                    spin = vector(vorticity, b, at, dim)
                    steep = ridge(length, b, weights, x, y, z, width, height, depth, dim)
                    inverse = inverse_length(steep, spin, frame[0])
                    normal = steep * inverse
                    g_found = ti.Vector([0.0 * inverse for _ in range(3)])
                    for axis in ti.static(range(dim)):
                        g_found[axis] = g_force[b, axis, at]
                    g_normal = spin.cross(g_found)
                    lost = normal.dot(g_normal)
                    # the length that divides the ridge holds both it and the vorticity
                    flat = frame[0] * inverse
                    g_spin = g_found.cross(normal) - lost * flat * flat * spin
                    g_steep = (g_normal - lost * normal) * inverse
                    for axis in ti.static(range(dim)):
                        g_ridge[b, axis, at] = g_steep[axis]
                    if ti.static(dim == 3):
                        for k in ti.static(range(3)):
                            g_vorticity[b, k, at] = g_spin[k]
                    else:
                        g_vorticity[b, 0, at] = g_spin[2]


@kernel
def _length_gradient(
    vorticity: ti.types.ndarray(ndim=3),
    length: ti.types.ndarray(ndim=3),
    weights: ti.types.ndarray(ndim=3),
    g_ridge: ti.types.ndarray(ndim=3),
    g_vorticity: ti.types.ndarray(ndim=3),
    width: int,
    height: int,
    depth: int,
    lanes: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    strips = (width + lanes - 1) // lanes
    total = vorticity.shape[0] * depth * height * strips
    for item in range(chunks * spread):
        if item % spread == 0:
            first, last = take(item // spread, chunks, total)
            for piece in range(first, last):
                start = piece % strips * lanes
                y = piece // strips % height
                z = piece // strips // height % depth
                b = piece // strips // height // depth
                for x in range(start, ti.min(start + lanes, width)):
                    at = (z * height + y) * width + x
                    size = length[b, 0, at]
                    g_length = 0.0 * size
                    for axis in ti.static(range(dim)):
                        g_length -= difference(
                            g_ridge, b, axis, weights, axis, x, y, z, width, height, depth
                        )
                    scale = ti.select(size > 0.0, g_length / ti.select(size > 0.0, size, 1.0), 0.0)
                    for k in ti.static(range(2 * dim - 3)):
                        g_vorticity[b, k, at] = g_vorticity[b, k, at] + scale * vorticity[b, k, at]


def _clamped(sides: Sequence[str]) -> list[str]:
    """Return sides beyond which everything is as inside; periodic ones stay."""
    return [side if side == "periodic" else "free_slip" for side in sides]


def _vorticity(
    velocity: Sequence[Tensor], cell: float, sides: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor, Box]:
    """Return the vorticity, the table of differences, the frame and the box."""
    like = velocity[0]
    cells = (*like.shape[1:-1], like.shape[-1] - 1)
    middle = faces_to_cells(velocity, mean_weights(sides, False, like), shared=False)
    weights = slope_weights(cells, _clamped(sides), cell, like)
    frame = like.new_full((1,), FLATTEST / cell)
    return twist(middle, weights), weights, frame, box_of(cells, like.device)


def _length(vorticity: Tensor) -> Tensor:
    """Return the length of vectors (B, C, P), (B, 1, P)."""
    return vorticity.square().sum(dim=1, keepdim=True).sqrt()


def forward(
    velocity: Sequence[Tensor], strength: Tensor, dt: float, cell: float, sides: Sequence[str]
) -> list[Tensor]:
    """Return the velocity plus ``dt`` times the confining force; strength (B,)."""
    vorticity, weights, frame, box = _vorticity(velocity, cell, sides)
    batch, cells = len(strength), vorticity.shape[2:]
    force = vorticity.new_empty((batch, box.dim, *cells))
    if force.numel():
        flat = vorticity.flatten(2)
        _force(flat, _length(flat), weights, frame, force.flatten(2), *box)
    means = cells_to_faces(force, force_weights(sides, force), shared=False)
    return push(velocity, means, [dt * cell * strength] * box.dim, sides)


def backward(
    g_faces: Sequence[Tensor],
    velocity: Sequence[Tensor],
    strength: Tensor,
    dt: float,
    cell: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the velocity and the strength."""
    vorticity, weights, frame, box = _vorticity(velocity, cell, sides)
    batch, cells = len(strength), vorticity.shape[2:]
    g_velocity = own_gradient(g_faces, sides)
    if vorticity.numel() == 0:
        return g_velocity, torch.zeros_like(strength)
    g_push = faces_to_cells(g_faces, force_weights(sides, vorticity), shared=False)
    force, g_ridge = torch.empty_like(g_push), torch.empty_like(g_push)
    g_vorticity = torch.empty_like(vorticity)
    g_force = dt * cell * strength.view(batch, *[1] * (box.dim + 1)) * g_push
    flat, g_flat = vorticity.flatten(2), g_vorticity.flatten(2)
    length = _length(flat)
    _force(flat, length, weights, frame, force.flatten(2), *box)
    _force_gradient(
        flat, length, weights, frame, g_force.flatten(2), g_ridge.flatten(2), g_flat, *box
    )
    across = slope_weights(cells, _clamped(sides), cell, vorticity, turned=True)
    _length_gradient(flat, length, across, g_ridge.flatten(2), g_flat, *box)
    g_middle = twist(g_vorticity, across)
    g_read = cells_to_faces(g_middle, mean_weights(sides, False, g_middle), shared=False)
    g_velocity = [own + read for own, read in zip(g_velocity, g_read, strict=True)]
    return g_velocity, dt * cell * totals(force * g_push).sum(dim=1)
