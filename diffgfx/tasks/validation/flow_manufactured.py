"""Manufactured solutions: the order at which each operator, and a whole step, meet given fields.

Derivatives of the given fields come from automatic differentiation of their formulas, so that what
an operator is held against is typed nowhere. Norms are root mean squares, but for the flux with a
limiter, which is of second order in the mean only (A. Harten, JCP 49, 1983, section 1).
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.fluid import step
from diffgfx.fluid.problems import face_points
from diffgfx.fluid.shapes import cell_centres
from diffgfx.scene import FluidScene, FluidState
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.flow_march import order, relative_error
from diffgfx.types import ScalarSide, Side

__all__ = ["MANUFACTURED_CASES"]

Field = Callable[[Tensor], Tensor]
"""Values at points (..., 2), x first."""

_LIKE = torch.zeros((), dtype=torch.float64)
_WALLS: tuple[Side, ...] = ("no_slip",) * 4
_AROUND: tuple[Side, ...] = ("periodic",) * 4
_SIZES = (32, 64)


def _slopes(field: Field, point: Tensor) -> Tensor:
    """Return the derivatives of a formula at points, shape (..., 2); they can be derived again."""
    value = field(point)
    (slope,) = torch.autograd.grad(value.sum(), point, create_graph=True)
    return slope


def _bend(field: Field, point: Tensor) -> Tensor:
    """Return the Laplacian of a formula at points."""
    slope = _slopes(field, point)
    bends = [
        torch.autograd.grad(slope[..., k].sum(), point, create_graph=True)[0][..., k]
        for k in range(2)
    ]
    return torch.stack(bends).sum(dim=0)


def _swirl(point: Tensor) -> Tensor:
    """Return a stream function whose velocity is zero on the sides of the unit square."""
    x, y = point.unbind(-1)
    return (math.pi * x).sin() ** 2 * (math.pi * y).sin() ** 2 * (1.0 + 0.5 * x - 0.3 * y) / 3.0


def _waves(point: Tensor) -> Tensor:
    """Return a stream function of period one."""
    x, y = (2.0 * math.pi * point).unbind(-1)
    return (x.sin() * (y + 0.5).cos() + 0.3 * (2.0 * x + y).cos()) / (2.0 * math.pi)


def _component(stream: Field, axis: int, point: Tensor) -> Tensor:
    slope = _slopes(stream, point)
    return slope[..., 1] if axis == 0 else -slope[..., 0]


def _at_faces(n: int, formula: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
    """Return a formula of axis and points at the faces of the unit square, a batch of one."""
    return [
        formula(axis, face_points((n, n), 1.0 / n, axis, _LIKE).requires_grad_())[None].detach()
        for axis in range(2)
    ]


def _motion(stream: Field, axis: int, point: Tensor) -> Tensor:
    """Return (u.grad) u of the flow of a stream function, along an axis."""
    return _carried(stream, functools.partial(_component, stream, axis), point)


def _carried(stream: Field, field: Field, point: Tensor) -> Tensor:
    """Return (u.grad) of a field in the flow of a stream function."""
    slope = _slopes(field, point)
    return torch.stack([_component(stream, k, point) * slope[..., k] for k in range(2)]).sum(dim=0)


def _flow(stream: Field, n: int) -> list[Tensor]:
    return _at_faces(n, functools.partial(_component, stream))


def _convect_error(n: int) -> float:
    wanted = _at_faces(n, lambda axis, point: -_motion(_swirl, axis, point))
    found = ops.convect(_flow(_swirl, n), 1.0 / n, _WALLS)
    return relative_error(_within(found), _within(wanted))


def _within(faces: Sequence[Tensor]) -> list[Tensor]:
    """Return the faces that are not on the sides of the box, where nothing is to be found."""
    return [faces[0][..., 1:-1], faces[1][..., 1:-1, :]]


def _laplacian_error(n: int) -> float:
    wanted = _at_faces(
        n, lambda axis, point: _bend(functools.partial(_component, _waves, axis), point)
    )
    return relative_error(ops.laplacian(_flow(_waves, n), 1.0 / n, _AROUND), wanted)


def _diffuse_error(n: int) -> float:
    """Solve between no-slip walls, where the Laplacian alone is of lower order in the last row."""
    amount = 0.05

    def before(axis: int, point: Tensor) -> Tensor:
        part = functools.partial(_component, _swirl, axis)
        return part(point) - amount * _bend(part, point)

    given = [
        torch.nn.functional.pad(face, [0, 0] * axis + [1, 1])  # nothing passes the walls
        for axis, face in enumerate(_within(_at_faces(n, before)))
    ]
    found = ops.diffuse(given, _LIKE.new_tensor([amount]), 1.0 / n, _WALLS)
    return relative_error(_within(found), _within(_flow(_swirl, n)))


def _hill(point: Tensor) -> Tensor:
    """Return a potential whose slope is zero on the sides of the unit square."""
    x, y = (math.pi * point).unbind(-1)
    return 0.2 * x.cos() * (2.0 * y).cos()


def _ramp(point: Tensor) -> Tensor:
    """Return a potential that is zero at x = 1, with no slope across the other sides."""
    x, y = (math.pi * point).unbind(-1)
    return 0.2 * (0.5 * x).cos() * (2.0 * y).cos()


def _gradient_error(n: int) -> float:
    field = _hill(cell_centres((n, n), 1.0 / n, _LIKE))[None, None]
    wanted = _at_faces(n, lambda axis, point: _slopes(_hill, point)[..., axis])
    found = ops.gradient(field, 1.0 / n, _WALLS)
    return relative_error(_within(found), _within(wanted))


def _project_error(n: int, sides: tuple[Side, ...], potential: Field) -> float:
    """Return the error of the velocity that is left when a slope was added to it."""
    wanted = _flow(_swirl, n)
    slope = _at_faces(n, lambda axis, point: _slopes(potential, point)[..., axis])
    given = [u + s for u, s in zip(wanted, slope, strict=True)]
    found = ops.project(given, 1.0 / n, sides).velocity
    return relative_error(_within(found), _within(wanted))


def _flux_error(n: int) -> float:
    """Return the mean error of the rate at which the limited flux changes a periodic field."""
    around: tuple[ScalarSide, ...] = ("periodic",) * 4

    def field(point: Tensor) -> Tensor:
        x, y = (2.0 * math.pi * point).unbind(-1)
        return (x + 0.3).sin() + 0.5 * (x - y).cos()

    dt = 0.1 / n
    point = cell_centres((n, n), 1.0 / n, _LIKE).requires_grad_()
    wanted = -_carried(_waves, field, point)
    start = field(point).detach()[None, None]
    moved = ops.advect_tvd(start, _flow(_waves, n), dt, 1.0 / n, _AROUND, scalar_sides=around)
    return float(((moved - start) / dt - wanted.detach()).abs().mean())


def _operators(context: Context) -> Sequence[Measure]:
    outlet: tuple[Side, ...] = ("no_slip", "outflow", "no_slip", "no_slip")
    errors: dict[str, Callable[[int], float]] = {
        "convect": _convect_error,
        "laplacian": _laplacian_error,
        "diffuse": _diffuse_error,
        "gradient": _gradient_error,
        "project": lambda n: _project_error(n, _WALLS, _hill),
        "project to an outflow": lambda n: _project_error(n, outlet, _ramp),
    }
    found = []
    for k, (name, error) in enumerate(errors.items()):
        context.progress(k, len(errors) + 1, None)
        found.append(_second(name, *(error(n) for n in _SIZES)))
    found.append(_second("advect_tvd, in the mean", _flux_error(256), _flux_error(512)))
    return found


def _second(name: str, coarse: float, fine: float) -> Measure:
    reached = order(coarse, fine)
    return Measure(f"{name}: |order - 2|", abs(reached - 2.0), 0.1, f"order {reached:.3f}")


_REYNOLDS_INVERSE = 0.02


def _pulse(time: float | Tensor) -> Tensor:
    """Return the factor on the swirl at a time [s]."""
    return 1.0 + 0.5 * (3.0 * torch.as_tensor(time, dtype=torch.float64)).sin()


def _pressure(point: Tensor) -> Tensor:
    """Return a pressure with a slope across the walls, which the scheme's potential has not."""
    x, y = point.unbind(-1)
    return (2.0 * x).sin() * (1.0 + y) ** 2


def _push(n: int, time: float) -> list[Tensor]:
    """Return the force under which the pulsing swirl solves the Navier-Stokes equations."""
    moment = torch.tensor(time, dtype=torch.float64, requires_grad=True)
    pulse = _pulse(moment)
    (rate,) = (float(g) for g in torch.autograd.grad(pulse, moment))
    size = float(pulse.detach())

    def force(axis: int, point: Tensor) -> Tensor:
        part = functools.partial(_component, _swirl, axis)
        return (
            rate * part(point)
            + size**2 * _motion(_swirl, axis, point)
            + size * _slopes(_pressure, point)[..., axis]
            - size * _REYNOLDS_INVERSE * _bend(part, point)
        )

    return _at_faces(n, force)


def _march_pulse(n: int, steps: int) -> list[Tensor]:
    """Return the velocity after a second's pulsing between walls, forced at each middle."""
    dt = 1.0 / steps
    state = FluidState.at_rest((n, n), dtype=torch.float64)
    pressure = _pressure(cell_centres((n, n), 1.0 / n, _LIKE))[None, None]
    begun = [u * _pulse(0.0) for u in _flow(_swirl, n)]
    state = dataclasses.replace(state, velocity=tuple(begun), pressure=pressure * _pulse(-0.5 * dt))
    scene = FluidScene(
        1.0 / n, dt, "ns", _WALLS, viscosity=_LIKE.new_tensor([_REYNOLDS_INVERSE]), scalars=False
    )
    with torch.no_grad():
        for k in range(steps):
            with torch.enable_grad():
                force = _push(n, (k + 0.5) * dt)
            state = step(state, dataclasses.replace(scene, force=force))
    return _within(state.velocity)


def _whole_step(context: Context) -> Sequence[Measure]:
    sizes, halvings = (16, 32, 64), (16, 32, 64)
    runs = len(sizes) + len(halvings)
    errors, ends = [], []
    for k, n in enumerate(sizes):
        context.progress(k, runs, None)
        wanted = _within([u * _pulse(1.0) for u in _flow(_swirl, n)])
        errors.append(relative_error(_march_pulse(n, 2 * n), wanted))
    for k, steps in enumerate(halvings):
        context.progress(len(sizes) + k, runs, None)
        ends.append(_march_pulse(16, steps))
    apart = [relative_error(a, b) for a, b in itertools.pairwise(ends)]
    return [
        *(Measure(f"relative error at {n}^2", e) for n, e in zip(sizes, errors, strict=True)),
        _second("space and time together", *errors[1:]),
        _second("time alone", *apart),
    ]


MANUFACTURED_CASES = (
    Case("operators", "each operator against a manufactured solution", _operators),
    Case("whole_step", "steps between walls under a manufactured force", _whole_step),
)
