"""Where the light of a pair stands as seen from a point of the sample, with its derivative.

A pair is one row of 16 numbers: light position 3, intensity 3, camera position 3, axis 3 (unit),
cone exponent 1, ambient radiance 3. A directional light's position is the direction toward it, and
an orthographic camera's the direction toward the eye.
"""

import taichi as ti

from diffgfx_kernels.taichi_.scalar import exponential, logarithm

__all__ = ["PAIR_SIZE", "directions", "falloff", "falloff_gradient", "load_pair", "row3"]

PAIR_SIZE = 16


@ti.func
def load_pair(pairs: ti.template(), b, n):
    """Read a pair's row into registers, before the loop over lanes that uses it."""
    return ti.Vector([pairs[b, n, i] for i in ti.static(range(PAIR_SIZE))])


@ti.func
def row3(pair, first: ti.template()):
    """Three consecutive numbers of a pair's row."""
    return ti.Vector([pair[first + i] for i in ti.static(range(3))])


@ti.func
def directions(light_place, eye_place, point, distant: ti.template(), orthographic: ti.template()):
    """Unit vectors from a point (x, y, 0) toward light and eye, and 1 / distance of each.

    A position that stands for a direction is taken as it is. One division serves both lengths.
    """
    light = light_place
    if ti.static(not distant):
        light = ti.Vector([light_place[0] - point[0], light_place[1] - point[1], light_place[2]])
    eye = eye_place
    if ti.static(not orthographic):
        eye = ti.Vector([eye_place[0] - point[0], eye_place[1] - point[1], eye_place[2]])
    length_l = ti.sqrt(light.dot(light))
    length_v = ti.sqrt(eye.dot(eye))
    both = 1.0 / (length_l * length_v)
    inverse, inverse_v = both * length_v, both * length_l
    return light * inverse, eye * inverse_v, inverse, inverse_v


@ti.func
def falloff(light, inverse, axis, cone, distant: ti.template(), coned: ti.template()):
    """Inverse square (not for a distant light) times (cos to the axis)^cone."""
    gain = 1.0 + 0.0 * inverse
    if ti.static(not distant):
        gain = inverse * inverse
    if ti.static(coned):
        cosine = -light.dot(axis)
        inside = cosine > 0.0
        safe = ti.select(inside, cosine, 1.0 + 0.0 * cosine)
        gain = ti.select(inside, gain * exponential(cone * logarithm(safe)), 0.0 * gain)
    return gain


@ti.func
def falloff_gradient(
    light, inverse, axis, cone, g_log, distant: ti.template(), coned: ti.template()
):
    """Carry a gradient on the gain's logarithm back; it is zero where the gain is.

    To light (unprojected), along the radius, to the axis and to the cone.
    """
    zero = 0.0 * g_log
    g_l = ti.Vector([zero, zero, zero])
    g_axis = ti.Vector([zero, zero, zero])
    g_cone = zero
    g_radius = zero
    if ti.static(not distant):
        g_radius = -2.0 * g_log * inverse
    if ti.static(coned):
        cosine = -light.dot(axis)
        inside = cosine > 0.0
        safe = ti.select(inside, cosine, 1.0 + 0.0 * cosine)
        slope = ti.select(inside, -g_log * cone / safe, zero)
        g_l = slope * axis
        g_axis = slope * light
        g_cone = ti.select(inside, g_log * logarithm(safe), zero)
    return g_l, g_radius, g_axis, g_cone
