"""Where pixels look in a texture, which mip level they ask for, and the slopes of both."""

import taichi as ti

from diffgfx_kernels.taichi_.cube_faces import axes_of, face_of, pick
from diffgfx_kernels.taichi_.scalar import logarithm

__all__ = ["finite", "footprint", "level_of", "level_slopes", "place_gradient", "place_of"]

WRAP = 0
MOST, LEAST, BEYOND = 3e38, 2e-38, 1e4
"""Squared stretches past which a level lies beyond all there are, and how far."""


@ti.func
def finite(x):
    """A number, or zero in the place of one that is not finite."""
    return ti.select(x - x == 0.0, x, 0.0)


@ti.func
def place_of(uv: ti.template(), p, boundary: ti.template(), cube: ti.template()):
    """Whether a pixel looks anywhere; the face, u and v there, and 1 / its largest component."""
    good, face = False, 0
    u = 0.0 * uv[0]
    v, inverse = u, u
    if ti.static(cube):
        d = ti.Vector([uv[3 * p], uv[3 * p + 1], uv[3 * p + 2]])
        total = ti.abs(d[0]) + ti.abs(d[1]) + ti.abs(d[2])
        good = (total - total == 0.0) and total > 0.0
        face = face_of(d)
        s_axis, t_axis, s_sign, t_sign, _sign = axes_of(face)
        outward = ti.abs(pick(d, face // 2))
        inverse = 1.0 / outward
        u = 0.5 * (s_sign * pick(d, s_axis) / outward + 1.0)
        v = 0.5 * (t_sign * pick(d, t_axis) / outward + 1.0)
    else:
        u, v = uv[2 * p], uv[2 * p + 1]
        good = (u - u == 0.0) and (v - v == 0.0)
        if ti.static(boundary == WRAP):
            u -= ti.floor(u)
            v -= ti.floor(v)
    return good, face, u, v, inverse


@ti.func
def footprint(
    uv_da: ti.template(), p, face, u, v, inverse, width, height, cube: ti.template()
):  # fmt: skip
    """Texels that u, then v, goes in a step of a pixel along X and Y: (s_X, s_Y, t_X, t_Y)."""
    j = ti.Vector([0.0 * u, 0.0 * u, 0.0 * u, 0.0 * u])
    if ti.static(cube):
        s_axis, t_axis, s_sign, t_sign, sign = axes_of(face)
        s, t = 2.0 * u - 1.0, 2.0 * v - 1.0
        for k in ti.static(range(2)):
            d = ti.Vector([uv_da[6 * p + k], uv_da[6 * p + 2 + k], uv_da[6 * p + 4 + k]])
            out = sign * pick(d, face // 2)
            j[k] = 0.5 * width * inverse * (s_sign * pick(d, s_axis) - s * out)
            j[2 + k] = 0.5 * height * inverse * (t_sign * pick(d, t_axis) - t * out)
    else:
        for k in ti.static(range(2)):
            j[k] = uv_da[4 * p + k] * width
            j[2 + k] = uv_da[4 * p + 2 + k] * height
    return j


@ti.func
def stretch(j):
    """The largest squared stretch, half the difference of both squares, product, and root."""
    a, b = j[0] * j[0] + j[2] * j[2], j[1] * j[1] + j[3] * j[3]
    half, cross = 0.5 * (a - b), j[0] * j[1] + j[2] * j[3]
    spread = half * half + cross * cross
    root = ti.sqrt(ti.max(spread, 0.0))
    return 0.5 * (a + b) + root, half, cross, root


@ti.func
def level_of(j, bias, top, real: ti.template()):
    """The level in [0, top], and whether it is not clamped; what is no number is level 0."""
    largest, _half, _cross, _root = stretch(j)
    raw = bias
    if largest > MOST:
        raw += BEYOND
    elif largest > LEAST:
        raw += logarithm(largest) * (0.5 / ti.log(ti.cast(2.0, real)))
    elif largest >= 0.0:
        raw -= BEYOND
    else:
        raw = ti.cast(0.0, real)
    level = ti.cast(0.0, real)
    if raw > 0.0:
        level = ti.min(raw, ti.cast(top, real))
    return level, raw > 0.0 and raw < top


@ti.func
def level_slopes(j, real: ti.template()):
    """How the level changes with each texel's stretch in the footprint."""
    largest, half, cross, root = stretch(j)
    over = 0.0 * largest
    if root > 0.0:
        over = 1.0 / root
    scale = 0.5 / (ti.log(ti.cast(2.0, real)) * largest)
    g = 0.0 * j
    for k in ti.static((0, 2)):
        g[k] = scale * (j[k] + (half * j[k] + cross * j[k + 1]) * over)
        g[k + 1] = scale * (j[k + 1] + (cross * j[k] - half * j[k + 1]) * over)
    return g


@ti.func
def place_gradient(
    uv_da: ti.template(), g_uv: ti.template(), g_da: ti.template(), p, face, u, v, inverse,
    g_u, g_v, g_j, width, height, followed, cube: ti.template(),
):  # fmt: skip
    """Take gradients to u, v and the footprint back to uv and, if `followed`, to uv_da."""
    if ti.static(cube):
        s_axis, t_axis, s_sign, t_sign, sign = axes_of(face)
        s, t = 2.0 * u - 1.0, 2.0 * v - 1.0
        g_s, g_t = 0.5 * g_u, 0.5 * g_v
        g_along = 0.0 * u  # by 1 / inverse, since its square may be past all numbers
        if followed > 0:
            for k in ti.static(range(2)):
                d = ti.Vector([uv_da[6 * p + k], uv_da[6 * p + 2 + k], uv_da[6 * p + 4 + k]])
                out = sign * pick(d, face // 2)
                h_s, h_t = 0.5 * width * g_j[k], 0.5 * height * g_j[2 + k]
                g_s -= inverse * out * h_s
                g_t -= inverse * out * h_t
                g_along += inverse * (s_sign * pick(d, s_axis) - s * out) * h_s
                g_along += inverse * (t_sign * pick(d, t_axis) - t * out) * h_t
                for i in ti.static(range(3)):
                    g = -sign * inverse * (s * h_s + t * h_t)
                    if i == s_axis:
                        g = s_sign * inverse * h_s
                    if i == t_axis:
                        g = t_sign * inverse * h_t
                    g_da[6 * p + 2 * i + k] = finite(g)
        g_along += s * g_s + t * g_t
        for i in ti.static(range(3)):
            g = -sign * inverse * g_along
            if i == s_axis:
                g = s_sign * inverse * g_s
            if i == t_axis:
                g = t_sign * inverse * g_t
            g_uv[3 * p + i] = finite(g)
    else:
        g_uv[2 * p], g_uv[2 * p + 1] = finite(g_u), finite(g_v)
        if followed > 0:
            for k in ti.static(range(2)):
                g_da[4 * p + k] = finite(g_j[k] * width)
                g_da[4 * p + 2 + k] = finite(g_j[2 + k] * height)
