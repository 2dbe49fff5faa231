"""Flows whose numbers are published: cavities, vortices that break up, another code's vortices."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from diffgfx import ops
from diffgfx.fluid.problems import lid_driven_cavity, taylor_green_3d
from diffgfx.scene import FluidScene, FluidState
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.flow_march import Tell, change_rate, extremum, march, refine

__all__ = ["PUBLISHED_CASES"]

_MARCHI_100 = {"u min": -0.2140417, "v max": 0.1795728, "v min": -0.2538030}
"""C. H. Marchi, R. Suero, L. K. Araki, "The Lid-Driven Square Cavity Flow", JBSMSE 31, 2009."""

_NUSSELT = {1e3: 1.118, 1e4: 2.243, 1e5: 4.519}
"""G. de Vahl Davis, "Natural Convection of Air in a Square Cavity", IJNMF 3, 1983."""


_BOTELLA_1000 = {"u min": -0.3885698, "v max": 0.3769447, "v min": -0.5270771}
"""O. Botella, R. Peyret, "Benchmark Spectral Results on the Lid-Driven Cavity Flow", Comput.
Fluids 27, 1998."""


class _Cavity(NamedTuple):
    """Extrema on the midlines [m/s], and how fast the flow still changed at most [m/s^2]."""

    extrema: dict[str, float]
    change: float

    def error(self, wanted: dict[str, float]) -> float:
        """Return the largest relative error of the extrema."""
        return max(abs(self.extrema[key] / value - 1.0) for key, value in wanted.items())


def _cavities(
    sizes: Sequence[int], reynolds: float, courant: float, steady: float, context: Context
) -> list[_Cavity]:
    """Return the steady cavity on each grid, begun where that of half the cells came to rest."""
    found = []
    state: FluidState | None = None
    work = [n**2 for n in sizes]
    for k, n in enumerate(sizes):
        start, scene = lid_driven_cavity(n, reynolds, courant / n)
        tell = _tell_part(context, sum(work[:k]), work[k], sum(work))
        state = march(
            start if state is None else refine(state), scene,
            math.ceil(200.0 / scene.dt), tell=tell, steady=steady,
        )  # fmt: skip
        last = march(state, scene, 1)
        change = change_rate(state.velocity, last.velocity, scene.dt)
        across, up = (face[0] for face in last.velocity)  # both have faces on the midlines
        extrema = {
            "u min": extremum(across[:, n // 2], largest=False),
            "v max": extremum(up[n // 2]),
            "v min": extremum(up[n // 2], largest=False),
        }
        found.append(_Cavity(extrema, change))
    return found


def _tell_part(context: Context, done: int, part: int, total: int) -> Tell:
    def tell(k: int, steps: int, error: float | None) -> None:
        context.progress(done * steps + k * part, total * steps, error)

    return tell


def _cavity(sizes: tuple[int, ...], context: Context) -> Sequence[Measure]:
    """Return errors at Re 100; the coarsest grid only starts the next."""
    found = []
    runs = _cavities(sizes, 100.0, 1.5, 1e-6, context)[1:]
    worst = [run.error(_MARCHI_100) for run in runs]
    for n, error in zip(sizes[1:], worst, strict=True):
        bar = {64: 0.02, 128: 0.005}.get(n)
        found.append(Measure(f"largest relative error at {n}^2", error, bar))
    for a, b, n in zip(worst, worst[1:], sizes[2:], strict=False):
        found.append(
            Measure(f"|error falls to {n}^2 - 4|", abs(a / b - 4.0), 0.5, f"by {a / b:.2f}")
        )
    return found


def _cavity_1000(context: Context) -> Sequence[Measure]:
    run = _cavities((32, 64, 128), 1000.0, 1.5, 3e-5, context)[-1]
    return [
        *(
            Measure(f"{key} at 128^2", run.extrema[key], None, f"published {wanted}")
            for key, wanted in _BOTELLA_1000.items()
        ),
        Measure("largest relative error", run.error(_BOTELLA_1000), 0.02),
        Measure("steady: still changes by", run.change, 3e-5, "m/s^2"),
    ]


def _heated(rayleigh: float, n: int, context: Context) -> float:
    """Return the mean Nusselt number at the warm wall, in units of heat diffusion."""
    state = FluidState.at_rest((n, n), dtype=torch.float64)
    like = state.density
    # the limited flux is stable to half a cell a step, and the fastest flow is near this speed
    speed = 0.25 * math.sqrt(rayleigh)
    dt = min(2e-3, 0.3 / n / speed)
    scene = FluidScene(
        1.0 / n, dt, "ns", ("no_slip",) * 4,
        viscosity=like.new_tensor([0.71]), diffusivity=like.new_tensor([1.0]),
        temperature_force=like.new_tensor([[0.0, 0.71 * rayleigh]]),
        temperature_kinds=("fixed", "fixed", "zero_gradient", "zero_gradient"),
        temperature_values=like.new_tensor([[[1.0, 0.0, 0.0, 0.0]]]),
    )  # fmt: skip
    x = (torch.arange(n).to(like) + 0.5) / n
    state = dataclasses.replace(state, temperature=(1.0 - x).expand(1, 1, n, n).contiguous())
    state = march(state, scene, math.ceil(0.6 / dt), tell=context.progress, steady=0.01 * speed)
    # the heat through every plane x = const is the same; the mean over all is the wall's
    warm = state.temperature[0, 0]
    between = 0.5 * (warm[:, 1:] + warm[:, :-1])
    flux = state.velocity[0][0, :, 1:-1] * between - (warm[:, 1:] - warm[:, :-1]) * n
    wall = 2.0 * n * (1.0 - warm[:, 0])
    return float((flux.mean(dim=0).sum() + wall.mean()) / n)


def _heated_case(rayleigh: float, n: int, context: Context) -> Sequence[Measure]:
    wanted = _NUSSELT[rayleigh]
    found = _heated(rayleigh, n, context)
    return [
        Measure(f"mean Nusselt number at {n}^2", found, None, f"published {wanted}"),
        Measure("relative error", abs(found / wanted - 1.0), 0.015),
    ]


def _no_data(context: Context) -> str | None:
    if context.data is None:
        return "the published data are not there; set DIFFGFX_DATA to their folder"
    return None


def _energy(state: FluidState) -> float:
    return 0.5 * sum(
        float(face.narrow(face.ndim - 1 - k, 0, face.shape[face.ndim - 1 - k] - 1).square().mean())
        for k, face in enumerate(state.velocity)
    )


def _breakup(context: Context) -> Sequence[Measure]:
    assert context.data is not None
    table = np.loadtxt(_reference(context.data) / "TGV_Re1600.dat", comments=("#", "%"))
    n, dt = 48, 0.05
    state, scene = taylor_green_3d(n, 1.0 / 1600.0, dt)
    start = _energy(state)
    worst = 0.0
    for moment in range(1, 5):
        state = march(state, scene, round(1.0 / dt))
        context.progress(moment, 4, None)
        wanted = float(np.interp(moment, table[:, 0], table[:, 1]))
        worst = max(worst, abs(_energy(state) / start * 0.125 / wanted - 1.0))
    before = _energy(state)
    after = _energy(march(state, scene, 2))
    loss = (before - after) / (2 * dt)
    vortex = ops.curl(state.velocity, scene.cell, scene.sides)
    resolved = 1.0 / 1600.0 * float(vortex.square().sum(dim=1).mean())
    return [
        Measure("energy, largest relative error to t = 4", worst, 0.01),
        Measure("energy lost a second at t = 4", loss, None, "m^2/s^3"),
        Measure("of it by viscosity at the grid's vorticity", resolved, None, "m^2/s^3"),
    ]


def _reference(data: Path) -> Path:
    return data / "fluid" / "reference"


def _spectral(context: Context) -> Sequence[Measure]:
    """Compare vortices after half a second with a converged spectral run, at its nodes."""
    assert context.data is not None
    found = []
    n = 48
    with np.load(_reference(context.data) / "mosaic3d.npz") as archive:
        viscosities = archive["sweep_values"]
        wanted = [archive[f"reference_{k}"] for k in range(len(viscosities))]
    for k, viscosity in enumerate(viscosities):
        context.progress(k, len(viscosities), None)
        state, scene = taylor_green_3d(n, float(viscosity), 0.02)
        state = march(state, scene, 25)
        # nodes lie at whole cells: faces are there along their own axis, and between along others
        got = []
        for axis, face in enumerate(state.velocity):
            field = face[0].narrow(2 - axis, 0, n)
            for other in range(3):
                if other != axis:
                    field = 0.5 * (field + field.roll(1, 2 - other))
            got.append(field.permute(2, 1, 0)[::3, ::3, ::3])
        difference = torch.stack(got, dim=-1) - torch.from_numpy(wanted[k]).double()
        error = float(difference.norm() / np.linalg.norm(wanted[k]))
        found.append(Measure(f"relative error of the velocity, nu = {viscosity:g}", error, 0.01))
    return found


PUBLISHED_CASES = (
    Case(
        "cavity", "lid-driven cavity at Re 100 against Marchi's extrema",
        lambda context: _cavity((16, 32, 64), context),
    ),
    Case(
        "cavity_128", "the same to 128^2",
        lambda context: _cavity((16, 32, 64, 128), context), long=True,
    ),
    Case(
        "cavity_1000", "the same at Re 1000 against Botella and Peyret's extrema", _cavity_1000,
        long=True,
    ),
    Case(
        "heated_1e3", "heated cavity at Ra 1e3 against de Vahl Davis",
        lambda context: _heated_case(1e3, 32, context), long=True,
    ),
    Case(
        "heated_1e4", "the same at Ra 1e4", lambda context: _heated_case(1e4, 32, context),
        long=True,
    ),
    Case(
        "heated_1e5", "the same at Ra 1e5", lambda context: _heated_case(1e5, 64, context),
        long=True,
    ),
    Case(
        "taylor_green_3d", "vortices that break up at Re 1600 against a direct simulation",
        _breakup, _no_data, long=True,
    ),
    Case(
        "spectral", "vortices in 3-D against a converged spectral code", _spectral, _no_data,
        long=True,
    ),
)  # fmt: skip
