"""Discs in flows whose numbers are known: where they start, and the solids as distances."""

import dataclasses
import math

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.fluid.shapes import cell_centres, face_distances, face_openings, nodes
from diffgfx.scene import FluidScene, FluidState

__all__ = ["cylinder_channel", "disc_distance", "with_solid"]

_HEIGHT, _DIAMETER, _CENTRE = 0.41, 0.1, (0.2, 0.2)


def disc_distance(
    points: Tensor, centre: Tensor | tuple[float, float], radius: float
) -> Tensor:
    """Return the signed distance of points (..., 2) to a disc [m], negative inside."""
    place = centre if isinstance(centre, Tensor) else points.new_tensor(centre)
    distance: Tensor = torch.linalg.vector_norm(points - place, dim=-1) - radius
    return distance


def with_solid(scene: FluidScene, distance: Tensor) -> FluidScene:
    """Return a scene with a solid in it, by its signed distance at the nodes (B|1, H+1, W+1).

    Gradients: to the distance, through openings and walls.
    """
    return dataclasses.replace(
        scene, openings=face_openings(distance), distance=face_distances(distance)
    )


def cylinder_channel(
    across: int, fastest: float, courant: float
) -> tuple[FluidState, FluidScene, Tensor]:
    """Return a disc in a channel of 2.2 m by 0.41 m, a parabola flowing in from the left.

    The disc has a diameter of 0.1 m and stands at (0.2, 0.2), a little below the middle (M.
    Schaefer, S. Turek, "Benchmark Computations of Laminar Flow Around a Cylinder", 1996). Where the
    channel's height is no whole number of cells its upper wall is a solid too.

    Args:
        across: Cells across the disc.
        fastest: Of the parabola [m/s].
        courant: Cells that the fluid moves in a step at one and a half times that speed.

    Returns:
        The state, made free of divergence, the scene, and a mask of the cells around the disc.
    """
    cell = _DIAMETER / across
    cells = (22 * across, math.ceil(round(_HEIGHT / cell, 6)))
    state = FluidState.at_rest(cells, dtype=torch.float64)
    like = state.density
    corner = nodes(cells, cell, like)
    disc = disc_distance(corner, _CENTRE, 0.5 * _DIAMETER)
    y = (torch.arange(cells[1]).to(like) + 0.5) * cell
    speed = (4.0 * fastest * y * (_HEIGHT - y) / _HEIGHT**2).clamp_min(0.0)
    scene = with_solid(
        FluidScene(
            cell, courant * cell / (1.5 * fastest), "ns",
            ("inflow", "outflow", "no_slip", "no_slip"),
            viscosity=like.new_tensor([1e-3]), scalars=False, tolerance=1e-7,
        ),
        torch.minimum(disc, _HEIGHT - corner[..., 1])[None],
    )  # fmt: skip
    start = [speed[None, :, None].expand_as(state.velocity[0]), state.velocity[1]]
    free = ops.project(start, cell, scene.sides, openings=scene.openings, tolerance=1e-7)
    middle = cell_centres(cells, cell, like)
    around = (middle - like.new_tensor(_CENTRE)).abs().amax(dim=-1) < _DIAMETER
    state = dataclasses.replace(state, velocity=tuple(free.velocity))
    return state, scene, around.to(like)[None, None]
