"""Targets: what is read of a folder, and what a camera sees of a density."""

from pathlib import Path

import pytest
import torch

from diffgfx.errors import InputError
from diffgfx.fluid import build_scene, first_state
from diffgfx.io import encode_transfer, read_flow, write_frame, write_png
from diffgfx.scene import FlowSetting
from diffgfx.tasks.control import read_target
from diffgfx.tasks.flow import smoke_light

TEXT = "[grid]\ncells = [8, 12]\nsize = [1.0, 1.5]\n[time]\ndt = 0.1\nsteps_per_frame = 2\n"


@pytest.fixture
def setting(tmp_path: Path) -> FlowSetting:
    path = tmp_path / "scene.toml"
    path.write_text(TEXT)
    return read_flow(path)


def smoke(number: int) -> torch.Tensor:
    density = torch.zeros(1, 1, 12, 8)
    density[..., 2 : 3 + number, 2:6] = 0.5
    return density


def save_pictures(folder: Path, setting: FlowSetting, count: int) -> None:
    folder.mkdir()
    scene = build_scene(setting)
    for k in range(count):
        light = smoke_light(smoke(k) if k else 0.0 * smoke(0), scene, (24, 36))
        stored = encode_transfer(light[0].clamp(0.0, 1.0), "srgb").permute(1, 2, 0)
        write_png(folder / f"frame_{k:04d}.png", stored.numpy())


def test_pictures(setting, tmp_path):
    save_pictures(tmp_path / "film", setting, 3)
    target = read_target(tmp_path / "film", setting)
    assert (target.kind, target.frames.shape) == ("picture", (2, 3, 36, 24))
    assert not target.start.density.any()
    scene = build_scene(setting)
    for k in range(2):
        seen = target.seen(smoke(k + 1), scene)
        assert float((seen - target.frames[k : k + 1]).abs().max()) < 0.005
    assert float((target.clear - target.frames).abs().max()) > 0.2
    assert float(target.seen(1e3 * smoke(1), scene).max()) <= 1.0


def test_frames_of_a_run(setting, tmp_path):
    (tmp_path / "run" / "frames").mkdir(parents=True)
    state = first_state(setting)
    for k in range(3):
        tensors = [*state.tensors()[:2], smoke(k), *state.tensors()[3:]]
        moment = type(state)(tuple(tensors[:2]), *tensors[2:], time=0.7 + 0.2 * k, step=7 + 2 * k)
        write_frame(tmp_path / "run" / "frames" / f"{k:06d}.npz", moment, setting.cell)
    target = read_target(tmp_path / "run", setting)
    assert (target.kind, target.start.step) == ("density", 7)
    assert torch.equal(target.start.density, smoke(0))
    assert torch.equal(target.frames, torch.cat([smoke(1), smoke(2)]))
    assert torch.equal(target.seen(smoke(1), build_scene(setting)), smoke(1))
    assert not target.clear.any()
    for k in (2, 1):
        (tmp_path / "run" / "frames" / f"{k:06d}.npz").unlink()
    with pytest.raises(InputError, match="target must have at least two frames, got 1"):
        read_target(tmp_path / "run", setting)


def test_folders_that_are_no_target(setting, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="target must be a folder, got a file"):
        read_target(tmp_path / "file", setting)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"at least two pictures .* got 0 pictures"):
        read_target(tmp_path / "empty", setting)
    (tmp_path / "dark").mkdir()
    dark = smoke_light(torch.zeros(1, 1, 12, 8), build_scene(setting), (24, 36))[0]
    for k in range(2):
        stored = encode_transfer(dark, "srgb").permute(1, 2, 0).numpy()
        write_png(tmp_path / "dark" / f"frame_{k:04d}.png", stored)
    with pytest.raises(InputError, match="must show smoke after frame 0, got none"):
        read_target(tmp_path / "dark", setting)
