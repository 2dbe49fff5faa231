"""Navier-Stokes to second order in time: midpoint rule, Crank-Nicolson, incremental pressure.

A half step with the old pressure and implicit viscosity gives the velocity at the middle, at which
convection and forces are taken for the whole step. The pressure is carried at the middles, and
corrected by the potential of the projection (method PmII of Brown, Cortez and Minion 2001).
"""

import dataclasses
from collections.abc import Sequence

from torch import Tensor

from diffgfx import ops
from diffgfx.fluid.paths import Path, through
from diffgfx.fluid.smoke import feed, push, scalar_kinds
from diffgfx.fluid.term import Term, gated
from diffgfx.fluid.viscosity import crank_nicolson, thicken
from diffgfx.scene import FluidScene, FluidState
from diffgfx.types import ScalarSide

__all__ = ["NS_TERMS"]

Paths = frozenset[Path]


def _convect(
    base: FluidState, at: FluidState, scene: FluidScene, dt: float, paths: Paths
) -> FluidState:
    """Return ``base`` after convection and forces of the flow ``at`` have acted for ``dt``."""

    def convected(faces: Sequence[Tensor]) -> Sequence[Tensor]:
        rate = ops.convect(
            at.velocity if "advection" in paths else [u.detach() for u in at.velocity],
            scene.cell, scene.sides, side_velocity=scene.side_velocity,
        )  # fmt: skip
        return [u + dt * r for u, r in zip(faces, rate, strict=True)]

    velocity = through("advection", paths, convected, base.velocity)
    pushed = gated("forces", push)(
        dataclasses.replace(
            base, velocity=tuple(velocity), density=at.density, temperature=at.temperature
        ),
        dataclasses.replace(scene, dt=dt),
        paths,
    )
    return dataclasses.replace(base, velocity=pushed.velocity)


def _press(state: FluidState, scene: FluidScene, dt: float) -> FluidState:
    """Add what the pressure of the state does in ``dt``."""
    slope = ops.gradient(state.pressure, scene.cell, scene.sides)
    velocity = tuple(u - dt * g for u, g in zip(state.velocity, slope, strict=True))
    return dataclasses.replace(state, velocity=velocity)


def _drag(state: FluidState, scene: FluidScene, dt: float) -> FluidState:
    """Let viscosity act implicitly for ``dt``."""
    return dataclasses.replace(state, velocity=tuple(thicken(state.velocity, scene, dt)))


def _project(state: FluidState, scene: FluidScene, dt: float) -> FluidState:
    """Make the velocity free of divergence, and correct the pressure by what that took."""
    found = ops.project(
        state.velocity, scene.cell, scene.sides,
        openings=scene.openings, solid_velocity=scene.solid_velocity, tolerance=scene.tolerance,
    )  # fmt: skip
    pressure = state.pressure + found.pressure / dt
    if scene.viscosity is not None:
        source = ops.divergence(state.velocity, scene.cell, openings=scene.openings)
        half = (0.5 * scene.viscosity).reshape(-1, *[1] * (scene.dim + 1))
        pressure = pressure - half * source
    return dataclasses.replace(
        state, velocity=tuple(found.velocity), pressure=pressure, iterations=found.iterations
    )


def _carry(
    base: FluidState, at: FluidState, scene: FluidScene, dt: float
) -> tuple[Tensor, Tensor]:
    """Return smoke and heat after the fluxes of the flow ``at`` have acted for ``dt``."""
    if not scene.scalars:
        return base.density, base.temperature
    kinds = scalar_kinds(scene)

    def carried(
        field: Tensor, middle: Tensor, held: tuple[ScalarSide, ...], values: Tensor | None
    ) -> Tensor:
        moved = ops.advect_tvd(
            middle, at.velocity, dt, scene.cell, scene.sides, scalar_sides=held, side_value=values
        )
        field = field + (moved - middle)
        if scene.diffusivity is None:
            return field
        half = 0.5 * dt * scene.diffusivity
        rate = ops.laplacian_scalar(field, scene.cell, held, side_value=values)
        amount = half.reshape(-1, *[1] * (scene.dim + 1))
        return ops.diffuse_scalar(
            field + amount * rate, half, scene.cell, held,
            side_value=values,
        )  # fmt: skip

    held = scene.temperature_kinds or kinds
    return (
        carried(base.density, at.density, kinds, None),
        carried(base.temperature, at.temperature, held, scene.temperature_values),
    )


def _advance(state: FluidState, scene: FluidScene, paths: Paths) -> FluidState:
    dt = scene.dt
    density, temperature = _carry(state, state, scene, 0.5 * dt)
    middle = _convect(state, state, scene, 0.5 * dt, paths)
    middle = _press(middle, scene, 0.5 * dt)
    middle = gated("diffusion", lambda s, c: _drag(s, c, 0.5 * dt))(middle, scene, paths)
    middle = gated("pressure", lambda s, c: _project(s, c, 0.5 * dt))(middle, scene, paths)
    middle = dataclasses.replace(middle, density=density, temperature=temperature)

    density, temperature = _carry(state, middle, scene, dt)
    new = _convect(state, middle, scene, dt, paths)
    new = _press(new, scene, dt)

    def dragged(s: FluidState, c: FluidScene) -> FluidState:
        velocity = crank_nicolson(state.velocity, s.velocity, c, dt)
        return dataclasses.replace(s, velocity=tuple(velocity))

    new = gated("diffusion", dragged)(new, scene, paths)
    new = gated("pressure", lambda s, c: _project(s, c, dt))(new, scene, paths)
    return dataclasses.replace(new, density=density, temperature=temperature)


NS_TERMS = (
    Term("inflow of smoke", lambda scene: bool(scene.sources), gated("forces", feed)),
    Term("convection, viscosity and pressure", lambda _: True, _advance),
)
"""In the order in which they act."""
