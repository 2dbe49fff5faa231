"""Flows with a closed form: decaying vortices, channels, symmetry, and the laws of a projection."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.fluid.problems import channel, taylor_green_2d
from diffgfx.fluid.shapes import cell_centres, coverage, face_openings, nodes, region_distance
from diffgfx.scene import FluidScene, FluidState, Region, Source
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.flow_march import march, order, relative_error
from diffgfx.types import Side

__all__ = ["EXACT_CASES"]


def _largest_divergence(state: FluidState, scene: FluidScene) -> float:
    source = ops.divergence(state.velocity, scene.cell)
    fastest = max(float(face.abs().max()) for face in state.velocity)
    return float(source.abs().max()) * scene.cell / fastest


def _taylor_green(context: Context) -> Sequence[Measure]:
    viscosity, end = 0.05, 1.0
    errors, leaks = [], []
    sizes = (32, 64, 128, 256)
    for k, n in enumerate(sizes):
        context.progress(k, len(sizes) + 3, None)
        steps = n // 2
        state, scene, exact = taylor_green_2d(n, viscosity, end / steps)
        for _ in range(steps):
            state = march(state, scene, 1)
            leaks.append(_largest_divergence(state, scene))
        errors.append(relative_error(state.velocity, exact(end)))
    found = [Measure(f"relative error at {n}^2", e) for n, e in zip(sizes, errors, strict=True)]
    least = min(order(a, b) for a, b in itertools.pairwise(errors))
    found.append(Measure("2 - order in space and time, least", 2.0 - least, 0.1))
    found.append(Measure("2 - order in time", 2.0 - _order_in_time(context), 0.1))
    found.append(Measure("max div h / U after any step", max(leaks), 1e-10))
    return found


def _order_in_time(context: Context) -> float:
    """Return the order of the differences between runs of the same grid at halved steps."""
    results = []
    for k, steps in enumerate((16, 32, 64)):
        context.progress(4 + k, 7, None)
        state, scene, _ = taylor_green_2d(32, 0.05, 1.0 / steps)
        drift = [0.3 + 0.0 * face for face in state.velocity]  # so that convection matters
        velocity = tuple(u + d for u, d in zip(state.velocity, drift, strict=True))
        results.append(march(dataclasses.replace(state, velocity=velocity), scene, steps).velocity)
    first = relative_error(results[0], results[1])
    return order(first, relative_error(results[1], results[2]))


def _channels(context: Context) -> Sequence[Measure]:
    """Return how far channels are from the discrete solution, and its own order.

    With walls halfway between values the scheme's parabola is the exact one plus G h^2 / (8 nu),
    everywhere alike.
    """
    found, errors = [], []
    viscosity, force = 0.5, 3.0
    for k, n in enumerate((8, 16)):
        context.progress(k, 3, None)
        state, scene = channel(n, viscosity, force, 0.0, 0.05)
        state = march(state, scene, 200)
        y = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        exact = force / (2.0 * viscosity) * y * (1.0 - y)
        profile = state.velocity[0][0, :, 1]
        discrete = exact + force / (8.0 * viscosity) * scene.cell**2
        found.append(
            Measure(f"Poiseuille {n}: off the discrete profile",
                    float((profile - discrete).abs().max()), 1e-9, "m/s")
        )  # fmt: skip
        errors.append(relative_error([profile], [exact]))
    found.append(Measure("Poiseuille: 2 - order", 2.0 - order(*errors), 0.1))
    context.progress(2, 3, None)
    state, scene = channel(8, viscosity, 0.0, 1.5, 0.05)
    state = march(state, scene, 200)
    y = (torch.arange(8, dtype=torch.float64) + 0.5) / 8
    off = (state.velocity[0][0, :, 1] - 1.5 * y).abs().max()
    found.append(Measure("Couette 8: off the line", float(off), 1e-9, "m/s"))
    return found


def _random_flow(
    openings: Sequence[Tensor], sides: Sequence[str], draw: torch.Generator
) -> list[Tensor]:
    """Return a velocity that is nothing where faces are shut, nor on sides that hold theirs."""
    faces = []
    for axis, opening in enumerate(openings):
        face = torch.randn(opening.shape, generator=draw, dtype=torch.float64) * (opening > 0.0)
        place = face.ndim - 1 - axis
        for end, at in ((0, 0), (1, -1)):
            if sides[2 * axis + end] != "outflow":
                face.select(place, at).zero_()
        faces.append(face)
    return faces


def _weighed(a: Sequence[Tensor], b: Sequence[Tensor], weight: Sequence[Tensor]) -> float:
    return sum(float((x * y * w).sum()) for x, y, w in zip(a, b, weight, strict=True))


def _weights(openings: Sequence[Tensor], sides: Sequence[str]) -> list[Tensor]:
    """Return what a face counts: its opening, and half of it on an outflow."""
    weights = [opening.clone() for opening in openings]
    for k, side in enumerate(sides):
        if side == "outflow":
            weight = weights[k // 2]
            weight.select(weight.ndim - 1 - k // 2, -(k % 2)).mul_(0.5)
    return weights


def _projection(context: Context) -> Sequence[Measure]:
    draw = torch.Generator().manual_seed(0)
    found = []
    walls: tuple[Side, ...] = ("no_slip",) * 6
    mixed: tuple[Side, ...] = ("no_slip", "outflow", "free_slip", "no_slip")
    for name, cells, sides in (
        ("2-D with a disc", (48, 40), mixed),
        ("3-D with a sphere, closed", (12, 10, 9), walls),
    ):
        cell = 1.0 / cells[0]
        corner = nodes(cells, cell, torch.zeros((), dtype=torch.float64))
        middle = tuple(0.5 * n * cell for n in cells)
        openings = face_openings(region_distance(Region("sphere", middle, (0.2,)), corner)[None])

        def projected(
            faces: Sequence[Tensor], cell: float = cell, sides: tuple[Side, ...] = sides,
            openings: Sequence[Tensor] = openings,
        ) -> list[Tensor]:  # fmt: skip
            return list(
                ops.project(faces, cell, sides, openings=openings, tolerance=1e-13).velocity
            )

        u, v = (_random_flow(openings, sides, draw) for _ in range(2))
        pu, pv = projected(u), projected(v)
        weights = _weights(openings, sides)
        size = math.sqrt(_weighed(u, u, weights) * _weighed(v, v, weights))
        lean = abs(_weighed(pu, v, weights) - _weighed(u, pv, weights)) / size
        found.append(Measure(f"{name}: idempotent", relative_error(projected(pu), pu), 1e-10))
        found.append(Measure(f"{name}: self-adjoint", lean, 1e-10))
    return found


def _symmetry(context: Context) -> Sequence[Measure]:
    """Let a plume rise in the middle of a box, and see how far its halves come apart."""
    cells, cell = (48, 64), 1.0 / 48
    state = FluidState.at_rest(cells, dtype=torch.float64)
    centres = cell_centres(cells, cell, state.density)
    mask = coverage(region_distance(Region("sphere", (0.5, 0.15), (0.08,)), centres), cell)
    like = state.density
    scene = FluidScene(
        cell, 0.03, "smoke", ("free_slip", "free_slip", "no_slip", "outflow"),
        density_force=like.new_tensor([[0.0, 2.0]]),
        sources=(Source(mask[None, None], like.new_tensor([[4.0]]), like.new_tensor([[0.0]])),),
        confinement=like.new_tensor([0.1]), tolerance=1e-12,
    )  # fmt: skip
    state = march(state, scene, 50, tell=context.progress)
    fields = [
        (state.density - state.density.flip(-1)).abs().max() / state.density.abs().max(),
        (state.velocity[1] - state.velocity[1].flip(-1)).abs().max(),
        (state.velocity[0] + state.velocity[0].flip(-1)).abs().max(),
    ]
    return [Measure("asymmetry after 50 steps", float(max(fields)), 1e-9)]


EXACT_CASES = (
    Case("taylor_green_2d", "decaying vortices against their closed form", _taylor_green),
    Case("channel", "flow between plates against its closed form", _channels),
    Case("projection", "laws of a projection, with obstacles", _projection),
    Case("symmetry", "a plume against its mirror image", _symmetry),
)
