"""Drag and lift: the force of a flow on the solids in it, differentiable."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError
from diffgfx.scene import FluidScene, FluidState

__all__ = ["SolidForce", "solid_force"]


class SolidForce(NamedTuple):
    """A force over the density of the fluid [m^4/s^2; in 2-D m^3/s^2], x first, shape (B, dim).

    Attributes:
        pressure: What pressure pushes.
        friction: What viscosity drags.
    """

    pressure: Tensor
    friction: Tensor

    @property
    def total(self) -> Tensor:
        """Return the sum."""
        return self.pressure + self.friction


def solid_force(
    state: FluidState, scene: FluidScene, where: Tensor | None = None
) -> SolidForce:
    """Return the force of the fluid on the solids of a scene, or on those in a part of it.

    Pressure acts on what is closed of a cell's faces: the wall in a cell is as large along each
    axis as the two openings differ. Friction is what the steps that a wall cuts take from the fluid
    in `ops.diffuse_past`: the momentum that the fluid loses there is the solid's. On the wall of a
    solid that does not turn, the transposed half of the viscous stress adds nothing.

    Args:
        state: The flow, after a step.
        scene: Its setting; the pressure's part needs ``openings``, the other ``distance``.
        where: What counts of each cell, 0..1, shape (B|1, 1, [D,] H, W): 1 around a solid and 0
            around another, two cells away from either. None: everything.

    Raises:
        RangeError: If the scene has no openings.

    Gradients: to velocity, pressure, openings, distance, viscosity and solid velocity.
    """
    if scene.openings is None:
        raise RangeError("scene must have openings, got none; give it a solid")
    dim, cell = scene.dim, scene.cell
    pushed = []
    counted = torch.ones_like(state.pressure[:, 0]) if where is None else where[:, 0]
    for axis, share in enumerate(scene.openings):
        push = -counted * state.pressure[:, 0] * share.diff(dim=dim - axis)
        pushed.append(push.flatten(1).sum(dim=1) * cell ** (dim - 1))
    pressure = torch.stack(pushed, dim=1)
    if scene.viscosity is None or scene.distance is None:
        return SolidForce(pressure, torch.zeros_like(pressure))
    rubbed = [_rubbed(component, state, scene, counted) for component in range(dim)]
    friction = scene.viscosity[:, None] * torch.stack(rubbed, dim=1) * cell ** (dim - 2)
    return SolidForce(pressure, friction)


def _rubbed(
    component: int, state: FluidState, scene: FluidScene, counted: Tensor
) -> Tensor:
    """Return the sum of a component over the steps that a wall cuts, by their strength, (B,)."""
    assert scene.distance is not None
    distance, dim = scene.distance[component], scene.dim
    velocity = state.velocity[component]
    if scene.solid_velocity is not None:
        velocity = velocity - scene.solid_velocity[component]
    slip = torch.where(distance > 0, velocity, 0.0) * _at_faces(counted, dim - component)
    links = ops.wall_links(scene.distance, scene.sides)[component * dim : (component + 1) * dim]
    if scene.sides[2 * component] == "periodic":  # the last faces are the first
        place = dim - component
        distance, slip, *links = (_but_last(field, place) for field in (distance, slip, *links))
    total = slip.new_zeros(len(slip))
    for axis, link in enumerate(links):
        place = dim - axis
        pairs = [distance * distance.roll(-1, place), link * (slip + slip.roll(-1, place))]
        if scene.sides[2 * axis] != "periodic":  # nothing lies beyond the last
            pairs = [_but_last(field, place) for field in pairs]
        crossed, lost = pairs
        total = total + torch.where(crossed <= 0, lost, 0.0).flatten(1).sum(dim=1)
    return total


def _at_faces(cells: Tensor, place: int) -> Tensor:
    """Return the mean of the cells on both sides of each face; at the ends, that of the one."""
    count = cells.shape[place]
    low, high = cells.narrow(place, 0, 1), cells.narrow(place, count - 1, 1)
    return 0.5 * (torch.cat([low, cells], dim=place) + torch.cat([cells, high], dim=place))


def _but_last(field: Tensor, place: int) -> Tensor:
    return field.narrow(place, 0, field.shape[place] - 1)
