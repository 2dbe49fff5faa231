"""Navier-Stokes to second order in time: midpoint rule, Crank-Nicolson, incremental pressure.

A half step with the old pressure and implicit viscosity gives the velocity at the middle, at which
convection and forces are taken for the whole step. The pressure is carried at the middles, and
corrected by the potential of the projection (method PmII of Brown, Cortez and Minion 2001).
"""

import dataclasses
from collections.abc import Iterator, Sequence

from torch import Tensor

from diffgfx import ops
from diffgfx.fluid.paths import Path, through
from diffgfx.fluid.pressure import net_outflow, project_velocity
from diffgfx.fluid.smoke import feed, push, scalar_kinds
from diffgfx.fluid.term import Term, gated
from diffgfx.fluid.viscosity import crank_nicolson, thicken
from diffgfx.scene import FluidScene, FluidState

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
    found = project_velocity(state, scene)
    pressure = state.pressure + found.pressure / dt
    if scene.viscosity is not None:
        half = (0.5 * scene.viscosity).reshape(-1, *[1] * (scene.dim + 1))
        pressure = pressure - half * net_outflow(state, scene)
    return dataclasses.replace(
        state, velocity=tuple(found.velocity), pressure=pressure, iterations=found.iterations
    )


def _carry(
    base: FluidState, at: FluidState, scene: FluidScene, dt: float, paths: Paths
) -> tuple[Tensor, Tensor]:
    """Return smoke and heat after sources, and the fluxes of the flow ``at``, acted for ``dt``.

    Diffusion is Crank and Nicolson's: half of it is that of ``base``.
    """
    density, temperature = base.density, base.temperature
    if scene.sources:
        fed = gated("forces", feed)(base, dataclasses.replace(scene, dt=dt), paths)
        density, temperature = fed.density, fed.temperature
    if not scene.scalars:
        return density, temperature
    kinds = scalar_kinds(scene)
    held = scene.temperature_kinds or kinds
    rules = ((kinds, None), (held, scene.temperature_values))
    middle = (at.density, at.temperature)

    def moved(fields: Sequence[Tensor]) -> list[Tensor]:
        found = []
        for field, there, (sides, values) in zip(fields, middle, rules, strict=True):
            after = ops.advect_tvd(
                there, at.velocity, dt, scene.cell, scene.sides, scalar_sides=sides,
                side_value=values,
            )  # fmt: skip
            found.append(field + (after - there))
        return found

    def spread(fields: Sequence[Tensor]) -> list[Tensor]:
        assert scene.diffusivity is not None
        half = 0.5 * dt * scene.diffusivity
        amount = half.reshape(-1, *[1] * (scene.dim + 1))
        found = []
        before = (base.density, base.temperature)
        for field, old, (sides, values) in zip(fields, before, rules, strict=True):
            rate = ops.laplacian_scalar(old, scene.cell, sides, side_value=values)
            found.append(
                ops.diffuse_scalar(
                    field + amount * rate, half, scene.cell, sides, side_value=values
                )
            )
        return found

    fields = through("advection", paths, moved, [density, temperature])
    if scene.diffusivity is not None:
        fields = through("diffusion", paths, spread, fields)
    return fields[0], fields[1]


def _stages(
    state: FluidState, scene: FluidScene, paths: Paths
) -> Iterator[tuple[str, FluidState]]:
    """Yield what is done in turn, and the state after it; the last one is that after the step."""
    dt = scene.dt
    density, temperature = _carry(state, state, scene, 0.5 * dt, paths)
    middle = _convect(state, state, scene, 0.5 * dt, paths)
    yield "convection", dataclasses.replace(middle, density=density, temperature=temperature)
    middle = gated("pressure", lambda s, c: _press(s, c, 0.5 * dt))(middle, scene, paths)
    middle = gated("diffusion", lambda s, c: _drag(s, c, 0.5 * dt))(middle, scene, paths)
    yield "viscosity", middle
    middle = gated("pressure", lambda s, c: _project(s, c, 0.5 * dt))(middle, scene, paths)
    middle = dataclasses.replace(middle, density=density, temperature=temperature)
    yield "pressure", middle

    density, temperature = _carry(state, middle, scene, dt, paths)
    new = _convect(state, middle, scene, dt, paths)
    yield "convection", dataclasses.replace(new, density=density, temperature=temperature)
    new = gated("pressure", lambda s, c: _press(s, c, dt))(new, scene, paths)

    def dragged(s: FluidState, c: FluidScene) -> FluidState:
        velocity = crank_nicolson(state.velocity, s.velocity, c, dt)
        return dataclasses.replace(s, velocity=tuple(velocity))

    new = gated("diffusion", dragged)(new, scene, paths)
    yield "viscosity", new
    new = gated("pressure", lambda s, c: _project(s, c, dt))(new, scene, paths)
    yield "pressure", dataclasses.replace(new, density=density, temperature=temperature)


NS_TERMS = (Term("convection, viscosity and pressure", lambda _: True, stages=_stages),)
"""All in one, for they act at the middle of a step and at its end."""
