"""The shading normal of a pixel from its normal, tangent and map, with the derivative.

With N and T the unit normal and the unit tangent across it, and B = w N x T, a map's normal m
stands for n = (m_x T + m_y B + m_z N) / |m|. A vector without a length becomes zero, and so does
what is made of it: a pixel that has no normal sees no light.

Rows hold, one after the other: N 3, T 3, w, then m_y, 1 / |normal|, 1 / |tangent across N|, and the
tangent's part along N.
"""

import taichi as ti

from diffgfx_kernels.taichi_.brdf import normalise_gradient
from diffgfx_kernels.taichi_.surface import LENGTH, column, put

__all__ = ["FRAME_ROWS", "frame_gradient", "frame_lane", "inverse_length"]

FRAME_ROWS = 11
TANGENT, HAND, UPWARD, PER_NORMAL, PER_TANGENT, ALONG = 3, 6, 7, 8, 9, 10
PARALLEL = 1e-10  # squared sine to the normal below which a tangent gives no frame


@ti.func
def inverse_length(squared, least):
    """One over the root of a square above the least, else zero."""
    fine = squared > least
    return ti.select(fine, 1.0 / ti.sqrt(ti.select(fine, squared, 1.0)), 0.0 * least)


@ti.func
def frame_lane(tile: ti.template(), first: ti.template(), j):
    """Turn the map's normal into the shading normal, in place, and rows from `first` into a frame.

    They hold the normal and the tangent, of any length, and w.
    """
    normal, tangent = column(tile, first, j), column(tile, first + TANGENT, j)
    per_normal = inverse_length(normal.dot(normal), 0.0 * normal[0])
    n = normal * per_normal
    along = tangent.dot(n)
    across = tangent - along * n
    per_tangent = inverse_length(across.dot(across), PARALLEL * tangent.dot(tangent))
    per_tangent = ti.select(per_normal > 0.0, per_tangent, 0.0 * along)
    t = across * per_tangent
    m = column(tile, 0, j)
    mapped = m[0] * t + (m[1] * tile[first + HAND, j]) * n.cross(t) + m[2] * n
    per_mapped = inverse_length(mapped.dot(mapped), 0.0 * along)
    put(tile, 0, j, mapped * per_mapped)
    tile[LENGTH, j] = per_mapped
    put(tile, first, j, n)
    put(tile, first + TANGENT, j, t)
    tile[first + UPWARD, j] = m[1]
    tile[first + PER_NORMAL, j] = per_normal
    tile[first + PER_TANGENT, j] = per_tangent
    tile[first + ALONG, j] = along


@ti.func
def frame_gradient(tile: ti.template(), first: ti.template(), j, g):
    """Carry a gradient on the shading normal to the map's normal, normal, tangent and w."""
    unit, length = column(tile, 0, j), tile[LENGTH, j]
    n, t = column(tile, first, j), column(tile, first + TANGENT, j)
    hand, upward = tile[first + HAND, j], tile[first + UPWARD, j]
    c = n.cross(t)
    g_m = normalise_gradient(unit, length, g)
    per_length = ti.select(length > 0.0, 1.0 / ti.select(length > 0.0, length, 1.0), 0.0 * length)
    lift = upward * hand
    g_map = ti.Vector([g_m.dot(t), hand * g_m.dot(c), g_m.dot(n)])
    g_t = (unit.dot(t) * per_length) * g_m + lift * g_m.cross(n)
    g_n = (unit.dot(n) * per_length) * g_m + lift * t.cross(g_m)
    g_across = normalise_gradient(t, tile[first + PER_TANGENT, j], g_t)
    g_n -= g_t.dot(n) * t + tile[first + ALONG, j] * g_across
    g_normal = normalise_gradient(n, tile[first + PER_NORMAL, j], g_n)
    return g_map, g_normal, g_across - g_across.dot(n) * n, upward * g_m.dot(c)
