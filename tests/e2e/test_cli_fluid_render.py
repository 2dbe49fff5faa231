"""``diffgfx fluid render`` as a person calls it: films and pictures, and one-line faults."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from diffgfx.cli import main
from diffgfx.io import read_image

FED = """
[[inflow]]
centre = [0.5, 0.3]
radius = 0.2
density = 8.0
[[obstacle]]
centre = [0.5, 1.1]
radius = 0.2
"""
SCENE = """
[grid]
cells = [16, 24]
size = [1.0, 1.5]
[time]
dt = 0.05
frames = 4
[fluid]
density_force = [0.0, 2.0]
[sides.y]
high = "no_slip"
high_velocity = [1.0, 0.0]
"""
DEEP = """
[grid]
cells = [8, 12, 8]
size = [1.0, 1.5, 1.0]
[time]
dt = 0.05
frames = 2
[fluid]
density_force = [0.0, 2.0, 0.0]
"""
FED_DEEP = "[[inflow]]\ncentre = [0.5, 0.5, 0.5]\nradius = 0.3\ndensity = 8.0\n"


def simulated(folder: Path, text: str) -> Path:
    scene, run = folder / "scene.toml", folder / "run"
    scene.write_text(text)
    assert main(["fluid", "simulate", str(scene), "-o", str(run), "--preview", "none"]) == 0
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("fed"), SCENE + FED)


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A run that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def film(run: Path, out: Path, *words: str) -> int:
    return main(["fluid", "render", str(run), "-o", str(out), *words])


def test_a_film(made, tmp_path, capsys):
    out = tmp_path / "film.mp4"
    assert film(made, out, "--size", "48", "--fps", "12", "--json") == 0
    shown = capsys.readouterr()
    summary = json.loads(shown.out)
    assert (summary["frames"], summary["width"], summary["height"]) == (5, 32, 48)
    assert summary["fps"] == 12.0
    assert "film 5/5" in shown.err
    read = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(out), "-f", "null", "-"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "32x48" in read.stderr
    assert "12 fps" in read.stderr


def test_pictures_of_smoke_and_obstacle(made, tmp_path):
    out = tmp_path / "film"
    assert film(made, out, "--size", "48") == 0
    names = sorted(os.listdir(out))
    assert names == [f"frame_{k:04d}.png" for k in range(5)]
    first, last = read_image(out / names[0]), read_image(out / names[-1])
    source, corner = (slice(36, 42), slice(13, 19)), (slice(0, 4), slice(0, 4))
    assert first[source].max() < 0.15                      # clear, and the ground is dark
    assert last[source].min() > 0.4
    assert np.ptp(last[corner].mean(axis=2)) < 0.01
    assert first[11:15, 14:18] == pytest.approx(0.47, abs=0.02)   # the disc, in both
    assert last[11:15, 14:18] == pytest.approx(first[11:15, 14:18], abs=0.01)


def test_a_flow_without_smoke_shows_how_it_turns(tmp_path):
    run, out = simulated(tmp_path, SCENE), tmp_path / "film"
    assert film(run, out, "--size", "48") == 0
    still, turning = (read_image(out / f"frame_{k:04d}.png") for k in (0, 4))
    assert still[-4:].min() > 0.9
    assert (turning[:2, 8:24, 2] - turning[:2, 8:24, 0]).min() > 0.3    # clockwise is blue


@pytest.mark.slow
def test_smoke_in_three_dimensions(tmp_path):
    run, out = simulated(tmp_path, DEEP + FED_DEEP), tmp_path / "film"
    assert film(run, out, "--size", "48") == 0
    assert read_image(out / "frame_0002.png").max() > 0.3


def test_an_earlier_film_is_replaced_only_when_asked(made, tmp_path, capsys):
    for out in (tmp_path / "film.mp4", tmp_path / "film"):
        assert film(made, out, "--size", "16") == 0
        capsys.readouterr()
        assert "overwrite" in refused(capsys, made, out, "--size", "16")
        assert film(made, out, "--size", "16", "--overwrite") == 0


def refused(capsys: pytest.CaptureFixture[str], run: Path, out: Path, *words: str) -> str:
    capsys.readouterr()
    beside = sorted(os.listdir(out.parent)) if out.parent.is_dir() else []
    assert film(run, out, *words) == 2
    shown = capsys.readouterr().err
    assert shown.splitlines()[-1].startswith("diffgfx: error: ")
    assert shown.count("\n") == 1
    assert (sorted(os.listdir(out.parent)) if out.parent.is_dir() else []) == beside
    return shown


def test_faults_of_the_run(run, tmp_path, capsys):
    out = tmp_path / "film.mp4"
    frames = run / "frames"
    data = (frames / "000002.npz").read_bytes()
    (frames / "000002.npz").write_bytes(data[:300])
    assert "000002.npz: file must be a whole .npz frame" in refused(capsys, run, out)
    (frames / "000002.npz").unlink()
    assert "without a gap, got 000003.npz and no 000002.npz" in refused(capsys, run, out)
    (frames / "000002.npz").write_bytes(data)
    (run / "scene.toml").write_text(SCENE.replace("16, 24", "32, 48"))
    assert "frame must have [32, 48] cells, got [16, 24]" in refused(capsys, run, out)
    (run / "scene.toml").unlink()
    assert "must hold scene.toml, got none" in refused(capsys, run, out)
    (run / "scene.toml").write_text(SCENE)
    shutil.rmtree(frames)
    assert "must hold frames 000000.npz on, got none" in refused(capsys, run, out)
    shutil.rmtree(run)
    assert "must exist, got none; make it by" in refused(capsys, run, out)


def test_faults_of_the_output(made, tmp_path, capsys):
    out = tmp_path / "film.mp4"
    assert "--size must be from 16 to 4096" in refused(capsys, made, out, "--size", "8")
    assert "--fps must be above 0" in refused(capsys, made, out, "--fps", "0")
    assert "--fps must be above 0" in refused(capsys, made, out, "--fps", "nan")
    assert "must go into a folder that exists" in refused(capsys, made, tmp_path / "no" / "f.mp4")
    assert "must end in .mp4, got .gif" in refused(capsys, made, tmp_path / "film.gif")
    out.mkdir()
    assert "must be a file, got a folder" in refused(capsys, made, out)
    file = tmp_path / "file"
    file.write_text("mine")
    assert "output must be a folder, got a file" in refused(capsys, made, file)
    assert file.read_text() == "mine"


def test_a_flow_in_three_dimensions_must_hold_smoke(tmp_path, capsys):
    run = simulated(tmp_path, DEEP)
    assert "must hold smoke to be seen" in refused(capsys, run, tmp_path / "film.mp4")
