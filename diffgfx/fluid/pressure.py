"""The pressure of a state: what makes its velocity free of divergence, and what is left of it."""

import dataclasses
import math

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import DivergedError
from diffgfx.scene import FluidScene, FluidState

__all__ = ["net_outflow", "project_state", "project_velocity"]

_SUSPECT = 1e-3
"""A residual, relative to the right side, above which the result is looked at."""

_MOST_LEFT = 1e-2
"""Of the largest velocity, that may flow out of a cell."""


def net_outflow(state: FluidState, scene: FluidScene) -> Tensor:
    """Return what fluid and solids carry out of each cell, over its volume [1/s].

    Shape (B, 1, [D,] H, W). A solid that moves carries its velocity through what it closes.
    """
    if scene.openings is None or scene.solid_velocity is None:
        return ops.divergence(state.velocity, scene.cell, openings=scene.openings)
    faces = zip(state.velocity, scene.openings, scene.solid_velocity, strict=True)
    carried = [w * u + (1.0 - w) * solid for u, w, solid in faces]
    return ops.divergence(carried, scene.cell)


def project_state(state: FluidState, scene: FluidScene) -> FluidState:
    """Return the state with a velocity free of divergence, and the pressure that did it.

    Raises:
        DivergedError: If the solve did not get there; names step, residual and divergence.
    """
    found = project_velocity(state, scene)
    return dataclasses.replace(
        state, velocity=tuple(found.velocity), pressure=found.pressure / scene.dt,
        iterations=found.iterations,
    )


def project_velocity(state: FluidState, scene: FluidScene) -> ops.Projection:
    """Return the projection of a state's velocity; raise `DivergedError` where it failed."""
    found = ops.project(
        state.velocity, scene.cell, scene.sides,
        openings=scene.openings, solid_velocity=scene.solid_velocity, tolerance=scene.tolerance,
    )  # fmt: skip
    if bool((found.residual > _SUSPECT).any()):
        _check_projected(found, state, scene)
    return found


def _check_projected(found: ops.Projection, state: FluidState, scene: FluidScene) -> None:
    """Raise where much divergence is left; of next to none, much may be left of the residual."""
    with torch.no_grad():
        after = dataclasses.replace(state, velocity=tuple(found.velocity))
        left = float(net_outflow(after, scene).abs().max()) * scene.cell
        largest = max(float(face.abs().max()) for face in state.velocity)
    if left <= _MOST_LEFT * largest or not math.isfinite(left):  # what is not finite is told later
        return
    raise DivergedError(
        f"step {state.step + 1}: pressure must leave a velocity free of divergence, but after "
        f"{int(found.iterations.max())} iterations the residual is "
        f"{float(found.residual.max()):.2g} and the divergence {left / largest:.2g} of the largest "
        "velocity a cell; smooth the openings, or compute in float64"
    )
