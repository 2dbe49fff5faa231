"""How a rollout is cut into segments that are run again, so that its tape fits a budget.

The plan is a tree of equal branching: ``depth`` levels of ``branches`` segments each, the leaves
being runs of steps whose tape is kept. Every level costs the states at the starts of its segments
and one more forward pass, but for the last segment, whose backward pass comes next anyway
(A. Griewank and A. Walther, "Algorithm 799: revolve", ACM TOMS 26, 2000, reaches the best trade
with unequal segments; equal ones are within a few states of it and need no schedule).
"""

import dataclasses
import math
import re

from diffgfx.errors import RangeError

__all__ = ["Plan", "make_plan", "read_memory"]

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How to run.

    Attributes:
        depth: Levels of segments; 0 keeps the whole tape.
        branches: Segments a level.
        bytes: What the plan takes at most.
    """

    depth: int
    branches: int
    bytes: int

    def lengths(self, steps: int) -> list[int]:
        """Return the lengths of the segments of the uppermost level; they add up to ``steps``."""
        count = min(self.branches, steps)
        return [steps * (k + 1) // count - steps * k // count for k in range(count)]

    def below(self) -> "Plan":
        """Return the plan of each segment."""
        return dataclasses.replace(self, depth=self.depth - 1)


def read_memory(memory: str | int) -> int:
    """Return a budget in bytes from a number or words such as ``"128MB"`` or ``"1.5 GiB"``.

    Raises:
        RangeError: If it is neither, or not above zero.
    """
    if isinstance(memory, int) and not isinstance(memory, bool) and memory > 0:
        return memory
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?I?B)\s*", str(memory).upper())
    amount = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if amount < 1.0:
        raise RangeError(
            f"memory must be bytes above zero or a text such as '128MB', got {memory!r}"
        )
    return int(amount)


def make_plan(steps: int, state: int, tape: int, budget: int) -> Plan:
    """Return the plan of fewest forward passes that fits a budget.

    Args:
        steps: Steps of the rollout.
        state: Bytes of a state.
        tape: Bytes that one step keeps for its backward pass.
        budget: Bytes there are.

    Raises:
        RangeError: If even the leanest plan does not fit; the message says what it takes.
    """
    if steps * tape <= budget:
        return Plan(0, 1, steps * tape)
    leanest = steps * tape
    for depth in range(1, max(2, math.ceil(math.log2(max(steps, 2))) + 1)):
        for branches in range(2, steps + 1):
            leaf = math.ceil(steps / branches**depth)
            needed = depth * branches * state + leaf * tape
            leanest = min(leanest, needed)
            if needed <= budget:
                return Plan(depth, branches, needed)
    raise RangeError(
        f"memory must be at least {leanest} bytes for {steps} steps of this flow, got {budget}; "
        "give more (None keeps the whole tape), or fewer steps"
    )
