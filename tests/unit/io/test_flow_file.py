"""Scene files: what they may say, and that nothing they say does worse than one clear line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffgfx.errors import InputError, OutputError
from diffgfx.io import read_flow, write_flow

SCENES = sorted((Path(__file__).parents[3] / "examples" / "scenes").glob("*.toml"))
LEAST = """
[grid]
cells = [8, 12]
size = [1.0, 1.5]
[time]
dt = 0.1
"""


def save(folder: Path, text: str) -> Path:
    path = folder / "scene.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_flow(save(folder, text))
    message = str(caught.value)
    assert "\n" not in message
    assert "scene.toml" in message
    assert "; " in message
    return message


def test_the_least_that_is_needed(tmp_path):
    setting = read_flow(save(tmp_path, LEAST))
    assert (setting.cells, setting.cell, setting.dt) == ((8, 12), 0.125, 0.1)
    assert setting.sides == ("no_slip",) * 4
    assert setting.scheme == "smoke"
    assert setting.viscosity == 0.0
    assert setting.inflows == setting.obstacles == ()
    assert setting.temperature_sides == (None,) * 4


def test_everything_that_may_be_said(tmp_path):
    setting = read_flow(
        save(
            tmp_path,
            LEAST
            + """
frames = 7
steps_per_frame = 3
max_courant = 1.5
[fluid]
scheme = "ns"
viscosity = 0.01
diffusivity = 0.02
density_force = [0.0, 1.0]
temperature_force = [0, 2]
vorticity_confinement = 0.3
[sides.x]
low = "inflow"
low_velocity = [1.0, 0.0]
low_temperature = 5
high = "outflow"
[sides.y]
low = "periodic"
high = "periodic"
[[inflow]]
shape = "box"
centre = [0.2, 0.3]
half_size = [0.1, 0.1]
density = 2.0
temperature = 3.0
[[obstacle]]
centre = [0.7, 0.7]
radius = 0.1
velocity = [0.0, 0.5]
""",
        )
    )
    assert setting.sides == ("inflow", "outflow", "periodic", "periodic")
    assert setting.side_velocity[0] == (1.0, 0.0)
    assert setting.temperature_sides == (5.0, None, None, None)
    assert setting.temperature_force == (0.0, 2.0)
    assert setting.inflows[0].region.size == (0.1, 0.1)
    assert (setting.inflows[0].density, setting.inflows[0].temperature) == (2.0, 3.0)
    assert setting.obstacles[0].velocity == (0.0, 0.5)
    assert (setting.frames, setting.steps_per_frame, setting.max_courant) == (7, 3, 1.5)


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_the_shipped_scenes_are_right(path):
    assert read_flow(path).frames >= 1


def test_the_shipped_scenes_are_found():
    assert len(SCENES) >= 5


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("dt = 0.1", "dt = 0.0", "time.dt must be a finite number from"),
        ("dt = 0.1", "dt = nan", "time.dt must be a finite number"),
        ("dt = 0.1", "dt = true", "time.dt must be a number"),
        ("dt = 0.1", "", "time.dt is required"),
        ("dt = 0.1", "dt = 0.1\ndtt = 1", "did you mean 'dt'"),
        ("cells = [8, 12]", "cells = [0, 12]", "grid.cells[0] must be"),
        ("cells = [8, 12]", "cells = [8.5, 12]", "whole numbers"),
        ("cells = [8, 12]", "cells = [8]", "grid.cells must be a list of 2 or 3 numbers"),
        ("cells = [8, 12]", "cells = [65536, 65536]", "at most"),
        ("size = [1.0, 1.5]", "size = [1.0, 1.0]", "cells are cubes"),
        ("[time]", "[tim]\n[time]", "did you mean 'time'"),
        ("[time]", "[time", "file must be TOML"),
    ],
)
def test_wrong_files_are_told_what_is_wrong(tmp_path, old, new, rule):
    assert rule in refused(tmp_path, LEAST.replace(old, new))


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ('[fluid]\nscheme = "smok"', "did you mean 'smoke'"),
        ("[fluid]\nviscosty = 1.0", "did you mean 'viscosity'"),
        ("[fluid]\nviscosity = -1.0", "fluid.viscosity must be a finite number from 0"),
        ("[fluid]\ndensity_force = [1.0]", "fluid.density_force must be a list of 2 numbers"),
        ('[sides.x]\nlow = "periodic"', "sides.x must be periodic at both ends"),
        ('[sides.x]\nlow = "wall"', "sides.x.low must be one of no_slip"),
        ('[sides.z]\nlow = "no_slip"', "sides.z must be a known key (x, y)"),
        (
            '[sides.x]\nlow = "inflow"\nlow_velocity = [1.0, 0.0]',
            "sides.x.low must have an outflow elsewhere",
        ),
        (f"[fluid]\nviscosity = {10**400}", "fluid.viscosity must be a finite number from 0"),
        ("[[inflow]]\ncentre = [0.5, 0.5]", "inflow[0].radius is required"),
        ("[inflow]\nradius = 1", "inflow must be an array of tables"),
        (
            "[[inflow]]\ncentre = [0.5, 0.5]\nradius = 0.1\n"
            "[[obstacle]]\ncentre = [0.5, 0.55]\nradius = 0.1",
            "obstacle[0] must leave inflow[0] free",
        ),
        ('[sides.x]\nlow_temperature = "hot"', "sides.x.low_temperature must be a number"),
    ],
)
def test_wrong_parts_are_told_what_is_wrong(tmp_path, more, rule):
    assert rule in refused(tmp_path, LEAST + more)


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "scene.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_flow(path)
    with pytest.raises(InputError, match="must exist"):
        read_flow(tmp_path / "none.toml")
    with pytest.raises(InputError, match="regular file"):
        read_flow(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "scene.toml"
    path.write_bytes((LEAST + text).encode("utf-8", "surrogatepass"))
    fault = ""
    try:
        read_flow(path)
    except InputError as error:
        fault = str(error)
    assert "\n" not in fault


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.name)
def test_what_is_written_is_read_again(path, tmp_path):
    setting = read_flow(path)
    write_flow(tmp_path / "scene.toml", setting)
    assert read_flow(tmp_path / "scene.toml") == setting


def test_everything_is_written(tmp_path):
    setting = read_flow(save(tmp_path, LEAST + """
frames = 7
steps_per_frame = 3
max_courant = 0.5
[fluid]
scheme = "ns"
viscosity = 1e-7
density_force = [0.1, -1.0]
temperature_force = [0, 2]
[sides.x]
low = "inflow"
low_velocity = [1.0, 0.5]
low_temperature = 5
high = "outflow"
[[inflow]]
shape = "box"
centre = [0.2, 0.3]
half_size = [0.1, 0.2]
density = 2.0
temperature = 3.0
[[inflow]]
centre = [0.2, 0.9]
radius = 0.1
[[obstacle]]
centre = [0.7, 0.7]
radius = 0.1
velocity = [0.0, 0.5]
"""))  # fmt: skip
    write_flow(tmp_path / "again.toml", setting)
    assert read_flow(tmp_path / "again.toml") == setting
    with pytest.raises(OutputError, match="must be writable"):
        write_flow(tmp_path / "no" / "scene.toml", setting)
