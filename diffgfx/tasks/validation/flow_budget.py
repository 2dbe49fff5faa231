"""What a flow must keep: the area of a slotted disc, smoke, momentum, energy."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.fluid import step
from diffgfx.fluid.problems import sample_faces, taylor_green_2d
from diffgfx.fluid.shapes import cell_centres, coverage, region_distance
from diffgfx.scene import FluidScene, FluidState, Region, Source
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.flow_march import march
from diffgfx.types import Side

__all__ = ["BUDGET_CASES"]

_LIKE = torch.zeros((), dtype=torch.float64)


def _slotted_disc(n: int) -> Tensor:
    """Return the share of each cell inside Zalesak's disc, from 64 points a cell."""
    fine = 8
    x, y = cell_centres((fine * n, fine * n), 1.0 / (fine * n), _LIKE).unbind(-1)
    disc = (x - 0.5) ** 2 + (y - 0.75) ** 2 < 0.15**2
    slot = ((x - 0.5).abs() < 0.025) & (y < 0.85)
    return torch.nn.functional.avg_pool2d((disc & ~slot).to(_LIKE)[None, None], fine)


def _turned(disc: Tensor, scheme: Literal["flux", "maccormack"], context: Context) -> Tensor:
    """Return a field after one turn about the middle of the unit square, in a second."""
    n = disc.shape[-1]
    turn = 2.0 * math.pi

    def velocity(point: Tensor) -> Sequence[Tensor]:
        return turn * (0.5 - point[..., 1]), turn * (point[..., 0] - 0.5)

    faces = sample_faces(velocity, (n, n), 1.0 / n, _LIKE)
    sides: tuple[Side, ...] = ("outflow",) * 4
    # a flux is stable to half a cell a step; where the disc is, nothing moves faster than this
    steps = 7 * n if scheme == "flux" else n
    dt = 1.0 / steps

    def flux(field: Tensor) -> Tensor:
        return ops.advect_tvd(field, faces, dt, 1.0 / n, sides, limiter="superbee")

    for k in range(steps):
        context.progress(k + (n if scheme == "flux" else 0), 8 * n, None)
        if scheme == "flux":
            disc = 0.5 * (disc + flux(flux(disc)))  # Heun's method
        else:
            disc = ops.advect(disc, faces, dt, 1.0 / n, sides)
    return disc


def _zalesak(context: Context) -> Sequence[Measure]:
    """Measure areas as sums of shares, and by the cells that are more than half inside."""
    disc = _slotted_disc(100)
    area = float(disc.sum())
    carried, flowed = _turned(disc, "maccormack", context), _turned(disc, "flux", context)
    found = [
        Measure("area lost by the flux", abs(float(flowed.sum()) / area - 1.0), 0.01, "share"),
        Measure("area gained by MacCormack", float(carried.sum()) / area - 1.0, None, "share"),
    ]
    for name, field in (("flux", flowed), ("MacCormack", carried)):
        half = float((field > 0.5).sum() / (disc > 0.5).sum()) - 1.0
        apart = float((field - disc).abs().sum()) / area
        found += [
            Measure(f"{name}: cells above one half, gained", half, None, "share"),
            Measure(f"{name}: L1", apart, None, "of the disc's area"),
        ]
    return found


def _smoke_kept(context: Context) -> float:
    """Return the relative error of the smoke in a closed box that is fed and stirs it."""
    cells, cell = (48, 48), 1.0 / 48
    state = FluidState.at_rest(cells, dtype=torch.float64)
    region = Region("sphere", (0.4, 0.2), (0.1,))
    mask = coverage(region_distance(region, cell_centres(cells, cell, _LIKE)), cell)
    rate = 3.0
    scene = FluidScene(
        cell, 0.01, "ns", ("no_slip",) * 4,
        viscosity=_LIKE.new_tensor([1e-3]), density_force=_LIKE.new_tensor([[0.0, 2.0]]),
        sources=(Source(mask[None, None], _LIKE.new_tensor([[rate]]), _LIKE.new_zeros(1, 1)),),
    )  # fmt: skip
    steps = 100
    last = march(state, scene, steps, tell=context.progress)
    fed = rate * scene.dt * steps * float(mask.sum())
    return abs(float(last.density.sum()) / fed - 1.0)


def _inner(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    """Return the sum of products over the faces of a periodic square, each counted once."""
    x = a[0][..., :-1] * b[0][..., :-1]
    y = a[1][..., :-1, :] * b[1][..., :-1, :]
    return float(x.sum() + y.sum())


def _balances(context: Context) -> tuple[float, float]:
    """Return relative errors of momentum and energy where smoke pushes a periodic flow.

    Momentum is what the push gave. Energy is the work of the push less what viscosity takes, both
    by the trapezoidal rule over the steps, so that its error is that of time: second order.
    """
    n, dt, steps, viscosity = 48, 0.02, 100, 0.02
    state, scene, _ = taylor_green_2d(n, viscosity, dt)
    centres = cell_centres((n, n), scene.cell, _LIKE)
    smoke = coverage(region_distance(Region("sphere", (2.5, 3.0), (1.0,)), centres), scene.cell)
    state = dataclasses.replace(state, density=smoke[None, None])
    force = _LIKE.new_tensor([[0.3, 1.0]])
    scene = dataclasses.replace(scene, scalars=True, density_force=force)
    ones = [torch.ones_like(face) for face in state.velocity]

    def powers(now: FluidState) -> tuple[float, float]:
        still = [torch.zeros_like(face) for face in now.velocity]
        push = ops.buoyancy(still, now.density, force, 1.0, scene.sides)
        rub = ops.laplacian(now.velocity, scene.cell, scene.sides)
        gained = _inner(push, now.velocity) + viscosity * _inner(rub, now.velocity)
        return _inner(push, ones), gained

    def content(now: FluidState) -> tuple[float, float]:
        return _inner(now.velocity, ones), 0.5 * _inner(now.velocity, now.velocity)

    begun, before = content(state), powers(state)
    pushed = gained = 0.0
    with torch.no_grad():
        for k in range(steps):
            context.progress(k, steps, None)
            state = step(state, scene)
            after = powers(state)
            pushed += 0.5 * dt * (before[0] + after[0])
            gained += 0.5 * dt * (before[1] + after[1])
            before = after
    momentum, energy = (b - a for a, b in zip(begun, content(state), strict=True))
    return abs(momentum / pushed - 1.0), abs(energy - gained) / abs(energy)


def _budgets(context: Context) -> Sequence[Measure]:
    smoke = _smoke_kept(context)
    momentum, energy = _balances(context)
    return [
        Measure("smoke in a closed box: relative error", smoke, 1e-12),
        Measure("momentum: relative error of the balance", momentum),
        Measure("energy: relative error of the balance", energy),
    ]


BUDGET_CASES = (
    Case("zalesak", "a slotted disc after one turn, 100^2, against itself", _zalesak),
    Case("budgets", "smoke, momentum and energy against what went in and out", _budgets),
)
