"""Barycentrics of a pixel's centre in homogeneous form, their slopes, and the gradients of both.

A triangle is four vectors of three numbers: x, y, z and w of its corners.
"""

import taichi as ti

__all__ = ["centre", "corner_row", "seen_gradient", "slopes_of", "weights_of"]


@ti.func
def corner_row(pos: ti.template(), i, j, k, c: ti.template()):
    """One coordinate of three vertices, given where these start."""
    return ti.Vector([pos[i + c], pos[j + c], pos[k + c]])


@ti.func
def centre(p, pixels, real: ti.template()):
    """Where a pixel's centre is, from -1 to 1."""
    return ti.cast(2 * p + 1, real) / ti.cast(pixels, real) - 1.0


@ti.func
def cross(a, b):
    """The three products a_j b_k - b_j a_k."""
    return ti.Vector(
        [a[1] * b[2] - b[1] * a[2], a[2] * b[0] - b[2] * a[0], a[0] * b[1] - b[0] * a[1]]
    )


@ti.func
def ratio(area, real: ti.template()):
    """One over the sum of areas; zero where the sum is lost in rounding."""
    eps = ti.cast(ti.static(2.0**-23 if real == ti.f32 else 2.0**-52), real)
    tiny = ti.cast(ti.static(1e-37), real)
    size = ti.abs(area)
    whole = area.sum()
    inverse = ti.cast(0.0, real)
    if ti.abs(whole) > ti.max(eps * size.max(), tiny):
        inverse = 1.0 / whole
    return inverse


@ti.func
def clamped(b):
    """Weights of corners 0 and 1, held inside the triangle."""
    u = ti.min(ti.max(b[0], 0.0), 1.0)
    v = ti.min(ti.max(b[1], 0.0), 1.0)
    total = u + v
    if total > 1.0:
        u = u / total
        v = v / total
    return u, v


@ti.func
def weights_of(x, y, w, fx, fy, real: ti.template()):
    """Clamped weights of corners 0 and 1 at a centre."""
    area = cross(x - fx * w, y - fy * w)
    return clamped(area * ratio(area, real))


@ti.func
def slopes_of(x, y, w, fx, fy, across, up, real: ti.template()):
    """The slopes du/dX, du/dY, dv/dX, dv/dY, not clamped; across and up: 2 / pixels."""
    area = cross(x - fx * w, y - fy * w)
    inverse = ratio(area, real)
    b = area * inverse
    area_x, area_y = cross(y, w), cross(w, x)
    whole_x, whole_y = area_x.sum(), area_y.sum()
    return ti.Vector(
        [
            across * (area_x[0] - b[0] * whole_x) * inverse,
            up * (area_y[0] - b[0] * whole_y) * inverse,
            across * (area_x[1] - b[1] * whole_x) * inverse,
            up * (area_y[1] - b[1] * whole_y) * inverse,
        ]
    )


@ti.func
def cross_gradient(a, b, g):
    """The gradients to a and b of g . cross(a, b)."""
    return cross(b, g), cross(g, a)


@ti.func
def clamped_gradient(b, g_u, g_v):
    """The gradient to weights that have been clamped."""
    u = ti.min(ti.max(b[0], 0.0), 1.0)
    v = ti.min(ti.max(b[1], 0.0), 1.0)
    total = u + v
    if total > 1.0:
        turn = (g_u - g_v) / (total * total)
        g_u = v * turn
        g_v = -u * turn
    if u != b[0]:
        g_u = 0.0
    if v != b[1]:
        g_v = 0.0
    return g_u, g_v


@ti.func
def depth_gradient(u, v, z, w, g_depth):
    """The gradients of z/w to the weights, and to z and w of the corners."""
    t = 1.0 - u - v
    here_w = u * w[0] + v * w[1] + t * w[2]
    here_z = u * z[0] + v * z[1] + t * z[2]
    g_here_z = g_depth / here_w
    g_here_w = -g_here_z * (here_z / here_w)
    b = ti.Vector([u, v, t])
    g_u = g_here_z * (z[0] - z[2]) + g_here_w * (w[0] - w[2])
    g_v = g_here_z * (z[1] - z[2]) + g_here_w * (w[1] - w[2])
    return g_u, g_v, g_here_z * b, g_here_w * b


@ti.func
def slopes_gradient(b, area_x, area_y, inverse, across, up, g):
    """The gradients of the slopes to the weights, to their common divisor, and to area_x, area_y.

    The divisor's is that by the logarithm.
    """
    whole_x, whole_y = area_x.sum(), area_y.sum()
    gx = ti.Vector([g[0], g[2]]) * (across * inverse)
    gy = ti.Vector([g[1], g[3]]) * (up * inverse)
    rest_x = gx[0] * b[0] + gx[1] * b[1]
    rest_y = gy[0] * b[0] + gy[1] * b[1]
    g_area_x = ti.Vector([gx[0] - rest_x, gx[1] - rest_x, -rest_x])
    g_area_y = ti.Vector([gy[0] - rest_y, gy[1] - rest_y, -rest_y])
    g_log = -(g_area_x.dot(area_x) + g_area_y.dot(area_y))
    g_b0 = -(gx[0] * whole_x + gy[0] * whole_y)
    g_b1 = -(gx[1] * whole_x + gy[1] * whole_y)
    return g_b0, g_b1, g_log, g_area_x, g_area_y


@ti.func
def seen_gradient(
    x, y, z, w, fx, fy, across, up, g_rast, g_slopes, with_z: ti.template(),
    sloped: ti.template(), real: ti.template(),
):  # fmt: skip
    """The gradients to x, y, z and w of the corners, from u, v, z/w and the four slopes."""
    qx, qy = x - fx * w, y - fy * w
    area = cross(qx, qy)
    inverse = ratio(area, real)
    b = area * inverse
    g_u, g_v = g_rast[0], g_rast[1]
    g_z, g_w = 0.0 * z, 0.0 * w
    if ti.static(with_z):
        u, v = clamped(b)
        more_u, more_v, g_z, g_w = depth_gradient(u, v, z, w, g_rast[2])
        g_u += more_u
        g_v += more_v
    g_u, g_v = clamped_gradient(b, g_u, g_v)
    g_x, g_y = 0.0 * x, 0.0 * y
    g_log = 0.0 * fx
    if ti.static(sloped):
        area_x, area_y = cross(y, w), cross(w, x)
        more_u, more_v, more_log, g_area_x, g_area_y = slopes_gradient(
            b, area_x, area_y, inverse, across, up, g_slopes
        )
        g_u += more_u
        g_v += more_v
        g_log += more_log
        along_y, along_w = cross_gradient(y, w, g_area_x)
        down_w, down_x = cross_gradient(w, x, g_area_y)
        g_x += down_x
        g_y += along_y
        g_w += along_w + down_w
    shift = g_log - (g_u * b[0] + g_v * b[1])
    g_area = ti.Vector([g_u + shift, g_v + shift, shift]) * inverse
    g_qx, g_qy = cross_gradient(qx, qy, g_area)
    return g_x + g_qx, g_y + g_qy, g_z, g_w - fx * g_qx - fy * g_qy
