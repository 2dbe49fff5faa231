"""Shade flat materials under light/view pairs: every material and pair in one launch.

Loads, arithmetic and stores are separate loops over the lanes of a tile: that is what the compiler
vectorises. Both passes gather; nothing is scattered, and nothing is kept for the backward pass.
"""

import math

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.flash import PAIR_SIZE, load_pair
from diffgfx_kernels.taichi_.grid import (
    grid_for,
    lanes_if,
    rolled,
    run_start,
    tile_start,
    turns,
)
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.mode import Mode
from diffgfx_kernels.taichi_.surface import (
    GRADIENT_ROWS,
    TILE_ROWS,
    clear,
    column,
    view_rows,
)
from diffgfx_kernels.taichi_.tile import (
    add_gradient,
    load_tile,
    look,
    radiance_of,
    store_gradient,
    store_pair_sums,
)

__all__ = ["backward", "forward"]


@kernel
def shade(
    maps: ti.types.ndarray(ndim=1),
    pairs: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    image: ti.types.ndarray(ndim=1),
    batch: int,
    width: int,
    height: int,
    grid: ti.template(),
    real: ti.template(),
    mode: ti.template(),
):
    pixels = width * height
    for item in range(batch * grid.chunks * grid.spread):
        if item % grid.spread == 0:
            b = item // grid.spread // grid.chunks
            chunk = item // grid.spread % grid.chunks
            tile = ti.Matrix.zero(real, TILE_ROWS, grid.lanes)
            view = ti.Matrix.zero(real, ti.static(view_rows(False, False)), grid.lanes)
            colour = ti.Matrix.zero(real, 3, grid.lanes)
            for turn in range(turns(chunk, pixels, grid)):
                first = tile_start(chunk, turn, pixels, grid)
                lanes = ti.min(grid.lanes, pixels - first)
                load_tile(tile, maps, b, first, lanes, width, height, frame)
                for n in range(pairs.shape[1]):
                    pair = load_pair(pairs, b % pairs.shape[0], n)
                    look(tile, view, lanes, pair, frame[2], mode, False)
                    for j in range(lanes):
                        radiance = radiance_of(tile, view, j, pair, mode)
                        for c in ti.static(range(3)):
                            colour[c, j] = radiance[c]
                    for c in range(rolled(3, lanes)):
                        start = run_start(3 * (b * pairs.shape[1] + n) + c, pixels, first)
                        for j in range(lanes):
                            image[start + j] = colour[c, j]


@kernel
def shade_gradient(
    maps: ti.types.ndarray(ndim=1),
    pairs: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    g_image: ti.types.ndarray(ndim=1),
    g_maps: ti.types.ndarray(ndim=1),
    partial: ti.types.ndarray(ndim=4),
    batch: int,
    width: int,
    height: int,
    grid: ti.template(),
    real: ti.template(),
    mode: ti.template(),
):
    pixels = width * height
    for item in range(batch * grid.chunks * grid.spread):
        if item % grid.spread == 0:
            b = item // grid.spread // grid.chunks
            chunk = item // grid.spread % grid.chunks
            tile = ti.Matrix.zero(real, TILE_ROWS, grid.lanes)
            view = ti.Matrix.zero(real, ti.static(view_rows(True, mode.lit)), grid.lanes)
            upstream = ti.Matrix.zero(real, 3, grid.lanes)
            gradient = ti.Matrix.zero(real, GRADIENT_ROWS, grid.lanes)
            sums = ti.Matrix.zero(real, PAIR_SIZE, ti.static(lanes_if(grid, mode.lit)))
            for turn in range(turns(chunk, pixels, grid)):
                first = tile_start(chunk, turn, pixels, grid)
                lanes = ti.min(grid.lanes, pixels - first)
                load_tile(tile, maps, b, first, lanes, width, height, frame)
                clear(gradient, GRADIENT_ROWS, lanes)
                for n in range(pairs.shape[1]):
                    pair = load_pair(pairs, b % pairs.shape[0], n)
                    for c in range(rolled(3, lanes)):
                        start = run_start(3 * (b * pairs.shape[1] + n) + c, pixels, first)
                        for j in range(lanes):
                            upstream[c, j] = g_image[start + j]
                    look(tile, view, lanes, pair, frame[2], mode, True)
                    for j in range(lanes):
                        g = column(upstream, 0, j)
                        add_gradient(tile, view, gradient, sums, j, pair, g, frame[2], mode)
                    if ti.static(mode.lit):
                        store_pair_sums(sums, partial, b, chunk, n, grid.lanes)
                store_gradient(tile, gradient, g_maps, b, first, lanes, pixels)


def _frame(maps: Tensor, size: tuple[float, float]) -> Tensor:
    texel = (size[0] / max(maps.shape[3], 1), size[1] / max(maps.shape[2], 1))
    return torch.tensor([*texel, 1.0 / math.pi], dtype=maps.dtype, device=maps.device)


def forward(
    maps: Tensor,
    pairs: Tensor,
    size: tuple[float, float],
    directional: bool,
    orthographic: bool,
    coned: bool,
) -> Tensor:
    """Return the radiance of every texel, shape (B, N, 3, H, W)."""
    runtime.start(maps.device)
    b, _, h, w = maps.shape
    image = maps.new_empty((b, pairs.shape[1], 3, h, w))
    if image.numel():
        shade(
            maps.view(-1), pairs, _frame(maps, size), image.view(-1), b, w, h,
            grid_for(maps.device), runtime.real_of(maps), Mode(directional, orthographic, coned),
        )  # fmt: skip
    return image


def backward(
    g_image: Tensor,
    maps: Tensor,
    pairs: Tensor,
    size: tuple[float, float],
    directional: bool,
    orthographic: bool,
    coned: bool,
    lit: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to the maps and (zero unless ``lit``) to the pairs."""
    runtime.start(maps.device)
    b, _, h, w = maps.shape
    grid = grid_for(maps.device, lit)
    g_maps = torch.empty_like(maps) if g_image.numel() else torch.zeros_like(maps)
    partial = maps.new_zeros((b, grid.chunks if lit else 1, pairs.shape[1], PAIR_SIZE))
    if g_image.numel():
        shade_gradient(
            maps.view(-1), pairs, _frame(maps, size), g_image.view(-1), g_maps.view(-1), partial,
            b, w, h, grid, runtime.real_of(maps),
            Mode(directional, orthographic, coned, lit=lit),
        )  # fmt: skip
    g_pairs = partial.sum(dim=1)
    return g_maps, g_pairs if pairs.shape[0] == b else g_pairs.sum(dim=0, keepdim=True)
