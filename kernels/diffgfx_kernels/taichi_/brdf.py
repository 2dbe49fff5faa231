"""The library's BRDF and its hand-derived derivative, per pixel, for every kernel that shades.

Normal n, light and view v are unit vectors; d, s are RGB; a2 = alpha^2 = r^4. These are inlined
into loops over lanes of pixels, so they hold no branch: an unlit pixel is computed with harmless
numbers and silenced by a factor. Square roots and divisions cost most there: the half vector stays
unnormalised, and one division serves four reciprocals. `inv_pi` is passed in because Taichi rounds
literals to its default precision.

With H = l + v, m = |H|^2 and t = n.H: v.h = sqrt(m) / 2; X = |n x H|^2 + a2 t^2 (the cross product
keeps precision at small alpha); D = a2 m^2 / (pi X^2); V = 1 / (2 Y), Y = n.l R_v + n.v R_l with
R = sqrt((n.)^2 (1 - a2) + a2).

With w = 1 - (1 - v.h)^5, F = s w + (1 - w) has its largest channel where s has, so that the diffuse
factor 1 - max F is w (1 - max s): `matte` = (1 - max s) / pi is known before the light is.
"""

import taichi as ti

__all__ = [
    "evaluate",
    "evaluate_gradient",
    "largest",
    "lobe",
    "normalise_gradient",
    "shares",
    "slopes",
]

FLAG, NL, NV, T, Q, INV_X, INV_Y = 0, 1, 2, 3, 4, 5, 6
ROOT_L, ROOT_V, INV_ROOT_L, INV_ROOT_V, HALF, FOURTH, FIFTH = 7, 8, 9, 10, 11, 12, 13


@ti.func
def normalise_gradient(unit, inverse, gradient):
    """Carry a gradient on x / |x| back to x."""
    return (gradient - gradient.dot(unit) * unit) * inverse


@ti.func
def largest(x):
    """The largest of three components."""
    return ti.max(x[0], ti.max(x[1], x[2]))


@ti.func
def shares(x):
    """How three components share the gradient of the largest: evenly where they tie."""
    top = largest(x)
    zero = 0.0 * top
    share = ti.Vector([ti.select(x[i] >= top, 1.0 + zero, zero) for i in ti.static(range(3))])
    return share / (share[0] + share[1] + share[2])


@ti.func
def lobe(n, light, v, a2, inv_pi):
    """What value and derivative share, numbered as above; Q is D V / a2."""
    h = light + v
    m = h.dot(h)
    c = n.cross(h)
    nl = n.dot(light)
    nv = n.dot(v)
    lit = (nl > 0.0) & (nv > 0.0)
    nl = ti.select(lit, nl, 1.0)
    nv = ti.select(lit, nv, 1.0)
    t = nl + nv
    x = c.dot(c) + a2 * (t * t)
    b2 = 1.0 - a2
    root_l = ti.sqrt(nl * nl * b2 + a2)
    root_v = ti.sqrt(nv * nv * b2 + a2)
    y = nl * root_v + nv * root_l
    xy = x * y
    roots = root_l * root_v
    common = 1.0 / (xy * roots)
    inv_xy = common * roots
    inv_roots = common * xy
    inv_x = inv_xy * y
    inv_y = inv_xy * x
    mx = m * inv_x
    half = 0.5 * ti.sqrt(m)
    away = 1.0 - half
    squared = away * away
    fourth = squared * squared
    return ti.Vector(
        [
            ti.select(lit, 1.0, 0.0 * m),
            nl,
            nv,
            t,
            0.5 * inv_pi * (mx * mx) * inv_y,
            inv_x,
            inv_y,
            root_l,
            root_v,
            inv_roots * root_v,
            inv_roots * root_l,
            half,
            fourth,
            fourth * away,
        ]
    )


@ti.func
def slopes(p, n, light, v, a2, posed: ti.template()):
    """Gradients of log(D V / a2): to n (unprojected), a2 and, if `posed`, l and v.

    Last comes what carries a gradient on (1 - v.h)^5 to H / |H|, per length of H.
    """
    nl, nv, t = p[NL], p[NV], p[T]
    b2 = 1.0 - a2
    bend_v = nl * p[INV_ROOT_V]
    bend_l = nv * p[INV_ROOT_L]
    bend = bend_v * (1.0 - nv * nv) + bend_l * (1.0 - nl * nl)
    tx = t * p[INV_X]
    turn = 4.0 * b2 * tx
    g_nl = turn - p[INV_Y] * (p[ROOT_V] + nl * b2 * bend_l)
    g_nv = turn - p[INV_Y] * (p[ROOT_L] + nv * b2 * bend_v)
    g_a2 = -2.0 * t * tx - 0.5 * p[INV_Y] * bend
    g_n = g_nl * light + g_nv * v
    g_l = 0.0 * g_n
    g_v = 0.0 * g_n
    rise = 0.0 * t
    if ti.static(posed):
        inverse = 1.0 / (p[HALF] + 1.0 - p[FLAG])  # of one where unlit: there H may be zero
        g_h = (inverse * inverse - 4.0 * p[INV_X]) * (light + v)
        g_l = g_nl * n + g_h
        g_v = g_nv * n + g_h
        rise = -1.25 * p[FOURTH] * inverse
    return g_n, g_a2, g_l, g_v, rise


@ti.func
def evaluate(scale, q, fifth, d, s, a2, matte):
    """The BRDF [1/sr] per channel, times a scale."""
    w = 1.0 - fifth
    return (scale * w * matte) * d + (scale * q * a2) * (s * w + fifth)


@ti.func
def evaluate_gradient(scale, q, fifth, d, s, a2, matte, inv_pi, u):
    """Gradients of sum_c u_c f_c times the scale.

    To d, to s (but for what the largest s takes from the diffuse term: minus that comes next),
    to a2 where it is a factor, to log(D V / a2), to the scale, and to (1 - v.h)^5.
    """
    w = 1.0 - fifth
    matt = w * matte
    dv = q * a2
    scale_w = scale * w
    u_d = u.dot(d)
    u_f = u.dot(s * w + fifth)
    g_a2 = scale * q * u_f
    g_fifth = scale * (dv * (u[0] + u[1] + u[2] - u.dot(s)) - matte * u_d)
    g_s = u * (scale_w * dv)
    g_scale = matt * u_d + dv * u_f
    return u * (scale * matt), g_s, scale_w * inv_pi * u_d, g_a2, g_a2 * a2, g_scale, g_fifth
