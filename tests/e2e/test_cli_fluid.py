"""``diffgfx fluid`` as a person calls it: frames, resuming after a kill, one-line faults."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from diffgfx.cli import main
from diffgfx.io import faces_from_mac, read_frame, read_uni

SCENE = """
[grid]
cells = [16, 24]
size = [1.0, 1.5]
[time]
dt = 0.05
frames = 6
[fluid]
density_force = [0.0, 2.0]
vorticity_confinement = 0.1
[sides.y]
high = "outflow"
[[inflow]]
centre = [0.5, 0.2]
radius = 0.15
density = 4.0
"""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.toml"
    path.write_text(SCENE)
    return path


def frames_of(out: Path) -> dict[str, bytes]:
    """Return the arrays of every frame, as bytes: archives themselves hold the time of day."""
    found = {}
    for path in sorted((out / "frames").glob("*.npz")):
        with np.load(path) as archive:
            found[path.name] = b"".join(archive[key].tobytes() for key in sorted(archive))
    return found


def test_frames_and_summary(scene, tmp_path, capsys):
    out = tmp_path / "out"
    code = main(["fluid", "simulate", str(scene), "-o", str(out), "--preview", "none", "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    summary = json.loads(shown.out)
    assert (summary["frames"], summary["made"], summary["step"]) == (6, 6, 6)
    assert summary["time"] == pytest.approx(0.3)
    assert summary["divergence"] < 1e-3
    assert len(frames_of(out)) == 7
    last = read_frame(out / "frames" / "000006.npz", (16, 24), 1 / 16)
    assert float(last.density.max()) > 0.5
    assert float(last.velocity[1].max()) > 0.01
    assert "frame 6/6 step 6 CFL" in shown.err


def test_frames_as_mantaflow_grids(scene, tmp_path):
    out = tmp_path / "out"
    words = ["fluid", "simulate", str(scene), "-o", str(out), "--frames", "2", "--format", "uni"]
    assert main([*words, "--preview", "none"]) == 0
    assert sorted(os.listdir(out / "uni")) == [
        f"{name}_000{k}.uni" for name in ("density", "vel") for k in (1, 2)
    ]
    frame = read_frame(out / "frames" / "000002.npz")
    faces = faces_from_mac(read_uni(out / "uni" / "vel_0002.uni").values)
    assert all(
        np.array_equal(face, u[0].numpy()) for face, u in zip(faces, frame.velocity, strict=True)
    )
    smoke = read_uni(out / "uni" / "density_0002.uni").values
    assert smoke.shape == (1, 25, 17)
    assert np.array_equal(smoke[0, :24, :16], frame.density[0, 0].numpy())


def test_a_run_that_stops_resumes_to_the_bit(scene, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    quiet = ["--preview", "none"]
    assert main(["fluid", "simulate", str(scene), "-o", str(whole), *quiet]) == 0
    for count in ("2", "3", "6"):
        words = ["fluid", "simulate", str(scene), "-o", str(parts), "--frames", count, *quiet]
        assert main([*words, "--resume"]) == 0
    assert frames_of(whole) == frames_of(parts)


@pytest.mark.slow
def test_a_run_that_is_killed_resumes_to_the_bit(tmp_path):
    scene = tmp_path / "scene.toml"
    scene.write_text(SCENE.replace("frames = 6", "frames = 400"))
    words = [sys.executable, "-m", "diffgfx", "fluid", "simulate", str(scene), "--preview", "none"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    subprocess.run([*words, "-o", str(whole)], check=True, stderr=subprocess.DEVNULL)
    draw = random.Random(5)
    killed = 0
    while killed < 20:
        child = subprocess.Popen(
            [*words, "-o", str(parts), "--resume"], stderr=subprocess.DEVNULL
        )
        begun, seen = time.monotonic(), len(list(parts.glob("frames/*.npz")))
        while child.poll() is None and time.monotonic() - begun < 60.0:
            if len(list(parts.glob("frames/*.npz"))) > seen:  # it is at work: kill it soon
                time.sleep(draw.uniform(0.0, 0.05))
                child.send_signal(signal.SIGKILL)
                child.wait()
                killed += 1
                break
        if child.poll() is None:  # too slow to have shown a frame
            child.kill()
            child.wait()
        if child.returncode == 0:
            break
    assert killed >= 10
    subprocess.run(
        [*words, "-o", str(parts), "--resume"], check=True, stderr=subprocess.DEVNULL
    )
    assert frames_of(whole) == frames_of(parts)
    assert sorted(os.listdir(parts / "frames")) == sorted(os.listdir(whole / "frames"))


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["fluid", "simulate", *words]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.startswith("diffgfx: error: ")
    return shown


def test_faults_of_the_input(scene, tmp_path, capsys):
    out = tmp_path / "out"
    words = [str(scene), "-o", str(out), "--preview", "none"]
    assert "--frames must be at least 1" in refused([*words, "--frames", "0"], capsys)
    assert "must exist" in refused(["none.toml", "-o", str(out)], capsys)
    assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert "must be empty" in refused(words, capsys)
    assert "must hold scene.toml" in refused([*words, "--resume"], capsys)
    assert os.listdir(out) == ["mine.txt"]


CHANNEL = """
[grid]
cells = [16, 8]
size = [2.0, 1.0]
[time]
dt = 0.05
frames = 3
[sides.x]
low = "inflow"
low_velocity = [1.0, 0.0]
high = "outflow"
[[obstacle]]
shape = "box"
"""


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("centre = [0.0, 0.5]\nhalf_size = [0.2, 0.6]", "must leave sides.x.low open"),
        ("centre = [1.0, 0.5]\nhalf_size = [0.2, 0.6]", "must let fluid out where it comes in"),
    ],
)
def test_flows_that_cannot_begin(place, rule, scene, tmp_path, capsys):
    scene.write_text(CHANNEL + place)
    out = tmp_path / "out"
    said = refused([str(scene), "-o", str(out), "--preview", "none"], capsys)
    assert rule in said
    assert "scene.toml: " in said
    assert not out.exists()


def test_a_flow_that_blows_up_names_the_file_and_the_key(scene, tmp_path, capsys):
    scene.write_text(
        SCENE.replace("dt = 0.05", "dt = 500.0").replace("[fluid]", '[fluid]\nscheme = "ns"')
        .replace("vorticity_confinement = 0.1", "").replace("frames = 6", "frames = 60")
    )
    said = refused([str(scene), "-o", str(tmp_path / "out"), "--preview", "none"], capsys)
    assert "scene.toml: time.dt must be short enough for the flow, got 500 s: step " in said


def test_a_run_killed_as_it_began_can_be_resumed(scene, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".scene.toml.partial").write_text("half of it")
    words = ["fluid", "simulate", str(scene), "-o", str(out), "--frames", "1"]
    assert main([*words, "--resume", "--preview", "none"]) == 0
    assert sorted(os.listdir(out)) == ["frames", "scene.toml"]


def test_pictures_and_grids_of_a_killed_run_are_made_again(scene, tmp_path, monkeypatch):
    """Killed before a frame stands, with its picture and grids or without them."""
    from diffgfx.tasks.flow import run_folder, simulate

    words = ["fluid", "simulate", str(scene), "--preview", "png", "--format", "uni", "-o"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main([*words, str(whole)]) == 0
    for name in ("write_grids", "write_frame"):
        module = simulate if name == "write_grids" else run_folder
        calls, real = [], getattr(module, name)

        def dies(*arguments, calls=calls, real=real):
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(module, name, dies)
            assert main([*words, str(parts), "--resume"]) == 130
    (parts / "preview" / ".0123456789ab.partial.png").write_text("half")
    assert main([*words, str(parts), "--resume"]) == 0
    assert frames_of(whole) == frames_of(parts)
    for folder in ("uni", "preview"):
        assert sorted(os.listdir(parts / folder)) == sorted(os.listdir(whole / folder))


def test_faults_of_what_is_resumed(scene, tmp_path, capsys):
    out = tmp_path / "out"
    words = [str(scene), "-o", str(out), "--preview", "none", "--frames", "2"]
    assert main(["fluid", "simulate", *words]) == 0
    capsys.readouterr()
    last = out / "frames" / "000002.npz"
    data = last.read_bytes()
    last.write_bytes(data[: len(data) // 2])
    longer = [*words[:-1], "4", "--resume"]
    assert "000002.npz: file must be a whole .npz frame" in refused(longer, capsys)
    last.unlink()
    assert main(["fluid", "simulate", *longer]) == 0
    capsys.readouterr()
    scene.write_text(SCENE.replace("4.0", "5.0"))
    assert "must equal the one given" in refused(longer, capsys)
