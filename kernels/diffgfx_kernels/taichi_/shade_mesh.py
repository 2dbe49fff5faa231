"""Shade the pixels of a mesh under lights and harmonics: every image in one launch.

Loads, arithmetic and stores are separate loops over the lanes of a tile: that is what the compiler
vectorises. Both passes gather; nothing is scattered, and nothing is kept for the backward pass.
"""

import math

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.harmonics import FACTORS
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for, lanes_if, run_start, tile_start, turns
from diffgfx_kernels.taichi_.harmonics import TERMS
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.mesh_adjoint import (
    LAMP_SUMS,
    add_light_gradient,
    adjoint_rows,
    blank_adjoint,
    store_adjoint,
    store_scene_sums,
    sum_rows,
)
from diffgfx_kernels.taichi_.mesh_planes import blank, load_rows, span, store_rows
from diffgfx_kernels.taichi_.mesh_tile import (
    MeshMode,
    add_around,
    add_lamp,
    load_harmonics,
    load_lamp,
    load_mesh,
    look_at_lamp,
    mesh_rows,
)
from diffgfx_kernels.taichi_.surface import clear, view_rows

__all__ = ["backward", "forward"]


@kernel
def shade(
    position: ti.types.ndarray(ndim=1),
    normal: ti.types.ndarray(ndim=1),
    tangent: ti.types.ndarray(ndim=1),
    maps: ti.types.ndarray(ndim=1),
    mask: ti.types.ndarray(ndim=1),
    scene: ti.types.ndarray(ndim=2),
    image: ti.types.ndarray(ndim=1),
    batch: int,
    pixels: int,
    lights: int,
    grid: ti.template(),
    real: ti.template(),
    mode: ti.template(),
):
    for item in range(batch * grid.chunks * grid.spread):
        if item % grid.spread == 0:
            b = item // grid.spread // grid.chunks
            chunk = item // grid.spread % grid.chunks
            tile = ti.Matrix.zero(real, ti.static(mesh_rows(mode)), grid.lanes)
            view = ti.Matrix.zero(real, ti.static(view_rows(False, False)), grid.lanes)
            colour = ti.Matrix.zero(real, 3, grid.lanes)
            row = b % scene.shape[0]
            for turn in range(turns(chunk, pixels, grid)):
                start = tile_start(chunk, turn, pixels, grid)
                every = ti.min(grid.lanes, pixels - start)
                low, lanes = span(mask, run_start(b, pixels, start), every, grid.lanes, mode)
                first = start + low
                if lanes < every:
                    blank(image, 3 * b, 3, start, every, pixels)
                if lanes > 0:
                    load_mesh(
                        tile, view, position, normal, tangent, maps, mask, scene, row, b, first,
                        lanes, pixels, mode,
                    )  # fmt: skip
                    clear(colour, 3, lanes)
                    for n in range(lights):
                        lamp = load_lamp(scene, row, n, mode)
                        look_at_lamp(tile, view, lanes, lamp, scene[row, 0], mode, False)
                        for j in range(lanes):
                            add_lamp(tile, view, colour, j, lamp)
                    if ti.static(mode.around):
                        harmonics = load_harmonics(scene, row)
                        for j in range(lanes):
                            add_around(tile, view, colour, j, harmonics)
                    store_rows(colour, 0, image, 3 * b, 3, first, lanes, pixels)


@kernel
def shade_gradient(
    position: ti.types.ndarray(ndim=1),
    normal: ti.types.ndarray(ndim=1),
    tangent: ti.types.ndarray(ndim=1),
    maps: ti.types.ndarray(ndim=1),
    mask: ti.types.ndarray(ndim=1),
    scene: ti.types.ndarray(ndim=2),
    g_image: ti.types.ndarray(ndim=1),
    g_maps: ti.types.ndarray(ndim=1),
    g_position: ti.types.ndarray(ndim=1),
    g_normal: ti.types.ndarray(ndim=1),
    g_tangent: ti.types.ndarray(ndim=1),
    partial: ti.types.ndarray(ndim=3),
    batch: int,
    pixels: int,
    lights: int,
    grid: ti.template(),
    real: ti.template(),
    mode: ti.template(),
):
    for item in range(batch * grid.chunks * grid.spread):
        if item % grid.spread == 0:
            b = item // grid.spread // grid.chunks
            chunk = item // grid.spread % grid.chunks
            tile = ti.Matrix.zero(real, ti.static(mesh_rows(mode)), grid.lanes)
            view = ti.Matrix.zero(real, ti.static(view_rows(True, mode.posed)), grid.lanes)
            upstream = ti.Matrix.zero(real, 3, grid.lanes)
            gradient = ti.Matrix.zero(real, ti.static(adjoint_rows(mode)), grid.lanes)
            lanes_summed = ti.static(lanes_if(grid, mode.posed))
            sums = ti.Matrix.zero(real, ti.static(sum_rows(mode)), lanes_summed)
            terms = ti.Matrix.zero(real, TERMS, lanes_summed)
            row = b % scene.shape[0]
            for turn in range(turns(chunk, pixels, grid)):
                start = tile_start(chunk, turn, pixels, grid)
                every = ti.min(grid.lanes, pixels - start)
                low, lanes = span(mask, run_start(b, pixels, start), every, grid.lanes, mode)
                first = start + low
                if lanes < every:
                    blank_adjoint(
                        g_maps, g_position, g_normal, g_tangent, b, start, every, pixels, mode
                    )
                if lanes > 0:
                    load_mesh(
                        tile, view, position, normal, tangent, maps, mask, scene, row, b, first,
                        lanes, pixels, mode,
                    )  # fmt: skip
                    load_rows(
                        upstream, 0, g_image, 3 * b, 3, mask, run_start(b, pixels, first), first,
                        lanes, pixels, mode,
                    )  # fmt: skip
                    add_light_gradient(
                        tile, view, gradient, upstream, terms, sums, scene, row, partial, b, chunk,
                        lights, lanes, grid.lanes, mode,
                    )  # fmt: skip
                    store_adjoint(
                        gradient, g_maps, g_position, g_normal, g_tangent, b, first, lanes, pixels,
                        mode,
                    )  # fmt: skip
            if ti.static(mode.posed):
                store_scene_sums(sums, partial, b, chunk, lights, grid.lanes, mode)


def _scene(lamps: Tensor, camera: Tensor, harmonics: Tensor | None) -> Tensor:
    """Return rows of the scene, one if all images share it; see `mesh_tile`."""
    parts = [camera.new_full((1, 1), 1.0 / math.pi), camera, lamps.flatten(1)]
    if harmonics is not None:
        parts.insert(2, (harmonics * _factors(lamps)).flatten(1))
    count = next((part.shape[0] for part in parts if part.shape[0] != 1), 1)
    return torch.cat([part.expand(count, -1) for part in parts], dim=1)


def _factors(like: Tensor) -> Tensor:
    return torch.tensor(FACTORS, dtype=like.dtype, device=like.device)[:, None]


def _planes(mask: Tensor | None, *images: Tensor | None) -> list[Tensor]:
    """Return flat images and mask, with stand-ins for those that are not there."""
    some = next(image for image in images if image is not None)
    flat = [some.new_empty(1) if image is None else image.view(-1) for image in images]
    hidden = torch.empty(1, dtype=torch.uint8, device=some.device)
    return [*flat, hidden if mask is None else mask.view(torch.uint8).view(-1)]


def forward(
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
) -> Tensor:
    """Return the radiance of every pixel, shape (B, 3, H, W)."""
    runtime.start(maps.device)
    image = torch.empty_like(position)
    b, _, h, w = image.shape
    if image.numel():
        shade(
            *_planes(mask, position, normal, tangent, maps), _scene(lamps, camera, harmonics),
            image.view(-1), b, h * w, lamps.shape[1], grid_for(maps.device),
            runtime.real_of(maps),
            MeshMode(tangent is not None, harmonics is not None, mask is not None),
        )  # fmt: skip
    return image


def backward(
    g_image: Tensor,
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
    posed: bool,
) -> tuple[Tensor, ...]:
    """Return the gradient to the maps and, if ``posed``, to the other seven but the mask.

    In order: maps, position, normal, lamps, camera, tangent, harmonics; without numbers where there
    is none.
    """
    runtime.start(maps.device)
    b, _, h, w = position.shape
    lights, grid = lamps.shape[1], grid_for(maps.device, posed)
    mode = MeshMode(tangent is not None, harmonics is not None, mask is not None, posed)
    g_maps = torch.empty_like(maps)
    images = (position, normal, tangent) if posed else (None, None, None)
    found = [None if image is None else torch.empty_like(image) for image in images]
    numbers = LAMP_SUMS * (lights - 1) + sum_rows(mode)
    partial = maps.new_zeros((b, grid.chunks, numbers) if posed else (1, 1, 1))
    if g_image.numel():
        shade_gradient(
            *_planes(mask, position, normal, tangent, maps), _scene(lamps, camera, harmonics),
            g_image.view(-1), *_planes(None, g_maps, *found)[:-1], partial, b, h * w, lights,
            grid, runtime.real_of(maps), mode,
        )  # fmt: skip
    if not posed:
        return g_maps, *(maps.new_empty(0) for _ in range(6))
    g_position, g_normal, g_tangent = (maps.new_empty(0) if g is None else g for g in found)
    g_lamps, g_camera, g_harmonics = _scene_gradients(partial.sum(dim=1), lamps, camera, harmonics)
    return g_maps, g_position, g_normal, g_lamps, g_camera, g_tangent, g_harmonics


def _scene_gradients(
    sums: Tensor, lamps: Tensor, camera: Tensor, harmonics: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to lamps, camera and harmonics from each image's sums."""

    def shared(g: Tensor, like: Tensor) -> Tensor:
        return g if like.shape[0] == g.shape[0] else g.sum(dim=0, keepdim=True)

    b, lights = sums.shape[0], lamps.shape[1]
    g_lamps = sums.new_zeros((b, lights, lamps.shape[2]))
    rows = sums[:, : LAMP_SUMS * lights].view(b, lights, LAMP_SUMS)
    g_lamps[..., :3], g_lamps[..., 4:] = rows[..., :3], rows[..., 3:]
    g_camera, rest = sums[:, LAMP_SUMS * lights :].split([3, 0 if harmonics is None else 27], 1)
    g_harmonics = sums.new_empty(0)
    if harmonics is not None:
        g_harmonics = shared(rest.view(b, 9, 3) * _factors(sums), harmonics)
    return shared(g_lamps, lamps), shared(g_camera, camera), g_harmonics
