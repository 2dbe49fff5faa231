"""Where directions meet a cube of six faces, and which texels lie past a face's edges.

The same as `torch_.cube`, a pixel at a time.
"""

import taichi as ti

__all__ = ["axes_of", "face_of", "fold_texel", "pick"]


@ti.func
def pick(v, axis):
    """A component of a vector of three, by a number known only at run time."""
    found = v[0]
    if axis == 1:
        found = v[1]
    if axis == 2:
        found = v[2]
    return found


@ti.func
def axes_of(face):
    """The axes of s and t on a face, and the signs of s, t and the outward axis."""
    s_axis = ti.select(face < 2, 2, 0)
    t_axis = ti.select(face // 2 == 1, 2, 1)
    s_sign = ti.select((face == 0) | (face == 5), -1, 1)
    t_sign = ti.select(face == 2, 1, -1)
    return s_axis, t_axis, s_sign, t_sign, 1 - 2 * (face % 2)


@ti.func
def face_of(d):
    """The face that a direction meets: that of its largest component."""
    x, y, z = ti.abs(d[0]), ti.abs(d[1]), ti.abs(d[2])
    face = ti.select(d[0] < 0.0, 1, 0)
    if z > ti.max(x, y):
        face = ti.select(d[2] < 0.0, 5, 4)
    elif y > x:
        face = ti.select(d[1] < 0.0, 3, 2)
    return face


@ti.func
def fold_texel(face, x, y, size):
    """The number of a texel up to one past an edge among those of all faces; -1 past a corner."""
    over_x, over_y = (x < 0) | (x >= size), (y < 0) | (y >= size)
    number = (face * size + y) * size + x
    if over_x and over_y:
        number = -1
    elif over_x or over_y:
        s_axis, t_axis, s_sign, t_sign, sign = axes_of(face)
        s, t = s_sign * (2 * x + 1 - size), t_sign * (2 * y + 1 - size)
        place = ti.Vector([0, 0, 0])
        for k in ti.static(range(3)):
            place[k] = sign * (size - 1)
            if k == s_axis:
                place[k] = s
            if k == t_axis:
                place[k] = t
        axis = ti.select(over_x, s_axis, t_axis)
        target = 2 * axis + ti.select(pick(place, axis) < 0, 1, 0)
        s_axis2, t_axis2, s_sign2, t_sign2, _sign2 = axes_of(target)
        column = (s_sign2 * pick(place, s_axis2) + size - 1) // 2
        row = (t_sign2 * pick(place, t_axis2) + size - 1) // 2
        number = (target * size + row) * size + column
    return number
