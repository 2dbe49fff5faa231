"""A tile of texels: load, shade and differentiate one lane for one light/view pair.

Rows of the tile: unit normal 3, d 3, s 3, r, then x and y of the texel's centre, a2 = r^4,
(1 - max s) / pi, and the inverse of the stored normal's length. Rows of its gradient: the first ten
alike, but a2 in the place of r, then what the largest s is to take off. Rows of a view: what the
radiance needs of a pair, directions to light and eye, and the slopes that gradients need.

Loops over lanes have a trip count known only at run time: the compiler vectorises those, and would
unroll them in full otherwise (measured: 3 to 8 times slower).
"""

import taichi as ti

from diffgfx_kernels.taichi_.brdf import (
    FIFTH,
    FLAG,
    NL,
    Q,
    evaluate,
    evaluate_gradient,
    largest,
    lobe,
    normalise_gradient,
    shares,
    slopes,
)
from diffgfx_kernels.taichi_.flash import (
    PAIR_SIZE,
    directions,
    falloff,
    falloff_gradient,
    row3,
)
from diffgfx_kernels.taichi_.grid import rolled, run_start

__all__ = [
    "GRADIENT_ROWS",
    "TILE_ROWS",
    "add_gradient",
    "clear",
    "column",
    "load_tile",
    "look",
    "put",
    "radiance_of",
    "store_gradient",
    "store_pair_sums",
    "view_rows",
]

TILE_ROWS, GRADIENT_ROWS = 15, 11
R, X, Y, A2, MATTE, LENGTH = 9, 10, 11, 12, 13, 14
DOWN = 10
SCALE, LOBE, FRESNEL, GATE, LIGHT, EYE, SLOPE_A2, SLOPE_N = 0, 1, 2, 3, 4, 7, 10, 11
INVERSE, INVERSE_V, RISE, SLOPE_L, SLOPE_V = 14, 15, 16, 17, 20


def view_rows(graded: bool, lit: bool) -> int:
    """Return how many rows a view needs: what is seen, its slopes, and those of the pair."""
    if lit:
        return 23
    return 14 if graded else 10


@ti.func
def column(tile: ti.template(), first: ti.template(), j):
    """Read three consecutive rows of one lane."""
    return ti.Vector([tile[first + i, j] for i in ti.static(range(3))])


@ti.func
def put(rows: ti.template(), first: ti.template(), j, value):
    """Write three consecutive rows of one lane."""
    for i in ti.static(range(3)):
        rows[first + i, j] = value[i]


@ti.func
def clear(rows: ti.template(), count: ti.template(), lanes):
    """Set rows to zero."""
    for c in range(rolled(count, lanes)):
        for j in range(lanes):
            rows[c, j] = 0.0


@ti.func
def load_tile(
    tile: ti.template(), maps: ti.template(), b, first, lanes, width, height, frame: ti.template()
):
    """Copy the maps of a tile and the places of its texels, row 0 at the top.

    The frame starts with the width and the height of a texel and 1 / pi.
    """
    for c in range(rolled(10, lanes)):
        start = run_start(10 * b + c, width * height, first)
        for j in range(lanes):
            tile[c, j] = maps[start + j]
    for j in range(lanes):
        p = first + j
        tile[X, j] = (p % width + 0.5 - 0.5 * width) * frame[0]
        tile[Y, j] = (0.5 * height - 0.5 - p // width) * frame[1]
    for j in range(lanes):
        r2 = tile[R, j] * tile[R, j]
        tile[A2, j] = r2 * r2
        tile[MATTE, j] = (1.0 - largest(column(tile, 6, j))) * frame[2]
        n = column(tile, 0, j)
        inverse = 1.0 / ti.sqrt(n.dot(n))
        for c in ti.static(range(3)):
            tile[c, j] = n[c] * inverse
        tile[LENGTH, j] = inverse


@ti.func
def aim_lane(tile: ti.template(), view: ti.template(), j, pair, mode: ti.template()):
    """Fill the directions to light and eye, the falloff and, if lit, 1 / distance."""
    point = ti.Vector([tile[X, j], tile[Y, j]])
    light, v, inverse, inverse_v = directions(
        row3(pair, 0), row3(pair, 6), point, mode.distant, mode.orthographic
    )
    put(view, LIGHT, j, light)
    put(view, EYE, j, v)
    view[GATE, j] = falloff(light, inverse, row3(pair, 9), pair[12], mode.distant, mode.coned)
    if ti.static(mode.lit):
        view[INVERSE, j] = inverse
        view[INVERSE_V, j] = inverse_v


@ti.func
def look_lane(
    tile: ti.template(),
    view: ti.template(),
    j,
    inv_pi,
    mode: ti.template(),
    graded: ti.template(),
):
    """Fill what `radiance_of` needs and, if `graded`, what `add_gradient` needs."""
    light, v = column(view, LIGHT, j), column(view, EYE, j)
    n, a2 = column(tile, 0, j), tile[A2, j]
    p = lobe(n, light, v, a2, inv_pi)
    gate = p[FLAG] * view[GATE, j]
    view[SCALE, j] = gate * p[NL]
    view[LOBE, j] = p[Q]
    view[FRESNEL, j] = p[FIFTH]
    if ti.static(graded):
        slope_n, slope_a2, slope_l, slope_v, rise = slopes(p, n, light, v, a2, mode.lit)
        view[GATE, j] = gate
        view[SLOPE_A2, j] = slope_a2
        put(view, SLOPE_N, j, slope_n)
        if ti.static(mode.lit):
            view[RISE, j] = rise
            put(view, SLOPE_L, j, slope_l)
            put(view, SLOPE_V, j, slope_v)


@ti.func
def look(
    tile: ti.template(),
    view: ti.template(),
    lanes,
    pair,
    inv_pi,
    mode: ti.template(),
    graded: ti.template(),
):
    """What texels see of a pair and, if `graded`, how that changes: fill the rows of the view.

    Two loops, because a long chain of roots and divisions hides its latency only behind other
    lanes, and a core looks some 250 instructions ahead.
    """
    for j in range(lanes):
        aim_lane(tile, view, j, pair, mode)
    for j in range(lanes):
        look_lane(tile, view, j, inv_pi, mode, graded)


@ti.func
def radiance_of(tile: ti.template(), view: ti.template(), j, pair, mode: ti.template()):
    """Radiance of one texel under the pair that `look` was given."""
    d, s = column(tile, 3, j), column(tile, 6, j)
    radiance = row3(pair, 3) * evaluate(
        view[SCALE, j], view[LOBE, j], view[FRESNEL, j], d, s, tile[A2, j], tile[MATTE, j]
    )
    if ti.static(mode.ambient):
        radiance += row3(pair, 13) * (d * (1.0 - largest(s)) + s)
    return radiance


@ti.func
def add_gradient(
    tile: ti.template(),
    view: ti.template(),
    gradient: ti.template(),
    sums: ti.template(),
    j,
    pair,
    g_radiance,
    inv_pi,
    mode: ti.template(),
):
    """Add one texel's share, for the pair that `look` was given, to its maps' gradient.

    And, if lit, to its sums.
    """
    d, s, a2, matte = column(tile, 3, j), column(tile, 6, j), tile[A2, j], tile[MATTE, j]
    scale, q, fifth = view[SCALE, j], view[LOBE, j], view[FRESNEL, j]
    light = column(view, LIGHT, j)
    g_d, g_s, g_down, g_a2, g_lobe, g_scale, g_fifth = evaluate_gradient(
        scale, q, fifth, d, s, a2, matte, inv_pi, g_radiance * row3(pair, 3)
    )
    g_nl = view[GATE, j] * g_scale
    g_n = g_lobe * column(view, SLOPE_N, j) + g_nl * light
    for c in ti.static(range(3)):
        gradient[c, j] += g_n[c]
        gradient[3 + c, j] += g_d[c]
        gradient[6 + c, j] += g_s[c]
    gradient[R, j] += g_a2 + g_lobe * view[SLOPE_A2, j]
    gradient[DOWN, j] += g_down
    if ti.static(mode.lit):
        v = column(view, EYE, j)
        g_h = view[RISE, j] * g_fifth * (light + v)
        g_l = g_lobe * column(view, SLOPE_L, j) + g_nl * column(tile, 0, j) + g_h
        g_v = g_lobe * column(view, SLOPE_V, j) + g_h
        g_intensity = g_radiance * evaluate(scale, q, fifth, d, s, a2, matte)
        inverse = view[INVERSE, j]
        g_turn, g_radius, g_axis, g_cone = falloff_gradient(
            light, inverse, row3(pair, 9), pair[12], scale * g_scale, mode.distant, mode.coned
        )
        g_position = normalise_gradient(light, inverse, g_l + g_turn) + g_radius * light
        g_eye = normalise_gradient(v, view[INVERSE_V, j], g_v)
        for c in ti.static(range(3)):
            sums[c, j] += g_position[c]
            sums[3 + c, j] += g_intensity[c]
            sums[6 + c, j] += g_eye[c]
            sums[9 + c, j] += g_axis[c]
        sums[12, j] += g_cone
    if ti.static(mode.ambient):
        matt = 1.0 - largest(s)
        g = g_radiance * row3(pair, 13)
        gradient[DOWN, j] += g.dot(d)
        for c in ti.static(range(3)):
            gradient[3 + c, j] += g[c] * matt
            gradient[6 + c, j] += g[c]
            if ti.static(mode.lit):
                sums[13 + c, j] += g_radiance[c] * (d[c] * matt + s[c])


@ti.func
def store_gradient(
    tile: ti.template(), gradient: ti.template(), g_maps: ti.template(), b, first, lanes, pixels
):
    """Carry gradients back to the stored normal and to r, and write the tile's gradient out."""
    for j in range(lanes):
        g = normalise_gradient(column(tile, 0, j), tile[LENGTH, j], column(gradient, 0, j))
        for c in ti.static(range(3)):
            gradient[c, j] = g[c]
        share = shares(column(tile, 6, j))
        for c in ti.static(range(3)):
            gradient[6 + c, j] -= share[c] * gradient[DOWN, j]
        r = tile[R, j]
        gradient[R, j] = gradient[R, j] * (4.0 * r * r * r)
    for c in range(rolled(10, lanes)):
        start = run_start(10 * b + c, pixels, first)
        for j in range(lanes):
            g_maps[start + j] = gradient[c, j]


@ti.func
def store_pair_sums(sums: ti.template(), partial: ti.template(), b, chunk, n, lanes: ti.template()):
    """Add the lanes, by halves, to a chunk's partial sums of a pair, and clear them."""
    for i in range(PAIR_SIZE):  # not unrolled: that would take ten seconds to compile
        half = lanes // 2
        while half > 0:
            for j in range(half):
                sums[i, j] += sums[i, j + half]
            half = half // 2
        partial[b, chunk, n, i] = partial[b, chunk, n, i] + sums[i, 0]
        for j in range(lanes):
            sums[i, j] = 0.0
