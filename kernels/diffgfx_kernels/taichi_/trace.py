"""Trace places of a lattice back along a staggered velocity: functions of kernels.

Far from sides and from the ends of periods, where most places are, the way is a shorter one.
"""

import taichi as ti

from diffgfx_kernels.taichi_.transport import (
    base_of,
    is_periodic,
    nodes_of,
    sample,
    side_base_of,
    strides_of,
)

__all__ = ["faces_inside", "mean_of_faces", "sample_inner", "start_index", "trace"]


@ti.func
def bring_inside(place, count, periodic):
    """A coordinate wrapped or clamped into the box, and 1 where it was not clamped."""
    inside = place
    free = 1
    if place < 0 or place > count or (periodic == 1 and place == count):
        if periodic == 1:
            inside = place - count * ti.floor(place / count)
            if inside >= count:
                inside = inside - count
        else:
            free = 0
            inside = ti.select(place < 0, 0.0 * count, 1.0 * count)
    return inside, free


@ti.func
def start_index(at, size, rules, tap, component, lattice, dim: ti.template()):
    """The place of one of the four faces of a component that are averaged at a place of a lattice.

    Across a lattice of centres two are the same, and all at the component's own faces. Between two
    cells across a side lies the last one: only outflows are carried on a side.
    """
    face = at
    if component != lattice:
        for axis in ti.static(range(dim)):
            periodic = is_periodic(axis, rules) == 1
            if axis == component:
                face[axis] = at[axis] + tap % 2
                if face[axis] == size[axis] and periodic:
                    face[axis] = 0
            if axis == lattice:
                face[axis] = at[axis] - 1 + tap // 2
                if face[axis] < 0:
                    face[axis] = ti.select(periodic, size[axis] - 1, 0)
                face[axis] = ti.min(face[axis], size[axis] - 1)
    return face


@ti.func
def is_inner(place, size, dim: ti.template()):
    """Whether no side and no end of a period is within reach of a sample."""
    inner = 1
    for axis in ti.static(range(dim)):
        if not (place[axis] >= 0.5 and place[axis] < size[axis] - 0.5):
            inner = 0
    return inner


@ti.func
def sample_inner(
    packed: ti.template(), b, base, place, size, lattice, bounded: ti.template(),
    dim: ti.template(),
):  # fmt: skip
    """`sample` and, if wanted, the bounds of `stencil_bounds`, at an inner place."""
    strides = strides_of(size, lattice, dim)
    share = 0.0 * place
    first = base
    for axis in ti.static(range(dim)):
        here = place[axis] - ti.select(axis == lattice, 0.0, 0.5)
        floor = ti.floor(here)
        first += ti.cast(floor, ti.i32) * strides[axis]
        share[axis] = here - floor
    value = ti.Vector([0.0 * place[0]] * 2**dim)
    for t in ti.static(range(2**dim)):
        at = first
        for axis in ti.static(range(dim)):
            if ti.static((t >> axis) & 1 == 1):
                at += strides[axis]
        value[t] = packed[b, at]
    low, high = value[0], value[0]
    if ti.static(bounded):
        low, high = value.min(), value.max()
    for axis in ti.static(range(dim)):
        for t in ti.static(range(2 ** (dim - 1 - axis))):
            value[t] = value[2 * t] + share[axis] * (value[2 * t + 1] - value[2 * t])
    return value[0], low, high


@ti.func
def faces_inside(at, size, component, lattice, dim: ti.template()):
    """The first of the four faces around an inner place, and how far the others lie from it."""
    strides = strides_of(size, component, dim)
    along, across = 0, 0
    if component != lattice:
        for axis in ti.static(range(dim)):
            along += ti.select(axis == component, strides[axis], 0)
            across -= ti.select(axis == lattice, strides[axis], 0)
    return base_of(size, component, size[dim - 1], dim) + at.dot(strides), along, across


@ti.func
def mean_of_faces(velocity: ti.template(), b, face, along, across):
    """A component of the velocity amid its four faces."""
    near = velocity[b, face] + velocity[b, face + along]
    return 0.25 * (near + (velocity[b, face + across] + velocity[b, face + across + along]))


@ti.func
def velocity_inside(velocity: ti.template(), b, at, size, component, lattice, dim: ti.template()):
    """A component of the velocity at a place that is no outermost one of its lattice."""
    face, along, across = faces_inside(at, size, component, lattice, dim)
    return mean_of_faces(velocity, b, face, along, across)


@ti.func
def trace_near_sides(
    velocity: ti.template(), b, at, size, rules, step, lattice, dim: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """`trace`, past sides and around periods."""
    side_base = side_base_of(size, size[dim - 1], size[dim - 1] + 1, dim)
    start, middle, end = (
        ti.Vector.zero(real, dim),
        ti.Vector.zero(real, dim),
        ti.Vector.zero(real, dim),
    )
    free_middle, free_end = ti.Vector.zero(ti.i32, dim), ti.Vector.zero(ti.i32, dim)
    for c in range(dim):
        strides = strides_of(size, c, dim)
        base = base_of(size, c, size[dim - 1], dim)
        speed = 0.0 * step
        for tap in range(4):
            face = start_index(at, size, rules, tap, c, lattice, dim)
            speed += 0.25 * velocity[b, base + face.dot(strides)]
        for axis in ti.static(range(dim)):
            if axis == c:
                start[axis] = at[axis] + ti.select(axis == lattice, 0.0, 0.5)
                middle[axis], free_middle[axis] = bring_inside(
                    start[axis] - 0.5 * step * speed, size[axis], is_periodic(axis, rules)
                )
    for c in range(dim):
        index, weight = nodes_of(middle, size, rules, 0.0 * step, c, dim)
        base = base_of(size, c, size[dim - 1], dim)
        strides = strides_of(size, c, dim)
        speed = sample(velocity, b, base, side_base + c, dim, strides, index, weight, dim)
        for axis in ti.static(range(dim)):
            if axis == c:
                end[axis], free_end[axis] = bring_inside(
                    start[axis] - step * speed, size[axis], is_periodic(axis, rules)
                )
    return middle, free_middle, end, free_end


@ti.func
def trace(
    velocity: ti.template(), b, at, size, rules, step, lattice, dim: ti.template(),
    real: ti.template(),
):  # fmt: skip
    """Where a place of a lattice was a step ago, by the midpoint rule.

    Far from sides and ends of periods the way is shorter. Returns the midpoint, the end, for each
    whether it was not clamped, an axis each, and whether all of the path is inner.
    """
    start, middle, end = 0.0 * step * at, 0.0 * step * at, 0.0 * step * at
    free_middle, free_end = 0 * at + 1, 0 * at + 1
    inner = 1
    for axis in ti.static(range(dim)):
        start[axis] = at[axis] + ti.select(axis == lattice, 0.0, 0.5)
        if at[axis] < 1 or at[axis] > size[axis] - 2:
            inner = 0
    if inner == 1:
        for c in range(dim):
            speed = velocity_inside(velocity, b, at, size, c, lattice, dim)
            for axis in ti.static(range(dim)):
                if axis == c:
                    middle[axis] = start[axis] - 0.5 * step * speed
        inner = is_inner(middle, size, dim)
    if inner == 1:
        for c in range(dim):
            base = base_of(size, c, size[dim - 1], dim)
            speed, _l, _h = sample_inner(velocity, b, base, middle, size, c, False, dim)
            for axis in ti.static(range(dim)):
                if axis == c:
                    end[axis] = start[axis] - step * speed
        inner = is_inner(end, size, dim)
    if inner == 0:
        middle, free_middle, end, free_end = trace_near_sides(
            velocity, b, at, size, rules, step, lattice, dim, real
        )
    return middle, free_middle, end, free_end, inner
