"""Gradients of whole simulations against central differences."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from diffgfx.fluid import GradientReport, gradient_check, rollout
from diffgfx.fluid.problems import sample_faces
from diffgfx.fluid.shapes import cell_centres, coverage, face_openings, nodes, region_distance
from diffgfx.scene import FluidScene, FluidState, Region, Source
from diffgfx.tasks.validation.case import Case, Context, Measure

__all__ = ["GRADIENT_CASES", "check_gradient"]

What = Literal["velocity", "buoyancy", "inflow", "obstacle position"]

_CELLS, _CELL = (16, 16), 1.0 / 16
_MIDDLE, _RADIUS = (0.53, 0.66), 0.137
_STEPS = (1e-4, 1e-5, 1e-6)
"""Of the differences; larger ones pass kinks of the schemes, and were never the best."""

_WHAT: tuple[tuple[Literal["smoke", "ns"], What], ...] = (
    ("smoke", "velocity"),
    ("smoke", "buoyancy"),
    ("smoke", "inflow"),
    ("smoke", "obstacle position"),
    ("ns", "velocity"),
    ("ns", "buoyancy"),
    ("ns", "inflow"),
)


def _swirl(point: Tensor) -> Sequence[Tensor]:
    """Return a velocity that passes no side of the unit square, and has no symmetry.

    In a symmetric one some paths end exactly on grid lines, where interpolation has a kink.
    """
    x, y = (math.pi * point).unbind(-1)
    lean = 1.0 + 0.2 * x + 0.1 * y
    u = x.sin() * (y.cos() * lean + 0.1 * y.sin())
    v = -y.sin() * (x.cos() * lean + 0.2 * x.sin())
    return 0.4 * u, 0.4 * v


def _openings(middle: Tensor) -> list[Tensor]:
    corner = nodes(_CELLS, _CELL, middle)
    return face_openings((torch.linalg.vector_norm(corner - middle, dim=-1) - _RADIUS)[None])


def _plume(scheme: Literal["smoke", "ns"]) -> tuple[FluidState, FluidScene]:
    """Return smoke that rises against a disc, in a flow that already turns."""
    like = torch.zeros((), dtype=torch.float64)
    state = FluidState.at_rest(_CELLS, dtype=torch.float64)
    velocity = sample_faces(_swirl, _CELLS, _CELL, like)
    state = dataclasses.replace(state, velocity=velocity)
    centres = cell_centres(_CELLS, _CELL, like)
    mask = coverage(region_distance(Region("sphere", (0.47, 0.2), (0.11,)), centres), _CELL)
    return state, FluidScene(
        _CELL, 0.05, scheme, ("no_slip", "free_slip", "no_slip", "outflow"),
        viscosity=like.new_tensor([1e-3]), density_force=like.new_tensor([[0.1, 2.0]]),
        sources=(Source(mask[None, None], like.new_tensor([[4.0]]), like.new_zeros(1, 1)),),
        openings=_openings(like.new_tensor(_MIDDLE)) if scheme == "smoke" else None,
    )  # fmt: skip


def _given(
    what: What, value: Tensor, state: FluidState, scene: FluidScene
) -> tuple[FluidState, FluidScene]:
    """Return the start and the setting in which an input has a value."""
    if what == "velocity":
        width, height = _CELLS
        first = (width - 1) * height
        u, v = value[:first], value[first:]
        faces = (  # no side of the box lets anything in
            torch.nn.functional.pad(u.view(1, height, width - 1), (1, 1)),
            torch.nn.functional.pad(v.view(1, height - 1, width), (0, 0, 1, 1)),
        )
        return dataclasses.replace(state, velocity=faces), scene
    if what == "buoyancy":
        return state, dataclasses.replace(scene, density_force=value)
    if what == "inflow":
        fed = dataclasses.replace(scene.sources[0], density=value)
        return state, dataclasses.replace(scene, sources=(fed,))
    return state, dataclasses.replace(scene, openings=_openings(value))


def check_gradient(
    scheme: Literal["smoke", "ns"], what: What, *, steps: int = 20, directions: int = 20
) -> GradientReport:
    """Hold the gradient of a rising plume, 16^2, to one of its inputs against differences.

    Args:
        scheme: That of the steps.
        what: Which input.
        steps: How many.
        directions: How many random ones, each with a weighting of the last state.
    """
    state, scene = _plume(scheme)
    values: dict[What, Callable[[], Tensor]] = {
        "velocity": lambda: torch.cat(
            [state.velocity[0][..., 1:-1].flatten(), state.velocity[1][:, 1:-1].flatten()]
        ),
        "buoyancy": lambda: torch.tensor([[0.1, 2.0]], dtype=torch.float64),
        "inflow": lambda: scene.sources[0].density,
        "obstacle position": lambda: torch.tensor(_MIDDLE, dtype=torch.float64),
    }

    def simulate(value: Tensor) -> Tensor:
        last = rollout(*_given(what, value, state, scene), steps).state
        return torch.cat([part.flatten() for part in (*last.velocity, last.density)])

    return gradient_check(simulate, values[what](), directions=directions, relative_steps=_STEPS)


def _measure(index: int, context: Context) -> Sequence[Measure]:
    scheme, what = _WHAT[index]
    report = check_gradient(scheme, what)
    return [
        Measure("median relative error", report.error, 1e-6, f"at a step of {report.step:g}"),
        Measure("1 - cosine", 1.0 - report.cosine, 1e-9),
    ]


GRADIENT_CASES = tuple(
    Case(
        f"gradient_{scheme}_{what.split()[0]}",
        f"gradient of 20 {scheme} steps to the {what} against differences, 20 directions",
        functools.partial(_measure, k), long=True,
    )
    for k, (scheme, what) in enumerate(_WHAT)
)  # fmt: skip
