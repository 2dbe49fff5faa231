"""Flows past discs: drag, lift and pressure against published numbers and against balances."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.fluid import gradient_check, rollout, solid_force, step
from diffgfx.fluid.immersed import cylinder_channel, disc_distance, with_solid
from diffgfx.fluid.shapes import face_openings, nodes
from diffgfx.scene import FluidScene, FluidState
from diffgfx.tasks.validation.case import Case, Context, Measure

__all__ = ["OBSTACLE_CASES", "balance_force"]

_STEADY = {"drag coefficient": 5.57953523384, "pressure difference [m^2/s^2]": 0.11752016697}
"""M. Schaefer, S. Turek 1996, case 2D-1, by spectral elements (G. Nabh 1998)."""

_STROUHAL, _MOST_DRAG = (0.2950, 0.3050), 3.227393
"""Case 2D-2: the band of the benchmark, and the largest drag (featflow)."""


def balance_force(state: FluidState, scene: FluidScene, box: tuple[int, int, int, int]) -> Tensor:
    """Return the force on what stands in a box of a steady 2-D flow, by what crosses its sides.

    Args:
        state: A steady state.
        scene: Its setting.
        box: Faces: x low, x high, y low, y high.

    Returns:
        Force over density along x and y [m^3/s^2], (2,).
    """
    assert scene.viscosity is not None
    nu, cell, p = float(scene.viscosity[0]), scene.cell, state.pressure[0, 0]
    total = []
    for axis in range(2):
        own, other = (state.velocity[k][0] for k in (axis, 1 - axis))
        field = p
        if axis == 1:  # the same with the axes exchanged
            own, other, field = own.T, other.T, p.T
        low, high, bottom, top = box if axis == 0 else (*box[2:], *box[:2])
        rows, columns = slice(bottom, top), slice(low, high)
        force = own.new_zeros(())
        for at, sign in ((low, -1.0), (high, 1.0)):
            pressure = 0.5 * (field[rows, at - 1] + field[rows, at])
            slope = (own[rows, at + 1] - own[rows, at - 1]) / (2.0 * cell)
            force = force + sign * (nu * slope - pressure - own[rows, at].square()).sum() * cell
        centred = 0.5 * (own[:, 1:] + own[:, :-1])
        for at, sign in ((bottom, -1.0), (top, 1.0)):
            carried = 0.5 * (centred[at - 1, columns] + centred[at, columns]) * other[at, columns]
            slope = (centred[at, columns] - centred[at - 1, columns]) / cell
            force = force + sign * (nu * slope - carried).sum() * cell
        total.append(force)
    return torch.stack(total)


def _pressure_drop(state: FluidState, across: int) -> float:
    """Return the pressure before the disc less that behind it, carried on to its surface."""
    p = state.pressure[0, 0]
    row = 2 * across
    line = 0.5 * (p[row - 1] + p[row])
    first, last = round(1.5 * across), round(2.5 * across)
    before = 1.5 * line[first - 1] - 0.5 * line[first - 2]
    behind = 1.5 * line[last] - 0.5 * line[last + 1]
    return float(before - behind)


def _steady_disc(across: int, context: Context, done: int) -> dict[str, float]:
    state, scene, around = cylinder_channel(across, 0.3, 0.9)
    factor = 2.0 / (0.2**2 * 0.1)
    steps, before = math.ceil(5.0 / scene.dt), 0.0
    drag = 0.0
    with torch.no_grad():
        for k in range(steps):
            state = step(state, scene)
            if k % 50 == 49:
                drag = factor * float(solid_force(state, scene, around).total[0, 0])
                context.progress(done + 50 * k // steps, 100, None)
                if abs(drag - before) < 2e-5 * abs(drag):
                    break
                before = drag
        box = (across, 3 * across, across, 3 * across)
        balance = factor * float(balance_force(state, scene, box)[0])
        drag = factor * float(solid_force(state, scene, around).total[0, 0])
    return {
        "drag coefficient": drag,
        "pressure difference [m^2/s^2]": _pressure_drop(state, across),
        "balance": abs(balance / drag - 1.0),
    }


def _steady(context: Context) -> Sequence[Measure]:
    found = []
    coarse, fine = _steady_disc(16, context, 0), _steady_disc(32, context, 50)
    for name, wanted in _STEADY.items():
        errors = [abs(run[name] / wanted - 1.0) for run in (coarse, fine)]
        found += [
            Measure(f"{name}, 16 cells across", coarse[name], None, f"published {wanted:.5f}"),
            Measure(f"{name}, 32 cells across", fine[name], None, f"published {wanted:.5f}"),
            Measure(f"relative error at 32 cells: {name}", errors[1], 0.03),
            Measure(f"the same over that at 16: {name}", errors[1] / errors[0], 1.0),
        ]
    found.append(Measure("drag against a control volume, at 16", coarse["balance"], 0.01))
    found.append(Measure("drag against a control volume, at 32", fine["balance"], 0.01))
    return found


def _shedding(context: Context) -> Sequence[Measure]:
    """Find the period from where the lift rises through its mean."""
    across = 20
    state, scene, around = cylinder_channel(across, 1.5, 0.9)
    factor, steps = 2.0 / 0.1, math.ceil(8.0 / scene.dt)
    lift, drag = [], []
    with torch.no_grad():
        for k in range(steps):
            state = step(state, scene)
            force = factor * solid_force(state, scene, around).total[0]
            drag.append(float(force[0]))
            lift.append(float(force[1]))
            if k % 20 == 0:
                context.progress(k, steps, None)
    tail = round(2.5 / scene.dt)
    late, mean = lift[-tail:], sum(lift[-tail:]) / tail
    crossings = [
        k + (mean - a) / (b - a)
        for k, (a, b) in enumerate(itertools.pairwise(late))
        if a < mean <= b
    ]
    if len(crossings) < 2:
        return [Measure("periods of the lift short of one", 1.0, 0.0, "no vortices were shed")]
    period = (crossings[-1] - crossings[0]) / (len(crossings) - 1) * scene.dt
    strouhal, most = 0.1 / period, max(drag[-tail:])
    low, high = _STROUHAL
    off = max(low / strouhal - 1.0, strouhal / high - 1.0, 0.0)
    return [
        Measure("Strouhal number", strouhal, None, f"published {low} to {high}"),
        Measure("its relative distance to that band", off, 0.03),
        Measure("largest drag coefficient", most, None, f"published {_MOST_DRAG}"),
        Measure("its relative error", abs(most / _MOST_DRAG - 1.0), 0.03),
        Measure("largest lift coefficient", max(late), None, "published 0.99 to 1.01"),
    ]


def _impulsive(context: Context) -> Sequence[Measure]:
    """Set a disc moving in still fluid: the impulse is that of its own area of fluid."""
    found = []
    for across in (16, 32):
        cells, cell = (16 * across, 16 * across), 1.0 / across
        like = torch.zeros((), dtype=torch.float64)
        middle = (8.0, 8.0)
        distance = disc_distance(nodes(cells, cell, like), middle, 0.5)[None]
        state = FluidState.at_rest(cells, dtype=torch.float64)
        moving = [torch.ones_like(state.velocity[0]), torch.zeros_like(state.velocity[1])]
        scene = FluidScene(
            cell, 1.0, "ns", ("outflow",) * 4, openings=face_openings(distance),
            solid_velocity=moving,
        )  # fmt: skip
        pushed = ops.project(
            state.velocity, cell, scene.sides, openings=scene.openings, solid_velocity=moving
        )
        after = dataclasses.replace(state, pressure=pushed.pressure)
        impulse = float(solid_force(after, scene).pressure[0, 0]) / (math.pi * 0.25)
        name = f"impulse over that of the disc's area, {across} cells across"
        found.append(Measure(name, impulse, None, "exact -1"))
        found.append(Measure("distance to -1", abs(impulse + 1.0), 0.04))
        context.progress(across, 32, None)
    return found


def _position(context: Context) -> Sequence[Measure]:
    """Differentiate drag and wake by where a disc stands, through 20 steps that stick to it."""
    n = 16
    state = FluidState.at_rest((n, n), dtype=torch.float64)
    like = state.density
    points = nodes((n, n), 1.0 / n, like)
    stream = torch.full_like(state.velocity[0], 1.0)
    begun = dataclasses.replace(state, velocity=(stream, state.velocity[1]))
    scene = FluidScene(
        1.0 / n, 0.02, "ns", ("inflow", "outflow", "free_slip", "free_slip"),
        viscosity=like.new_tensor([0.02]), scalars=False, tolerance=1e-13,
    )  # fmt: skip

    def simulate(centre: Tensor) -> Tensor:
        solid = with_solid(scene, disc_distance(points, centre, 0.17)[None])
        last = rollout(begun, solid, 20).state
        force = solid_force(last, solid).total.flatten()
        return torch.cat([force, last.velocity[1].flatten()])

    report = gradient_check(simulate, like.new_tensor([0.413, 0.497]))
    return [Measure("median relative error of the gradient", report.error, 1e-6)]


OBSTACLE_CASES = (
    Case(
        "impulsive_circle", "a disc set moving in still fluid against potential flow", _impulsive
    ),
    Case(
        "gradient_position", "the gradient to where a disc that the fluid sticks to stands",
        _position, long=True,
    ),
    Case(
        "dfg_2d1", "a disc in a channel at Re 20 against Schaefer and Turek", _steady, long=True
    ),
    Case("dfg_2d2", "the same at Re 100, shedding vortices", _shedding, long=True),
)  # fmt: skip
