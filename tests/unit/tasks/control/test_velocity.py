"""Velocities from a potential: free of divergence, closed at walls, alike over a period."""

import dataclasses
from pathlib import Path

import pytest
import torch

from diffgfx import ops
from diffgfx.fluid import build_scene, first_state
from diffgfx.io import read_flow
from diffgfx.tasks.control.velocity import VelocityUnknown, curl_of_potential

PLANE = "[grid]\ncells = [12, 17]\nsize = [1.2, 1.7]\n[time]\ndt = 0.1\n"
BOX = "[grid]\ncells = [8, 10, 9]\nsize = [0.8, 1.0, 0.9]\n[time]\ndt = 0.1\n"
SIDES = '[sides.x]\nlow = "periodic"\nhigh = "periodic"\n[sides.y]\nhigh = "outflow"\n'
OPEN = "".join(f'[sides.{axis}]\nlow = "outflow"\nhigh = "outflow"\n' for axis in "xy")
DISC = "[[obstacle]]\ncentre = [0.6, 0.8]\nradius = 0.2\n"


def posed(folder: Path, text: str, level: int = 0):
    path = folder / "scene.toml"
    path.write_text(text)
    setting = read_flow(path)
    unknown = VelocityUnknown(setting, 1.0)
    ladder = unknown.levels(4)
    z = unknown.start()
    for rung in ladder[1 : level + 1]:
        z = unknown.prolong(z, rung)
    draw = torch.Generator().manual_seed(2)
    z = {"z": torch.randn(z["z"].shape, generator=draw).requires_grad_()}
    scene = build_scene(setting)
    state, same = unknown.posed(z, first_state(setting), scene)
    assert same is scene
    return unknown, z, state, scene


@pytest.mark.parametrize("text", [PLANE, PLANE + SIDES, BOX, BOX + SIDES])
@pytest.mark.parametrize("level", [0, 1])
def test_no_divergence_and_nothing_through_walls(tmp_path, text, level):
    unknown, z, state, scene = posed(tmp_path, text, min(level, len_levels(tmp_path, text) - 1))
    speed = max(float(face.detach().abs().max()) for face in state.velocity)
    assert speed > 0.01
    source = ops.divergence(state.velocity, scene.cell).detach()
    assert float(source.abs().max()) * scene.cell < 1e-5 * speed
    for axis, face in enumerate(state.velocity):
        place = face.ndim - 1 - axis
        first, last = face.select(place, 0), face.select(place, -1)
        if scene.sides[2 * axis] == "periodic":
            assert torch.equal(first, last)
            continue
        assert not first.any()
        assert bool(last.any()) == (scene.sides[2 * axis + 1] == "outflow")
    sum(face.square().sum() for face in state.velocity).backward()
    assert bool(z["z"].grad.any())
    mean = torch.cat([face.detach().flatten() for face in state.velocity]).square().mean()
    assert unknown.numbers(z) == pytest.approx([float(mean.sqrt())], rel=1e-4)


def len_levels(folder: Path, text: str) -> int:
    (folder / "scene.toml").write_text(text)
    return len(VelocityUnknown(read_flow(folder / "scene.toml"), 1.0).levels(1))


def test_a_finer_level_starts_as_the_coarser_ended(tmp_path):
    (tmp_path / "scene.toml").write_text(PLANE.replace("[12, 17]", "[32, 32]").replace(
        "[1.2, 1.7]", "[1.0, 1.0]"))  # fmt: skip
    unknown = VelocityUnknown(read_flow(tmp_path / "scene.toml"), 1.0)
    levels = unknown.levels(7)
    assert [level.resolution for level in levels] == [(5, 5), (9, 9), (17, 17)]
    assert {level.steps for level in levels} == {7}
    z = {"z": torch.randn(1, 1, 5, 5, generator=torch.Generator().manual_seed(3))}
    finer = unknown.prolong(z, levels[1])
    inside = (..., slice(1, -1), slice(1, -1))
    assert torch.allclose(finer["z"][..., ::2, ::2][inside], z["z"][inside], atol=1e-6)
    assert unknown.numbers(finer) == pytest.approx(unknown.numbers(z), rel=1e-4)


def test_straight_potentials_do_not_bend(tmp_path):
    unknown, z, *_ = posed(tmp_path, PLANE + OPEN)
    count = z["z"].shape[3]
    line = {"z": torch.arange(float(count)).expand_as(z["z"])}
    assert float(unknown.prior(line)) == 0.0
    assert float(unknown.prior(z).detach()) > 0.0


def test_a_potential_that_stops_at_a_wall_bends(tmp_path):
    unknown, z, *_ = posed(tmp_path, PLANE)
    assert float(unknown.prior({"z": torch.ones_like(z["z"])})) > 0.0


def test_an_obstacle_is_passed_by(tmp_path):
    *_, state, scene = posed(tmp_path, PLANE + DISC)
    assert scene.openings is not None
    source = ops.divergence(state.velocity, scene.cell, openings=scene.openings).detach()
    speed = max(float(face.detach().abs().max()) for face in state.velocity)
    assert float(source.abs().max()) * scene.cell < 1e-3 * speed


def test_only_what_the_scene_says_of_the_velocity_is_kept(tmp_path):
    unknown, _, state, scene = posed(tmp_path, PLANE)
    moving = dataclasses.replace(
        state, velocity=tuple(torch.ones_like(face) for face in state.velocity)
    )
    found, _ = unknown.posed(unknown.start(), moving, scene)
    assert not any(bool(face.any()) for face in found.velocity)


def test_the_curl_of_a_rigid_turn():
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(4.0), indexing="ij")
    psi = -0.5 * (x**2 + y**2)[None]
    u, v = curl_of_potential([psi], 1.0)
    assert torch.equal(u[0, :, 0], torch.tensor([-0.5, -1.5, -2.5, -3.5]))
    assert torch.equal(v[0, 0], torch.tensor([0.5, 1.5, 2.5]))
