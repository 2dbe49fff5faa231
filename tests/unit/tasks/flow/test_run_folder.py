"""The folder of a simulation, read: its frames counted, its faults named."""

from pathlib import Path

import pytest

from diffgfx.errors import InputError
from diffgfx.fluid import first_state
from diffgfx.tasks.flow import RunFolder, read_run

SCENE = "[grid]\ncells = [4, 4]\nsize = [1.0, 1.0]\n[time]\ndt = 0.1\n"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = tmp_path / "run"
    (folder / "frames").mkdir(parents=True)
    (folder / "scene.toml").write_text(SCENE)
    found = read_run(folder)
    for number in range(3):
        found.write(number, first_state(found.setting))
    return found


def test_frames_are_counted(run):
    (run.path / "frames" / "notes.txt").write_text("mine")
    assert run.count() == 3
    run.frame(1).unlink()
    with pytest.raises(InputError, match=r"without a gap, got 000002.npz and no 000001.npz"):
        run.count()


def test_no_frames(run):
    for number in range(3):
        run.frame(number).unlink()
    with pytest.raises(InputError, match=r"frames: folder must hold frames 000000.npz on"):
        run.count()


def test_folders_that_are_no_run(run, tmp_path):
    (run.path / "scene.toml").unlink()
    with pytest.raises(InputError, match=r"run: folder of a simulation must hold scene.toml"):
        read_run(run.path)
    with pytest.raises(InputError, match="must exist, got none; make it by diffgfx fluid simulate"):
        read_run(tmp_path / "none")
    with pytest.raises(InputError, match="must exist, got a file"):
        read_run(run.frame(0))
