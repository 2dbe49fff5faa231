"""Sides of triangles as lines in whole numbers, positive inside; `snapping` says how."""

import taichi as ti

from diffgfx_kernels.snapping import AIM, BEYOND, GUARD, LINE, SUBPIXELS

__all__ = ["HALF", "best_in", "may_be_seen", "place", "side_lines", "value_at"]

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
    """A vertex as a homogeneous point in parts of a pixel, rounded if it has a place."""
    across = ti.cast(HALF * width, ti.f64)
    up = ti.cast(HALF * height, ti.f64)
    point = ti.Vector([(x + w) * across, (y + w) * up, w])
    placed = 0
    if w > 0.0:
        snapped_x = ti.floor((x / w + 1.0) * across + 0.5)
        snapped_y = ti.floor((y / w + 1.0) * up + 0.5)
        if ti.abs(snapped_x) <= GUARD and ti.abs(snapped_y) <= GUARD:
            placed = 1
            point = ti.Vector([snapped_x, snapped_y, ti.cast(1.0, ti.f64)])
    return point, placed


@ti.func
def line_between(start, end, placed, ended):
    """The line from one corner to another; zero where both ends are behind the eye."""
    line = ti.Vector.zero(ti.i64, 3)
    if start[2] > 0.0 or end[2] > 0.0:
        a = start[1] * end[2] - end[1] * start[2]
        b = end[0] * start[2] - start[0] * end[2]
        c = start[0] * end[1] - end[0] * start[1]
        slope = ti.max(ti.abs(a), ti.abs(b))
        scale = ti.cast(1.0, ti.f64)
        if placed + ended == 1:
            scale = ti.select(slope > 0.0, AIM / slope, 0.0)
        elif placed + ended == 0:
            if ti.abs(c) * LINE > BEYOND * slope:
                scale = BEYOND / ti.abs(c)
            else:
                scale = ti.select(slope > 0.0, LINE / slope, 0.0)
        line[0] = ti.cast(a * scale, ti.i64)
        line[1] = ti.cast(b * scale, ti.i64)
        if placed == 1:
            line[2] = -(line[0] * ti.cast(start[0], ti.i64) + line[1] * ti.cast(start[1], ti.i64))
        elif ended == 1:
            line[2] = -(line[0] * ti.cast(end[0], ti.i64) + line[1] * ti.cast(end[1], ti.i64))
        else:
            line[2] = ti.cast(c * scale, ti.i64)
    return line


@ti.func
def side_lines(p, q, r, placed_p, placed_q, placed_r):
    """The lines opposite three corners, and whether there is anything inside.

    Where a centre on a line belongs to the neighbour, the constant is one less.
    """
    first = line_between(q, r, placed_q, placed_r)
    second = line_between(r, p, placed_r, placed_p)
    third = line_between(p, q, placed_p, placed_q)
    sign = ti.cast(0, ti.i64)
    if placed_p + placed_q + placed_r == 3:
        whole = first[2] + second[2] + third[2]
        sign = ti.cast(whole > 0, ti.i64) - ti.cast(whole < 0, ti.i64)
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
    return lines, sign != 0


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
