"""How the place where an outline passes between two pixels changes with its vertices."""

import taichi as ti

from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["add_by_vertex", "crossing_gradient", "store_gradient", "store_keys"]

EPSILON = 1e-3
"""What nvdiffrast adds to the height of an edge [px] where it divides a gradient by it."""


@ti.func
def crossing_gradient(a, b, bounded: ti.template()):
    """How the place where an edge crosses the axis changes with x, y and w of its ends."""
    rise = b[1] * a[2] - a[1] * b[2]
    if ti.static(not bounded):
        rise += ti.select(rise < 0, -EPSILON, EPSILON)
    at = (a[0] * b[1] - b[0] * a[1]) / rise
    one = ti.Vector([b[1], at * b[2] - b[0], -at * b[1]]) / rise
    other = ti.Vector([-a[1], a[0] - at * a[2], at * a[1]]) / rise
    if ti.static(not bounded):  # no change along the ray of a vertex
        one[2] = -(a[0] * one[0] + a[1] * one[1])
        other[2] = -(b[0] * other[0] + b[1] * other[1])
    return one, other


@ti.func
def store_gradient(
    values: ti.template(), screen: ti.template(), p, v, at, slope, x, y, size, upward
):
    """Write the gradient to X, Y and W of a vertex, from that to where a pixel sees it."""
    gx, gy = slope[0], slope[1]
    if upward:
        gx, gy = gy, gx
    scale = screen[p, v, 4]
    values[at, 0] = 0.5 * scale * size[0] * gx
    values[at, 1] = 0.5 * scale * size[1] * gy
    values[at, 2] = scale * (slope[2] - x * gx - y * gy)


@ti.func
def store_keys(keys: ti.template(), at, first, v, u):
    """Write which vertices two values belong to; ``first`` is the first of their picture's."""
    keys[at], keys[at + 1] = first + v, first + u


@kernel
def add_by_vertex(
    keys: ti.types.ndarray(ndim=1),
    order: ti.types.ndarray(ndim=1),
    values: ti.types.ndarray(ndim=2),
    g_pos: ti.types.ndarray(ndim=2),
):
    """Add the values of each vertex in their sorted order, from the first of its run on."""
    count = keys.shape[0]
    for n in range(count):
        key = keys[n]
        if n == 0 or keys[ti.max(n - 1, 0)] != key:
            total = 0.0 * ti.Vector([values[0, 0], values[0, 0], values[0, 0]])
            m = n
            while m < count and keys[ti.min(m, count - 1)] == key:
                at = ti.cast(order[m], ti.i32)
                for c in ti.static(range(3)):
                    total[c] += values[at, c]
                m += 1
            g_pos[key, 0] = total[0]
            g_pos[key, 1] = total[1]
            g_pos[key, 3] = total[2]
