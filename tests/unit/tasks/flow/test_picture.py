"""Pictures of flows: their size, what is in them, and that smoke gets gradients."""

import dataclasses
from pathlib import Path

import pytest
import torch

from diffgfx.fluid import build_scene, first_state
from diffgfx.io import read_flow
from diffgfx.tasks.flow.picture import picture_of, picture_size, shows_smoke, smoke_light

PLANE = "[grid]\ncells = [8, 12]\nsize = [1.0, 1.5]\n[time]\ndt = 0.1\n"
BOX = "[grid]\ncells = [6, 8, 6]\nsize = [0.75, 1.0, 0.75]\n[time]\ndt = 0.1\n"
FED = "[[inflow]]\ncentre = [0.2, 0.2]\nradius = 0.1\n"
DISC = "[[obstacle]]\ncentre = [0.5, 1.0]\nradius = 0.3\n"


def flow(folder: Path, text: str):
    (folder / "scene.toml").write_text(text)
    setting = read_flow(folder / "scene.toml")
    return first_state(setting), build_scene(setting)


@pytest.mark.parametrize(
    ("cells", "longest", "size"),
    [((128, 192), 384, (256, 384)), ((64, 64, 8), 100, (100, 100)), ((500, 1), 16, (16, 1))],
)
def test_sizes(cells, longest, size):
    assert picture_size(cells, longest) == size


def test_where_smoke_is_shown(tmp_path):
    state, scene = flow(tmp_path, PLANE)
    assert not shows_smoke(state, scene)
    assert shows_smoke(dataclasses.replace(state, density=state.density + 0.1), scene)
    assert shows_smoke(*flow(tmp_path, PLANE + FED))
    assert shows_smoke(*flow(tmp_path, BOX))


def test_smoke_is_where_it_is_and_before_it_the_obstacle(tmp_path):
    state, scene = flow(tmp_path, PLANE + FED + DISC)
    state.density[..., :6, :4] = 1.0                      # below, left; and all of the disc
    state.density[..., 6:10, 2:6] = 1.0
    picture = picture_of(state, scene, 48)
    assert picture.shape == (48, 32, 3)
    assert float(picture[30:42, 2:12].min()) > 0.4
    assert float(picture[28:, 20:].max()) < 0.2           # below, right: nothing but ground
    solid = picture[13:18, 14:18]
    assert torch.allclose(solid, solid[:1, :1], atol=0.01)
    assert float(solid[..., 0].mean()) == pytest.approx(0.463, abs=0.01)


def test_vorticity_has_two_colours(tmp_path):
    state, scene = flow(tmp_path, PLANE)
    y = torch.arange(12.0)
    state.velocity[0][0] = torch.where(y < 6, y, 12.0 - y)[:, None]    # clockwise below
    picture = picture_of(state, scene, 48)
    below, above = picture[30:40, 10:22].mean(dim=(0, 1)), picture[6:16, 10:22].mean(dim=(0, 1))
    assert below[2] > below[0] + 0.2
    assert above[0] > above[2] + 0.2


@pytest.mark.parametrize("text", [PLANE + DISC, BOX])
def test_smoke_gets_gradients(tmp_path, text):
    state, scene = flow(tmp_path, text)
    density = torch.full_like(state.density, 0.3).requires_grad_()
    light = smoke_light(density, scene, (16, 24))
    assert light.shape == (1, 3, 24, 16)
    light.sum().backward()
    assert density.grad is not None
    assert float((density.grad != 0.0).float().mean()) > 0.7
