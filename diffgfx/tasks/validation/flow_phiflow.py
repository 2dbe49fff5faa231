"""PhiFlow as judge: the same plume in both codes.

PhiFlow runs in a child of the interpreter that DIFFGFX_PHIFLOW names, as it brings torch along.
"""

import dataclasses
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffgfx.errors import BackendError
from diffgfx.fluid import step
from diffgfx.fluid.shapes import cell_centres, coverage, region_distance
from diffgfx.scene import FluidScene, FluidState, Region, Source
from diffgfx.tasks.validation import phiflow_child
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.types import Side

__all__ = ["PHIFLOW_CASES", "Plume", "run_phiflow", "unit_plume", "why_no_phiflow"]

_RATE, _FORCE = 0.2, 0.1
"""Smoke a step, and the push of a unit of it [cells/step^2]."""

_NAMED = "DIFFGFX_PHIFLOW"
_REMEDY = (
    f"set {_NAMED} to a python that has it (python -m venv ENV; ENV/bin/pip install torch phiflow)"
)


@dataclasses.dataclass(frozen=True)
class Plume:
    """What PhiFlow made of a plume.

    Attributes:
        density: Smoke after each step, shape (steps, [D,] H, W).
        seconds: Of each step, shape (steps,).
    """

    density: Tensor
    seconds: Tensor


def why_no_phiflow() -> str | None:
    """Say what is missing to run PhiFlow and how to get it; None if nothing is."""
    python = os.environ.get(_NAMED)
    if not python:
        return f"no PhiFlow: {_REMEDY}"
    try:
        tried = subprocess.run([python, "-c", "import phi, torch"], capture_output=True, text=True)
    except OSError as error:
        return f"{_NAMED} names {python}, which does not run ({error.strerror}): {_REMEDY}"
    if tried.returncode:
        last = (tried.stderr.strip().splitlines() or ["no message"])[-1]
        return f"{_NAMED} names {python}, which has no PhiFlow ({last}): {_REMEDY}"
    return None


def unit_plume(cells: Sequence[int], *, tolerance: float) -> tuple[FluidState, FluidScene]:
    """Return smoke fed near the floor of a closed box of unit cells, with steps of one.

    Args:
        cells: x first.
        tolerance: Relative residual at which the pressure solve stops.
    """
    state = FluidState.at_rest(cells)
    like = state.density
    middle = tuple(0.1 * n if k == 1 else 0.5 * n for k, n in enumerate(cells))
    region = Region("sphere", middle, (0.08 * min(cells),))
    mask = coverage(region_distance(region, cell_centres(cells, 1.0, like)), 1.0)
    force = like.new_zeros(1, len(cells))
    force[0, 1] = _FORCE
    wall: Side = "no_slip"
    source = Source(mask[None, None], like.new_tensor([[_RATE]]), like.new_zeros(1, 1))
    return state, FluidScene(
        1.0, 1.0, "smoke", (wall,) * (2 * len(cells)), density_force=force, sources=(source,),
        tolerance=tolerance,
    )  # fmt: skip


def run_phiflow(
    scene: FluidScene,
    scheme: str,
    steps: int,
    *,
    tolerance: float,
    tracer: str = "rk4",
    compiled: bool = False,
) -> Plume:
    """Return what PhiFlow makes of `unit_plume`, in the same order of terms.

    Args:
        scene: That of `unit_plume`.
        scheme: ``"mac_cormack"`` or ``"semi_lagrangian"``, for smoke and velocity.
        steps: How many.
        tolerance: Relative residual at which its pressure solve stops.
        tracer: How it follows a path: ``"rk4"``, the one of its two that is of second order or
            better, as this library's midpoint rule is; or ``"euler"``, its default.
        compiled: Whether its step is traced first.

    Raises:
        BackendError: If its process fails; the message has its last line.
    """
    mask = scene.sources[0].mask[0, 0]
    settings: dict[str, Any] = {
        "rate": _RATE, "force": _FORCE, "steps": steps, "scheme": scheme,
        "tracer": tracer, "tolerance": tolerance, "compiled": compiled,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        request, result = Path(folder, "request.npz"), Path(folder, "result.npz")
        np.savez(request, mask=mask.numpy().T, settings=json.dumps(settings))
        command = [os.environ[_NAMED], phiflow_child.__file__, str(request), str(result)]
        environment = {key: v for key, v in os.environ.items() if key != "PYTHONPATH"}
        ran = subprocess.run(command, capture_output=True, text=True, env=environment)
        if ran.returncode:
            last = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
            raise BackendError(f"PhiFlow could not run the plume ({scheme}): {last}")
        with np.load(result) as found:
            density = torch.from_numpy(found["density"]).permute(0, *range(mask.ndim, 0, -1))
            return Plume(density.contiguous(), torch.from_numpy(found["seconds"]))


def _rms(x: Tensor) -> float:
    return float(x.double().square().mean().sqrt())


def _same_plume(context: Context) -> Sequence[Measure]:
    steps, tolerance = 40, 1e-4
    state, scene = unit_plume((64, 96), tolerance=tolerance)
    with torch.no_grad():
        for k in range(steps):
            context.progress(k, 3 * steps, None)
            state = step(state, scene)
    theirs = []
    for k, scheme in enumerate(("mac_cormack", "semi_lagrangian")):
        context.progress((1 + k) * steps, 3 * steps, None)
        theirs.append(run_phiflow(scene, scheme, steps, tolerance=tolerance).density[-1])
    ours = state.density[0, 0]
    own = _rms(theirs[0] - theirs[1])
    apart = _rms(ours - theirs[0])
    return [
        Measure("density: ours against its MacCormack", apart, own, "rms; bar: its own two apart"),
        Measure("the same, of the density's rms", apart / _rms(theirs[0]), None, "share"),
        Measure("smoke: ours over its MacCormack", float(ours.sum() / theirs[0].sum()), None),
    ]


PHIFLOW_CASES = (
    Case(
        "phiflow", "a plume after 40 frames, against PhiFlow", _same_plume,
        lambda context: why_no_phiflow(), long=True,
    ),
)  # fmt: skip
