"""One step of a flow: a list of terms, each of which changes a state."""

import dataclasses
import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from diffgfx.errors import DivergedError
from diffgfx.fluid.navier_stokes import NS_TERMS
from diffgfx.fluid.paths import ALL_PATHS, Path, check_paths
from diffgfx.fluid.smoke import SMOKE_TERMS
from diffgfx.fluid.term import Term
from diffgfx.scene import FluidScene, FluidState

__all__ = ["courant_number", "reads_pressure", "step"]

_MOST_PARTS = 1000
"""In which a step may be taken."""

TERMS: dict[str, tuple[Term, ...]] = {"smoke": SMOKE_TERMS, "ns": NS_TERMS}


def step(
    state: FluidState, scene: FluidScene, *, gradient_paths: Collection[str] = ALL_PATHS
) -> FluidState:
    """Take one step.

    Args:
        state: Where to start; not changed.
        scene: The setting. ``scheme="smoke"``: smoke and heat are added and carried (MacCormack
            with clamp), velocity carried, pushed, diffused if it has a viscosity, and projected;
            first order in time, stable for any step. ``scheme="ns"``: midpoint rule for
            convection, Crank-Nicolson for viscosity, incremental pressure; second order in time
            and space, stable up to a Courant number of about one, or a half with smoke or heat.
            Where it has a ``max_courant``, a step in which the fluid would move farther is taken
            in parts.
        gradient_paths: Of advection, pressure, diffusion and forces, those that let gradients
            through; what the others change counts as a constant.

    Returns:
        The state ``scene.dt`` later.

    Raises:
        RangeError: If a path is unknown.
        DivergedError: If the step gives NaN or infinity, would take over a thousand parts, or a
            solve fails; names step, term and the largest velocity or the residual.

    Gradients: to everything in the state and the scene.
    Source: R. Fedkiw, J. Stam, H. W. Jensen, "Visual Simulation of Smoke", SIGGRAPH 2001 (smoke);
    D. L. Brown, R. Cortez, M. L. Minion, "Accurate Projection Methods for the Incompressible
    Navier-Stokes Equations", JCP 168, 2001, method PmII (ns).
    """
    paths = check_paths(gradient_paths)
    terms = TERMS[scene.scheme]
    if scene.max_courant is None:
        found, parts = _run(terms, state, scene, paths), 1
    else:
        found, parts = _run_in_parts(terms, state, scene, paths)
    if not _finite(found):
        _complain(terms, state, scene)
    return dataclasses.replace(
        found, time=state.time + scene.dt, step=state.step + 1, parts=parts
    )


def _run(
    terms: Sequence[Term], state: FluidState, scene: FluidScene, paths: frozenset[Path]
) -> FluidState:
    for term in terms:
        if term.acts(scene):
            state = term.change(state, scene, paths)
    return state


def _run_in_parts(
    terms: Sequence[Term], state: FluidState, scene: FluidScene, paths: frozenset[Path]
) -> tuple[FluidState, int]:
    """Take a step in parts, each short enough for the velocity at its start; say in how many.

    With gradients each part but a lone one is run again in the backward pass: how many there will
    be is not known ahead, and a tape of all of them would not fit a rollout's budget.
    """
    assert scene.max_courant is not None
    left, parts = scene.dt, 0
    while left > 0.0:
        moved = courant_number(state, dataclasses.replace(scene, dt=left))
        if not moved <= scene.max_courant * (_MOST_PARTS - parts):
            raise DivergedError(
                f"step {state.step + 1}: max_courant {scene.max_courant:g} must let it end in "
                f"{_MOST_PARTS} parts, but after {parts} of them the fluid would move "
                f"{moved:.3g} cells; take a smaller dt or a larger max_courant"
            )
        count = max(1, math.ceil(moved / scene.max_courant * (1.0 - 1e-6)))
        part = dataclasses.replace(scene, dt=left / count)
        lone = count == 1 and parts == 0
        state = (_run if lone else _run_again)(terms, state, part, paths)
        left = left - part.dt if count > 1 else 0.0
        parts += 1
    return state, parts


def _run_again(
    terms: Sequence[Term], state: FluidState, scene: FluidScene, paths: frozenset[Path]
) -> FluidState:
    """Return `_run`, which keeps its start alone for the backward pass."""
    iterations, start = state.iterations, state.moment()

    def inner(*tensors: Tensor) -> tuple[Tensor, ...]:
        nonlocal iterations
        after = _run(terms, start.with_tensors(tensors), scene, paths)
        iterations = after.iterations
        return after.tensors()

    found = checkpoint(inner, *state.tensors(), use_reentrant=False, preserve_rng_state=False)
    return dataclasses.replace(state.with_tensors(found), iterations=iterations)


def _finite(state: FluidState) -> bool:
    with torch.no_grad():
        return all(bool(tensor.sum().isfinite()) for tensor in state.tensors())


def _complain(terms: Sequence[Term], state: FluidState, scene: FluidScene) -> None:
    """Take the step again, term by term, and raise for the first that gives NaN or infinity."""
    number = state.step + 1
    with torch.no_grad():
        if not _finite(state):
            raise DivergedError(
                f"step {number}: state must be finite before it, got NaN or infinity; "
                "start from a finite state"
            )
        for term in terms:
            if not term.acts(scene):
                continue
            largest = max(float(face.abs().max()) for face in state.velocity)
            for name, after in term.stages(state, scene, ALL_PATHS):
                state = after
                if not _finite(state):
                    raise DivergedError(
                        f"step {number}: {name} must stay finite, got NaN or infinity from a "
                        f"velocity of at most {largest:.3g} m/s (Courant number "
                        f"{largest * scene.dt / scene.cell:.3g}); take a smaller dt"
                    )
    raise DivergedError(f"step {number}: sums of the state overflow; take a smaller dt")


def reads_pressure(scene: FluidScene) -> bool:
    """Say whether a step makes use of the pressure that the one before it left."""
    return scene.scheme == "ns"


def courant_number(state: FluidState, scene: FluidScene) -> float:
    """Return by how many cells the fastest fluid moves in a step, added over the axes."""
    with torch.no_grad():
        fastest = sum(float(face.abs().max()) for face in state.velocity)
    return fastest * scene.dt / scene.cell
