"""Pieces of fluid work that `benchmarks.fluid` times: plumes, splits of a step, a long gradient."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from benchmarks.projection import make_scene, random_velocity
from diffgfx import ops
from diffgfx.fluid import rollout, step
from diffgfx.fluid.paths import ALL_PATHS
from diffgfx.fluid.smoke import SMOKE_TERMS
from diffgfx.scene import FluidScene, FluidState
from diffgfx.tasks.validation.flow_phiflow import unit_plume

__all__ = [
    "Split",
    "grown_plume",
    "largest_divergence",
    "long_gradient",
    "repeat_batch",
    "split_step",
]

TOLERANCE = 1e-3
"""Relative residual at which a smoke step stops its pressure solve."""


@dataclasses.dataclass(frozen=True)
class Split:
    """A smoke step and its terms.

    Attributes:
        cells: Of the grid, x first.
        total: Median of the step [ms].
        terms: Median of each term [ms].
        launch: The step on 4 cells an axis: calls, checks and launches [ms].
        traffic: A copy of as many bytes as the step must read and write [ms].
    """

    cells: tuple[int, ...]
    total: float
    terms: dict[str, float]
    launch: float
    traffic: float

    @property
    def count(self) -> int:
        """Return the number of cells."""
        return int(torch.tensor(self.cells).prod())


def grown_plume(cells: Sequence[int], steps: int) -> tuple[FluidState, FluidScene]:
    """Return a plume after some steps, so that there is something to carry and to solve for."""
    state, scene = unit_plume(cells, tolerance=TOLERANCE)
    with torch.no_grad():
        for _ in range(steps):
            state = step(state, scene)
    return state, scene


def _step_seconds(
    state: FluidState, scene: FluidScene, repeats: int
) -> tuple[float, dict[str, float]]:
    """Return median seconds of a step and of its terms, each repeat going on from the last."""
    whole: list[float] = []
    parts: dict[str, list[float]] = {}
    with torch.no_grad():
        for k in range(repeats + 1):
            begun = time.perf_counter()
            after = step(state, scene)
            if k:
                whole.append(time.perf_counter() - begun)
            for term in SMOKE_TERMS:
                if not term.acts(scene):
                    continue
                begun = time.perf_counter()
                state = term.change(state, scene, ALL_PATHS)
                if k:
                    parts.setdefault(term.name, []).append(time.perf_counter() - begun)
            state = after
    return statistics.median(whole), {key: statistics.median(v) for key, v in parts.items()}


def split_step(cells: tuple[int, ...], grown: int, repeats: int) -> Split:
    """Time a smoke step of `unit_plume` in float32, and its terms one by one.

    Args:
        cells: Of the grid, x first.
        grown: Steps before the timed ones.
        repeats: Timed steps, of which the median.
    """
    total, terms = _step_seconds(*grown_plume(cells, grown), repeats)
    launch, _ = _step_seconds(*grown_plume((4,) * len(cells), 1), repeats)
    # smoke, heat, pressure and velocity, in and out once
    source = torch.ones((3 + len(cells)) * int(torch.tensor(cells).prod()))
    place = torch.empty_like(source)
    copies = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        place.copy_(source)
        copies.append(time.perf_counter() - begun)
    return Split(
        cells, 1e3 * total, {key: 1e3 * v for key, v in terms.items()}, 1e3 * launch,
        1e3 * statistics.median(copies[1:]),
    )  # fmt: skip


def largest_divergence(dim: int, size: int, name: str) -> float:
    """Return max div h / U of a random velocity in float32 after a projection as by default.

    Args:
        dim: Of the grid.
        size: Cells a side.
        name: One of `benchmarks.projection.SCENES`.
    """
    scene = make_scene(name, dim, size)
    openings = [share.float() for share in scene.openings]
    faces = random_velocity(scene, 0, torch.float32)
    found = ops.project(faces, 1.0 / size, scene.sides, openings=openings).velocity
    return _relative_divergence(found, 1.0 / size, openings)


def plume_divergence(cells: Sequence[int], steps: int) -> float:
    """Return the largest max div h / U over the first steps of a plume from rest, float32."""
    state, scene = unit_plume(cells, tolerance=TOLERANCE)
    scene = dataclasses.replace(scene, tolerance=None)
    worst = 0.0
    with torch.no_grad():
        for _ in range(steps):
            state = step(state, scene)
            worst = max(worst, _relative_divergence(state.velocity, scene.cell, None))
    return worst


def _relative_divergence(
    velocity: Sequence[Tensor], cell: float, openings: Sequence[Tensor] | None
) -> float:
    source = ops.divergence(velocity, cell, openings=openings)
    fastest = max(float(face.abs().max()) for face in velocity)
    return float(source.abs().max()) * cell / fastest


def repeat_batch(state: FluidState, count: int) -> FluidState:
    """Return a state ``count`` times over, as a batch."""
    return state.with_tensors([t.repeat(count, *[1] * (t.ndim - 1)) for t in state.tensors()])


def long_gradient(
    cells: Sequence[int], steps: int, memory: str
) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    """Return a rollout without gradients, and one with the gradient to the start and the push.

    Args:
        cells: Of the grid, x first.
        steps: How many.
        memory: What tape and kept states may take.
    """
    state, scene = unit_plume(cells, tolerance=TOLERANCE)
    force = scene.density_force
    assert force is not None

    def forward() -> Tensor:
        with torch.no_grad():
            return rollout(state, scene, steps).state.density.square().sum()

    def both() -> Tensor:
        leaf = force.detach().requires_grad_()
        start = state.density.detach().requires_grad_()
        begun = dataclasses.replace(state, density=start)
        pushed = dataclasses.replace(scene, density_force=leaf)
        last = rollout(begun, pushed, steps, memory=memory).state
        return torch.autograd.grad(last.density.square().sum(), [leaf, start])[0]

    return forward, both
