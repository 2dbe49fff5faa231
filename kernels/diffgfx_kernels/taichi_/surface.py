"""One lane of a tile under one light: what the BRDF sends to the eye, and how that changes.

Shared by all that shade, on flat samples and on meshes. Rows 0 to 14 of a tile: unit normal 3, d 3,
s 3, r, two for the caller, then a2 = r^4, (1 - max s) / pi, and the inverse of the stored normal's
length. Rows of its gradient: the first ten alike, but a2 in the place of r, then what the largest s
is to take off. Rows of a view: what the radiance needs of a light, directions to light and eye, and
the slopes that gradients need.

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
    shares,
    slopes,
)
from diffgfx_kernels.taichi_.grid import rolled

__all__ = [
    "A2",
    "DOWN",
    "EYE",
    "GATE",
    "GRADIENT_ROWS",
    "INVERSE",
    "INVERSE_V",
    "LENGTH",
    "LIGHT",
    "MATTE",
    "TILE_ROWS",
    "R",
    "add_lobe_gradient",
    "clear",
    "colours_gradient",
    "column",
    "look_lane",
    "prepare_colours",
    "put",
    "reflectance",
    "take_sum",
    "view_rows",
]

TILE_ROWS, GRADIENT_ROWS = 15, 11
R, A2, MATTE, LENGTH = 9, 12, 13, 14
DOWN = 10
SCALE, LOBE, FRESNEL, GATE, LIGHT, EYE, SLOPE_A2, SLOPE_N = 0, 1, 2, 3, 4, 7, 10, 11
INVERSE, INVERSE_V, RISE, SLOPE_L, SLOPE_V = 14, 15, 16, 17, 20


def view_rows(graded: bool, posed: bool) -> int:
    """Return how many rows a view needs: what is seen, its slopes, and those of light and eye."""
    if posed:
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
def take_sum(sums: ti.template(), i, lanes: ti.template()):
    """The sum of a row's lanes, by halves; the row is set to zero."""
    half = lanes // 2
    while half > 0:
        for j in range(half):
            sums[i, j] += sums[i, j + half]
        half = half // 2
    total = sums[i, 0]
    for j in range(lanes):
        sums[i, j] = 0.0
    return total


@ti.func
def prepare_colours(tile: ti.template(), j, inv_pi):
    """Fill what follows from roughness and F0 alone."""
    r2 = tile[R, j] * tile[R, j]
    tile[A2, j] = r2 * r2
    tile[MATTE, j] = (1.0 - largest(column(tile, 6, j))) * inv_pi


@ti.func
def look_lane(
    tile: ti.template(),
    view: ti.template(),
    j,
    inv_pi,
    posed: ti.template(),
    graded: ti.template(),
):
    """Fill what `reflectance` needs and, if `graded`, what `add_lobe_gradient` needs.

    The view holds directions and, as its gate, a factor on the light. If `posed`, slopes to the
    directions are found too.
    """
    light, v = column(view, LIGHT, j), column(view, EYE, j)
    n, a2 = column(tile, 0, j), tile[A2, j]
    p = lobe(n, light, v, a2, inv_pi)
    gate = p[FLAG] * view[GATE, j]
    view[SCALE, j] = gate * p[NL]
    view[LOBE, j] = p[Q]
    view[FRESNEL, j] = p[FIFTH]
    if ti.static(graded):
        slope_n, slope_a2, slope_l, slope_v, rise = slopes(p, n, light, v, a2, posed)
        view[GATE, j] = gate
        view[SLOPE_A2, j] = slope_a2
        put(view, SLOPE_N, j, slope_n)
        if ti.static(posed):
            view[RISE, j] = rise
            put(view, SLOPE_L, j, slope_l)
            put(view, SLOPE_V, j, slope_v)


@ti.func
def reflectance(tile: ti.template(), view: ti.template(), j):
    """The BRDF times n.l and the gate, for the light that `look_lane` was given."""
    d, s = column(tile, 3, j), column(tile, 6, j)
    return evaluate(
        view[SCALE, j], view[LOBE, j], view[FRESNEL, j], d, s, tile[A2, j], tile[MATTE, j]
    )


@ti.func
def add_lobe_gradient(
    tile: ti.template(),
    view: ti.template(),
    gradient: ti.template(),
    j,
    g,
    inv_pi,
    posed: ti.template(),
):
    """Add a gradient on `reflectance` to that of the lane's normal, colours and a2.

    Returns those to the gate's logarithm and, if posed, to light and eye (unprojected).
    """
    d, s, a2, matte = column(tile, 3, j), column(tile, 6, j), tile[A2, j], tile[MATTE, j]
    scale, q, fifth = view[SCALE, j], view[LOBE, j], view[FRESNEL, j]
    light = column(view, LIGHT, j)
    g_d, g_s, g_down, g_a2, g_lobe, g_scale, g_fifth = evaluate_gradient(
        scale, q, fifth, d, s, a2, matte, inv_pi, g
    )
    g_nl = view[GATE, j] * g_scale
    g_n = g_lobe * column(view, SLOPE_N, j) + g_nl * light
    for c in ti.static(range(3)):
        gradient[c, j] += g_n[c]
        gradient[3 + c, j] += g_d[c]
        gradient[6 + c, j] += g_s[c]
    gradient[R, j] += g_a2 + g_lobe * view[SLOPE_A2, j]
    gradient[DOWN, j] += g_down
    g_l = 0.0 * light
    g_v = 0.0 * light
    if ti.static(posed):
        g_h = view[RISE, j] * g_fifth * (light + column(view, EYE, j))
        g_l = g_lobe * column(view, SLOPE_L, j) + g_nl * column(tile, 0, j) + g_h
        g_v = g_lobe * column(view, SLOPE_V, j) + g_h
    return scale * g_scale, g_l, g_v


@ti.func
def colours_gradient(tile: ti.template(), gradient: ti.template(), j):
    """Carry gradients back to F0 and r, from the largest F0 and from a2."""
    share = shares(column(tile, 6, j))
    for c in ti.static(range(3)):
        gradient[6 + c, j] -= share[c] * gradient[DOWN, j]
    r = tile[R, j]
    gradient[R, j] = gradient[R, j] * (4.0 * r * r * r)
