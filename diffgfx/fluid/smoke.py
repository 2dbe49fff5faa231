"""The film-maker's scheme: split terms, each stable for any step, first order in time."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.fluid.amount import keep_amount
from diffgfx.fluid.extend import extend_into_solids
from diffgfx.fluid.pressure import project_state
from diffgfx.fluid.term import Term, gated
from diffgfx.fluid.viscosity import thicken
from diffgfx.scene import FluidScene, FluidState
from diffgfx.types import ScalarSide, Side

__all__ = ["SMOKE_TERMS", "feed", "push", "scalar_kinds", "smear"]


def scalar_kinds(scene: FluidScene) -> tuple[ScalarSide, ...]:
    """Return what holds for smoke at the sides: none passes a wall, and none comes in."""
    kinds: dict[str, ScalarSide] = {"periodic": "periodic", "inflow": "fixed"}
    return tuple(kinds.get(side, "zero_gradient") for side in scene.sides)


def feed(state: FluidState, scene: FluidScene) -> FluidState:
    """Add what the sources give in a step."""
    density, temperature = state.density, state.temperature
    for source in scene.sources:
        density = ops.inflow(density, source.mask, source.density, scene.dt)
        temperature = ops.inflow(temperature, source.mask, source.temperature, scene.dt)
    return dataclasses.replace(state, density=density, temperature=temperature)


def _flow(state: FluidState, scene: FluidScene) -> tuple[Tensor, ...]:
    """Return the velocity along which all is carried: past solids that it slips along, too."""
    if scene.openings is None or scene.viscosity is not None:
        return state.velocity
    return extend_into_solids(state.velocity, scene.openings)


def _carry_scalars(state: FluidState, scene: FluidScene) -> FluidState:
    flow = _flow(state, scene)

    def carried(field: Tensor, kinds: tuple[ScalarSide, ...], values: Tensor | None) -> Tensor:
        return ops.advect(
            field, flow, scene.dt, scene.cell, scene.sides,
            scalar_sides=kinds, side_value=values,
        )  # fmt: skip

    kinds = scalar_kinds(scene)
    if scene.temperature_kinds is None:  # each path is traced once for both
        both = torch.cat([state.density, state.temperature], dim=1)
        moved = carried(both, kinds, None)
        # a view would keep what the density was, too
        density, temperature = moved[:, :1], moved[:, 1:].clone()
    else:
        density = carried(state.density, kinds, None)
        temperature = carried(
            state.temperature, scene.temperature_kinds, scene.temperature_values
        )
    density = keep_amount(density, state.density, state.velocity, scene)
    return dataclasses.replace(state, density=density, temperature=temperature)


def _carry_velocity(state: FluidState, scene: FluidScene) -> FluidState:
    flow = _flow(state, scene)
    velocity = ops.advect_velocity(
        flow, flow, scene.dt, scene.cell, scene.sides, side_velocity=scene.side_velocity
    )  # fmt: skip
    return dataclasses.replace(state, velocity=tuple(velocity))


def _where_free(force: Tensor, axis: int, sides: Sequence[Side]) -> Tensor:
    """Return the force across an axis, none on sides that hold the velocity of their faces."""
    held = [int(side not in ("outflow", "periodic")) for side in sides[2 * axis : 2 * axis + 2]]
    place = force.ndim - 1 - axis
    inner = force.narrow(place, held[0], force.shape[place] - sum(held))
    return torch.nn.functional.pad(inner, [0, 0] * axis + held)


def push(state: FluidState, scene: FluidScene) -> FluidState:
    """Add what buoyancy and given forces do in a step."""
    velocity = list(state.velocity)
    for field, force in (
        (state.density, scene.density_force),
        (state.temperature, scene.temperature_force),
    ):
        if force is not None:
            velocity = ops.buoyancy(velocity, field, force, scene.dt, scene.sides)
    if scene.force is not None:
        velocity = [
            u + scene.dt * _where_free(f, axis, scene.sides)
            for axis, (u, f) in enumerate(zip(velocity, scene.force, strict=True))
        ]
    return dataclasses.replace(state, velocity=tuple(velocity))


def _confine(state: FluidState, scene: FluidScene) -> FluidState:
    assert scene.confinement is not None
    velocity = ops.vorticity_confinement(
        state.velocity, scene.dt, scene.cell, scene.sides, scene.confinement
    )
    return dataclasses.replace(state, velocity=tuple(velocity))


def smear(state: FluidState, scene: FluidScene) -> FluidState:
    """Diffuse velocity, smoke and heat, implicitly."""
    velocity = thicken(state.velocity, scene, scene.dt)
    density, temperature = state.density, state.temperature
    if scene.diffusivity is not None and scene.scalars:
        amount, kinds = scene.diffusivity * scene.dt, scalar_kinds(scene)
        density = ops.diffuse_scalar(density, amount, scene.cell, kinds)
        temperature = ops.diffuse_scalar(
            temperature, amount, scene.cell, scene.temperature_kinds or kinds,
            side_value=scene.temperature_values,
        )  # fmt: skip
    return dataclasses.replace(
        state, velocity=tuple(velocity), density=density, temperature=temperature
    )


def _heavy(scene: FluidScene) -> bool:
    return not (
        scene.density_force is None and scene.temperature_force is None and scene.force is None
    )


SMOKE_TERMS = (
    Term.of("inflow of smoke", lambda scene: bool(scene.sources), gated("forces", feed)),
    Term.of("advection of smoke", lambda scene: scene.scalars, gated("advection", _carry_scalars)),
    Term.of("advection of velocity", lambda _: True, gated("advection", _carry_velocity)),
    Term.of("buoyancy", _heavy, gated("forces", push)),
    Term.of(
        "vorticity confinement", lambda scene: scene.confinement is not None,
        gated("forces", _confine),
    ),
    Term.of(
        "diffusion", lambda scene: scene.viscosity is not None or scene.diffusivity is not None,
        gated("diffusion", smear),
    ),
    Term.of("pressure", lambda _: True, gated("pressure", project_state)),
)  # fmt: skip
"""In the order in which they act."""
