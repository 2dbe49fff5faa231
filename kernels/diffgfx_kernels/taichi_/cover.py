"""The pixels of a rectangle whose centres a triangle covers, and what is seen of it there."""

import taichi as ti

from diffgfx_kernels.snapping import SUBPIXELS
from diffgfx_kernels.taichi_.barycentric import centre, corner_row, weights_of
from diffgfx_kernels.taichi_.side_lines import value_at

__all__ = ["corners_of", "cover", "seen_at"]


@ti.func
def corners_of(pos: ti.template(), tri: ti.template(), base, t):
    """The x, y, z and w of a triangle's corners; base: the first vertex of its image."""
    i, j, k = 4 * (base + tri[3 * t]), 4 * (base + tri[3 * t + 1]), 4 * (base + tri[3 * t + 2])
    x, y = corner_row(pos, i, j, k, 0), corner_row(pos, i, j, k, 1)
    z, w = corner_row(pos, i, j, k, 2), corner_row(pos, i, j, k, 3)
    return x, y, z, w


@ti.func
def seen_at(x, y, z, w, fx, fy, real: ti.template()):
    """Weights of corners 0 and 1 and depth at a centre, and whether that is in view."""
    u, v = weights_of(x, y, w, fx, fy, real)
    t = 1.0 - u - v
    here_w = u * w[0] + v * w[1] + t * w[2]
    here_z = u * z[0] + v * z[1] + t * z[2]
    visible = here_w > 0.0 and ti.abs(here_z) <= here_w
    depth = 0.0 * u
    if visible:
        depth = here_z / here_w
    return u, v, depth, visible


@ti.func
def cover(
    pos: ti.template(), tri: ti.template(), lines: ti.template(), below: ti.template(),
    target: ti.template(), labels: ti.template(), see: ti.template(), second, first, base, slot, t,
    x0, x1, y0, y1, width, height, peel: ti.template(), real: ti.template(),
):  # fmt: skip
    """Let every pixel of a rectangle that a triangle covers see it, as a function says.

    ``first`` is the first pixel of its image, ``base`` the first vertex, ``second`` the function's.
    """
    x, y, z, w = corners_of(pos, tri, base, t)
    r0, r1, r2 = (lines[9 * slot], lines[9 * slot + 3], lines[9 * slot + 6])
    u0, u1, u2 = (lines[9 * slot + 1], lines[9 * slot + 4], lines[9 * slot + 7])
    a0 = value_at(lines, slot, 0, x0, y0)
    a1 = value_at(lines, slot, 1, x0, y0)
    a2 = value_at(lines, slot, 2, x0, y0)
    for py in range(y0, y1):
        fy = centre(py, height, real)
        b0, b1, b2 = a0, a1, a2
        for px in range(x0, x1):
            if (b0 | b1 | b2) >= 0:
                p = first + py * width + px
                u, v, depth, visible = seen_at(x, y, z, w, centre(px, width, real), fy, real)
                if ti.static(peel):
                    visible = visible and below[4 * p + 3] > 0.0 and depth > below[4 * p + 2]
                if visible:
                    see(target, labels, p, u, v, depth, t, second)
            b0 += r0 * SUBPIXELS
            b1 += r1 * SUBPIXELS
            b2 += r2 * SUBPIXELS
        a0 += u0 * SUBPIXELS
        a1 += u1 * SUBPIXELS
        a2 += u2 * SUBPIXELS
