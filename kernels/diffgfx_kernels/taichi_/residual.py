"""How a radiance is held against a target: encode both, take the difference, weigh it.

Encodings: 0 linear x; 1 log(x + epsilon); 2 display (x + epsilon)^(1/2.2). Penalties of the
difference e: 0 |e|; 1 e^2; 2 Charbonnier sqrt(e^2 + delta^2) - delta. A target at or above `white`
is a clipped pixel, which says only "at least this bright": no difference is counted above it.
"""

import taichi as ti

from diffgfx_kernels.taichi_.scalar import exponential, logarithm, logarithm_of_ratio

__all__ = ["residual"]


@ti.func
def encode(x, power):
    """The display encoding of a value above zero, and its derivative."""
    value = exponential(logarithm(x) * power)
    return value, value * power / x


@ti.func
def residual(
    radiance, target, numbers: ti.template(), encoding: ti.template(), penalty: ti.template()
):
    """The penalty and its derivative; numbers 3 to 6: epsilon, delta, white, display power."""
    epsilon, delta, white = numbers[3], numbers[4], numbers[5]
    e = radiance - target
    slope = 1.0 + 0.0 * e
    if ti.static(encoding == 1):
        e, slope = logarithm_of_ratio(radiance + epsilon, target + epsilon)
    if ti.static(encoding == 2):
        value, rise = encode(radiance + epsilon, numbers[6])
        e = value - exponential(logarithm(target + epsilon) * numbers[6])
        slope = rise
    e = ti.select((target >= white) & (e > 0.0), 0.0 * e, e)
    loss = ti.abs(e)
    g = ti.select(e > 0.0, slope, ti.select(e < 0.0, -slope, 0.0 * slope))
    if ti.static(penalty == 1):
        loss = e * e
        g = 2.0 * e * slope
    if ti.static(penalty == 2):
        root = ti.sqrt(e * e + delta * delta)
        loss = root - delta
        g = e / root * slope
    return loss, g
