"""Which edges of triangles are outlines, and where they pass between two pixels.

Vertices are projected once, in pixels from the middle of the image. In front of the eye a vertex
has w = 1 afterwards; one that is not, in the bounded mode, is scaled only: signs and ratios of
homogeneous coordinates are the same at any positive scale, and nothing is divided by its w.
"""

import taichi as ti

__all__ = ["SCREEN_SIZE", "corner_of", "find_crossing", "find_outlines", "project"]

SCREEN_SIZE = 5
"""Of a projected vertex: x, y, w, z, and what clip space was multiplied by."""

FARTHEST = 2.0**20
"""A vertex further [px] from the middle of the image is not divided by w in the bounded mode."""

LONGEST = 16
"""The most triangles that are looked at between two pixels."""

SLACK = 1.0 / 16.0
"""How far beyond the two centres an edge may cross: vertices are snapped when pixels are filled."""


@ti.func
def project(pos: ti.template(), screen: ti.template(), p, v, wide, high, bounded: ti.template()):
    """Fill what is known of a vertex on the screen; ``wide`` and ``high`` are half the image."""
    x, y, z, w = pos[p, v, 0] * wide, pos[p, v, 1] * high, pos[p, v, 2], pos[p, v, 3]
    scale, depth = 1.0 / w, 0.0 * w + 1.0
    if ti.static(bounded):
        reach = ti.abs(x) + ti.abs(y)
        if not w * FARTHEST > reach:
            scale = 1.0 / ti.max(reach + ti.abs(w), 1e-30)
            depth = w * scale
    screen[p, v, 0] = x * scale
    screen[p, v, 1] = y * scale
    screen[p, v, 2] = depth
    screen[p, v, 3] = z * scale
    screen[p, v, 4] = scale


@ti.func
def side_of(screen: ti.template(), p, a, b, c):
    """On which side of the line from a to b a vertex lies; a must have w = 1."""
    x, y = screen[p, a, 0], screen[p, a, 1]
    wb, wc = screen[p, b, 2], screen[p, c, 2]
    xb, yb = screen[p, b, 0] - x * wb, screen[p, b, 1] - y * wb
    xc, yc = screen[p, c, 0] - x * wc, screen[p, c, 1] - y * wc
    return xb * yc - yb * xc


@ti.func
def is_outline(
    screen: ti.template(), edges: ti.template(), p, edge, a, b, c, bounded: ti.template()
):
    """Whether nothing continues the surface beyond the edge from a to b across from corner c."""
    found = True
    start, end = edges[0, edge], edges[1, edge]
    if ti.static(bounded):
        if screen[p, a, 2] != 1.0:  # the edge is seen from its other end, if at all
            a, b = b, a
        found = screen[p, a, 2] == 1.0
        if found and end - start > 1:
            own = side_of(screen, p, a, b, c)
            for i in range(start, end):
                other = side_of(screen, p, a, b, edges[2, i])
                if (own < 0 and other > 0) or (own > 0 and other < 0):
                    found = False
    elif end - start > 1:
        opposite = edges[2, start]
        if opposite == c:
            opposite = edges[2, start + 1]
        found = (side_of(screen, p, a, b, opposite) < 0) == (side_of(screen, p, a, b, c) < 0)
    return found


@ti.func
def find_outlines(
    screen: ti.template(), tri: ti.template(), edges: ti.template(), p, t, bounded: ti.template()
):
    """Return which edges of a triangle are outlines: bit k for the one across from corner k."""
    bits = 0
    for k in ti.static(range(3)):
        a, b, c = tri[t, (k + 1) % 3], tri[t, (k + 2) % 3], tri[t, k]
        if is_outline(screen, edges, p, 3 * t + k, a, b, c, bounded):
            bits |= 1 << k
    return bits


@ti.func
def corner_of(screen: ti.template(), p, v, x, y, upward):
    """A vertex as seen from a pixel's centre, (x, y, w, z); x is the axis of the pair."""
    w = screen[p, v, 2]
    along, across = screen[p, v, 0] - x * w, screen[p, v, 1] - y * w
    if upward:
        along, across = across, along
    return ti.Vector([along, across, w, screen[p, v, 3]])


@ti.func
def in_sight(a, b, rise):
    """Whether an edge crosses the axis before the eye and beyond the near plane."""
    way = b[1] - a[1]
    depth = a[3] * b[1] - b[3] * a[1]
    return rise * way > 0 and (depth + rise) * way >= 0


@ti.func
def find_exit(
    screen: ti.template(), tri: ti.template(), p, t, x, y, upward, sign, bounded: ti.template()
):  # fmt: skip
    """Find the last edge of a triangle that the line from a pixel toward its neighbour crosses.

    Args:
        screen: Projected vertices.
        tri: Triangles.
        p: Whose vertices.
        t: The triangle.
        x: The pixel's centre, from the middle of the image.
        y: Likewise.
        upward: Whether the neighbour is above or below, and not beside.
        sign: +1 if it is after the pixel, -1 if before.
        bounded: The mode.

    Returns:
        Which edge, 1 to 3, or 0; how far it is toward the neighbour; whether it is steep.
    """
    corners = ti.Matrix.rows(
        [corner_of(screen, p, tri[t, k], x, y, upward) for k in ti.static(range(3))]
    )
    found, steep = 0, False
    reach = 0.0 * x - 1e30
    for k in ti.static(range(3)):
        a, b = corners[(k + 1) % 3, :], corners[(k + 2) % 3, :]
        if (a[1] < 0) != (b[1] < 0):
            rise, run = b[1] * a[2] - a[1] * b[2], b[0] * a[2] - a[0] * b[2]
            way = sign * (a[0] * b[1] - b[0] * a[1]) / rise
            seen = True
            if ti.static(bounded):
                seen = in_sight(a, b, rise)
            if seen and way > reach:
                found, reach, steep = k + 1, way, ti.abs(rise) >= ti.abs(run)
    return found, reach, steep


@ti.func
def across(screen: ti.template(), tri: ti.template(), edges: ti.template(), p, t, k):
    """Return the triangle that continues the surface beyond an edge that is no outline, or -1."""
    a, b = tri[t, (k + 1) % 3], tri[t, (k + 2) % 3]
    if screen[p, a, 2] != 1.0:
        a, b = b, a
    own = side_of(screen, p, a, b, tri[t, k])
    start, end = edges[0, 3 * t + k], edges[1, 3 * t + k]
    found = -1
    for i in range(start, end):
        other = side_of(screen, p, a, b, edges[2, i])
        if found < 0 and ((own < 0 and other > 0) or (own > 0 and other < 0)):
            found = edges[3, i] // 3
    return found


@ti.func
def find_crossing(
    screen: ti.template(), tri: ti.template(), edges: ti.template(), outlines: ti.template(), p, t,
    other, x, y, upward, sign, bounded: ti.template(),
):  # fmt: skip
    """Find the outline that passes between a pixel's centre and its neighbour's.

    In the bounded mode the surface is followed from the triangle at the pixel toward the
    neighbour, since the triangles along an outline are often too thin to own a pixel.

    Args:
        screen: Projected vertices.
        tri: Triangles.
        edges: Their topology.
        outlines: Which edges of them are outlines.
        p: Whose vertices.
        t: The triangle that lies on the pixel.
        other: That on the neighbour, or -1.
        x: The pixel's centre, from the middle of the image.
        y: Likewise.
        upward: Whether the neighbour is above or below, and not beside.
        sign: +1 if it is after the pixel, -1 if before.
        bounded: The mode.

    Returns:
        Which edge, 3 t + 1 to 3 t + 3, or 0, and how far it is toward the neighbour: within
        `SLACK` of [0, 1], in nvdiffrast's mode within it.
    """
    edge, way, here, turn = 0, 0.0 * x, t, 0
    while here >= 0 and turn < LONGEST:
        found, reach, steep = find_exit(screen, tri, p, here, x, y, upward, sign, bounded)
        on = -1
        if found > 0 and reach < 1.0 + SLACK:
            if (outlines[p, here] >> (found - 1)) & 1:
                if steep and reach > -SLACK:
                    edge, way = 3 * here + found, reach
            elif ti.static(bounded):
                on = across(screen, tri, edges, p, here, found - 1)
                if on == other:
                    on = -1
        here = on
        turn += 1
    if ti.static(not bounded):
        way = ti.min(ti.max(way, 0.0), 1.0)
    return edge, way
