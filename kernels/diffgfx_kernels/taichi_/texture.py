"""Look textures up at pixels, and take gradients back.

A launch over pixels finds values; another finds the gradients to where pixels look and how, and the
levels that they read, from which the gradients to the texels follow (`texture_sums`). On a CPU
those that look at squares of a plane go side by side (`texture_lanes`), the others one by one
(`texture_pixel`). Empty pixels all look at one place: values are found once for neighbours that
look alike.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sampling import Sampling
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.batch_item import item_of
from diffgfx_kernels.taichi_.few import few_of, number_of
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.texture_call import call_of, flat, lanes_for, plan_of
from diffgfx_kernels.taichi_.texture_lanes import (
    GOOD,
    LEVEL,
    MOVES,
    SCALES,
    TAPS,
    around_lanes,
    blend_lane,
    copy_row,
    dot_lane,
    drop_lanes,
    level_lanes,
    place_lanes,
    slope_lanes,
    store_lanes,
    tap_lanes,
)
from diffgfx_kernels.taichi_.texture_pixel import blend_pixel, pixel_gradients
from diffgfx_kernels.taichi_.texture_sums import sum_texels

__all__ = ["backward", "forward"]

RUN = 16
"""Pixels that a task of a CPU looks up one after the other."""

_TILES = 4
"""Runs of lanes that a task takes instead."""


@ti.func
def looks_alike(
    uv: ti.template(), uv_da: ti.template(), bias: ti.template(), p, pixels, several, guided,
    axes: ti.template(),
):  # fmt: skip
    """Whether a pixel looks where the one before it does, in the same way and texture."""
    before = ti.max(p - 1, 0)  # Taichi's `and` asks for the first pixel too
    alike = True
    if several:
        alike = p % pixels != 0
    for k in ti.static(range(axes)):
        alike &= uv[axes * p + k] == uv[axes * before + k]
    if alike and guided & 1:
        for k in ti.static(range(2 * axes)):
            alike &= uv_da[2 * axes * p + k] == uv_da[2 * axes * before + k]
    if alike and guided & 2:
        alike = bias[p] == bias[before]
    return alike


@ti.func
def alike_from(
    uv: ti.template(), uv_da: ti.template(), bias: ti.template(), first, lanes, pixels, several,
    guided,
):  # fmt: skip
    """How many pixels from the first on, at most so many, look alike."""
    count = 1
    for j in range(1, lanes):
        if count == j and looks_alike(uv, uv_da, bias, first + j, pixels, several, guided, 2):
            count += 1
    return count


@ti.func
def repeat_pixel(out: ti.template(), source, p, channels):
    """Write the values of another pixel."""
    for c in range(channels):
        out[p * channels + c] = out[source * channels + c]


@kernel
def look_up(
    tex: ti.types.ndarray(ndim=1), mips: ti.types.ndarray(ndim=1), uv: ti.types.ndarray(ndim=1),
    uv_da: ti.types.ndarray(ndim=1), bias: ti.types.ndarray(ndim=1),
    plan: ti.types.ndarray(ndim=2), out: ti.types.ndarray(ndim=1), count: int, pixels: int,
    textures: int, mipped: int, stride: int, mip_stride: int, channels: int, top: int,
    boundary: ti.template(), guided: int, rounded: int, run: int, nearest: ti.template(),
    cube: ti.template(), few: ti.template(), real: ti.template(), lanes: ti.template(),
):  # fmt: skip
    """Find values, in runs of pixels: one that looks where that before it did repeats it."""
    for job in range((count + run - 1) // run):
        n, several = number_of(channels, few), textures + mipped > 2
        last = ti.min(job * run + run, count)
        if ti.static(lanes > 1):
            spot, depth = ti.Matrix.zero(real, 3, lanes), ti.Matrix.zero(real, 2, lanes)
            foot, part = ti.Matrix.zero(real, 4, lanes), ti.Matrix.zero(real, 2, lanes)
            scale = ti.Matrix.zero(ti.i32, 2 * SCALES, lanes)
            number = ti.Matrix.zero(ti.i32, 2 * TAPS, lanes)
            below, above = ti.Matrix.zero(real, TAPS, lanes), ti.Matrix.zero(real, TAPS, lanes)
            for tile in range((last - job * run + lanes - 1) // lanes):
                first = job * run + tile * lanes
                m = ti.min(last - first, lanes)
                same = alike_from(uv, uv_da, bias, first, m, pixels, several, guided)
                known = False
                if same == m and tile > 0:
                    known = looks_alike(uv, uv_da, bias, first, pixels, several, guided, 2)
                # to find one is enough; the bound is known when compiled, as vectors ask
                found = ti.min(m, 1 + (lanes - 1) * ti.cast(same < m, ti.i32))
                if not known:
                    place_lanes(spot, uv, first, found, boundary)
                    level_lanes(
                        depth, foot, uv_da, bias, plan, first, found, top, guided, rounded, real
                    )
                    around_lanes(depth, scale, part, plan, found, top)
                    tap_lanes(spot, scale, part, number, below, found, n, False, False, boundary)
                    tap_lanes(spot, scale, part, number, above, found, n, True, False, boundary)
                for j in range(m):
                    p = first + j
                    if known or (j > 0 and j < same):
                        repeat_pixel(out, p - ti.select(known, j + 1, j), p, n)
                    else:
                        blend_lane(
                            tex, mips, number, below, above, spot[GOOD, j] != 0.0, depth[LEVEL, j],
                            out, p * n, j, item_of(p, pixels, textures) * stride * n,
                            item_of(p, pixels, mipped) * mip_stride * n, n,
                        )  # fmt: skip
        else:
            for p in range(job * run, last):
                if p > job * run and looks_alike(
                    uv, uv_da, bias, p, pixels, several, guided, ti.static(3 if cube else 2)
                ):
                    repeat_pixel(out, p - 1, p, n)
                else:
                    blend_pixel(
                        tex, mips, uv, uv_da, bias, plan, out, p,
                        item_of(p, pixels, textures) * stride,
                        item_of(p, pixels, mipped) * mip_stride, n, top, boundary, guided, rounded,
                        nearest, cube, real,
                    )  # fmt: skip


@kernel
def gradients_of_places(
    tex: ti.types.ndarray(ndim=1), mips: ti.types.ndarray(ndim=1), uv: ti.types.ndarray(ndim=1),
    uv_da: ti.types.ndarray(ndim=1), bias: ti.types.ndarray(ndim=1),
    plan: ti.types.ndarray(ndim=2), g_out: ti.types.ndarray(ndim=1),
    g_uv: ti.types.ndarray(ndim=1), g_da: ti.types.ndarray(ndim=1),
    g_bias: ti.types.ndarray(ndim=1), levels: ti.types.ndarray(ndim=1),
    count: int, pixels: int, textures: int, mipped: int, stride: int, mip_stride: int,
    channels: int, top: int, boundary: ti.template(), guided: int, rounded: int, placed: int,
    levelled: int, run: int, nearest: ti.template(), cube: ti.template(), few: ti.template(),
    real: ti.template(), lanes: ti.template(),
):  # fmt: skip
    """Find the gradients to uv, uv_da and bias if `placed`, and the levels if `levelled`."""
    for job in range((count + run - 1) // run):
        n, last = number_of(channels, few), ti.min(job * run + run, count)
        spot, depth = ti.Matrix.zero(real, 3, lanes), ti.Matrix.zero(real, 2, lanes)
        foot, part = ti.Matrix.zero(real, 4, lanes), ti.Matrix.zero(real, 2, lanes)
        scale = ti.Matrix.zero(ti.i32, 2 * SCALES, lanes)
        number = ti.Matrix.zero(ti.i32, 2 * TAPS, lanes)
        below, above = ti.Matrix.zero(real, 3 * TAPS, lanes), ti.Matrix.zero(real, 3 * TAPS, lanes)
        products, slopes = ti.Matrix.zero(real, 2 * TAPS, lanes), ti.Matrix.zero(real, 3, lanes)
        for tile in range((last - job * run + lanes - 1) // lanes):
            p = job * run + tile * lanes
            if ti.static(lanes > 1):
                m = ti.min(last - p, lanes)
                place_lanes(spot, uv, p, m, boundary)
                level_lanes(depth, foot, uv_da, bias, plan, p, m, top, guided, rounded, real)
                drop_lanes(spot, depth, g_out, p, m, n)
                if levelled > 0:
                    copy_row(depth, LEVEL, levels, p, m)
                if placed > 0:
                    around_lanes(depth, scale, part, plan, m, top)
                    tap_lanes(spot, scale, part, number, below, m, n, False, True, boundary)
                    tap_lanes(spot, scale, part, number, above, m, n, True, True, boundary)
                    for j in range(m):
                        dot_lane(
                            tex, mips, number, products, spot[GOOD, j] != 0.0, depth[LEVEL, j],
                            depth[MOVES, j] != 0.0, g_out, (p + j) * n, j,
                            item_of(p + j, pixels, textures) * stride * n,
                            item_of(p + j, pixels, mipped) * mip_stride * n, n,
                        )  # fmt: skip
                    slope_lanes(scale, part, below, above, products, slopes, m)
                    store_lanes(depth, foot, slopes, plan, g_uv, g_da, g_bias, p, m, guided, real)
            else:
                pixel_gradients(
                    tex, mips, uv, uv_da, bias, plan, g_out, g_uv, g_da, g_bias, levels, p,
                    item_of(p, pixels, textures) * stride, item_of(p, pixels, mipped) * mip_stride,
                    n, top, boundary, guided, rounded, placed, levelled, nearest, cube, real,
                )  # fmt: skip


def _run_of(uv: Tensor, lanes: int) -> int:
    """Return how many pixels a task takes."""
    if uv.is_cuda:
        return 1
    return _TILES * lanes if lanes > 1 else RUN


def forward(
    tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None, bias: Tensor | None,
    sampling: Sampling,
) -> Tensor:  # fmt: skip
    """Return the values at pixels, (B, H, W, C); arguments as of the reference."""
    runtime.start(uv.device)
    call = call_of(tex, mips, uv, uv_da, bias, sampling)
    out = uv.new_empty((*uv.shape[:3], call.channels))
    lanes = lanes_for(uv.device, sampling)
    if call.total:
        look_up(
            tex.view(-1), flat(mips, uv), uv.view(-1), flat(uv_da, uv), flat(bias, uv),
            plan_of(tex, call.top), out.view(-1), *call,
            _run_of(uv, lanes), sampling.filter == "nearest",
            sampling.boundary == "cube", few_of(call.channels), runtime.real_of(uv), lanes,
        )  # fmt: skip
    return out


def backward(
    g_out: Tensor, tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None,
    bias: Tensor | None, sampling: Sampling, wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the gradients to tex, mips, uv, uv_da and bias; arguments as of the reference."""
    runtime.start(uv.device)
    call = call_of(tex, mips, uv, uv_da, bias, sampling)
    shapes = (uv.shape, (*uv.shape[:3], 2 * uv.shape[3]), uv.shape[:3])
    made = uv.new_empty if wanted[1] and call.total else uv.new_zeros
    g_uv, g_da, g_bias = (made(shape) for shape in shapes)
    if uv.numel() == 0 or not any(wanted):
        return torch.zeros_like(tex), torch.zeros_like(mips), g_uv, g_da, g_bias
    plan = plan_of(tex, call.top)
    levels = uv.new_empty(call.total if wanted[0] else 1)
    lanes = lanes_for(uv.device, sampling)
    gradients_of_places(
        tex.view(-1), flat(mips, uv), uv.view(-1), flat(uv_da, uv), flat(bias, uv), plan,
        g_out.view(-1), g_uv.view(-1), g_da.view(-1), g_bias.view(-1), levels, *call,
        int(wanted[1]), int(wanted[0]), _run_of(uv, lanes), sampling.filter == "nearest",
        sampling.boundary == "cube", few_of(call.channels), runtime.real_of(uv), lanes,
    )  # fmt: skip
    if not wanted[0]:
        return torch.zeros_like(tex), torch.zeros_like(mips), g_uv, g_da, g_bias
    g_tex, g_mips = sum_texels(g_out, tex, mips, uv, levels, sampling, call, plan)
    return g_tex, g_mips, g_uv, g_da, g_bias
