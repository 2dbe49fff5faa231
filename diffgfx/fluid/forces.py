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
        pressure: What pressure pushes, with the little that convection brings to points inside.
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

    With ``distance`` it is the momentum that the steps take from the fluid: what pressure and
    convection give to points inside the solid, which take its velocity, and what is lost over the
    steps that a wall cuts in `ops.diffuse_past`. So it agrees with what crosses a box around the
    solid. On the wall of a solid that does not turn, the transposed half of the viscous stress adds
    nothing. With ``openings`` alone it is the pressure on the wall in each cell, which is as large
    along each axis as the cell's two openings differ.

    Args:
        state: The flow, after a step.
        scene: Its setting.
        where: What counts of each cell, 0..1, shape (B|1, 1, [D,] H, W): 1 around a solid and 0
            around another, two cells away from either. None: everything.

    Raises:
        RangeError: If the scene has no solid.

    Gradients: to velocity, pressure, viscosity and solid velocity; to distance through friction,
    and to openings where there is no distance.
    """
    if scene.openings is None:
        raise RangeError("scene must have openings, got none; give it a solid")
    counted = torch.ones_like(state.pressure[:, 0]) if where is None else where[:, 0]
    if scene.viscosity is None or scene.distance is None:
        pressure = _pushed(state, scene, counted)
        return SolidForce(pressure, torch.zeros_like(pressure))
    rubbed = [_rubbed(component, state, scene, counted) for component in range(scene.dim)]
    friction = scene.viscosity[:, None] * torch.stack(rubbed, dim=1)
    return SolidForce(
        _swallowed(state, scene, counted), friction * scene.cell ** (scene.dim - 2)
    )


def _pushed(state: FluidState, scene: FluidScene, counted: Tensor) -> Tensor:
    """Return what pressure does to the walls in the cells, (B, dim)."""
    assert scene.openings is not None
    pushed = []
    for axis, share in enumerate(scene.openings):
        push = -counted * state.pressure[:, 0] * share.diff(dim=scene.dim - axis)
        pushed.append(push.flatten(1).sum(dim=1) * scene.cell ** (scene.dim - 1))
    return torch.stack(pushed, dim=1)


def _swallowed(state: FluidState, scene: FluidScene, counted: Tensor) -> Tensor:
    """Return what pressure and convection give to points inside the solid, (B, dim)."""
    assert scene.distance is not None
    slope = ops.gradient(state.pressure, scene.cell, scene.sides)
    carried = ops.convect(
        state.velocity, scene.cell, scene.sides, side_velocity=scene.side_velocity
    )
    found = []
    for axis, (g, c, d) in enumerate(zip(slope, carried, scene.distance, strict=True)):
        place = scene.dim - axis
        gained = torch.where(d > 0, 0.0, c - g) * _at_faces(counted, place)
        if scene.sides[2 * axis] == "periodic":  # the last faces are the first
            gained = _but_last(gained, place)
        found.append(gained.flatten(1).sum(dim=1) * scene.cell**scene.dim)
    return torch.stack(found, dim=1)


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
