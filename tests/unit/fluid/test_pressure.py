"""The projection of a state: what it tells of a solve that fails."""

import dataclasses

import pytest
import torch

from diffgfx import ops
from diffgfx.errors import DivergedError
from diffgfx.fluid import project_state
from diffgfx.scene import FluidScene, FluidState


@pytest.fixture
def stirred() -> FluidState:
    state = FluidState.at_rest((8, 8), dtype=torch.float64)
    draw = torch.Generator().manual_seed(0)
    inner = torch.randn(1, 8, 7, generator=draw, dtype=torch.float64)
    u = torch.nn.functional.pad(inner, (1, 1))
    return dataclasses.replace(state, velocity=(u, state.velocity[1]))


def test_a_solve_that_fails_is_told_with_its_residual(stirred, monkeypatch):
    def lazy(velocity, cell, sides, **_):
        b = len(velocity[0])
        return ops.Projection(
            list(velocity), stirred.pressure, torch.full((b,), 7), torch.full((b,), 0.5).double()
        )

    scene = FluidScene(0.1, 0.1, "smoke", ("no_slip",) * 4)
    monkeypatch.setattr(ops, "project", lazy)
    with pytest.raises(DivergedError, match=r"step 1: pressure must .* 7 iterations .* 0\.5"):
        project_state(stirred, scene)


def test_a_velocity_without_divergence_may_keep_its_rounding():
    """Nothing is to be solved for: what is left of it is rounding, however much of it."""
    state = FluidState.at_rest((8, 8))
    scene = FluidScene(0.1, 0.1, "smoke", ("no_slip",) * 4)
    assert torch.equal(project_state(state, scene).velocity[0], state.velocity[0])
