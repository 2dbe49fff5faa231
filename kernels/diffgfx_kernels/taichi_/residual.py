"""How a radiance is held against a target: encode both, take the difference, weigh it.

Encodings: 0 linear x; 1 log(x + epsilon); 2 display (x + epsilon)^(1/2.2). Penalties of the
difference e: 0 |e|; 1 e^2; 2 Charbonnier sqrt(e^2 + delta^2) - delta. A target at or above `white`
is a clipped pixel, which says only "at least this bright": no difference is counted above it.
"""

import taichi as ti

from diffgfx_kernels.taichi_.scalar import exponential, logarithm

__all__ = ["residual"]


@ti.func
def encode(x, epsilon, power, encoding: ti.template()):
    """The encoded value and its derivative."""
    value = x
    slope = 1.0 + 0.0 * x
    if ti.static(encoding == 1):
        value = logarithm(x + epsilon)
        slope = 1.0 / (x + epsilon)
    if ti.static(encoding == 2):
        value = exponential(logarithm(x + epsilon) * power)
        slope = value * power / (x + epsilon)
    return value, slope


@ti.func
def residual(
    radiance, target, numbers: ti.template(), encoding: ti.template(), penalty: ti.template()
):
    """The penalty and its derivative; numbers 3 to 6: epsilon, delta, white, display power."""
    delta, white = numbers[4], numbers[5]
    value, slope = encode(radiance, numbers[3], numbers[6], encoding)
    wanted, _ = encode(target, numbers[3], numbers[6], encoding)
    e = value - wanted
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
