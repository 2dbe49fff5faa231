"""Steps in parts: as many as the flow needs, and the same gradients."""

import dataclasses
import importlib
import math
import weakref

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from diffgfx.errors import DivergedError
from diffgfx.fluid import courant_number, rollout, step
from diffgfx.fluid.problems import lid_driven_cavity

module = importlib.import_module("diffgfx.fluid.step")  # its name is that of its function


def whirling():
    state, scene = lid_driven_cavity(6, 50.0, 0.1)
    with torch.no_grad():
        for _ in range(3):
            state = step(state, scene)
    return state, dataclasses.replace(scene, dt=4.0 * scene.dt)


def test_parts_are_as_many_as_the_flow_needs_and_fill_the_step():
    state, scene = whirling()
    limit = courant_number(state, scene) / 2.5
    parted = dataclasses.replace(scene, max_courant=limit)
    with torch.no_grad():
        found = step(state, parted)
        third = step(state, dataclasses.replace(scene, dt=scene.dt / 3))
    assert found.parts >= 3
    assert (found.time, found.step) == (state.time + scene.dt, state.step + 1)
    assert courant_number(third, scene) > 0

    by_hand, left = state, scene.dt
    with torch.no_grad():
        for _ in range(found.parts):
            moved = courant_number(by_hand, dataclasses.replace(scene, dt=left))
            count = math.ceil(moved / limit * (1 - 1e-6))
            by_hand = step(by_hand, dataclasses.replace(scene, dt=left / count))
            left -= left / count
    assert left == pytest.approx(0.0, abs=1e-15)
    for one, other in zip(found.tensors(), by_hand.tensors(), strict=True):
        assert torch.equal(one, other)


def test_a_slow_flow_takes_its_step_whole():
    state, scene = whirling()
    with torch.no_grad():
        whole = step(state, scene)
        free = step(state, dataclasses.replace(scene, max_courant=1e3))
    assert (whole.parts, free.parts) == (1, 1)
    for one, other in zip(whole.tensors(), free.tensors(), strict=True):
        assert torch.equal(one, other)


def test_gradients_pass_through_the_parts():
    state, scene = whirling()
    parted = dataclasses.replace(scene, max_courant=courant_number(state, scene) / 2.5)

    def energy(u: torch.Tensor, memory: int | None) -> torch.Tensor:
        begun = dataclasses.replace(state, velocity=(u, state.velocity[1]))
        last = rollout(begun, parted, 2, memory=memory).state
        return torch.stack([face.square().sum() for face in last.velocity]).sum()

    leaf = state.velocity[0].detach().requires_grad_()
    slopes = [torch.autograd.grad(energy(leaf, memory), leaf)[0] for memory in (None, 40_000)]
    assert torch.allclose(*slopes, rtol=1e-12, atol=1e-14)
    torch.manual_seed(0)
    way = torch.rand_like(leaf)
    way[..., 0] = way[..., -1] = 0.0
    with torch.no_grad():
        ahead, behind = (energy(state.velocity[0] + s * way, None) for s in (1e-6, -1e-6))
    assert float((slopes[0] * way).sum()) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-6)


def test_parts_inside_a_segment_keep_nothing(monkeypatch):
    """A closure that held the start of each part would keep them all until the backward pass."""
    state, scene = whirling()
    parted = dataclasses.replace(scene, max_courant=courant_number(state, scene) / 5.5)
    starts: list[weakref.ref] = []
    run_again = module._run_again

    def spy(terms, begun, *rest):
        starts.append(weakref.ref(begun.pressure))
        return run_again(terms, begun, *rest)

    monkeypatch.setattr(module, "_run_again", spy)
    leaf = state.velocity[0].detach().requires_grad_()

    def segment(u: torch.Tensor) -> torch.Tensor:
        begun = dataclasses.replace(state, velocity=(u, state.velocity[1]))
        return step(begun, parted).velocity[0].square().sum()

    total = checkpoint(segment, leaf, use_reentrant=False)
    assert len(starts) >= 6
    assert sum(ref() is not None for ref in starts[1:]) == 0
    assert bool(torch.autograd.grad(total, leaf)[0].isfinite().all())


def test_a_flow_that_would_take_a_thousand_parts_is_refused():
    state, scene = whirling()
    tiny = dataclasses.replace(scene, max_courant=courant_number(state, scene) / 2e3)
    with pytest.raises(DivergedError, match="max_courant"):
        step(state, tiny)
