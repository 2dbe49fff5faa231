"""Take gradients of an image of triangles back to the vertices, slab by slab.

A slab is a run of rows with vertices of its own. What neighbouring pixels of a row send to the same
triangle is added up first, and then to the slab.
"""

import taichi as ti

from diffgfx_kernels.taichi_.barycentric import centre, corner_row, seen_gradient
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["pull_back"]


@ti.func
def add_run(partial: ti.template(), tri: ti.template(), first, t, sums):
    """Add the gradients of a run of pixels to the corners of the triangle that they see."""
    if t >= 0:
        for k in ti.static(range(3)):
            at = first + 4 * tri[3 * t + k]
            for c in ti.static(range(4)):
                partial[at + c] = partial[at + c] + sums[c, k]


@ti.func
def share_of(rows, slab, slabs):
    """The first row of a slab."""
    return ti.cast(ti.cast(rows, ti.i64) * slab // slabs, ti.i32)


@kernel
def pull_back(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    g_rast: ti.types.ndarray(ndim=1),
    g_slopes: ti.types.ndarray(ndim=1),
    partial: ti.types.ndarray(ndim=1),
    rows: int,
    width: int,
    height: int,
    slabs: int,
    vertices: int,
    step: int,
    spread: int,
    with_z: ti.template(),
    sloped: ti.template(),
    real: ti.template(),
):
    """Add what every row of images sends back to its slab; step: vertices from image to image."""
    for item in range(slabs * spread):
        if item % spread == 0:
            slab = item // spread
            across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
            for line in range(share_of(rows, slab, slabs), share_of(rows, slab + 1, slabs)):
                base = line // height * step
                fy = centre(line % height, height, real)
                last = -1
                sums = ti.Matrix.zero(real, 4, 3)
                x, y = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                z, w = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                for px in range(width):
                    at = 4 * (line * width + px)
                    t = ti.cast(rast[at + 3], ti.i32) - 1
                    if t != last:
                        add_run(partial, tri, 4 * vertices * slab, last, sums)
                        last = t
                        sums = ti.Matrix.zero(real, 4, 3)
                        if t >= 0:
                            i, j, k = tri[3 * t], tri[3 * t + 1], tri[3 * t + 2]
                            i, j, k = 4 * (base + i), 4 * (base + j), 4 * (base + k)
                            x = corner_row(pos, i, j, k, 0)
                            y = corner_row(pos, i, j, k, 1)
                            z = corner_row(pos, i, j, k, 2)
                            w = corner_row(pos, i, j, k, 3)
                    if t >= 0:
                        g = ti.Vector([g_rast[at], g_rast[at + 1], g_rast[at + 2]])
                        g_more = ti.Vector.zero(real, 4)
                        if ti.static(sloped):
                            for c in ti.static(range(4)):
                                g_more[c] = g_slopes[at + c]
                        g_x, g_y, g_z, g_w = seen_gradient(
                            x, y, z, w, centre(px, width, real), fy, across, up, g, g_more,
                            with_z, sloped, real,
                        )  # fmt: skip
                        for k in ti.static(range(3)):
                            sums[0, k] += g_x[k]
                            sums[1, k] += g_y[k]
                            sums[2, k] += g_z[k]
                            sums[3, k] += g_w[k]
                add_run(partial, tri, 4 * vertices * slab, last, sums)
