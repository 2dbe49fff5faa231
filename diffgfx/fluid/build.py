"""From the numbers of a scene file to the tensors of a flow, and to its first state."""

import torch
from torch import Tensor

from diffgfx.fluid.shapes import (
    cell_centres,
    coverage,
    face_distances,
    face_openings,
    nodes,
    region_distance,
)
from diffgfx.scene import FlowSetting, FluidScene, FluidState, Source
from diffgfx.types import ScalarSide

__all__ = ["build_scene", "first_state"]


def build_scene(
    setting: FlowSetting,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> FluidScene:
    """Return a setting as tensors, a batch of one; what is zero in it is not there.

    Args:
        setting: What a scene file says.
        dtype: Of the tensors.
        device: Of the tensors.
    """
    like = torch.zeros((), dtype=dtype, device=device)

    def vector(values: tuple[float, ...]) -> Tensor | None:
        return like.new_tensor([values]) if any(values) else None

    def number(value: float) -> Tensor | None:
        return like.new_tensor([value]) if value else None

    moving = any(any(velocity) for velocity in setting.side_velocity)
    nearest, solid = _solids(setting, like)
    kinds, values = _temperature(setting, like)
    return FluidScene(
        cell=setting.cell,
        dt=setting.dt,
        scheme=setting.scheme,
        sides=setting.sides,
        side_velocity=like.new_tensor([setting.side_velocity]) if moving else None,
        temperature_kinds=kinds,
        temperature_values=values,
        viscosity=number(setting.viscosity),
        diffusivity=number(setting.diffusivity),
        density_force=vector(setting.density_force),
        temperature_force=vector(setting.temperature_force),
        confinement=number(setting.confinement),
        sources=_sources(setting, like),
        openings=None if nearest is None else face_openings(nearest),
        distance=None if nearest is None else face_distances(nearest),
        solid_velocity=solid,
        max_courant=setting.max_courant,
    )


def _sources(setting: FlowSetting, like: Tensor) -> tuple[Source, ...]:
    points = cell_centres(setting.cells, setting.cell, like)
    return tuple(
        Source(
            coverage(region_distance(inflow.region, points), setting.cell)[None, None],
            like.new_tensor([[inflow.density]]),
            like.new_tensor([[inflow.temperature]]),
        )
        for inflow in setting.inflows
    )


def _solids(
    setting: FlowSetting, like: Tensor
) -> tuple[Tensor | None, list[Tensor] | None]:
    """Return the distance of the nodes, (1, ...), and the nearest obstacle's velocity at faces."""
    if not setting.obstacles:
        return None, None
    corners = nodes(setting.cells, setting.cell, like)
    each = torch.stack([region_distance(o.region, corners) for o in setting.obstacles])
    nearest = each.amin(dim=0)[None]
    if not any(any(o.velocity) for o in setting.obstacles):
        return nearest, None
    solid = []
    for axis, face in enumerate(face_distances(each)):
        speeds = like.new_tensor([o.velocity[axis] for o in setting.obstacles])
        solid.append(speeds[face.argmin(dim=0)][None].contiguous())
    return nearest, solid


def _temperature(
    setting: FlowSetting, like: Tensor
) -> tuple[tuple[ScalarSide, ...] | None, Tensor | None]:
    held = setting.temperature_sides
    if all(value is None for value in held):
        return None, None
    kinds: tuple[ScalarSide, ...] = tuple(
        "periodic" if side == "periodic" else "zero_gradient" if value is None else "fixed"
        for side, value in zip(setting.sides, held, strict=True)
    )
    return kinds, like.new_tensor([[[0.0 if value is None else value for value in held]]])


def first_state(
    setting: FlowSetting,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> FluidState:
    """Return clear fluid at rest, but for what flows in through the sides of the box."""
    state = FluidState.at_rest(setting.cells, dtype=dtype, device=device)
    for k, (side, velocity) in enumerate(zip(setting.sides, setting.side_velocity, strict=True)):
        if side == "inflow":
            face = state.velocity[k // 2]
            face.select(face.ndim - 1 - k // 2, -1 if k % 2 else 0).fill_(velocity[k // 2])
    return state
