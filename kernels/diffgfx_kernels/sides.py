"""What holds at the ends of a line of points, as numbers that kernels understand.

A fluid op hands its kernels a flat list: for each component, for each axis, the rule at the low and
at the high end. A component of a velocity has two kinds of axes: along its own the points are
faces, of which the first and last lie on the sides; across it they are centres, half a cell inside.
"""

from collections.abc import Sequence

__all__ = ["HELD", "SLOPE", "TWIN", "VALUE", "WRAP", "rules_of"]

HELD, SLOPE, VALUE, WRAP, TWIN = range(5)
"""HELD: the end point is given, not solved for. SLOPE: the point beyond the end is the end point
plus a number. VALUE: it is twice a number less the end point. WRAP: it is the other end. TWIN: both
ends are one point, and beyond lies the other end's neighbour.
"""


def rules_of(rules: Sequence[int], component: int, axis: int, dim: int) -> tuple[int, int]:
    """Return the rules at the low and high end of an axis of a component."""
    at = 2 * (component * dim + axis)
    return rules[at], rules[at + 1]
