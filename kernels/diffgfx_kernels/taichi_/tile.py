"""A tile of texels of a flat sample: load, shade and differentiate, for one light/view pair.

Rows of the tile, of its gradient and of a view are those of `surface`; the tile's own two are x and
y of the texel's centre.
"""

import taichi as ti

from diffgfx_kernels.taichi_.brdf import largest, normalise_gradient
from diffgfx_kernels.taichi_.flash import (
    PAIR_SIZE,
    directions,
    falloff,
    falloff_gradient,
    row3,
)
from diffgfx_kernels.taichi_.grid import rolled, run_start
from diffgfx_kernels.taichi_.surface import (
    DOWN,
    EYE,
    GATE,
    INVERSE,
    INVERSE_V,
    LENGTH,
    LIGHT,
    add_lobe_gradient,
    colours_gradient,
    column,
    look_lane,
    prepare_colours,
    put,
    reflectance,
    take_sum,
)

__all__ = [
    "add_gradient",
    "load_tile",
    "look",
    "radiance_of",
    "store_gradient",
    "store_pair_sums",
]

X, Y = 10, 11


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
        prepare_colours(tile, j, frame[2])
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
        look_lane(tile, view, j, inv_pi, mode.lit, graded)


@ti.func
def radiance_of(tile: ti.template(), view: ti.template(), j, pair, mode: ti.template()):
    """Radiance of one texel under the pair that `look` was given."""
    radiance = row3(pair, 3) * reflectance(tile, view, j)
    if ti.static(mode.ambient):
        d, s = column(tile, 3, j), column(tile, 6, j)
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
    g_log, g_l, g_v = add_lobe_gradient(
        tile, view, gradient, j, g_radiance * row3(pair, 3), inv_pi, mode.lit
    )
    if ti.static(mode.lit):
        light, v = column(view, LIGHT, j), column(view, EYE, j)
        g_intensity = g_radiance * reflectance(tile, view, j)
        inverse = view[INVERSE, j]
        g_turn, g_radius, g_axis, g_cone = falloff_gradient(
            light, inverse, row3(pair, 9), pair[12], g_log, mode.distant, mode.coned
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
        d, s = column(tile, 3, j), column(tile, 6, j)
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
        colours_gradient(tile, gradient, j)
    for c in range(rolled(10, lanes)):
        start = run_start(10 * b + c, pixels, first)
        for j in range(lanes):
            g_maps[start + j] = gradient[c, j]


@ti.func
def store_pair_sums(sums: ti.template(), partial: ti.template(), b, chunk, n, lanes: ti.template()):
    """Add the lanes to a chunk's partial sums of a pair, and clear them."""
    for i in range(PAIR_SIZE):  # not unrolled: that would take ten seconds to compile
        partial[b, chunk, n, i] = partial[b, chunk, n, i] + take_sum(sums, i, lanes)
