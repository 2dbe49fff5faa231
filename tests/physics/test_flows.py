"""Steps of Navier-Stokes against closed forms, at sizes that take seconds."""

import dataclasses
import math

import pytest
import torch

from diffgfx import ops
from diffgfx.fluid import gradient_check, rollout, step
from diffgfx.fluid.problems import channel, lid_driven_cavity, taylor_green_2d
from diffgfx.scene import FluidState, Source


def march(state: FluidState, scene, steps: int) -> FluidState:
    with torch.no_grad():
        for _ in range(steps):
            state = step(state, scene)
    return state


def test_decaying_vortices_converge_to_second_order_and_stay_free_of_divergence():
    errors = []
    for n in (16, 32):
        state, scene, exact = taylor_green_2d(n, 0.05, 8.0 / n)
        state = march(state, scene, n // 8)
        errors.append(float((state.velocity[0] - exact(1.0)[0]).abs().max()))
        source = ops.divergence(state.velocity, scene.cell)
        assert float(source.abs().max()) * scene.cell < 1e-13
    assert 3.7 < errors[0] / errors[1] < 4.3


def test_the_step_is_second_order_in_time():
    """Vortices that drift past the grid: three runs at halved steps."""
    found = []
    for steps in (8, 16, 32):
        state, scene, _ = taylor_green_2d(16, 0.05, 1.0 / steps)
        drifting = tuple(u + 0.3 for u in state.velocity)
        found.append(march(dataclasses.replace(state, velocity=drifting), scene, steps).velocity[0])
    coarse = float((found[0] - found[1]).norm())
    fine = float((found[1] - found[2]).norm())
    assert 3.6 < coarse / fine < 4.4


@pytest.mark.parametrize("what", ["flow", "diffusion", "source", "all"])
def test_smoke_and_heat_are_second_order_in_time(what: str):
    """Three runs at halved steps; with "all" they push the flow that carries them."""
    n, found = 16, []
    at = 2.0 * math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    lump = (2.0 + torch.sin(at + 0.3)[:, None] + torch.cos(at))[None, None]
    for steps in (16, 32, 64):
        state, scene, _ = taylor_green_2d(n, 0.05, 1.0 / steps)
        scene = dataclasses.replace(scene, scalars=True)
        if what in ("diffusion", "all"):
            scene = dataclasses.replace(scene, diffusivity=torch.tensor([0.3]).double())
        if what in ("source", "all"):
            rate = torch.ones(1, 1, dtype=torch.float64)
            source = Source(lump.roll(4, -1), 1.0 * rate, 0.5 * rate)
            scene = dataclasses.replace(scene, sources=(source,))
        if what == "all":
            force = torch.tensor([[0.0, 0.3]], dtype=torch.float64)
            scene = dataclasses.replace(scene, temperature_force=force)
        state = dataclasses.replace(state, density=lump, temperature=lump.roll(3, -2))
        found.append(march(state, scene, steps))
    for read in (
        lambda s: s.density, lambda s: s.temperature, lambda s: s.velocity[0],
    ):
        coarse = float((read(found[0]) - read(found[1])).norm())
        fine = float((read(found[1]) - read(found[2])).norm())
        assert 3.4 < coarse / fine < 4.7


def test_a_pushed_channel_reaches_its_parabola():
    state, scene = channel(8, 0.5, 3.0, 0.0, 0.05)
    state = march(state, scene, 200)
    y = (torch.arange(8, dtype=torch.float64) + 0.5) / 8
    discrete = 3.0 * (y * (1.0 - y) + 0.25 * scene.cell**2)
    assert torch.allclose(state.velocity[0][0, :, 2], discrete, atol=1e-10)


def test_momentum_and_energy_of_an_inviscid_periodic_flow():
    state, scene, _ = taylor_green_2d(16, 0.0, 0.1)
    draw = torch.Generator().manual_seed(0)
    given = [
        u + 0.3 * torch.randn(u.shape, generator=draw, dtype=torch.float64) for u in state.velocity
    ]
    state = dataclasses.replace(
        state, velocity=tuple(ops.project(given, scene.cell, scene.sides).velocity)
    )

    def totals(s: FluidState) -> tuple[float, float, float]:
        u, v = s.velocity[0][:, :, :-1], s.velocity[1][:, :-1]
        return float(u.sum()), float(v.sum()), float(u.square().sum() + v.square().sum())

    before = totals(state)
    drifts = []
    for dt in (0.1, 0.05):
        after = totals(march(state, dataclasses.replace(scene, dt=dt), round(0.4 / dt)))
        assert after[:2] == pytest.approx(before[:2], abs=1e-10)
        drifts.append(abs(after[2] / before[2] - 1.0))
    assert drifts[0] < 0.01
    assert drifts[1] < 0.35 * drifts[0]  # the space scheme keeps it: what is lost is the time's


def test_a_lid_drags_its_box():
    state, scene = lid_driven_cavity(16, 100.0, 0.05)
    state = march(state, scene, 100)
    middle = state.velocity[0][0, :, 8]
    assert -0.25 < float(middle.min()) < -0.12
    assert float(middle[-1]) > 0.3


@pytest.mark.parametrize(
    "what",
    [
        "velocity",
        pytest.param("viscosity", marks=pytest.mark.slow),
        pytest.param("lid", marks=pytest.mark.slow),
    ],
)
def test_the_gradient_of_many_steps(what):
    state, scene = lid_driven_cavity(6, 50.0, 0.1)
    state = march(state, scene, 3)
    value = {
        "velocity": state.velocity[0],
        "viscosity": scene.viscosity,
        "lid": scene.side_velocity,
    }[what]

    def simulate(given: torch.Tensor) -> torch.Tensor:
        begun, setting = state, scene
        if what == "velocity":
            inner = torch.cat([torch.zeros_like(given[..., :1]), given[..., 1:-1]], dim=-1)
            inner = torch.nn.functional.pad(inner, (0, 1))  # the sides of a box let nothing in
            begun = dataclasses.replace(state, velocity=(inner, state.velocity[1]))
        elif what == "viscosity":
            setting = dataclasses.replace(scene, viscosity=given)
        else:
            setting = dataclasses.replace(scene, side_velocity=given)
        last = rollout(begun, setting, 5).state
        return torch.cat([face.flatten() for face in last.velocity])

    report = gradient_check(simulate, value, directions=5)
    assert report.error < 1e-6
    assert report.cosine > 1.0 - 1e-9


def test_a_force_across_walls_moves_nothing():
    state, scene = lid_driven_cavity(4, 10.0, 0.1)
    push = [torch.full_like(face, 2.0) for face in state.velocity]
    still = dataclasses.replace(scene, side_velocity=None, viscosity=None, force=push)
    for scheme in ("ns", "smoke"):
        after = step(state, dataclasses.replace(still, scheme=scheme))
        assert max(float(face.abs().max()) for face in after.velocity) < 1e-12
