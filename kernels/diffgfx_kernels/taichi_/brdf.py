"""The library's BRDF and its hand-derived derivative, per pixel, for every kernel that shades.

Normal n, light and view v are unit vectors; d, s are RGB; alpha = r^2. These are inlined into
loops over lanes of pixels, so they hold no branch: unlit pixels are selected to zero at the end.
`inv_pi` is passed in because Taichi rounds literals to its default precision.
"""

import taichi as ti

__all__ = ["evaluate", "evaluate_gradient", "normalise", "normalise_gradient"]


@ti.func
def normalise(x):
    """Return x / |x| and 1 / |x|."""
    inverse = 1.0 / ti.sqrt(x.dot(x))
    return x * inverse, inverse


@ti.func
def normalise_gradient(unit, inverse, gradient):
    """Carry a gradient on x / |x| back to x."""
    return (gradient - gradient.dot(unit) * unit) * inverse


@ti.func
def evaluate(n, light, v, d, s, r, inv_pi):
    """The BRDF [1/sr] per channel, times n.l; zero where light or eye is below the surface."""
    h, _ = normalise(light + v)
    nl = n.dot(light)
    nv = n.dot(v)
    nh = n.dot(h)
    c = n.cross(h)
    a2 = r * r * r * r
    den = c.dot(c) + a2 * nh * nh
    root_v = ti.sqrt(nv * nv * (1.0 - a2) + a2)
    root_l = ti.sqrt(nl * nl * (1.0 - a2) + a2)
    dv = a2 * inv_pi / (den * den) * (0.5 / (nl * root_v + nv * root_l))
    m = 1.0 - v.dot(h)
    m2 = m * m
    w = m2 * m2 * m
    fresnel = s + (1.0 - s) * w
    k = (1.0 - ti.max(fresnel[0], ti.max(fresnel[1], fresnel[2]))) * inv_pi
    lit = (nl > 0.0) & (nv > 0.0)
    out = (k * d + dv * fresnel) * nl
    return ti.Vector([ti.select(lit, out[i], 0.0 * nl) for i in ti.static(range(3))])


@ti.func
def evaluate_gradient(n, light, v, d, s, r, inv_pi, upstream):
    """Gradients of sum_c upstream_c f_c n.l: to n (unprojected), d, s, r, light and v."""
    h, inverse = normalise(light + v)
    nl = n.dot(light)
    nv = n.dot(v)
    nh = n.dot(h)
    c = n.cross(h)
    a2 = r * r * r * r
    den = c.dot(c) + a2 * nh * nh
    root_v = ti.sqrt(nv * nv * (1.0 - a2) + a2)
    root_l = ti.sqrt(nl * nl * (1.0 - a2) + a2)
    distribution = a2 * inv_pi / (den * den)
    visibility = 0.5 / (nl * root_v + nv * root_l)
    dv = distribution * visibility
    m = 1.0 - v.dot(h)
    m2 = m * m
    w = m2 * m2 * m
    fresnel = s + (1.0 - s) * w
    top = ti.max(fresnel[0], ti.max(fresnel[1], fresnel[2]))
    k = (1.0 - top) * inv_pi
    lit = (nl > 0.0) & (nv > 0.0)
    zero = 0.0 * nl
    u = ti.Vector([ti.select(lit, upstream[i], zero) for i in ti.static(range(3))])

    g_f = u * nl
    g_nl = u.dot(k * d + dv * fresnel)
    g_d = g_f * k
    g_top = g_f.dot(d) * inv_pi
    share = ti.Vector([ti.select(fresnel[i] >= top, 1.0 + zero, zero) for i in ti.static(range(3))])
    g_fresnel = g_f * dv - share * (g_top / (share[0] + share[1] + share[2]))
    g_s = g_fresnel * (1.0 - w)
    g_vh = -5.0 * m2 * m2 * g_fresnel.dot(1.0 - s)

    g_dv = g_f.dot(fresnel)
    g_den = -2.0 * g_dv * dv / den
    g_a2 = g_dv * visibility * inv_pi / (den * den) + g_den * nh * nh
    g_nh = 2.0 * g_den * a2 * nh
    g_sum = -2.0 * g_dv * dv * visibility
    g_nl += g_sum * (root_v + nv * nl * (1.0 - a2) / root_l)
    g_nv = g_sum * (root_l + nl * nv * (1.0 - a2) / root_v)
    g_a2 += 0.5 * g_sum * (nl * (1.0 - nv * nv) / root_v + nv * (1.0 - nl * nl) / root_l)

    g_n = g_nl * light + g_nv * v + g_nh * h + 2.0 * g_den * h.cross(c)
    g_h = g_nh * n + g_vh * v + 2.0 * g_den * c.cross(n)
    g_sum_lv = normalise_gradient(h, inverse, g_h)
    g_l = g_nl * n + g_sum_lv
    g_v = g_nv * n + g_vh * h + g_sum_lv
    return (
        ti.Vector([ti.select(lit, g_n[i], zero) for i in ti.static(range(3))]),
        g_d,
        ti.Vector([ti.select(lit, g_s[i], zero) for i in ti.static(range(3))]),
        ti.select(lit, 4.0 * r * r * r * g_a2, zero),
        ti.Vector([ti.select(lit, g_l[i], zero) for i in ti.static(range(3))]),
        ti.Vector([ti.select(lit, g_v[i], zero) for i in ti.static(range(3))]),
    )
