"""Look textures up at pixels, and take gradients back.

A launch over pixels finds values; another finds the gradients to where pixels look and how, and the
levels that they read, from which the gradients to the texels follow (`texture_sums`). Empty pixels
all look at one place: values are found once for neighbours that look alike.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sampling import Sampling
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.batch_item import item_of
from diffgfx_kernels.taichi_.few import few_of, number_of
from diffgfx_kernels.taichi_.footprint import (
    finite,
    footprint,
    level_of,
    level_slopes,
    place_gradient,
    place_of,
)
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.texels import add_blend, dot, taps_of
from diffgfx_kernels.taichi_.texture_call import HEIGHT, START, WIDTH, call_of, flat, plan_of
from diffgfx_kernels.taichi_.texture_sums import sum_texels

__all__ = ["backward", "forward"]

RUN = 16
"""Pixels that a task of a CPU looks up one after the other."""


@ti.func
def wanted_level(
    uv_da: ti.template(), bias: ti.template(), plan: ti.template(), p, face, u, v, inverse, top,
    guided, rounded, cube: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """A pixel's level, the footprint, and whether the level moves with it."""
    level = ti.cast(0.0, real)
    j = ti.Vector([level, level, level, level])
    moves = False
    if guided > 0:
        added = level
        if guided & 2:
            added = bias[p]
        if guided & 1:
            j = footprint(uv_da, p, face, u, v, inverse, plan[0, WIDTH], plan[0, HEIGHT], cube)
            level, moves = level_of(j, added, top, real)
        elif added > 0.0:
            level, moves = ti.min(added, ti.cast(top, real)), added < top
        if rounded > 0:
            level, moves = ti.floor(level), False
    return level, j, moves


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
    if guided & 1:
        for k in ti.static(range(2 * axes)):
            alike &= uv_da[2 * axes * p + k] == uv_da[2 * axes * before + k]
    if guided & 2:
        alike &= bias[p] == bias[before]
    return alike


@ti.func
def blend_levels(
    tex: ti.template(), mips: ti.template(), plan: ti.template(), out: ti.template(), p, wanted,
    face, u, v, base, mip_base, channels, boundary: ti.template(), nearest: ti.template(),
    cube: ti.template(),
):  # fmt: skip
    """Add a pixel's values in the one or two levels around the wanted one."""
    low = ti.cast(wanted, ti.i32)
    share = wanted - low
    for second in range(ti.select(share > 0.0, 2, 1)):
        level = low + second
        part = ti.select(second == 1, share, 1.0 - share)
        number, weights, _by_x, _by_y = taps_of(
            face, u, v, plan[level, HEIGHT], plan[level, WIDTH], boundary, nearest, cube
        )
        if level == 0:
            add_blend(tex, base, number, part * weights, out, p * channels, channels)
        else:
            start = mip_base + plan[level, START]
            add_blend(mips, start, number, part * weights, out, p * channels, channels)


@kernel
def look_up(
    tex: ti.types.ndarray(ndim=1),
    mips: ti.types.ndarray(ndim=1),
    uv: ti.types.ndarray(ndim=1),
    uv_da: ti.types.ndarray(ndim=1),
    bias: ti.types.ndarray(ndim=1),
    plan: ti.types.ndarray(ndim=2),
    out: ti.types.ndarray(ndim=1),
    count: int,
    pixels: int,
    textures: int,
    mipped: int,
    stride: int,
    mip_stride: int,
    channels: int,
    top: int,
    boundary: ti.template(),
    guided: int,
    rounded: int,
    run: int,
    nearest: ti.template(),
    cube: ti.template(),
    few: ti.template(),
    real: ti.template(),
):
    """Find values, in runs of pixels: one that looks where that before it did repeats it."""
    for job in range((count + run - 1) // run):
        n = number_of(channels, few)
        for p in range(job * run, ti.min(job * run + run, count)):
            if p > job * run and looks_alike(
                uv,
                uv_da,
                bias,
                p,
                pixels,
                textures + mipped > 2,
                guided,
                ti.static(3 if cube else 2),
            ):
                for c in range(n):
                    out[p * n + c] = out[p * n - n + c]
            else:
                for c in range(n):
                    out[p * n + c] = 0.0
                good, face, u, v, inverse = place_of(uv, p, boundary, cube)
                if good:
                    wanted, _j, _moves = wanted_level(
                        uv_da, bias, plan, p, face, u, v, inverse, top, guided, rounded, cube, real
                    )
                    blend_levels(
                        tex, mips, plan, out, p, wanted, face, u, v,
                        item_of(p, pixels, textures) * stride,
                        item_of(p, pixels, mipped) * mip_stride, n, boundary, nearest, cube,
                    )  # fmt: skip


@ti.func
def is_followed(g_out: ti.template(), p, channels):
    """Whether anything depends on a pixel."""
    some = False
    for c in range(channels):
        some = some or g_out[p * channels + c] != 0.0
    return some


@ti.func
def level_products(
    tex: ti.template(), mips: ti.template(), plan: ti.template(), g_out: ti.template(), p, level,
    face, u, v, base, mip_base, channels, boundary: ti.template(), nearest: ti.template(),
    cube: ti.template(),
):  # fmt: skip
    """The product of a pixel's upstream gradient with a level's value, and its slopes in u, v."""
    height, width = plan[level, HEIGHT], plan[level, WIDTH]
    number, weights, by_x, by_y = taps_of(face, u, v, height, width, boundary, nearest, cube)
    q = 0.0 * weights
    if level == 0:
        q = dot(tex, base, number, g_out, p * channels, channels)
    else:
        q = dot(mips, mip_base + plan[level, START], number, g_out, p * channels, channels)
    return weights.dot(q), width * by_x.dot(q), height * by_y.dot(q)


@ti.func
def clear_place(
    g_uv: ti.template(), g_da: ti.template(), g_bias: ti.template(), p, axes: ti.template()
):  # fmt: skip
    """Set a pixel's gradients to zero."""
    for k in ti.static(range(axes)):
        g_uv[axes * p + k] = 0.0
    for k in ti.static(range(2 * axes)):
        g_da[2 * axes * p + k] = 0.0
    g_bias[p] = 0.0


@ti.func
def slopes_of_levels(
    tex: ti.template(), mips: ti.template(), plan: ti.template(), g_out: ti.template(), p, wanted,
    moves, face, u, v, base, mip_base, channels, boundary: ti.template(), nearest: ti.template(),
    cube: ti.template(),
):  # fmt: skip
    """A pixel's gradients to u, v and its level."""
    low = ti.cast(wanted, ti.i32)
    share = wanted - low
    g_u, g_v, g_level = 0.0 * share, 0.0 * share, 0.0 * share
    for second in range(ti.select(share > 0.0 or moves, 2, 1)):
        part = ti.select(second == 1, share, 1.0 - share)
        value, by_u, by_v = level_products(
            tex, mips, plan, g_out, p, low + second, face, u, v, base, mip_base, channels,
            boundary, nearest, cube,
        )  # fmt: skip
        g_u += part * by_u
        g_v += part * by_v
        g_level += ti.select(second == 1, value, -value)
    return g_u, g_v, g_level


@kernel
def gradients_of_places(
    tex: ti.types.ndarray(ndim=1), mips: ti.types.ndarray(ndim=1), uv: ti.types.ndarray(ndim=1),
    uv_da: ti.types.ndarray(ndim=1), bias: ti.types.ndarray(ndim=1),
    plan: ti.types.ndarray(ndim=2), g_out: ti.types.ndarray(ndim=1),
    g_uv: ti.types.ndarray(ndim=1), g_da: ti.types.ndarray(ndim=1),
    g_bias: ti.types.ndarray(ndim=1), levels: ti.types.ndarray(ndim=1),
    count: int, pixels: int, textures: int, mipped: int, stride: int, mip_stride: int,
    channels: int, top: int, boundary: ti.template(), guided: int, rounded: int, placed: int,
    levelled: int, nearest: ti.template(), cube: ti.template(), few: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """Find the gradients to uv, uv_da and bias if `placed`, and the levels if `levelled`."""
    for p in range(count):
        n = number_of(channels, few)
        if placed > 0:
            clear_place(g_uv, g_da, g_bias, p, ti.static(3 if cube else 2))
        if levelled > 0:
            levels[p] = 0.0
        if is_followed(g_out, p, n):
            good, face, u, v, inverse = place_of(uv, p, boundary, cube)
            if good:
                wanted, j, moves = wanted_level(
                    uv_da, bias, plan, p, face, u, v, inverse, top, guided, rounded, cube, real
                )
                if levelled > 0:
                    levels[p] = wanted
                if placed > 0:
                    g_u, g_v, g_level = slopes_of_levels(
                        tex, mips, plan, g_out, p, wanted, moves, face, u, v,
                        item_of(p, pixels, textures) * stride,
                        item_of(p, pixels, mipped) * mip_stride, n, boundary, nearest, cube,
                    )  # fmt: skip
                    g_j = 0.0 * j
                    if moves and guided & 2:
                        g_bias[p] = finite(g_level)
                    if moves and guided & 1:
                        g_j = g_level * level_slopes(j, real)
                    place_gradient(
                        uv_da, g_uv, g_da, p, face, u, v, inverse, g_u, g_v, g_j, plan[0, WIDTH],
                        plan[0, HEIGHT], ti.select(moves, guided & 1, 0), cube,
                    )  # fmt: skip


def forward(
    tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None, bias: Tensor | None,
    sampling: Sampling,
) -> Tensor:  # fmt: skip
    """Return the values at pixels, (B, H, W, C); arguments as of the reference."""
    runtime.start(uv.device)
    call = call_of(tex, mips, uv, uv_da, bias, sampling)
    out = uv.new_empty((*uv.shape[:3], call.channels))
    if call.total:
        look_up(
            tex.view(-1), flat(mips, uv), uv.view(-1), flat(uv_da, uv), flat(bias, uv),
            plan_of(tex, call.top), out.view(-1), *call, 1 if uv.is_cuda else RUN,
            sampling.filter == "nearest", sampling.boundary == "cube", few_of(call.channels),
            runtime.real_of(uv),
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
    if call.total == 0 or not any(wanted):
        return torch.zeros_like(tex), torch.zeros_like(mips), g_uv, g_da, g_bias
    plan = plan_of(tex, call.top)
    levels = uv.new_empty(call.total if wanted[0] else 1)
    gradients_of_places(
        tex.view(-1), flat(mips, uv), uv.view(-1), flat(uv_da, uv), flat(bias, uv), plan,
        g_out.view(-1), g_uv.view(-1), g_da.view(-1), g_bias.view(-1), levels, *call,
        int(wanted[1]), int(wanted[0]), sampling.filter == "nearest",
        sampling.boundary == "cube", few_of(call.channels), runtime.real_of(uv),
    )  # fmt: skip
    if not wanted[0]:
        return torch.zeros_like(tex), torch.zeros_like(mips), g_uv, g_da, g_bias
    g_tex, g_mips = sum_texels(g_out, tex, mips, uv, levels, sampling, call, plan)
    return g_tex, g_mips, g_uv, g_da, g_bias
