"""Fluid that sticks to solids: against closed forms, balances and differences."""

import dataclasses
import math

import pytest
import torch

from diffgfx import ops
from diffgfx.errors import RangeError
from diffgfx.fluid import net_outflow, rollout, solid_force, step
from diffgfx.fluid.immersed import cylinder_channel, disc_distance, with_solid
from diffgfx.fluid.problems import channel
from diffgfx.fluid.shapes import nodes
from diffgfx.scene import FluidScene, FluidState
from diffgfx.tasks.validation.case import Context
from diffgfx.tasks.validation.flow_obstacles import OBSTACLE_CASES, balance_force


def _run(name: str) -> dict[str, float]:
    case = next(case for case in OBSTACLE_CASES if case.name == name)
    measures = case.measure(Context(None, lambda done, total, error: None))
    assert all(measure.holds for measure in measures)
    return {measure.name: measure.value for measure in measures}


def test_walls_between_points_make_a_parabola() -> None:
    """A channel whose walls are solids, a third of a cell off the grid's lines."""
    n, cell = 18, 1.0 / 16
    like = torch.zeros((), dtype=torch.float64)
    low, high = 0.7 * cell, 1.0 + 0.7 * cell
    y = nodes((4, n), cell, like)[..., 1]
    scene = FluidScene(
        cell, 1.0, "ns", ("periodic", "periodic", "no_slip", "no_slip"),
        viscosity=like.new_tensor([1.0]), scalars=False,
    )  # fmt: skip
    scene = with_solid(scene, torch.minimum(y - low, high - y)[None])
    state = FluidState.at_rest((4, n), dtype=torch.float64)
    force = 2.0
    velocity = list(state.velocity)
    for _ in range(40):
        pushed = [velocity[0] + force, velocity[1]]
        velocity = ops.diffuse_past(
            pushed, scene.distance, scene.viscosity, cell, scene.sides
        )
    points = (torch.arange(n).to(like) + 0.5) * cell
    exact = 0.5 * force * ((points - low) * (high - points)).clamp_min(0.0)
    assert float((velocity[0][0, :, 1] - exact).abs().max()) < 0.02 * float(exact.max())
    steady = dataclasses.replace(state, velocity=tuple(velocity))
    drag = float(solid_force(steady, scene).friction[0, 0])
    assert drag == pytest.approx(force * 1.0 * 4 * cell, rel=0.04)


@pytest.mark.parametrize("amount", [0.3, 3.0])
def test_large_steps_past_a_disc_are_solved(amount: float) -> None:
    """Of thousands of squares of a cell, where conjugate gradients get on by fits and starts."""
    n, like = 48, torch.zeros((), dtype=torch.float64)
    distance = disc_distance(nodes((n, n), 1.0 / n, like), (0.47, 0.52), 0.2)[None]
    scene = with_solid(
        FluidScene(1.0 / n, 1.0, "ns", ("periodic",) * 4, viscosity=like.new_tensor([amount])),
        distance,
    )  # fmt: skip
    stream = [torch.ones(1, n, n + 1).double(), torch.zeros(1, n + 1, n).double()]
    wide = like.new_tensor([amount])
    arguments = (scene.distance, wide, scene.cell, scene.sides)
    found = ops.diffuse_past(stream, *arguments, backend="taichi")
    wanted = ops.diffuse_past(stream, *arguments, backend="torch")
    for one, two in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-11)
    assert 0.0 < float(found[0].max()) < 1.0   # the mean of what it was, and less


@pytest.mark.slow
def test_a_disc_set_moving_carries_its_own_area_of_fluid() -> None:
    found = _run("impulsive_circle")
    assert found["impulse over that of the disc's area, 32 cells across"] < -0.9


@pytest.mark.slow
def test_the_gradient_to_where_a_disc_stands() -> None:
    _run("gradient_position")


@pytest.mark.slow
def test_drag_agrees_with_what_crosses_a_box_around_it() -> None:
    state, scene, around = cylinder_channel(8, 0.3, 0.9)
    with torch.no_grad():
        for _ in range(260):
            state = step(state, scene)
    factor = 2.0 / (0.2**2 * 0.1)
    drag = factor * float(solid_force(state, scene, around).total[0, 0])
    assert drag == pytest.approx(5.5795, rel=0.03)
    balance = factor * float(balance_force(state, scene, (8, 24, 8, 24))[0])
    assert balance == pytest.approx(drag, rel=0.01)


def test_a_disc_that_moves_meets_what_one_in_a_stream_meets() -> None:
    """The same flow seen from the disc and from the box: periodic, so that neither has an end."""
    n, cell, dt, steps = 32, 1.0 / 32, 0.01, 24
    like = torch.zeros((), dtype=torch.float64)
    points = nodes((n, n), cell, like)
    rest = FluidState.at_rest((n, n), dtype=torch.float64)
    base = FluidScene(
        cell, dt, "ns", ("periodic",) * 4, viscosity=like.new_tensor([0.02]), scalars=False
    )
    moving = [torch.ones_like(rest.velocity[0]), torch.zeros_like(rest.velocity[1])]

    def carried(time: float) -> FluidScene:
        centre = (0.35 + time + dt, 0.5)
        scene = with_solid(base, disc_distance(points, centre, 0.15)[None])
        return dataclasses.replace(scene, solid_velocity=moving)

    still = with_solid(base, disc_distance(points, (0.5, 0.5), 0.15)[None])
    stream = dataclasses.replace(
        rest, velocity=(-torch.ones_like(rest.velocity[0]), rest.velocity[1])
    )
    with torch.no_grad():
        one = rollout(rest, carried, steps).state
        other = rollout(stream, still, steps).state
    swirl = [ops.curl(s.velocity, cell, base.sides).square().mean() for s in (one, other)]
    assert math.isclose(float(swirl[0]), float(swirl[1]), rel_tol=0.1)


@pytest.mark.parametrize("n", [16, 32])
def test_a_disc_that_the_fluid_carries_along_changes_nothing(n: int) -> None:
    """Both move at one velocity: no pressure, no drag, and no step changes that."""
    cell, like = 1.0 / n, torch.zeros((), dtype=torch.float64)
    rest = FluidState.at_rest((n, n), dtype=torch.float64)
    carried = (torch.ones_like(rest.velocity[0]), torch.zeros_like(rest.velocity[1]))
    base = FluidScene(
        cell, 0.01, "ns", ("periodic",) * 4, viscosity=like.new_tensor([0.05]), scalars=False
    )
    points = nodes((n, n), cell, like)

    def at(time: float) -> FluidScene:
        scene = with_solid(base, disc_distance(points, (0.4 + time + 0.01, 0.5), 0.2)[None])
        return dataclasses.replace(scene, solid_velocity=list(carried))

    state = dataclasses.replace(rest, velocity=carried)
    with torch.no_grad():
        state = rollout(state, at, 3).state
    assert float((state.velocity[0] - 1.0).abs().max()) < 1e-10
    assert float(state.velocity[1].abs().max()) < 1e-10
    assert float(state.pressure.abs().max()) < 1e-8
    assert float(solid_force(state, at(state.time - 0.01)).total.abs().max()) < 1e-8
    assert float(net_outflow(state, at(state.time - 0.01)).abs().max()) < 1e-10


def test_a_scene_without_a_solid_has_no_force() -> None:
    state, scene = channel(4, 1.0, 1.0, 0.0, 0.1)
    with pytest.raises(RangeError, match="scene must have openings"):
        solid_force(state, scene)
