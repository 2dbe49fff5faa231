"""What the cases of flows share: marching, extrema between grid values, orders of convergence."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx.fluid import step
from diffgfx.scene import FluidScene, FluidState

__all__ = ["Tell", "change_rate", "extremum", "march", "order", "refine", "relative_error"]

Tell = Callable[[int, int, float | None], object]
"""Told of what is done, how much it is, and the current error."""


def march(
    state: FluidState,
    scene: FluidScene,
    steps: int,
    *,
    tell: Tell | None = None,
    steady: float = 0.0,
) -> FluidState:
    """Take steps without gradients, until the velocity changes by less than ``steady`` a second.

    Args:
        state: Where to start.
        scene: The setting.
        steps: How many at most.
        tell: Told of what is done.
        steady: Largest rate of change [m/s^2] at which the flow counts as steady; 0 for never.
    """
    with torch.no_grad():
        for k in range(steps):
            before = state.velocity
            state = step(state, scene)
            if tell is not None and k % 10 == 0:
                tell(k, steps, None)
            if steady and k % 10 == 9 and change_rate(before, state.velocity, scene.dt) < steady:
                break
    return state


def change_rate(before: Sequence[Tensor], after: Sequence[Tensor], dt: float) -> float:
    """Return the largest change of a velocity in a step, by the second [m/s^2]."""
    pairs = zip(after, before, strict=True)
    return max(float((new - old).abs().max()) for new, old in pairs) / dt


def refine(state: FluidState) -> FluidState:
    """Return a 2-D flow on cells of half the side, by lines between values.

    A flow that is started where the next coarser grid came to rest is steady much sooner.
    """

    def finer(field: Tensor, size: Sequence[int]) -> Tensor:
        for axis, count in enumerate(size):
            whole = list(field.shape[2:])
            whole[axis] = count
            field = torch.nn.functional.interpolate(  # faces lie on the ends, cells do not
                field, size=whole, mode="bilinear", align_corners=count % 2 == 1
            )
        return field

    h, w = state.pressure.shape[2:]
    across, up = state.velocity
    return dataclasses.replace(
        state,
        velocity=(
            finer(across[:, None], (2 * h, 2 * w + 1))[:, 0],
            finer(up[:, None], (2 * h + 1, 2 * w))[:, 0],
        ),
        density=finer(state.density, (2 * h, 2 * w)),
        temperature=finer(state.temperature, (2 * h, 2 * w)),
        pressure=finer(state.pressure, (2 * h, 2 * w)),
    )


def extremum(values: Tensor, largest: bool = True) -> float:
    """Return the extremum of the parabola through a line's largest (or least) value and its sides.

    Args:
        values: Equally spaced values, shape (n,).
        largest: A maximum, else a minimum.
    """
    at = int(values.argmax() if largest else values.argmin())
    if at in (0, len(values) - 1):
        return float(values[at])
    before, here, after = (float(v) for v in values[at - 1 : at + 2])
    bend = before - 2.0 * here + after
    return here - (after - before) ** 2 / (8.0 * bend) if bend else here


def relative_error(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """Return the root mean square difference over the root mean square of what is wanted."""
    pairs = zip(found, wanted, strict=True)
    wrong = sum(float((a - b).square().sum()) for a, b in pairs)
    return math.sqrt(wrong / sum(float(b.square().sum()) for b in wanted))


def order(coarse: float, fine: float, ratio: float = 2.0) -> float:
    """Return the order of convergence of two errors, the finer step being ``ratio`` times less."""
    return math.log(coarse / fine) / math.log(ratio)
