"""How fast a discretisation approaches the exact solution."""

import math
from collections.abc import Sequence

from diffgfx.errors import RangeError, ShapeError

__all__ = ["order_of_accuracy"]


def order_of_accuracy(steps: Sequence[float], errors: Sequence[float]) -> float:
    """Return the measured order p of ``error ~ step^p``: the slope of log error over log step.

    Args:
        steps: Step or cell sizes [any one unit], two or more, not all equal.
        errors: The error at each step, in the same order.

    Returns:
        The slope of the least-squares line through all points.

    Raises:
        ShapeError: If the lengths differ or there are fewer than two points.
        RangeError: If a number is not finite and above zero, or all steps are equal.
    """
    if len(steps) != len(errors) or len(steps) < 2:
        raise ShapeError(
            f"errors must have one entry a step, two or more, got {len(errors)} for "
            f"{len(steps)} steps; measure each step once"
        )
    for name, values in (("steps", steps), ("errors", errors)):
        for value in values:
            if not 0.0 < value < math.inf:
                raise RangeError(
                    f"{name} must be finite numbers above zero, got {value}; an exact result has "
                    "no order, use a harder problem"
                )
    if min(steps) == max(steps):
        raise RangeError(f"steps must differ, got only {steps[0]}; refine the grid")
    x = [math.log(step) for step in steps]
    y = [math.log(error) for error in errors]
    x_mean, y_mean = math.fsum(x) / len(x), math.fsum(y) / len(y)
    rise = math.fsum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    return rise / math.fsum((a - x_mean) ** 2 for a in x)
