"""Shade, compare with a target and differentiate in one pass over the texels; no image is stored.

The target is an image, or maps that are shaded beside the first under the same pairs. A chunk adds
its losses in the order of its tiles; chunks are added in their order.
"""

import math

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.flash import PAIR_SIZE, load_pair
from diffgfx_kernels.taichi_.grid import grid_for, turns
from diffgfx_kernels.taichi_.mode import Mode
from diffgfx_kernels.taichi_.residual import residual
from diffgfx_kernels.taichi_.tile import (
    TILE_ROWS,
    add_gradient,
    load_tile,
    shade_lane,
    store_gradient,
    store_pair_sums,
)

__all__ = ["ENCODINGS", "PENALTIES", "forward"]

ENCODINGS = ("linear", "log", "display")
PENALTIES = ("l1", "l2", "charbonnier")
LOSS_ROW = PAIR_SIZE
WEIGHT_ROW = PAIR_SIZE + 1
SUM_ROWS = PAIR_SIZE + 2


@ti.func
def load_seen(
    seen: ti.template(),
    target: ti.template(),
    mask: ti.template(),
    b,
    n,
    first,
    lanes,
    mode: ti.template(),
):
    """Copy a tile of the target image (rows 0 to 2) and of the mask (row 3)."""
    for j in range(lanes):
        if ti.static(not mode.against_maps):
            for c in ti.static(range(3)):
                seen[c, j] = target[b, 3 * n + c, first + j]
        seen[3, j] = 1.0
        if ti.static(mode.masked):
            seen[3, j] = mask[b % mask.shape[0], n % mask.shape[1], first + j]


@ti.func
def compare_lane(
    tile: ti.template(),
    wanted: ti.template(),
    seen: ti.template(),
    upstream: ti.template(),
    sums: ti.template(),
    j,
    pair,
    frame: ti.template(),
    mode: ti.template(),
):
    """Weigh one texel's difference; leave the gradient to its radiance in `upstream`."""
    radiance = shade_lane(tile, j, pair, frame[2], mode)
    goal = ti.Vector([seen[0, j], seen[1, j], seen[2, j]])
    if ti.static(mode.against_maps):
        goal = shade_lane(wanted, j, pair, frame[2], mode)
    weight = seen[3, j]
    for c in ti.static(range(3)):
        loss, g = residual(radiance[c], goal[c], frame, mode.encoding, mode.penalty)
        # a weight of zero also silences what cannot be weighed, such as an infinite target
        sums[LOSS_ROW, j] += ti.select(weight > 0.0, weight * loss, 0.0 * weight)
        upstream[c, j] = ti.select(weight > 0.0, weight * g, 0.0 * weight)
    sums[WEIGHT_ROW, j] += 3.0 * weight


@ti.kernel
def render_loss(
    maps: ti.types.ndarray(ndim=3),
    target: ti.types.ndarray(ndim=3),
    mask: ti.types.ndarray(ndim=3),
    pairs: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    g_maps: ti.types.ndarray(ndim=3),
    partial: ti.types.ndarray(ndim=4),
    width: int,
    height: int,
    chunks: int,
    spread: int,
    size: ti.template(),
    real: ti.template(),
    mode: ti.template(),
):
    pixels = width * height
    for item in range(maps.shape[0] * chunks * spread):
        if item % spread == 0:
            b = item // spread // chunks
            chunk = item // spread % chunks
            tile = ti.Matrix.zero(real, TILE_ROWS, size)
            wanted = ti.Matrix.zero(real, TILE_ROWS, size)
            seen = ti.Matrix.zero(real, 4, size)
            upstream = ti.Matrix.zero(real, 3, size)
            gradient = ti.Matrix.zero(real, 10, size)
            sums = ti.Matrix.zero(real, SUM_ROWS, size)
            for turn in range(turns(chunk, chunks, size, pixels)):
                first = (turn * chunks + chunk) * size
                lanes = ti.min(size, pixels - first)
                load_tile(tile, maps, b, first, lanes, width, height, frame)
                if ti.static(mode.against_maps):
                    load_tile(wanted, target, b, first, lanes, width, height, frame)
                for j in range(lanes):
                    for c in ti.static(range(10)):
                        gradient[c, j] = 0.0
                for n in range(pairs.shape[1]):
                    pair = load_pair(pairs, b % pairs.shape[0], n)
                    load_seen(seen, target, mask, b, n, first, lanes, mode)
                    for j in range(lanes):
                        compare_lane(tile, wanted, seen, upstream, sums, j, pair, frame, mode)
                    if ti.static(mode.graded):
                        for j in range(lanes):
                            add_gradient(tile, gradient, sums, upstream, j, pair, frame[2], mode)
                    store_pair_sums(sums, partial, b, chunk, n, lanes, SUM_ROWS)
                if ti.static(mode.graded):
                    store_gradient(tile, gradient, g_maps, b, first, lanes)


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
    grid = grid_for(maps.device)
    graded, lit = any(wants), wants[1]
    mode = Mode(
        *flags, lit=lit, graded=graded, against_maps=target.ndim == 4, masked=mask.numel() > 0,
        encoding=ENCODINGS.index(kind[0]), penalty=PENALTIES.index(kind[1]),
    )  # fmt: skip
    g_maps = torch.zeros_like(maps) if graded else maps.new_empty((1, 1, 1, 1))
    partial = maps.new_zeros((b, grid.chunks, pairs.shape[1], SUM_ROWS))
    texel = (numbers[0] / max(w, 1), numbers[1] / max(h, 1))
    frame = torch.tensor([*texel, 1.0 / math.pi, *numbers[2:], 1.0 / 2.2], dtype=maps.dtype)
    if maps.numel() and pairs.shape[1]:
        render_loss(
            maps.view(b, 10, h * w), target.view(b, -1, h * w),
            mask.flatten(-2) if mode.masked else maps.new_empty((1, 1, 1)), pairs,
            frame.to(maps.device), g_maps.flatten(-2), partial, w, h,
            grid.chunks, grid.spread, grid.lanes, runtime.real_of(maps), mode,
        )  # fmt: skip
    sums = partial.sum(dim=1)
    scale = 1.0 / sums[..., WEIGHT_ROW].sum(dim=1).clamp_min(torch.finfo(maps.dtype).tiny)
    loss = sums[..., LOSS_ROW].sum(dim=1) * scale
    g_maps = g_maps.mul_(scale[:, None, None, None]) if graded else maps.new_empty((0,))
    g_pairs = sums[..., :PAIR_SIZE] * scale[:, None, None] if lit else maps.new_empty((0,))
    return loss, g_maps, g_pairs
