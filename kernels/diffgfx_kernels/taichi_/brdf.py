"""The library's BRDF and its hand-derived derivative, per pixel, for every kernel that shades.

Normal n, light and view v are unit vectors; d, s are RGB; a2 = alpha^2 = r^4. These are inlined
into loops over lanes of pixels, so they hold no branch: an unlit pixel is computed with harmless
numbers and silenced by a factor. Square roots and divisions cost most there: the half vector stays
unnormalised, and one division serves four reciprocals. `inv_pi` is passed in because Taichi rounds
literals to its default precision.

With H = l + v, m = |H|^2 and t = n.H: v.h = sqrt(m) / 2; X = |n x H|^2 + a2 t^2 (the cross product
keeps precision at small alpha); D = a2 m^2 / (pi X^2); V = 1 / (2 Y), Y = n.l R_v + n.v R_l with
R = sqrt((n.)^2 (1 - a2) + a2).
"""

import taichi as ti

__all__ = ["evaluate", "evaluate_gradient", "largest", "lobe", "normalise_gradient"]

FLAG, NL, NV, T, Q, INV_X, INV_Y = 0, 1, 2, 3, 4, 5, 6
ROOT_L, ROOT_V, INV_ROOT_L, INV_ROOT_V, HALF, FOURTH = 7, 8, 9, 10, 11, 12
FIFTH, TOP = 13, 14


@ti.func
def normalise_gradient(unit, inverse, gradient):
    """Carry a gradient on x / |x| back to x."""
    return (gradient - gradient.dot(unit) * unit) * inverse


@ti.func
def largest(x):
    """The largest of three components."""
    return ti.max(x[0], ti.max(x[1], x[2]))


@ti.func
def lobe(n, light, v, s, a2, inv_pi):
    """What value and derivative share, and Fresnel's F; numbered as above, Q being D V / a2."""
    h = light + v
    m = h.dot(h)
    c = n.cross(h)
    nl = n.dot(light)
    nv = n.dot(v)
    lit = (nl > 0.0) & (nv > 0.0)
    t = nl + nv
    x = ti.select(lit, c.dot(c) + a2 * t * t, 1.0)
    nl = ti.select(lit, nl, 1.0)
    nv = ti.select(lit, nv, 1.0)
    b2 = 1.0 - a2
    root_l = ti.sqrt(nl * nl * b2 + a2)
    root_v = ti.sqrt(nv * nv * b2 + a2)
    y = nl * root_v + nv * root_l
    xy = x * y
    roots = root_l * root_v
    common = 1.0 / (xy * roots)
    inv_x = common * y * roots
    inv_y = common * x * roots
    inv_roots = common * xy
    mx = m * inv_x
    half = 0.5 * ti.sqrt(m)
    away = 1.0 - half
    fourth = away * away * (away * away)
    fifth = fourth * away
    fresnel = s + (1.0 - s) * fifth
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
            fifth,
            largest(fresnel),
        ]
    ), fresnel


@ti.func
def evaluate(p, fresnel, d, a2, inv_pi):
    """The BRDF [1/sr] per channel times n.l, where the pixel is lit."""
    return ((1.0 - p[TOP]) * inv_pi * d + a2 * p[Q] * fresnel) * p[NL]


@ti.func
def evaluate_gradient(p, fresnel, n, light, v, d, s, a2, inv_pi, u, posed: ti.template()):
    """Gradients of sum_c u_c f_c n.l: to n (unprojected), d, s, a2 and, if `posed`, l and v."""
    nl, nv, t = p[NL], p[NV], p[T]
    k = (1.0 - p[TOP]) * inv_pi
    dv = a2 * p[Q]
    g_f = u * nl
    g_d = g_f * k
    zero = 0.0 * nl
    share = ti.Vector(
        [ti.select(fresnel[i] >= p[TOP], 1.0 + zero, zero) for i in ti.static(range(3))]
    )
    g_top = g_f.dot(d) * inv_pi
    g_fresnel = g_f * dv - share * (g_top / (share[0] + share[1] + share[2]))
    g_s = g_fresnel * (1.0 - p[FIFTH])

    g_dv = g_f.dot(fresnel)
    e = g_dv * dv
    g_x = -2.0 * e * p[INV_X]
    g_y = -e * p[INV_Y]
    b2 = 1.0 - a2
    both = nl * nv * b2
    g_nl = u.dot(k * d + dv * fresnel) + g_y * (p[ROOT_V] + both * p[INV_ROOT_L])
    g_nv = g_y * (p[ROOT_L] + both * p[INV_ROOT_V])
    bend_v = nl * (1.0 - nv * nv) * p[INV_ROOT_V]
    bend_l = nv * (1.0 - nl * nl) * p[INV_ROOT_L]
    g_a2 = g_dv * p[Q] + g_x * t * t + 0.5 * g_y * (bend_v + bend_l)
    turn = -2.0 * g_x * t * b2
    g_n = (g_nl + turn) * light + (g_nv + turn) * v
    g_l = 0.0 * g_n
    g_v = 0.0 * g_n
    if ti.static(posed):
        h = light + v
        inverse = 1.0 / p[HALF]
        g_half = -5.0 * p[FOURTH] * g_fresnel.dot(1.0 - s)
        along = 2.0 * g_x + inverse * (e * inverse + 0.25 * g_half)
        g_h = along * h + turn * n
        g_l = g_nl * n + g_h
        g_v = g_nv * n + g_h
    return g_n, g_d, g_s, g_a2, g_l, g_v
