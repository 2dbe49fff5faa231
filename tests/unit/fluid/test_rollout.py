"""Rollouts: segments that are run again give the tape's own gradients."""

import dataclasses
import importlib
import math
import weakref

import pytest
import torch
from torch import Tensor

from diffgfx.errors import DivergedError, RangeError
from diffgfx.fluid import courant_number, rollout, step
from diffgfx.fluid.memory import Plan
from diffgfx.fluid.paths import ALL_PATHS
from diffgfx.fluid.problems import lid_driven_cavity
from diffgfx.scene import FluidScene, FluidState

module = importlib.import_module("diffgfx.fluid.rollout")  # its name is that of its function
STEPS = 7


@pytest.fixture(scope="module")
def cavity():
    state, scene = lid_driven_cavity(5, 50.0, 0.1)
    with torch.no_grad():
        return step(state, scene), scene


def gradients(cavity, **options) -> tuple[Tensor, list[Tensor], int]:
    state, scene = cavity
    leaves = [t.detach().clone().requires_grad_() for t in state.velocity]
    viscosity = scene.viscosity.clone().requires_grad_()
    begun = dataclasses.replace(state, velocity=tuple(leaves))
    found = rollout(
        begun, dataclasses.replace(scene, viscosity=viscosity), STEPS,
        observe=lambda s: s.velocity[0].square().sum(), **options,
    )  # fmt: skip
    assert len(found.observed) == STEPS
    total = torch.stack(found.observed).sum() + found.state.pressure.square().sum()
    return (
        total.detach(),
        list(torch.autograd.grad(total, [*leaves, viscosity])),
        found.plan.depth,
    )


def test_segments_give_the_gradients_of_the_whole_tape(cavity):
    total, whole, depth = gradients(cavity)
    assert depth == 0
    seen = set()
    for budget in (60_000, 40_000, 24_000):
        again, parts, depth = gradients(cavity, memory=budget)
        seen.add(depth)
        assert torch.equal(again, total)
        for one, other in zip(parts, whole, strict=True):
            assert torch.allclose(one, other, rtol=1e-12, atol=1e-14)
    assert len(seen - {0}) >= 1


def test_a_budget_that_cannot_do_is_refused(cavity):
    with pytest.raises(RangeError, match="memory must be at least"):
        gradients(cavity, memory=100)


def test_time_and_steps_are_counted(cavity):
    state, scene = cavity
    last = rollout(state, scene, 3).state
    assert (last.step, last.time) == (4, pytest.approx(0.4))
    parts = rollout(rollout(state, scene, 1).state, scene, 2).state
    assert torch.equal(last.velocity[0], parts.velocity[0])
    with pytest.raises(RangeError, match="steps must be"):
        rollout(state, scene, 0)


@pytest.mark.parametrize("memory", [None, 24_000])
def test_the_last_state_tells_of_its_last_step(cavity, memory):
    state, scene = cavity
    leaves = tuple(t.detach().requires_grad_() for t in state.velocity)
    begun = dataclasses.replace(state, velocity=leaves)
    last, alone = rollout(begun, scene, STEPS, memory=memory).state, begun
    for _ in range(STEPS):
        alone = step(alone, scene)
    assert torch.equal(last.iterations, alone.iterations)
    assert (last.parts, last.step, last.time) == (1, alone.step, alone.time)


def test_without_gradients_no_step_is_taken_ahead(cavity, monkeypatch):
    taken = []

    def counted(*arguments, **options):
        taken.append(1)
        return step(*arguments, **options)

    monkeypatch.setattr(module, "step", counted)
    assert rollout(*cavity, 3).plan == Plan(0, 1, 0)
    assert len(taken) == 3


def test_closed_paths_keep_the_values(cavity):
    total, whole, _ = gradients(cavity)
    again, parts, _ = gradients(cavity, gradient_paths={"pressure", "diffusion"})
    assert torch.equal(again, total)
    assert not torch.allclose(parts[0], whole[0])
    with pytest.raises(RangeError, match="gradient_paths"):
        rollout(*cavity, 1, gradient_paths={"everything"})


def test_a_flow_that_blows_up_is_told_where(cavity):
    state, scene = cavity
    with pytest.raises(DivergedError, match=r"step \d+: (convection|viscosity|pressure) must"):
        rollout(state, dataclasses.replace(scene, dt=1e4), 60)
    broken = dataclasses.replace(state, density=state.density + math.nan)
    with pytest.raises(DivergedError, match="finite before it"):
        step(broken, scene)


def test_the_courant_number_adds_the_axes():
    state = FluidState.at_rest((3, 3))
    moving = dataclasses.replace(
        state, velocity=(state.velocity[0] + 2.0, state.velocity[1] - 1.0)
    )
    scene = dataclasses.replace(lid_driven_cavity(3, 1.0, 0.1)[1], cell=0.5)
    assert courant_number(moving, scene) == pytest.approx(0.6)


def test_segments_of_segments_keep_no_more_states_than_planned(cavity):
    """A closure that held the start of each inner segment would keep them all."""
    state, scene = cavity
    seen: list[weakref.ref] = []

    def look(s: FluidState) -> Tensor:
        seen.append(weakref.ref(s.pressure))
        return s.pressure.sum()

    leaves = tuple(t.detach().requires_grad_() for t in state.velocity)
    begun = dataclasses.replace(state, velocity=leaves)
    found = rollout(begun, scene, 27, memory=15_000, observe=look)
    plan = found.plan
    assert plan.depth >= 2
    last = plan.depth * plan.branches + math.ceil(27 / plan.branches**plan.depth)  # and its tape
    assert sum(ref() is not None for ref in seen) <= last < 27


@pytest.mark.parametrize(("memory", "depth"), [(60_000, 1), (15_000, 3)])
def test_what_comes_last_is_not_run_again(cavity, monkeypatch, memory, depth):
    """Runs of all levels, each without the last segment of each."""
    state, scene = cavity
    taken = []

    def counted(*arguments, **options):
        taken.append(1)
        return step(*arguments, **options)

    monkeypatch.setattr(module, "step", counted)
    leaves = tuple(t.detach().requires_grad_() for t in state.velocity)
    found = rollout(dataclasses.replace(state, velocity=leaves), scene, 27, memory=memory)
    assert found.plan.depth == depth
    assert len(taken) == 27 + 2   # two measure the tape

    def again(count: int, plan: Plan) -> int:
        if plan.depth == 0 or count == 1:
            return 0
        lengths = plan.lengths(count)
        return sum(lengths[:-1]) + sum(again(length, plan.below()) for length in lengths)

    found.state.velocity[0].sum().backward()
    assert len(taken) == 2 + 27 + again(27, found.plan) < 2 + (1 + depth) * 27


def test_smoke_keeps_little_of_a_step():
    """Faces and the new density, the fields that were carried, and nothing that is not read."""
    cells, kinds = (16, 12), ("no_slip",) * 4
    state = FluidState.at_rest(cells)
    push = torch.tensor([[0.0, 1.0]], requires_grad=True)
    scene = FluidScene(0.1, 0.1, "smoke", kinds, density_force=push)
    field = cells[0] * cells[1] * 4
    faces = sum(4 * face.numel() for face in state.velocity)
    found = module._tape(state, scene, frozenset(ALL_PATHS))
    assert faces + 3 * field <= found < faces + 3.5 * field
    started = dataclasses.replace(state, density=state.density.clone().requires_grad_())
    plan = rollout(started, scene, 20, memory=40_000).plan
    start, leaf = faces + 2 * field + 4, math.ceil(20 / plan.branches)
    assert plan.bytes == plan.branches * start + leaf * found
