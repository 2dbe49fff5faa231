"""A tile of texels: load, shade and differentiate one lane for one light/view pair.

Rows of the tile: the ten maps n3 d3 s3 r1, then x and y of the texel's centre. Loops over lanes
have a trip count known only at run time: the compiler vectorises those, and would unroll them in
full otherwise (measured: 3 to 8 times slower).
"""

import taichi as ti

from diffgfx_kernels.taichi_.brdf import (
    evaluate,
    evaluate_gradient,
    normalise,
    normalise_gradient,
)
from diffgfx_kernels.taichi_.flash import (
    direction,
    falloff,
    falloff_gradient,
    row3,
)

__all__ = [
    "TILE_ROWS",
    "add_gradient",
    "column",
    "load_tile",
    "shade_lane",
    "store_gradient",
    "store_pair_sums",
]

TILE_ROWS = 12


@ti.func
def column(tile: ti.template(), first: ti.template(), j):
    """Read three consecutive rows of one lane."""
    return ti.Vector([tile[first + i, j] for i in ti.static(range(3))])


@ti.func
def largest(x):
    """The largest of three components."""
    return ti.max(x[0], ti.max(x[1], x[2]))


@ti.func
def load_tile(
    tile: ti.template(),
    maps: ti.template(),
    b,
    first,
    lanes,
    width,
    height,
    frame: ti.template(),
):
    """Copy the maps of a tile and the places of its texels, row 0 at the top.

    The frame starts with the width and the height of a texel and 1 / pi.
    """
    for j in range(lanes):
        p = first + j
        for c in ti.static(range(10)):
            tile[c, j] = maps[b, c, p]
        tile[10, j] = (p % width + 0.5 - 0.5 * width) * frame[0]
        tile[11, j] = (0.5 * height - 0.5 - p // width) * frame[1]


@ti.func
def shade_lane(
    tile: ti.template(),
    j,
    pair,
    inv_pi,
    mode: ti.template(),
):
    """Radiance of one texel under one pair."""
    point = ti.Vector([tile[10, j], tile[11, j], 0.0 * tile[10, j]])
    normal, _ = normalise(column(tile, 0, j))
    light, inverse = direction(row3(pair, 0), point, mode.distant)
    v, _ = direction(row3(pair, 6), point, mode.orthographic)
    gain = falloff(light, inverse, row3(pair, 9), pair[12], mode.distant, mode.coned)
    d, s = column(tile, 3, j), column(tile, 6, j)
    radiance = evaluate(normal, light, v, d, s, tile[9, j], inv_pi) * gain * row3(pair, 3)
    if ti.static(mode.ambient):
        radiance += row3(pair, 13) * (d * (1.0 - largest(s)) + s)
    return radiance


@ti.func
def add_gradient(
    tile: ti.template(),
    gradient: ti.template(),
    sums: ti.template(),
    upstream: ti.template(),
    j,
    pair,
    inv_pi,
    mode: ti.template(),
):
    """Add one texel's share, for one pair, to its maps' gradient and, if lit, to its sums."""
    point = ti.Vector([tile[10, j], tile[11, j], 0.0 * tile[10, j]])
    normal, _ = normalise(column(tile, 0, j))
    light, inverse = direction(row3(pair, 0), point, mode.distant)
    v, inverse_v = direction(row3(pair, 6), point, mode.orthographic)
    axis = row3(pair, 9)
    cone = pair[12]
    gain = falloff(light, inverse, axis, cone, mode.distant, mode.coned)
    intensity = row3(pair, 3)
    g_radiance = column(upstream, 0, j)
    d, s, r = column(tile, 3, j), column(tile, 6, j), tile[9, j]
    g_n, g_d, g_s, g_r, g_l, g_v = evaluate_gradient(
        normal, light, v, d, s, r, inv_pi, g_radiance * intensity * gain
    )
    for c in ti.static(range(3)):
        gradient[c, j] += g_n[c]
        gradient[3 + c, j] += g_d[c]
        gradient[6 + c, j] += g_s[c]
    gradient[9, j] += g_r
    if ti.static(mode.lit):
        f = evaluate(normal, light, v, d, s, r, inv_pi)
        g_intensity = g_radiance * f * gain
        g_gain = (g_radiance * f).dot(intensity)
        g_turn, g_radius, g_axis, g_cone = falloff_gradient(
            light, inverse, axis, cone, gain, g_gain, mode.distant, mode.coned
        )
        g_position = normalise_gradient(light, inverse, g_l + g_turn) + g_radius * light
        g_eye = normalise_gradient(v, inverse_v, g_v)
        for c in ti.static(range(3)):
            sums[c, j] += g_position[c]
            sums[3 + c, j] += g_intensity[c]
            sums[6 + c, j] += g_eye[c]
            sums[9 + c, j] += g_axis[c]
        sums[12, j] += g_cone
    if ti.static(mode.ambient):
        top = largest(s)
        g = g_radiance * row3(pair, 13)
        zero = 0.0 * top
        share = ti.Vector([ti.select(s[i] >= top, 1.0 + zero, zero) for i in ti.static(range(3))])
        down = g.dot(d) / (share[0] + share[1] + share[2])
        for c in ti.static(range(3)):
            gradient[3 + c, j] += g[c] * (1.0 - top)
            gradient[6 + c, j] += g[c] - share[c] * down
            if ti.static(mode.lit):
                sums[13 + c, j] += g_radiance[c] * (d[c] * (1.0 - top) + s[c])


@ti.func
def store_gradient(
    tile: ti.template(), gradient: ti.template(), g_maps: ti.template(), b, first, lanes
):
    """Carry the unit normal's gradient to the stored normal, and write the tile's gradient out."""
    for j in range(lanes):
        normal, inverse = normalise(column(tile, 0, j))
        g = normalise_gradient(normal, inverse, column(gradient, 0, j))
        for c in ti.static(range(3)):
            gradient[c, j] = g[c]
    for j in range(lanes):
        for c in ti.static(range(10)):
            g_maps[b, c, first + j] = gradient[c, j]


@ti.func
def store_pair_sums(
    sums: ti.template(), partial: ti.template(), b, chunk, n, lanes, rows: ti.template()
):
    """Add the lanes to a chunk's partial sums of a pair, and clear them."""
    for i in ti.static(range(rows)):
        total = 0.0 * sums[i, 0]
        for j in range(lanes):
            total += sums[i, j]
            sums[i, j] = 0.0
        partial[b, chunk, n, i] = partial[b, chunk, n, i] + total
