"""Logarithm and exponential that stay inside a vectorised loop.

Taichi calls the C library once a lane for both, which breaks the vectorisation of the loop around
them. In single precision they are computed here from the bits of the number: reduction to
[sqrt(1/2), sqrt(2)) and the series of artanh, and reduction to |x| <= ln(2)/2 and the series of exp
(Muller, "Elementary Functions", chapters 4 and 11). Double precision, used for checking, calls the
library.
"""

import taichi as ti

__all__ = ["exponential", "logarithm", "logarithm_of_ratio"]

LN2_HIGH = 0.693359375
LN2_LOW = -2.12194440e-4
LOG2_E = 1.44269504
SQRT_HALF_BITS = 0x3F3504F3


@ti.func
def logarithm(x):
    """Natural logarithm of a positive normal number."""
    result = 0.0 * x
    if ti.static(x.ptr.get_rvalue_type() == ti.f64):
        result = ti.log(x)
    else:
        bits = ti.bit_cast(x, ti.i32)
        exponent = (bits - SQRT_HALF_BITS) >> 23
        mantissa = ti.bit_cast(bits - (exponent << 23), ti.f32)
        e = ti.cast(exponent, ti.f32)
        t = (mantissa - 1.0) / (mantissa + 1.0)
        t2 = t * t
        series = ((t2 * (1.0 / 9.0) + (1.0 / 7.0)) * t2 + 0.2) * t2 + (1.0 / 3.0)
        result = e * LN2_HIGH + (e * LN2_LOW + (2.0 * t + 2.0 * t * t2 * series))
    return result


@ti.func
def exponential(x):
    """Exponential of a number from -87 to 88; below and above it stays at those ends."""
    result = 0.0 * x
    if ti.static(x.ptr.get_rvalue_type() == ti.f64):
        result = ti.exp(x)
    else:
        y = ti.min(ti.max(x, -87.0), 88.0)
        e = ti.floor(y * LOG2_E + 0.5)
        f = (y - e * LN2_HIGH) - e * LN2_LOW
        p = 1.0 / 5040.0
        p = p * f + 1.0 / 720.0
        p = p * f + 1.0 / 120.0
        p = p * f + 1.0 / 24.0
        p = p * f + 1.0 / 6.0
        p = p * f + 0.5
        p = p * f + 1.0
        p = p * f + 1.0
        result = p * ti.bit_cast((ti.cast(e, ti.i32) + 127) << 23, ti.f32)
    return result


@ti.func
def logarithm_of_ratio(x, y):
    """Natural logarithm of x / y, both positive and normal, and 1 / x, by one division."""
    value = 0.0 * x
    inverse = 0.0 * x
    if ti.static(x.ptr.get_rvalue_type() == ti.f64):
        inverse = 1.0 / x
        value = ti.log(x / y)
    else:
        bits = ti.bit_cast(x, ti.i32)
        exponent = (bits - ti.bit_cast(y, ti.i32) + 0x400000) >> 23
        near = ti.bit_cast(bits - (exponent << 23), ti.f32)  # within 0.69 and 1.5 of y
        both = 1.0 / (x * (near + y))
        t = (near - y) * x * both
        t2 = t * t
        e = ti.cast(exponent, ti.f32)
        series = ((t2 * (1.0 / 9.0) + (1.0 / 7.0)) * t2 + 0.2) * t2 + (1.0 / 3.0)
        value = e * LN2_HIGH + (e * LN2_LOW + (2.0 * t + 2.0 * t * t2 * series))
        inverse = (near + y) * both
    return value, inverse
