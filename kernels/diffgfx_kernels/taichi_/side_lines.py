"""Sides of triangles as lines in whole numbers, positive inside; `snapping` says how."""

import taichi as ti

from diffgfx_kernels.snapping import AIM, BEYOND, GUARD, LINE, SUBPIXELS

__all__ = ["best_in", "may_be_seen", "side_lines", "value_at"]

HALF = SUBPIXELS // 2


@ti.func
def may_be_seen(x, y, z, w):
    """Whether a triangle has a vertex ahead and does not lie beyond one plane of the frustum."""
    seen = w.max() > 0.0
    seen = seen and (w - x).max() >= 0.0 and (w + x).max() >= 0.0
    seen = seen and (w - y).max() >= 0.0 and (w + y).max() >= 0.0
    return seen and (w - z).max() >= 0.0 and (w + z).max() >= 0.0


@ti.func
def place(x, y, w, width, height):
    """A vertex as a homogeneous point in parts of a pixel, its rounded place, and if it has one."""
    across = ti.cast(HALF * width, ti.f64)
    up = ti.cast(HALF * height, ti.f64)
    point = ti.Vector([(x + w) * across, (y + w) * up, w])
    found = ti.Vector.zero(ti.i64, 2)
    placed = 0
    if w > 0.0:
        right = ti.floor((x / w + 1.0) * across + 0.5)
        above = ti.floor((y / w + 1.0) * up + 0.5)
        if ti.abs(right) <= GUARD and ti.abs(above) <= GUARD:
            placed = 1
            found[0] = ti.cast(right, ti.i64)
            found[1] = ti.cast(above, ti.i64)
    return point, found, placed


@ti.func
def line_between(start, end, at, to, placed, ended):
    """The line from one corner to another; zero where both ends are behind the eye."""
    line = ti.Vector.zero(ti.i64, 3)
    if placed == 1 and ended == 1:
        line[0] = at[1] - to[1]
        line[1] = to[0] - at[0]
    elif start[2] > 0.0 or end[2] > 0.0:
        a = start[1] * end[2] - end[1] * start[2]
        b = end[0] * start[2] - start[0] * end[2]
        c = start[0] * end[1] - end[0] * start[1]
        slope = ti.max(ti.abs(a), ti.abs(b))
        scale = ti.cast(0.0, ti.f64)
        if placed + ended == 0 and ti.abs(c) * LINE > BEYOND * slope:
            scale = BEYOND / ti.abs(c)
        elif slope > 0.0:
            scale = ti.select(placed + ended == 0, LINE, AIM) / slope
        line[0] = ti.cast(a * scale, ti.i64)
        line[1] = ti.cast(b * scale, ti.i64)
        line[2] = ti.cast(c * scale, ti.i64)
    if placed == 1:
        line[2] = -(line[0] * at[0] + line[1] * at[1])
    elif ended == 1:
        line[2] = -(line[0] * to[0] + line[1] * to[1])
    return line


@ti.func
def side_lines(x, y, w, width, height):
    """The lines opposite three corners, the box of their places, and whether anything is inside.

    Where a centre on a line belongs to the neighbour, the constant is one less. The box is that of
    the image if a corner has no place.
    """
    p, at_p, placed_p = place(x[0], y[0], w[0], width, height)
    q, at_q, placed_q = place(x[1], y[1], w[1], width, height)
    r, at_r, placed_r = place(x[2], y[2], w[2], width, height)
    first = line_between(q, r, at_q, at_r, placed_q, placed_r)
    second = line_between(r, p, at_r, at_p, placed_r, placed_p)
    third = line_between(p, q, at_p, at_q, placed_p, placed_q)
    box = ti.Vector([0, width - 1, 0, height - 1])
    sign = ti.cast(0, ti.i64)
    if placed_p + placed_q + placed_r == 3:
        whole = first[2] + second[2] + third[2]
        sign = ti.cast(whole > 0, ti.i64) - ti.cast(whole < 0, ti.i64)
        box[0], box[1] = bounds(at_p[0], at_q[0], at_r[0], width)
        box[2], box[3] = bounds(at_p[1], at_q[1], at_r[1], height)
    else:
        area = (
            p[0] * (q[1] * r[2] - r[1] * q[2])
            + p[1] * (r[0] * q[2] - q[0] * r[2])
            + p[2] * (q[0] * r[1] - r[0] * q[1])
        )
        sign = ti.cast(area > 0.0, ti.i64) - ti.cast(area < 0.0, ti.i64)
    lines = ti.Matrix.zero(ti.i64, 3, 3)
    put_line(lines, 0, sign * first)
    put_line(lines, 1, sign * second)
    put_line(lines, 2, sign * third)
    return lines, box, sign != 0 and box[0] <= box[1] and box[2] <= box[3]


@ti.func
def bounds(p, q, r, limit):
    """The first and last of ``limit`` centres between places, along one axis."""
    low = (ti.min(p, q, r) + (SUBPIXELS - 1 - HALF)) // SUBPIXELS
    high = (ti.max(p, q, r) - HALF) // SUBPIXELS
    return (
        ti.cast(ti.min(ti.max(low, 0), limit), ti.i32),
        ti.cast(ti.min(ti.max(high, -1), limit - 1), ti.i32),
    )


@ti.func
def put_line(lines: ti.template(), k: ti.template(), side):
    """Keep a line, which a centre on it lies inside of if the triangle owns that."""
    owns = side[0] > 0 or (side[0] == 0 and side[1] > 0)
    owns = owns or (side[0] == 0 and side[1] == 0 and side[2] == 0)
    lines[k, 0] = side[0]
    lines[k, 1] = side[1]
    lines[k, 2] = side[2] - ti.select(owns, 0, 1)


@ti.func
def value_at(lines: ti.template(), slot, k, px, py):
    """The value of a stored line at the centre of a pixel."""
    x = ti.cast(px * SUBPIXELS + HALF, ti.i64)
    y = ti.cast(py * SUBPIXELS + HALF, ti.i64)
    return (
        lines[9 * slot + 3 * k] * x + lines[9 * slot + 3 * k + 1] * y + lines[9 * slot + 3 * k + 2]
    )


@ti.func
def best_in(lines: ti.template(), slot, k, left, low, tile: ti.template()):
    """The largest value of a stored line at a centre of a square tile."""
    px = left + ti.select(lines[9 * slot + 3 * k] > 0, tile - 1, 0)
    py = low + ti.select(lines[9 * slot + 3 * k + 1] > 0, tile - 1, 0)
    return value_at(lines, slot, k, px, py)
