"""What tests of numerical code need, for this library's tests and for yours.

Every check raises `AssertionError` with the worst place and both numbers, and needs only torch.
"""

from diffgfx.testing.assertions import TOLERANCES, assert_close
from diffgfx.testing.convergence import order_of_accuracy
from diffgfx.testing.gradients import assert_directional_gradients, assert_gradients

__all__ = [
    "TOLERANCES",
    "assert_close",
    "assert_directional_gradients",
    "assert_gradients",
    "order_of_accuracy",
]
