"""Irradiance under real spherical harmonics of degrees 0 to 2, with its derivative.

Coefficients come as 27 numbers, RGB by RGB in the order of `diffgfx_kernels.harmonics`, multiplied
by its factors: what is left here are polynomials of the normal.
"""

import taichi as ti

__all__ = ["TERMS", "irradiance", "irradiance_gradient", "polynomials"]

TERMS = 9


@ti.func
def polynomials(n):
    """What the coefficients are multiplied by, at a unit normal."""
    x, y, z = n[0], n[1], n[2]
    one = 1.0 + 0.0 * x
    return ti.Vector([one, y, z, x, x * y, y * z, 3.0 * z * z - 1.0, x * z, x * x - y * y])


@ti.func
def irradiance(k, n):
    """The irradiance on a plane that faces n, RGB."""
    b = polynomials(n)
    total = 0.0 * n
    for i in ti.static(range(TERMS)):
        for c in ti.static(range(3)):
            total[c] += k[3 * i + c] * b[i]
    return total


@ti.func
def irradiance_gradient(k, n, g):
    """Carry a gradient on the irradiance to the normal (unprojected)."""
    x, y, z = n[0], n[1], n[2]
    q = ti.Vector(
        [k[3 * i] * g[0] + k[3 * i + 1] * g[1] + k[3 * i + 2] * g[2] for i in ti.static(range(9))]
    )
    g_x = q[3] + q[4] * y + q[7] * z + 2.0 * q[8] * x
    g_y = q[1] + q[4] * x + q[5] * z - 2.0 * q[8] * y
    g_z = q[2] + q[5] * y + 6.0 * q[6] * z + q[7] * x
    return ti.Vector([g_x, g_y, g_z])
