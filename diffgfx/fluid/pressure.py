"""The pressure of a state: what makes its velocity free of divergence."""

import dataclasses

from diffgfx import ops
from diffgfx.scene import FluidScene, FluidState

__all__ = ["project_state"]


def project_state(state: FluidState, scene: FluidScene) -> FluidState:
    """Return the state with a velocity free of divergence, and the pressure that did it."""
    found = ops.project(
        state.velocity, scene.cell, scene.sides,
        openings=scene.openings, solid_velocity=scene.solid_velocity, tolerance=scene.tolerance,
    )  # fmt: skip
    return dataclasses.replace(
        state, velocity=tuple(found.velocity), pressure=found.pressure / scene.dt,
        iterations=found.iterations,
    )
