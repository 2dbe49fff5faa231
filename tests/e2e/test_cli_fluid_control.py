"""``diffgfx fluid control`` as a person calls it: what made the smoke is found; one-line faults."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from diffgfx import ops
from diffgfx.cli import main
from diffgfx.fluid import first_state
from diffgfx.io import read_flow, read_frame, read_image, write_frame
from diffgfx.tasks.control.velocity import curl_of_potential

SCENE = """
[grid]
cells = [16, 24]
size = [1.0, 1.5]
[time]
dt = 0.05
frames = 6
[fluid]
density_force = [0.0, 4.0]
[sides.y]
high = "outflow"
[[inflow]]
centre = [0.5, 0.3]
radius = 0.2
density = 6.0
"""
STILL = """
[grid]
cells = [16, 16]
size = [1.0, 1.0]
[time]
dt = 0.05
frames = 4
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene, its run and its pictures."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "scene.toml").write_text(SCENE)
    words = ["fluid", "simulate", str(folder / "scene.toml"), "-o", str(folder / "run")]
    assert main([*words, "--preview", "none"]) == 0
    words = ["fluid", "render", str(folder / "run"), "-o", str(folder / "film"), "--size", "48"]
    assert main(words) == 0
    return folder


@pytest.fixture
def guess(tmp_path: Path) -> Path:
    path = tmp_path / "guess.toml"
    path.write_text(SCENE.replace("4.0]", "8.0]"))
    return path


def control(target: Path, scene: Path, unknown: str, out: Path, *words: str) -> int:
    return main(
        ["fluid", "control", str(target), "--scene", str(scene), "--unknown", unknown,
         "-o", str(out), *words]
    )  # fmt: skip


def test_buoyancy_from_pictures(made, guess, tmp_path, capsys):
    out = tmp_path / "out"
    assert control(made / "film", guess, "buoyancy", out, "--json") == 0
    shown = capsys.readouterr()
    result = json.loads((out / "result.json").read_text())
    assert json.loads(shown.out) == result
    assert "fit 8/8 error 0.0" in shown.err
    assert (result["unknown"], result["target"], result["frames"]) == ("buoyancy", "picture", 6)
    assert result["start"] == [0.0, 8.0]
    assert result["recovered"] == pytest.approx([0.0, 4.0], rel=0.01)
    assert 0.0 < result["deviation"][1] < 0.01
    assert result["losses"][0] > 0.01 > result["residual"]
    assert max(result["frame_errors"]) < 0.03
    assert len(result["losses"]) == len(result["levels"]) == result["steps"]
    assert sorted(os.listdir(out)) == ["compare.png", "result.json", "scene.toml"]
    assert read_flow(out / "scene.toml").density_force == tuple(result["recovered"])
    assert read_image(out / "compare.png").shape[1] > 6 * 160


def test_the_rate_of_a_source_from_frames(made, tmp_path, capsys):
    guess, out = tmp_path / "guess.toml", tmp_path / "out"
    guess.write_text(SCENE.replace("density = 6.0", "density = 2.0"))
    assert control(made / "run", guess, "inflow", out) == 0
    assert "inflow 6 (from 2) of smoke a second" in capsys.readouterr().out
    result = json.loads((out / "result.json").read_text())
    assert result["target"] == "density"
    assert result["recovered"] == pytest.approx([6.0], rel=0.005)
    assert read_flow(out / "scene.toml").inflows[0].density == result["recovered"][0]


def test_a_velocity_from_which_a_run_starts(tmp_path):
    scene, run, out = tmp_path / "scene.toml", tmp_path / "run", tmp_path / "out"
    scene.write_text(STILL)
    setting = read_flow(scene)
    node = torch.linspace(0.0, torch.pi, 17)
    wave = node.sin().square()
    truth = curl_of_potential([0.15 * wave[None, :, None] * wave[None, None, :]], setting.cell)
    state = first_state(setting)
    smoke = (4.0 * node).sin().clamp_min(0.0)[:-1] + 0.2 * node[:-1]
    density = (smoke[:, None] + smoke[None, :])[None, None]
    state = state.with_tensors([*truth, density, *state.tensors()[3:]])
    (run / "frames").mkdir(parents=True)
    shutil.copy(scene, run / "scene.toml")
    write_frame(run / "frames" / "000000.npz", state, setting.cell)
    words = ["fluid", "simulate", str(scene), "--preview", "none", "--resume", "-o"]
    assert main([*words, str(run)]) == 0
    assert control(run, scene, "velocity", out, "--steps", "5") == 0
    result = json.loads((out / "result.json").read_text())
    assert result["start"] == [0.0]
    assert result["deviation"] is None
    assert result["residual"] < 0.02 * result["losses"][0]
    found = read_frame(out / "velocity.npz", setting.cells, setting.cell)
    speed = max(float(face.abs().max()) for face in truth)
    assert float(ops.divergence(found.velocity, setting.cell).abs().max()) < 1e-4 * speed * 16
    error = sum(float((a - b).square().sum()) for a, b in zip(found.velocity, truth, strict=True))
    assert error < 0.3**2 * sum(float(face.square().sum()) for face in truth)
    again = tmp_path / "again"
    (again / "frames").mkdir(parents=True)
    shutil.copy(out / "scene.toml", again / "scene.toml")
    shutil.copy(out / "velocity.npz", again / "frames" / "000000.npz")
    assert main([*words, str(again)]) == 0
    last = [read_frame(path / "frames" / "000004.npz").density for path in (run, again)]
    assert float((last[0] - last[1]).norm()) < 0.05 * float(last[0].norm())


def refused(
    capsys: pytest.CaptureFixture[str], target: Path, scene: Path, unknown: str, out: Path,
    *words: str,
) -> str:  # fmt: skip
    capsys.readouterr()
    assert control(target, scene, unknown, out, *words) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.startswith("diffgfx: error: ")
    return shown


def test_faults_of_target_and_scene(made, guess, tmp_path, capsys):
    out = tmp_path / "out"
    film = Path(shutil.copytree(made / "film", tmp_path / "film"))
    assert "--steps must be from 1" in refused(capsys, film, guess, "inflow", out, "--steps", "0")
    assert "--seed must be from 0" in refused(capsys, film, guess, "inflow", out, "--seed", "-1")
    assert "must be a folder, got none" in refused(capsys, tmp_path / "no", guess, "inflow", out)
    assert "must exist" in refused(capsys, film, tmp_path / "no.toml", "inflow", out)
    (film / "frame_0003.png").unlink()
    shown = refused(capsys, film, guess, "buoyancy", out)
    assert "without a gap, got frame_0004.png and no frame_0003.png" in shown
    shutil.copy(made / "film" / "frame_0004.png", film / "frame_0003.png")
    data = (film / "frame_0002.png").read_bytes()
    (film / "frame_0002.png").write_bytes(data[: len(data) // 2])
    assert "frame_0002.png" in refused(capsys, film, guess, "buoyancy", out)
    guess.write_text(SCENE.replace("[16, 24]", "[16, 16]").replace("1.5]", "1.0]"))
    shown = refused(capsys, made / "film", guess, "buoyancy", out)
    assert "frame_0001.png: picture must have 48 x 48 pixels for [16, 16] cells" in shown
    assert "frame must have [16, 16] cells" in refused(capsys, made / "run", guess, "inflow", out)
    guess.write_text(SCENE.replace("0.05", "0.1"))
    shown = refused(capsys, made / "run", guess, "inflow", out)
    assert "000001.npz: time must be 0.1 s, frames being 0.1 s apart" in shown
    guess.write_text(SCENE.replace("4.0]", "0.0]"))
    assert "must have a direction" in refused(capsys, made / "run", guess, "buoyancy", out)
    assert sorted(os.listdir(tmp_path)) == ["film", "guess.toml"]


def test_faults_of_the_output(made, guess, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert "must be empty" in refused(capsys, made / "film", guess, "buoyancy", out)
    shown = refused(capsys, made / "film", guess, "buoyancy", out, "--overwrite")
    assert "earlier result with result.json" in shown
    shown = refused(capsys, made / "film", guess, "buoyancy", made, "--overwrite")
    assert str(made) in shown
    assert os.listdir(out) == ["mine.txt"]
