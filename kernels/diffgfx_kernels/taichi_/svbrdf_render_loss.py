"""Shade, compare with a target and differentiate in one pass over the texels; no image is stored.

The target is an image, or maps that are shaded beside the first under the same pairs. A chunk adds
its losses in the order of its tiles; chunks are added in their order. Value and gradient stand in
one loop over lanes, so that the compiler computes once what they share.
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
from diffgfx_kernels.taichi_.residual import residual
from diffgfx_kernels.taichi_.surface import (
    GRADIENT_ROWS,
    TILE_ROWS,
    clear,
    column,
    put,
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

__all__ = ["ENCODINGS", "PENALTIES", "forward"]

ENCODINGS = ("linear", "log", "display")
PENALTIES = ("l1", "l2", "charbonnier")


@ti.func
def load_seen(
    seen: ti.template(),
    target: ti.template(),
    mask: ti.template(),
    picture,
    weights,
    pixels,
    first,
    lanes,
    mode: ti.template(),
):
    """Copy a tile of the target image (rows 0 to 2) and of the mask (row 3)."""
    if ti.static(not mode.against_maps):
        for c in range(rolled(3, lanes)):
            start = run_start(3 * picture + c, pixels, first)
            for j in range(lanes):
                seen[c, j] = target[start + j]
    if ti.static(mode.masked):
        start = run_start(weights, pixels, first)
        for j in range(lanes):
            seen[3, j] = mask[start + j]


@ti.func
def compare(
    tile: ti.template(),
    wanted: ti.template(),
    view: ti.template(),
    radiance: ti.template(),
    seen: ti.template(),
    losses: ti.template(),
    lanes,
    pair,
    scale,
    frame: ti.template(),
    mode: ti.template(),
):
    """Weigh the difference of a tile; its gradient, times the scale, takes the radiance's place."""
    if ti.static(mode.against_maps):
        look(wanted, view, lanes, pair, frame[2], mode, False)
        for j in range(lanes):
            put(seen, 0, j, radiance_of(wanted, view, j, pair, mode))
    look(tile, view, lanes, pair, frame[2], mode, mode.graded)
    for j in range(lanes):
        put(radiance, 0, j, radiance_of(tile, view, j, pair, mode))
    for c in range(rolled(3, lanes)):
        for j in range(lanes):
            loss, g = residual(radiance[c, j], seen[c, j], frame, mode.encoding, mode.penalty)
            if ti.static(mode.masked):
                # a weight of zero also silences what cannot be weighed, as an infinite target
                weight = seen[3, j]
                loss = ti.select(weight > 0.0, weight * loss, 0.0 * weight)
                g = ti.select(weight > 0.0, weight * g, 0.0 * weight)
            losses[0, j] += loss
            radiance[c, j] = g * scale


@kernel
def render_loss(
    maps: ti.types.ndarray(ndim=1),
    target: ti.types.ndarray(ndim=1),
    mask: ti.types.ndarray(ndim=1),
    pairs: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    scale: ti.types.ndarray(ndim=1),
    mask_of_material: int,
    mask_of_pair: int,
    g_maps: ti.types.ndarray(ndim=1),
    partial: ti.types.ndarray(ndim=4),
    loss: ti.types.ndarray(ndim=2),
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
            wanted = ti.Matrix.zero(real, TILE_ROWS, ti.static(lanes_if(grid, mode.against_maps)))
            view = ti.Matrix.zero(real, ti.static(view_rows(mode.graded, mode.lit)), grid.lanes)
            seen = ti.Matrix.zero(real, 4, grid.lanes)
            radiance = ti.Matrix.zero(real, 3, grid.lanes)
            gradient = ti.Matrix.zero(real, GRADIENT_ROWS, grid.lanes)
            sums = ti.Matrix.zero(real, PAIR_SIZE, ti.static(lanes_if(grid, mode.lit)))
            losses = ti.Matrix.zero(real, 1, grid.lanes)
            factor = scale[b % scale.shape[0]]
            for turn in range(turns(chunk, pixels, grid)):
                first = tile_start(chunk, turn, pixels, grid)
                lanes = ti.min(grid.lanes, pixels - first)
                load_tile(tile, maps, b, first, lanes, width, height, frame)
                if ti.static(mode.against_maps):
                    load_tile(wanted, target, b, first, lanes, width, height, frame)
                clear(gradient, GRADIENT_ROWS, lanes)
                for n in range(pairs.shape[1]):
                    pair = load_pair(pairs, b % pairs.shape[0], n)
                    picture = b * pairs.shape[1] + n
                    weights = b * mask_of_material + n * mask_of_pair
                    load_seen(seen, target, mask, picture, weights, pixels, first, lanes, mode)
                    compare(
                        tile, wanted, view, radiance, seen, losses, lanes, pair, factor, frame, mode
                    )
                    if ti.static(mode.graded):
                        for j in range(lanes):
                            g = column(radiance, 0, j)
                            add_gradient(tile, view, gradient, sums, j, pair, g, frame[2], mode)
                    if ti.static(mode.lit):
                        store_pair_sums(sums, partial, b, chunk, n, grid.lanes)
                if ti.static(mode.graded):
                    store_gradient(tile, gradient, g_maps, b, first, lanes, pixels)
            for j in range(1, grid.lanes):
                losses[0, 0] += losses[0, j]
            loss[b, chunk] = losses[0, 0]


def _scales(maps: Tensor, mask: Tensor, pairs: int) -> Tensor:
    """One over each material's sum of weights, shape (B or 1,); finite where that is zero."""
    if mask.numel():
        weights = mask.sum(dim=(1, 2, 3)) * (3.0 * pairs / mask.shape[1])
    else:
        weights = maps.new_full((1,), 3.0 * pairs * maps.shape[2] * maps.shape[3])
    return 1.0 / weights.clamp_min(torch.finfo(maps.dtype).tiny)


def _mask_steps(mask: Tensor) -> tuple[int, int]:
    """Planes from one material's mask to the next one's, and from one pair's; 0 where shared."""
    if not mask.numel():
        return 0, 0
    materials, pairs = mask.shape[:2]
    return pairs if materials > 1 else 0, 1 if pairs > 1 else 0


def forward(
    maps: Tensor,
    target: Tensor,
    mask: Tensor,
    pairs: Tensor,
    numbers: tuple[float, float, float, float, float],
    kind: tuple[str, str],
    flags: tuple[bool, bool, bool, bool],
    wants: tuple[bool, bool],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean residual of each material, and its gradients to the maps and the pairs.

    Args:
        maps: Maps, shape (B, 10, H, W).
        target: Image (B, N, 3, H, W), or maps (B, 10, H, W).
        mask: Weights, shape (B|1, N|1, H, W), or empty for none.
        pairs: Light/view pairs, shape (B|1, N, 16).
        numbers: Width and height of the sample, epsilon, delta, white.
        kind: Encoding and penalty.
        flags: Directional, orthographic, coned, ambient.
        wants: Whether gradients to the maps, and to the pairs, are wanted.

    Returns:
        Losses (B,), gradient to the maps, gradient to each material's pairs (B, N, 16); the
        gradients are empty where they are not wanted.
    """
    runtime.start(maps.device)
    b, _, h, w = maps.shape
    graded, lit = any(wants), wants[1]
    n, grid = pairs.shape[1], grid_for(maps.device, lit)
    mode = Mode(
        *flags, lit=lit, graded=graded, against_maps=target.ndim == 4, masked=mask.numel() > 0,
        encoding=ENCODINGS.index(kind[0]), penalty=PENALTIES.index(kind[1]),
    )  # fmt: skip
    empty = not (maps.numel() and n)
    g_maps = maps.new_empty((0,))
    if graded:  # the kernel writes every texel
        g_maps = torch.zeros_like(maps) if empty else torch.empty_like(maps)
    partial = maps.new_zeros((b, grid.chunks if lit else 1, n, PAIR_SIZE))
    losses = maps.new_zeros((b, grid.chunks))
    scale = _scales(maps, mask, n)
    texel = (numbers[0] / max(w, 1), numbers[1] / max(h, 1))
    frame = torch.tensor([*texel, 1.0 / math.pi, *numbers[2:], 1.0 / 2.2], dtype=maps.dtype)
    if not empty:
        render_loss(
            maps.view(-1), target.view(-1), mask.view(-1) if mode.masked else scale, pairs,
            frame.to(maps.device), scale, *_mask_steps(mask), g_maps.view(-1), partial, losses,
            b, w, h, grid, runtime.real_of(maps), mode,
        )  # fmt: skip
    g_pairs = partial.sum(dim=1) if lit else maps.new_empty((0,))
    return losses.sum(dim=1) * scale, g_maps, g_pairs
