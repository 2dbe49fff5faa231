"""Numbers sought as factors of what the scene file says."""

import math
from pathlib import Path

import pytest
import torch

from diffgfx.errors import InputError, RangeError
from diffgfx.fluid import build_scene, first_state
from diffgfx.io import read_flow
from diffgfx.scene import FlowSetting
from diffgfx.tasks.control.options import ControlOptions
from diffgfx.tasks.control.unknown import REACH, BuoyancyUnknown, InflowUnknown

SCENE = """
[grid]
cells = [8, 8]
size = [1.0, 1.0]
[time]
dt = 0.1
[fluid]
density_force = [1.0, -2.0]
[[inflow]]
centre = [0.3, 0.3]
radius = 0.1
density = 4.0
[[inflow]]
centre = [0.7, 0.3]
radius = 0.1
density = 0.5
"""
FILE = Path("scene.toml")


@pytest.fixture
def setting(tmp_path: Path) -> FlowSetting:
    return saved(tmp_path, SCENE)


def saved(folder: Path, text: str) -> FlowSetting:
    path = folder / "scene.toml"
    path.write_text(text)
    return read_flow(path)


def test_buoyancy(setting):
    unknown = BuoyancyUnknown(setting, FILE)
    assert unknown.numbers(unknown.start()) == [1.0, -2.0]
    # the slope of the logarithm at z = 0 is half of log(20)
    z = {"z": torch.tensor([0.1], requires_grad=True)}
    scene = build_scene(setting)
    state = first_state(setting)
    same, posed = unknown.posed(z, state, scene)
    assert same is state
    factor = math.exp(0.05 * math.log(REACH))
    assert posed.density_force.tolist()[0] == pytest.approx([factor, -2.0 * factor], rel=1e-3)
    posed.density_force.sum().backward()
    assert float(z["z"].grad) < 0.0
    assert unknown.setting(z, setting).density_force == tuple(unknown.numbers(z))
    unsure = unknown.deviations(unknown.start(), {"z": torch.tensor([0.02])})
    assert unsure == pytest.approx([0.01 * math.log(REACH), 0.02 * math.log(REACH)])


def test_sources(setting):
    unknown = InflowUnknown(setting, FILE)
    assert unknown.numbers(unknown.start()) == [4.0, 0.5]
    z = {"z": torch.tensor([100.0, -100.0])}
    assert unknown.numbers(z) == pytest.approx([4.0 * REACH, 0.5 / REACH])
    _, posed = unknown.posed(z, first_state(setting), build_scene(setting))
    assert [float(source.density) for source in posed.sources] == unknown.numbers(z)
    assert [i.density for i in unknown.setting(z, setting).inflows] == unknown.numbers(z)
    unsure = unknown.deviations(unknown.start(), {"z": torch.tensor([0.02, 0.04])})
    assert unsure == pytest.approx([0.04 * math.log(REACH), 0.01 * math.log(REACH)])
    (level,) = unknown.levels(3)
    assert (level.steps, level.cooldown) == (3, 0)
    assert float(unknown.prior(z)) == 0.0


def test_a_first_guess_is_needed(setting, tmp_path):
    still = saved(tmp_path, SCENE.replace("[1.0, -2.0]", "[0, 0]"))
    with pytest.raises(InputError, match="density_force must have a direction to be recovered"):
        BuoyancyUnknown(still, FILE)
    dry = saved(tmp_path, SCENE.replace("density = 0.5", "density = 0.0"))
    with pytest.raises(InputError, match=r"inflow\[1\].density must feed smoke .* got 0; write"):
        InflowUnknown(dry, FILE)
    none = saved(tmp_path, SCENE.split("[[inflow]]")[0])
    with pytest.raises(InputError, match=r"inflow must feed smoke .* got none"):
        InflowUnknown(none, FILE)


@pytest.mark.parametrize(
    ("choices", "rule"),
    [
        ({"steps": 0}, "--steps must be from 1 to 10000, got 0"),
        ({"seed": -1}, "--seed must be from 0"),
        ({"device": "tpu"}, "--device must be one of cpu, cuda"),
    ],
)
def test_wrong_choices_are_named(choices, rule):
    with pytest.raises(RangeError, match=rule):
        ControlOptions("inflow", **choices)
