"""What viscosity does to a velocity, in a box and past solids that the fluid sticks to."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.scene import FluidScene

__all__ = ["crank_nicolson", "thicken"]


def thicken(velocity: Sequence[Tensor], scene: FluidScene, dt: float) -> list[Tensor]:
    """Return a velocity after viscosity acted implicitly for ``dt`` (backward Euler)."""
    if scene.viscosity is None:
        return list(velocity)
    amount = scene.viscosity * dt
    if scene.distance is None:
        return ops.diffuse(
            velocity, amount, scene.cell, scene.sides, side_velocity=scene.side_velocity
        )
    return ops.diffuse_past(
        velocity, scene.distance, amount, scene.cell, scene.sides,
        solid_velocity=scene.solid_velocity, side_velocity=scene.side_velocity,
    )  # fmt: skip


def crank_nicolson(
    before: Sequence[Tensor], pushed: Sequence[Tensor], scene: FluidScene, dt: float
) -> list[Tensor]:
    """Return a velocity after viscosity acted for ``dt``, half of it on the velocity before.

    With A for what viscosity does, x - dt/2 A x = pushed + dt/2 A before is solved by the implicit
    half step from the mean of both: twice that, less the velocity before. In a solid there is
    nothing to take off.

    Args:
        before: The velocity at the start of the step.
        pushed: The same after all else acted for the step.
        scene: The setting.
        dt: Time of the step [s].
    """
    if scene.viscosity is None:
        return list(pushed)
    mean = [0.5 * (u + v) for u, v in zip(before, pushed, strict=True)]
    half = thicken(mean, scene, 0.5 * dt)
    after = [2.0 * y - u for y, u in zip(half, before, strict=True)]
    if scene.distance is None:
        return after
    places = zip(scene.distance, after, half, strict=True)
    return [torch.where(d > 0, x, y) for d, x, y in places]
