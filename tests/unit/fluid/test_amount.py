"""Smoke that is carried is neither made nor lost."""

import dataclasses

import pytest
import torch

from diffgfx import ops
from diffgfx.fluid import build_scene, first_state, step
from diffgfx.fluid.amount import keep_amount
from diffgfx.io import read_flow
from diffgfx.scene import FluidScene, FluidState

SCENE = """
[grid]
cells = [24, 24]
size = [1.0, 1.0]
[time]
dt = 0.05
[fluid]
density_force = [0.0, 4.0]
[[inflow]]
centre = [0.5, 0.2]
radius = 0.15
density = 4.0
"""


def test_a_plume_holds_what_flowed_in(tmp_path):
    path = tmp_path / "scene.toml"
    path.write_text(SCENE)
    setting = read_flow(path)
    scene = build_scene(setting, dtype=torch.float64)
    state = first_state(setting, dtype=torch.float64)
    fed = sum(float(s.mask.sum() * s.density.sum()) * scene.dt for s in scene.sources)
    with torch.no_grad():
        for k in range(1, 31):
            state = step(state, scene)
            assert float(state.density.sum()) == pytest.approx(k * fed, rel=1e-12)


def leaving() -> tuple[FluidState, FluidScene]:
    """Return a smooth puff in a uniform wind toward an open side."""
    state = FluidState.at_rest((40, 8), dtype=torch.float64)
    x = torch.arange(40, dtype=torch.float64)
    puff = torch.exp(-(((x - 28.0) / 5.0) ** 2)).expand(1, 1, 8, 40).contiguous()
    wind = (torch.full_like(state.velocity[0], 0.5), state.velocity[1])
    sides = ("inflow", "outflow", "free_slip", "free_slip")
    scene = FluidScene(1.0, 1.0, "smoke", sides)
    return dataclasses.replace(state, density=puff, velocity=wind), scene


def test_what_leaves_is_not_put_back():
    state, scene = leaving()
    density = state.density
    for _ in range(18):
        carried = ops.advect(
            density, state.velocity, 1.0, 1.0, scene.sides,
            scalar_sides=("fixed", "zero_gradient", "zero_gradient", "zero_gradient"),
        )  # fmt: skip
        density = keep_amount(carried, density, state.velocity, scene)
    x = torch.arange(40, dtype=torch.float64)
    moved = torch.exp(-(((x - 37.0) / 5.0) ** 2)).expand(8, 40)
    share = float(moved.sum() / state.density.sum())
    assert 0.7 < share < 0.8
    assert float(density.sum() / state.density.sum()) == pytest.approx(share, rel=1e-3)
    assert float((density[0, 0] - moved).abs().max()) < 0.06


def test_gradients_agree_with_central_differences():
    state, scene = leaving()
    torch.manual_seed(0)
    after = (state.density + 0.01 * torch.rand_like(state.density)).requires_grad_()
    before = state.density.clone().requires_grad_()
    wind = state.velocity[0].clone().requires_grad_()

    def kept(a, b, u):
        return keep_amount(a, b, (u, state.velocity[1]), scene)

    assert torch.autograd.gradcheck(kept, (after, before, wind), fast_mode=True)


def test_clear_air_stays_clear_and_a_great_loss_is_not_made_up():
    state, scene = leaving()
    clear = torch.zeros_like(state.density)
    assert torch.equal(keep_amount(clear, clear, state.velocity, scene), clear)
    little = 0.1 * state.density
    assert torch.allclose(keep_amount(little, state.density, state.velocity, scene), 1.05 * little)
