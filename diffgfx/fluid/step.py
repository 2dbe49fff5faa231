"""One step of a flow: a list of terms, each of which changes a state."""

import dataclasses
from collections.abc import Collection, Sequence

import torch

from diffgfx.errors import DivergedError
from diffgfx.fluid.navier_stokes import NS_TERMS
from diffgfx.fluid.paths import ALL_PATHS, Path, check_paths
from diffgfx.fluid.smoke import SMOKE_TERMS
from diffgfx.fluid.term import Term
from diffgfx.scene import FluidScene, FluidState

__all__ = ["courant_number", "step"]

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
            and space, stable up to a Courant number of about one.
        gradient_paths: Of advection, pressure, diffusion and forces, those that let gradients
            through; what the others change counts as a constant.

    Returns:
        The state ``scene.dt`` later.

    Raises:
        RangeError: If a path is unknown.
        DivergedError: If the step gives NaN or infinity; names step, term and the largest value.

    Gradients: to everything in the state and the scene.
    Source: R. Fedkiw, J. Stam, H. W. Jensen, "Visual Simulation of Smoke", SIGGRAPH 2001 (smoke);
    D. L. Brown, R. Cortez, M. L. Minion, "Accurate Projection Methods for the Incompressible
    Navier-Stokes Equations", JCP 168, 2001, method PmII (ns).
    """
    paths = check_paths(gradient_paths)
    terms = TERMS[scene.scheme]
    found = _run(terms, state, scene, paths)
    if not _finite(found):
        _complain(terms, state, scene)
    return dataclasses.replace(found, time=state.time + scene.dt, step=state.step + 1)


def _run(
    terms: Sequence[Term], state: FluidState, scene: FluidScene, paths: frozenset[Path]
) -> FluidState:
    for term in terms:
        if term.acts(scene):
            state = term.change(state, scene, paths)
    return state


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
            state = term.change(state, scene, ALL_PATHS)
            if not _finite(state):
                raise DivergedError(
                    f"step {number}: {term.name} must stay finite, got NaN or infinity from a "
                    f"velocity of at most {largest:.3g} m/s (Courant number "
                    f"{largest * scene.dt / scene.cell:.3g}); take a smaller dt"
                )
    raise DivergedError(f"step {number}: sums of the state overflow; take a smaller dt")


def courant_number(state: FluidState, scene: FluidScene) -> float:
    """Return by how many cells the fastest fluid moves in a step, added over the axes."""
    with torch.no_grad():
        fastest = sum(float(face.abs().max()) for face in state.velocity)
    return fastest * scene.dt / scene.cell
