"""The four texels around a place, their weights, and how those change with the place."""

import taichi as ti

from diffgfx_kernels.taichi_.cube_faces import fold_texel

__all__ = ["add_blend", "dot", "square_of", "taps_of", "texel_weights"]

WRAP, CLAMP, ZERO, CUBE = 0, 1, 2, 3


@ti.func
def node(x, size, boundary: ti.template()):
    """A texel's number along an axis, and 1 if it counts."""
    at, share = x, 1
    if ti.static(boundary == WRAP):
        if x < 0:
            at = x + size
        elif x >= size:
            at = x - size
    else:
        if ti.static(boundary == ZERO):
            share = ti.select(x < 0 or x >= size, 0, 1)
        at = ti.max(ti.min(x, size - 1), 0)
    return at, share


@ti.func
def axis_of(u, size, boundary: ti.template(), nearest: ti.template()):
    """Two texels along an axis, which count, the weight of the second, and the first unfolded."""
    x = u * size - 0.5
    if ti.static(nearest):
        x = ti.floor(u * size)
    x = ti.max(ti.min(x, size + 1.0), -2.0)
    start = ti.floor(x)
    i = ti.cast(start, ti.i32)
    if ti.static(nearest and boundary in (CUBE, WRAP)):
        i = ti.max(ti.min(i, size - 1), 0)  # u = 1 after rounding
    first, counts = node(i, size, boundary)
    second, counts2 = first, 0
    if ti.static(not nearest):
        second, counts2 = node(i + 1, size, boundary)
    return first, second, counts, counts2, x - start, i


@ti.func
def slopes_of(on0, on1, nearest: ti.template()):
    """How the weights of two texels along an axis change with the place; not at all if nearest.

    Real numbers: Taichi 1.7.4 gets the negative of a selected 0 or 1 wrong on CUDA.
    """
    slopes = ti.Vector([0.0, 0.0])
    if ti.static(not nearest):
        slopes = ti.Vector([ti.select(on0 == 1, -1.0, 0.0), ti.select(on1 == 1, 1.0, 0.0)])
    return slopes


@ti.func
def square_of(face, u, v, height, width, boundary: ti.template(), nearest: ti.template()):
    """Columns and rows (of all faces) of the texels around a place, and their weights.

    Weights are (1 - fx) and fx along x, then along y; zero where a texel does not count. Last,
    whether the square reaches past an edge of a cube's face, and its first column and row.
    """
    x0, x1, on0, on1, fx, i = axis_of(u, width, boundary, nearest)
    y0, y1, up0, up1, fy, k = axis_of(v, height, boundary, nearest)
    seam = False
    if ti.static(boundary == CUBE and not nearest):
        seam = i < 0 or k < 0 or i + 1 >= width or k + 1 >= height
    columns = ti.Vector([x0, x1])
    rows = ti.Vector([face * height + y0, face * height + y1])
    along = ti.Vector([on0 * (1.0 - fx), on1 * fx])
    up = ti.Vector([up0 * (1.0 - fy), up1 * fy])
    slope_x, slope_y = slopes_of(on0, on1, nearest), slopes_of(up0, up1, nearest)
    return columns, rows, along, up, slope_x, slope_y, seam, ti.Vector([i, k])


@ti.func
def texel_weights(along, up):
    """The weights of four texels, those of the first row first."""
    return ti.Vector([along[0] * up[0], along[1] * up[0], along[0] * up[1], along[1] * up[1]])


@ti.func
def share_missing(weights, number):
    """Deal the weight of a texel past a cube's corner out to the other three."""
    missing = 0.0 * weights[0]
    for k in ti.static(range(4)):
        if number[k] < 0:
            missing = weights[k] / 3.0
    found = 0.0 * weights
    for k in ti.static(range(4)):
        found[k] = ti.select(number[k] < 0, 0.0 * missing, weights[k] + missing)
    return found


@ti.func
def taps_of(
    face, u, v, height, width, boundary: ti.template(), nearest: ti.template(), cube: ti.template()
):  # fmt: skip
    """Numbers of four texels among those of a level, their weights, and the slopes of those."""
    columns, rows, along, up, slope_x, slope_y, seam, start = square_of(
        face, u, v, height, width, boundary, nearest
    )
    number = ti.Vector(
        [
            rows[0] * width + columns[0],
            rows[0] * width + columns[1],
            rows[1] * width + columns[0],
            rows[1] * width + columns[1],
        ]
    )
    weights = texel_weights(along, up)
    by_x, by_y = texel_weights(slope_x, up), texel_weights(along, slope_y)
    if ti.static(cube and not nearest):  # noqa: SIM102 (known when compiled)
        if seam:
            for k in range(4):
                number[k] = fold_texel(face, start[0] + (k & 1), start[1] + (k >> 1), width)
            weights = share_missing(weights, number)
            by_x, by_y = share_missing(by_x, number), share_missing(by_y, number)
            for k in ti.static(range(4)):
                number[k] = ti.max(number[k], 0)
    return number, weights, by_x, by_y


@ti.func
def add_blend(texels: ti.template(), base, number, weights, out: ti.template(), at, channels):
    """Add the weighted sum of four texels to a pixel's values."""
    for c in range(channels):
        value = out[at + c]
        for k in ti.static(range(4)):
            value += weights[k] * texels[(base + number[k]) * channels + c]
        out[at + c] = value


@ti.func
def dot(texels: ti.template(), base, number, g_out: ti.template(), at, channels):
    """The products of an upstream gradient with four texels."""
    q = ti.Vector([0.0 * g_out[at], 0.0 * g_out[at], 0.0 * g_out[at], 0.0 * g_out[at]])
    for c in range(channels):
        g = g_out[at + c]
        for k in ti.static(range(4)):
            q[k] += g * texels[(base + number[k]) * channels + c]
    return q
