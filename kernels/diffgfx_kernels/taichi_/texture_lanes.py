"""Pixels side by side that look into flat textures: what they ask for, found for all together.

Where pixels look, their mip levels, the texels around and the slopes of all that are found in loops
over lanes that touch rows of their own only: LLVM makes vector instructions of those, the same to
the bit. What reads texels goes lane by lane. Rows are kept in several small tiles: LLVM takes a
tile that is used in more than a hundred places for one that any pointer may reach, and then makes
no vectors of loops that read memory.

Tiles: `spot` u, v and whether the pixel looks anywhere; `depth` the level wanted, and whether it
moves with the footprint; `foot` the footprint 4; for the level below and that above, one after the
other, `scale` width, height, start and number of the level 4, `part` its share in the value,
`number` where four texels start; and a tile a level of their weights and the slopes of those.
"""

import taichi as ti

from diffgfx_kernels.taichi_.footprint import finite, level_of, level_slopes
from diffgfx_kernels.taichi_.grid import run_start
from diffgfx_kernels.taichi_.texels import taps_of
from diffgfx_kernels.taichi_.texture_call import HEIGHT, START, WIDTH

__all__ = [
    "GOOD",
    "LEVEL",
    "MOVES",
    "NUMBER",
    "SCALES",
    "TAPS",
    "around_lanes",
    "blend_lane",
    "copy_row",
    "dot_lane",
    "drop_lanes",
    "half_lanes",
    "level_lanes",
    "place_lanes",
    "slope_lanes",
    "store_lanes",
    "tap_lanes",
]

WRAP = 0
U, V, GOOD = range(3)
LEVEL, MOVES = range(2)
NUMBER, SCALES, TAPS = 3, 4, 4
G_U, G_V, G_LEVEL, G_FOOT = range(4)


@ti.func
def place_lanes(spot: ti.template(), uv: ti.template(), first, lanes, boundary: ti.template()):
    """Fill where pixels look, and whether they look anywhere."""
    at = run_start(0, 0, 2 * first)
    for j in range(lanes):
        u, v = uv[at + 2 * j], uv[at + 2 * j + 1]
        good = (u - u == 0.0) & (v - v == 0.0)
        if ti.static(boundary == WRAP):
            u -= ti.floor(u)
            v -= ti.floor(v)
        spot[U, j] = ti.select(good, u, 0.0)
        spot[V, j] = ti.select(good, v, 0.0)
        spot[GOOD, j] = ti.select(good, 1.0, 0.0)


@ti.func
def level_lanes(
    depth: ti.template(), foot: ti.template(), uv_da: ti.template(), bias: ti.template(),
    plan: ti.template(), first, lanes, top, guided, rounded, real: ti.template(),
):  # fmt: skip
    """Fill the levels that pixels ask for, whether they move, and the footprints."""
    for j in range(lanes):
        depth[LEVEL, j] = 0.0
        depth[MOVES, j] = 0.0
    if guided & 2:
        start = run_start(0, 0, first)
        for j in range(lanes):
            depth[LEVEL, j] = bias[start + j]
    if guided & 1:
        at = run_start(0, 0, 4 * first)
        width, height = ti.cast(plan[0, WIDTH], real), ti.cast(plan[0, HEIGHT], real)
        for j in range(lanes):
            for k in ti.static(range(2)):
                foot[k, j] = uv_da[at + 4 * j + k] * width
                foot[2 + k, j] = uv_da[at + 4 * j + 2 + k] * height
        for j in range(lanes):
            steps = ti.Vector([foot[k, j] for k in ti.static(range(4))])
            level, moves = level_of(steps, depth[LEVEL, j], top, real)
            depth[LEVEL, j] = level
            depth[MOVES, j] = ti.select(moves, 1.0, 0.0)
    elif guided & 2:
        most = ti.cast(top, real)
        for j in range(lanes):
            added = depth[LEVEL, j]
            depth[MOVES, j] = ti.select((added > 0.0) & (added < most), 1.0, 0.0)
            depth[LEVEL, j] = ti.select(added > 0.0, ti.min(added, most), 0.0)
    if rounded > 0:
        for j in range(lanes):
            depth[LEVEL, j] = ti.floor(depth[LEVEL, j])
            depth[MOVES, j] = 0.0


@ti.func
def put_scale(scale: ti.template(), row: ti.template(), j, plan: ti.template(), level):
    """Fill what is known of a level."""
    scale[row, j] = plan[level, WIDTH]
    scale[row + 1, j] = plan[level, HEIGHT]
    scale[row + 2, j] = plan[level, START]
    scale[row + NUMBER, j] = level


@ti.func
def around_lanes(
    depth: ti.template(), scale: ti.template(), part: ti.template(), plan: ti.template(), lanes,
    top,
):  # fmt: skip
    """Fill what is known of the level below that wanted and of that above, and their parts."""
    for j in range(lanes):
        low = ti.cast(depth[LEVEL, j], ti.i32)
        put_scale(scale, 0, j, plan, low)
        put_scale(scale, SCALES, j, plan, ti.min(low + 1, top))
    for j in range(lanes):
        share = depth[LEVEL, j] - scale[NUMBER, j]
        part[0, j] = 1.0 - share
        part[1, j] = share


@ti.func
def half_lanes(
    spot: ti.template(), depth: ti.template(), scale: ti.template(), part: ti.template(),
    plan: ti.template(), lanes, top, half, halves,
):  # fmt: skip
    """Fill in the first place that of both levels whose number is `half` modulo `halves`."""
    for j in range(lanes):
        low = ti.cast(depth[LEVEL, j], ti.i32)
        share = depth[LEVEL, j] - low
        own = low % halves == half
        scale[NUMBER, j] = ti.select(own, low, ti.min(low + 1, top))
        part[0, j] = spot[GOOD, j] * ti.select(own, 1.0 - share, share)
    for j in range(lanes):
        put_scale(scale, 0, j, plan, scale[NUMBER, j])


@ti.func
def tap_lanes(
    spot: ti.template(), scale: ti.template(), part: ti.template(), number: ti.template(),
    taps: ti.template(), lanes, channels, above: ti.template(), sloped: ti.template(),
    boundary: ti.template(),
):  # fmt: skip
    """Fill where the texels of the level below or above start, and their weights in the value.

    Numbers count from the start of the texture, or of its coarser levels. If `sloped`, weights are
    those in the level, and their slopes follow.
    """
    row = ti.static(SCALES * above)
    for j in range(lanes):
        texel, weights, by_x, by_y = taps_of(
            0, spot[U, j], spot[V, j], scale[row + 1, j], scale[row, j], boundary, False, False
        )
        for k in ti.static(range(TAPS)):
            number[row + k, j] = (scale[row + 2, j] + texel[k]) * channels
            if ti.static(sloped):
                taps[k, j] = weights[k]
                taps[TAPS + k, j] = by_x[k]
                taps[2 * TAPS + k, j] = by_y[k]
            else:
                taps[k, j] = part[ti.static(int(above)), j] * weights[k]


@ti.func
def blend_lane(
    tex: ti.template(), mips: ti.template(), number: ti.template(), below: ti.template(),
    above: ti.template(), good, wanted, out: ti.template(), at, j, base, mip_base, channels,
):  # fmt: skip
    """Write the values of a lane in the one or two levels around the wanted one."""
    low = ti.floor(wanted)
    if good:
        for c in range(channels):
            value = 0.0 * low
            if low == 0.0:
                for k in ti.static(range(TAPS)):
                    value += below[k, j] * tex[base + number[k, j] + c]
            else:
                for k in ti.static(range(TAPS)):
                    value += below[k, j] * mips[mip_base + number[k, j] + c]
            if wanted > low:
                for k in ti.static(range(TAPS)):
                    value += above[k, j] * mips[mip_base + number[TAPS + k, j] + c]
            out[at + c] = value
    else:
        for c in range(channels):
            out[at + c] = 0.0


@ti.func
def dot_lane(
    tex: ti.template(), mips: ti.template(), number: ti.template(), products: ti.template(), good,
    wanted, moves, g_out: ti.template(), at, j, base, mip_base, channels,
):  # fmt: skip
    """Fill the products of a lane's upstream gradient with the texels of both levels."""
    low = ti.floor(wanted)
    q = 0.0 * ti.Vector([wanted] * TAPS)
    more = q
    if good:
        for c in range(channels):
            g = g_out[at + c]
            if low == 0.0:
                for k in ti.static(range(TAPS)):
                    q[k] += g * tex[base + number[k, j] + c]
            else:
                for k in ti.static(range(TAPS)):
                    q[k] += g * mips[mip_base + number[k, j] + c]
            if wanted > low or moves:
                for k in ti.static(range(TAPS)):
                    more[k] += g * mips[mip_base + number[TAPS + k, j] + c]
    for k in ti.static(range(TAPS)):
        products[k, j] = q[k]
        products[TAPS + k, j] = more[k]


@ti.func
def drop_lanes(
    spot: ti.template(), depth: ti.template(), g_out: ti.template(), first, lanes, channels
):
    """Take pixels out that look nowhere, or on which nothing depends."""
    for j in range(lanes):
        some = 0
        for c in range(channels):
            if g_out[(first + j) * channels + c] != 0.0:
                some = 1
        spot[GOOD, j] = ti.select(some == 1, spot[GOOD, j], 0.0)
    for j in range(lanes):
        kept = spot[GOOD, j] != 0.0
        depth[LEVEL, j] = ti.select(kept, depth[LEVEL, j], 0.0)
        depth[MOVES, j] = ti.select(kept, depth[MOVES, j], 0.0)


@ti.func
def copy_row(tile: ti.template(), row: ti.template(), out: ti.template(), first, lanes):
    """Write a row out, a number a pixel."""
    at = run_start(0, 0, first)
    for j in range(lanes):
        out[at + j] = tile[row, j]


@ti.func
def rows_of(tile: ti.template(), first: ti.template(), j):
    """Four rows of a lane."""
    return ti.Vector([tile[first + k, j] for k in ti.static(range(TAPS))])


@ti.func
def slope_lanes(
    scale: ti.template(), part: ti.template(), below: ti.template(), above: ti.template(),
    products: ti.template(), slopes: ti.template(), lanes,
):  # fmt: skip
    """Fill the gradients to u, v and the level, from products with the texels."""
    for j in range(lanes):
        q, more = rows_of(products, 0, j), rows_of(products, TAPS, j)
        g_u = part[0, j] * (scale[0, j] * rows_of(below, TAPS, j).dot(q))
        g_v = part[0, j] * (scale[1, j] * rows_of(below, 2 * TAPS, j).dot(q))
        g_u += part[1, j] * (scale[SCALES, j] * rows_of(above, TAPS, j).dot(more))
        g_v += part[1, j] * (scale[SCALES + 1, j] * rows_of(above, 2 * TAPS, j).dot(more))
        slopes[G_U, j] = finite(g_u)
        slopes[G_V, j] = finite(g_v)
        slopes[G_LEVEL, j] = rows_of(above, 0, j).dot(more) - rows_of(below, 0, j).dot(q)


@ti.func
def store_lanes(
    depth: ti.template(), foot: ti.template(), slopes: ti.template(), plan: ti.template(),
    g_uv: ti.template(), g_da: ti.template(), g_bias: ti.template(), first, lanes, guided,
    real: ti.template(),
):  # fmt: skip
    """Write what `slope_lanes` found and what follows for the footprint, else zeros."""
    at = run_start(0, 0, 2 * first)
    for j in range(lanes):
        g_uv[at + 2 * j] = slopes[G_U, j]
        g_uv[at + 2 * j + 1] = slopes[G_V, j]
    if guided & 1:
        width, height = ti.cast(plan[0, WIDTH], real), ti.cast(plan[0, HEIGHT], real)
        for j in range(lanes):
            g = slopes[G_LEVEL, j] * level_slopes(rows_of(foot, 0, j), real)
            moves = depth[MOVES, j] != 0.0
            for k in ti.static(range(2)):
                foot[k, j] = ti.select(moves, finite(g[k] * width), 0.0)
                foot[2 + k, j] = ti.select(moves, finite(g[2 + k] * height), 0.0)
    at = run_start(0, 0, 4 * first)
    for j in range(lanes):
        for k in ti.static(range(4)):
            g_da[at + 4 * j + k] = foot[k, j]
    at, counts = run_start(0, 0, first), ti.select(guided & 2, 1.0, 0.0)
    for j in range(lanes):
        moves = depth[MOVES, j] != 0.0
        g_bias[at + j] = counts * ti.select(moves, finite(slopes[G_LEVEL, j]), 0.0)
