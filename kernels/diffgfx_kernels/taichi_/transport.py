"""Read staggered and centred values between their places: functions of kernels.

Everything that is carried or carries is one packed tensor (B, N): a plane per channel of a field,
or the components of a velocity one after another, and then the numbers given on the sides. A
lattice is -1 for the cells' centres, or the axis whose faces it is; x is axis 0, and a place is a
vector of `dim` whole numbers. Lengths are in cells. The rules of the sides are bits of one number
(`rule_bits`); a periodic axis is one whose rule says so.

Along an axis a value is ``kept * (a + share * (b - a)) + given * side``: between two places kept is
1 and given 0, and between the last centre and the side both places are that centre.
"""

import taichi as ti

from diffgfx_kernels.transport import SideRule

__all__ = [
    "PINNED",
    "SLOPED",
    "base_of",
    "derivative",
    "is_before_outflow",
    "is_held",
    "is_periodic",
    "nodes_of",
    "plane_of",
    "rule_bits",
    "sample",
    "side_base_of",
    "side_slot",
    "stencil_bounds",
    "strides_of",
]

PINNED, SLOPED, PERIODIC, OPEN = 0, 6, 12, 18
"""First bits of: the value is given; its slope is; the axis is periodic; the face is free."""


def rule_bits(rules: tuple[SideRule, ...], sides: tuple[str, ...]) -> int:
    """Write the rules of sides as one number."""
    bits = 0
    for k, (rule, side) in enumerate(zip(rules, sides, strict=True)):
        bits |= (rule.kept == 0.0) << (PINNED + k)
        bits |= (rule.kept == 1.0 and rule.scale != 0.0) << (SLOPED + k)
        bits |= (side == "periodic") << (PERIODIC + k)
        bits |= (side == "outflow") << (OPEN + k)
    return bits


@ti.func
def is_periodic(axis, rules):
    """1 where an axis ends where it begins, else 0."""
    return (rules >> (PERIODIC + 2 * axis)) & 1


@ti.func
def strides_of(size, lattice, dim: ti.template()):
    """How far apart neighbours along each axis lie in a lattice."""
    strides = ti.Vector.zero(ti.i32, dim)
    reach = 1
    for axis in ti.static(range(dim)):
        strides[axis] = reach
        reach *= size[axis] + ti.cast(axis == lattice, ti.i32)
    return strides


@ti.func
def plane_of(size, lattice, dim: ti.template()):
    """Places of a lattice in a row of the last axis."""
    count = 1
    for axis in ti.static(range(dim - 1)):
        count *= size[axis] + ti.cast(axis == lattice, ti.i32)
    return count


@ti.func
def base_of(size, lattice, rows, dim: ti.template()):
    """Where a component begins in a packed velocity of so many rows."""
    base = 0
    for axis in ti.static(range(dim - 1)):
        if axis < lattice:
            base += rows * plane_of(size, axis, dim)
    return base


@ti.func
def side_base_of(size, rows, last, dim: ti.template()):
    """Where the numbers on the sides begin; the last component has ``last`` rows."""
    return base_of(size, dim - 1, rows, dim) + last * plane_of(size, dim - 1, dim)


@ti.func
def is_held(at, size, lattice, rules, dim: ti.template()):
    """Whether the place is a face on a side whose normal velocity stays."""
    held = False
    for axis in ti.static(range(dim)):
        if axis == lattice and is_periodic(axis, rules) == 0:
            low = (rules >> (OPEN + 2 * axis)) & 1
            high = (rules >> (OPEN + 2 * axis + 1)) & 1
            held = (at[axis] == 0 and low == 0) or (at[axis] == size[axis] and high == 0)
    return held


@ti.func
def is_before_outflow(place, size, rules, lattice, dim: ti.template()):
    """0 where a place lies beyond the outermost centres before an outflow, else 1."""
    before = 1
    for axis in ti.static(range(dim)):
        low = (rules >> (OPEN + 2 * axis)) & 1
        high = (rules >> (OPEN + 2 * axis + 1)) & 1
        if axis != lattice and (
            (low == 1 and place[axis] < 0.5) or (high == 1 and place[axis] > size[axis] - 0.5)
        ):
            before = 0
    return before


@ti.func
def nodes_of(place, size, rules, half, lattice, dim: ti.template()):
    """The two places an axis around a point in the box, and how they are weighed.

    Indices: first, second, and the side (0 none, 1 low, 2 high). Weights: share of the second,
    kept, given, and the derivatives of kept and given along the axis.
    """
    index = ti.Matrix.zero(ti.i32, dim, 3)
    weight = 0.0 * ti.Matrix([[place[0]] * 5 for _ in range(dim)])
    for axis in ti.static(range(dim)):
        count = size[axis]
        last = ti.cast(count - 1, ti.i32)
        weight[axis, 1] = 1.0
        if axis == lattice:
            here = place[axis]
            first = ti.cast(ti.min(ti.max(ti.floor(here), 0.0), 1.0 * last), ti.i32)
            second = first + 1
            if second == count and is_periodic(axis, rules) == 1:
                second = 0
            index[axis, 0] = first
            index[axis, 1] = second
            weight[axis, 0] = here - first
        else:
            here = place[axis] - 0.5
            floor = ti.floor(here)
            first = ti.cast(ti.min(ti.max(floor, -1.0), 1.0 * last), ti.i32)
            second = first + 1
            weight[axis, 0] = here - floor
            if first < 0 or second > last:
                if is_periodic(axis, rules) == 1:
                    first = ti.select(first < 0, last, first)
                    second = ti.select(second > last, 0, second)
                else:  # both are the last centre; the rest is the side's
                    high = first >= 0
                    side = 2 * axis + ti.cast(high, ti.i32)
                    pinned = ti.cast((rules >> (PINNED + side)) & 1, ti.i32)
                    sloped = ti.cast((rules >> (SLOPED + side)) & 1, ti.i32)
                    scale = pinned + half * sloped
                    out = ti.select(high, 2.0 * (here - last), -2.0 * here)
                    steep = ti.select(high, 2.0, -2.0)
                    first = ti.select(high, last, 0)
                    second = first
                    index[axis, 2] = ti.select(high, 2, 1)
                    weight[axis, 0] = out
                    weight[axis, 1] = 1.0 - out * pinned
                    weight[axis, 2] = out * scale
                    weight[axis, 3] = -steep * pinned
                    weight[axis, 4] = steep * scale
            index[axis, 0] = first
            index[axis, 1] = second
    return index, weight


@ti.func
def side_slot(index, axis, base, step):
    """Where the number on a near side stands; low if no side is near, where it counts nothing."""
    return base + (2 * axis + ti.max(index[axis, 2] - 1, 0)) * step


@ti.func
def sample(
    packed: ti.template(), b, base, side_base, side_step, strides, index, weight,
    dim: ti.template(),
):  # fmt: skip
    """The value at a point, linear along each axis, x first."""
    value = ti.Vector([0.0 * weight[0, 0]] * 2**dim)
    for t in ti.static(range(2**dim)):
        at = base
        for axis in ti.static(range(dim)):
            at += index[axis, ti.static((t >> axis) & 1)] * strides[axis]
        value[t] = packed[b, at]
    for axis in ti.static(range(dim)):
        for t in ti.static(range(2 ** (dim - 1 - axis))):
            value[t] = value[2 * t] + weight[axis, 0] * (value[2 * t + 1] - value[2 * t])
        if index[axis, 2] > 0:
            given = weight[axis, 2] * packed[b, side_slot(index, axis, side_base, side_step)]
            for t in ti.static(range(2 ** (dim - 1 - axis))):
                value[t] = weight[axis, 1] * value[t] + given
    return value[0]


@ti.func
def derivative(
    packed: ti.template(), b, base, side_base, side_step, strides, index, weight,
    dim: ti.template(),
):  # fmt: skip
    """The value at a point, and its slopes along each axis."""
    value = ti.Vector([0.0 * weight[0, 0]] * 2**dim)
    slope = 0.0 * ti.Matrix([[weight[0, 0]] * 2**dim for _ in range(dim)])
    for t in ti.static(range(2**dim)):
        at = base
        for axis in ti.static(range(dim)):
            at += index[axis, ti.static((t >> axis) & 1)] * strides[axis]
        value[t] = packed[b, at]
    for axis in ti.static(range(dim)):
        for t in ti.static(range(2 ** (dim - 1 - axis))):
            slope[axis, t] = value[2 * t + 1] - value[2 * t]
            value[t] = value[2 * t] + weight[axis, 0] * slope[axis, t]
            for k in ti.static(range(axis)):
                step = slope[k, 2 * t + 1] - slope[k, 2 * t]
                slope[k, t] = slope[k, 2 * t] + weight[axis, 0] * step
        if index[axis, 2] > 0:
            side = packed[b, side_slot(index, axis, side_base, side_step)]
            for t in ti.static(range(2 ** (dim - 1 - axis))):
                slope[axis, t] = weight[axis, 3] * value[t] + weight[axis, 4] * side
                value[t] = weight[axis, 1] * value[t] + weight[axis, 2] * side
                for k in ti.static(range(axis)):
                    slope[k, t] = weight[axis, 1] * slope[k, t]
    slopes = 0.0 * ti.Vector([weight[0, 0]] * dim)
    for axis in ti.static(range(dim)):
        slopes[axis] = slope[axis, 0]
    return value[0], slopes


@ti.func
def stencil_bounds(
    packed: ti.template(), b, base, side_base, side_step, strides, index, rules, half, zero,
    dim: ti.template(),
):  # fmt: skip
    """The least and the largest value a sample lies among, and which they are, first of equals."""
    low, high = zero, zero
    at_low, at_high = 0, 0
    for t in range(2**dim):
        at = base
        for axis in ti.static(range(dim)):
            second = (t >> axis) & 1 == 1
            at += ti.select(second, index[axis, 1], index[axis, 0]) * strides[axis]
        value = packed[b, at]
        for axis in ti.static(range(dim)):
            if index[axis, 2] == 1 + ((t >> axis) & 1):
                side = side_slot(index, axis, 0, 1)
                number = packed[b, side_base + side * side_step]
                if (rules >> (PINNED + side)) & 1:
                    value = number
                elif (rules >> (SLOPED + side)) & 1:
                    value = value + half * number
        if t == 0 or value < low:
            low, at_low = value, t
        if t == 0 or value > high:
            high, at_high = value, t
    return low, high, at_low, at_high
