"""A pixel that looks into a texture of any kind: its values and gradients."""

import taichi as ti

from diffgfx_kernels.taichi_.footprint import (
    finite,
    footprint,
    level_of,
    level_slopes,
    place_gradient,
    place_of,
)
from diffgfx_kernels.taichi_.texels import add_blend, dot, taps_of
from diffgfx_kernels.taichi_.texture_call import HEIGHT, START, WIDTH

__all__ = ["blend_pixel", "pixel_gradients"]


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


@ti.func
def blend_pixel(
    tex: ti.template(), mips: ti.template(), uv: ti.template(), uv_da: ti.template(),
    bias: ti.template(), plan: ti.template(), out: ti.template(), p, base, mip_base, n, top,
    boundary: ti.template(), guided, rounded, nearest: ti.template(), cube: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """Write a pixel's values."""
    for c in range(n):
        out[p * n + c] = 0.0
    good, face, u, v, inverse = place_of(uv, p, boundary, cube)
    if good:
        wanted, _j, _moves = wanted_level(
            uv_da, bias, plan, p, face, u, v, inverse, top, guided, rounded, cube, real
        )
        blend_levels(
            tex, mips, plan, out, p, wanted, face, u, v, base, mip_base, n, boundary, nearest, cube
        )


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


@ti.func
def pixel_gradients(
    tex: ti.template(), mips: ti.template(), uv: ti.template(), uv_da: ti.template(),
    bias: ti.template(), plan: ti.template(), g_out: ti.template(), g_uv: ti.template(),
    g_da: ti.template(), g_bias: ti.template(), levels: ti.template(), p, base, mip_base, n, top,
    boundary: ti.template(), guided, rounded, placed, levelled, nearest: ti.template(),
    cube: ti.template(), real: ti.template(),
):  # fmt: skip
    """What `gradients_of_places` finds, of one pixel."""
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
                    tex, mips, plan, g_out, p, wanted, moves, face, u, v, base, mip_base, n,
                    boundary, nearest, cube,
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
