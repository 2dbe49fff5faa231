"""Rollouts: segments that are run again give the tape's own gradients."""

import dataclasses
import math
import weakref

import pytest
import torch
from torch import Tensor

from diffgfx.errors import DivergedError, RangeError
from diffgfx.fluid import courant_number, rollout, step
from diffgfx.fluid.problems import lid_driven_cavity
from diffgfx.scene import FluidState

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


def test_closed_paths_keep_the_values(cavity):
    total, whole, _ = gradients(cavity)
    again, parts, _ = gradients(cavity, gradient_paths={"pressure", "diffusion"})
    assert torch.equal(again, total)
    assert not torch.allclose(parts[0], whole[0])
    with pytest.raises(RangeError, match="gradient_paths"):
        rollout(*cavity, 1, gradient_paths={"everything"})


def test_a_flow_that_blows_up_is_told_where(cavity):
    state, scene = cavity
    with pytest.raises(DivergedError, match=r"step \d+: convection, viscosity and pressure must"):
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
    assert found.plan.depth >= 2
    assert sum(ref() is not None for ref in seen) <= found.plan.branches
