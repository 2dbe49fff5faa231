"""What holds at the ends of a line of points, as numbers that kernels understand.

A fluid op hands its kernels a flat list: for each component, for each axis, the rule at the low and
at the high end. Components of a velocity hold two kinds of axes: along its own, the points are faces
and the ends lie on the sides; across it, the points are centres and the ends lie half a cell inside.
"""

from collections.abc import Sequence

__all__ = ["HELD", "SLOPE", "TWIN", "VALUE", "WRAP", "rules_of"]

HELD, SLOPE, VALUE, WRAP, TWIN = range(5)
"""The end point is given and has no equation (HELD); the point beyond the end is the end point plus
a number (SLOPE), or twice a number less the end point (VALUE); it is the other end (WRAP); both ends
are one point, and the point beyond is the other end's neighbour (TWIN).
"""


def rules_of(rules: Sequence[int], component: int, axis: int, dim: int) -> tuple[int, int]:
    """Return the rules at the low and high end of an axis of a component."""
    at = 2 * (component * dim + axis)
    return rules[at], rules[at + 1]
