"""Flows whose numbers are published: cavities, vortices that break up, another code's vortices."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from diffgfx import ops
from diffgfx.fluid.problems import lid_driven_cavity, taylor_green_3d
from diffgfx.scene import FluidScene, FluidState
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.flow_march import extremum, march, order

__all__ = ["PUBLISHED_CASES"]

_MARCHI_100 = {"u min": -0.2140417, "v max": 0.1795728, "v min": -0.2538030}
"""C. H. Marchi, R. Suero, L. K. Araki, "The Lid-Driven Square Cavity Flow", JBSMSE 31, 2009."""

_NUSSELT = {1e3: 1.118, 1e4: 2.243, 1e5: 4.519}
"""G. de Vahl Davis, "Natural Convection of Air in a Square Cavity", IJNMF 3, 1983."""


def _cavity_extrema(n: int, context: Context, done: float) -> dict[str, float]:
    state, scene = lid_driven_cavity(n, 100.0, 0.7 / n)
    steps = math.ceil(25.0 / scene.dt)

    def tell(k: int, total: int, error: float | None) -> None:
        context.progress(int(done * 100 + k * (100 - done * 100) / total), 100, error)

    state = march(state, scene, steps, tell=tell, steady=1e-7)
    across, up = (face[0] for face in state.velocity)
    return {
        "u min": extremum(across[:, n // 2], largest=False),
        "v max": extremum(up[n // 2]),
        "v min": extremum(up[n // 2], largest=False),
    }


def _cavity(sizes: tuple[int, ...], context: Context) -> Sequence[Measure]:
    found, worst = [], []
    for k, n in enumerate(sizes):
        extrema = _cavity_extrema(n, context, k / len(sizes))
        errors = {key: abs(extrema[key] / wanted - 1.0) for key, wanted in _MARCHI_100.items()}
        worst.append(max(errors.values()))
        bar = {64: 0.02, 128: 0.005}.get(n)
        found.append(Measure(f"largest relative error at {n}^2", worst[-1], bar))
    for a, b, n in zip(worst, worst[1:], sizes[1:], strict=False):
        found.append(Measure(f"|order - 2| to {n}^2", abs(order(a, b) - 2.0), 0.2))
    return found


def _heated(rayleigh: float, n: int, context: Context) -> float:
    """Return the mean Nusselt number at the warm wall, in units of heat diffusion."""
    state = FluidState.at_rest((n, n), dtype=torch.float64)
    like = state.density
    dt = 0.25 / n / math.sqrt(0.71 * rayleigh) * 4.0 if rayleigh > 1e4 else 5e-4
    scene = FluidScene(
        1.0 / n, dt, "ns", ("no_slip",) * 4,
        viscosity=like.new_tensor([0.71]), diffusivity=like.new_tensor([1.0]),
        temperature_force=like.new_tensor([[0.0, 0.71 * rayleigh]]),
        temperature_kinds=("fixed", "fixed", "zero_gradient", "zero_gradient"),
        temperature_values=like.new_tensor([[[1.0, 0.0, 0.0, 0.0]]]),
    )  # fmt: skip
    x = (torch.arange(n).to(like) + 0.5) / n
    state = dataclasses.replace(state, temperature=(1.0 - x).expand(1, 1, n, n).contiguous())
    state = march(state, scene, math.ceil(0.6 / dt), tell=context.progress, steady=1e-3)
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
        lambda context: _cavity((32, 64), context),
    ),
    Case(
        "cavity_128", "the same to 128^2",
        lambda context: _cavity((32, 64, 128), context), long=True,
    ),
    Case(
        "heated_1e3", "heated cavity at Ra 1e3 against de Vahl Davis",
        lambda context: _heated_case(1e3, 32, context),
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
