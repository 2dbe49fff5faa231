"""``targets.json``: what is written is read again, and each fault has its line."""

import json
import math
from pathlib import Path

import pytest
import torch

from diffgfx.errors import InputError, OutputError
from diffgfx.io import read_targets_file, write_targets_file
from diffgfx.scene import Camera, DistantLight, HarmonicsLight, PointLight, TargetSet

VIEW = {"file": "a.png", "camera": {"position": [0, 0, 3], "target": [0, 0, 0], "fov_y": 0.7}}
GOOD = {"views": [VIEW], "lights": [{"kind": "camera", "intensity": 9}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "m.glb"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def put(folder: Path, **changes: object) -> Path:
    fields = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    (folder / "targets.json").write_text(json.dumps(fields))
    return folder


def view(**changes: object) -> dict[str, object]:
    fields = {**VIEW, **changes}
    return {key: value for key, value in fields.items() if value is not None}


def eye(**changes: object) -> dict[str, object]:
    camera = {**VIEW["camera"], **changes}
    return view(camera={key: value for key, value in camera.items() if value is not None})


def test_the_least_file(folder):
    found = read_targets_file(put(folder))
    assert found.files == ("a.png",)
    assert found.folder == folder.resolve()
    assert found.camera.up.tolist() == [[0.0, 1.0, 0.0]]
    assert found.camera.fov_y.tolist() == pytest.approx([0.7])
    assert 0.0 < found.camera.near < 0.1
    assert found.camera.far > 100.0
    assert found.background.tolist() == [[0.0, 0.0, 0.0]]
    assert (found.transfer, found.masks, found.model, found.reference) == ("srgb", None, None, None)
    (lamp,) = found.lights
    assert isinstance(lamp, PointLight)
    assert lamp.position.tolist() == [[0.0, 0.0, 3.0]]
    assert lamp.intensity.tolist() == [[9.0, 9.0, 9.0]]


def test_everything_is_written_and_read_again(folder):
    camera = Camera(
        torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0]]), torch.tensor([[0.0, 0.25, 0.0]]),
        torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([0.5]),
    )  # fmt: skip
    lights = (
        PointLight(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[4.0, 5.0, 6.0]])),
        PointLight(camera.position, torch.tensor([[1.0, 2.0, 0.5]])),
        DistantLight(torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[2.0, 2.0, 1.0]])),
        HarmonicsLight(torch.arange(27.0).view(1, 9, 3)),
    )
    given = TargetSet(
        folder, ("a.png", "b.png"), camera, lights, torch.tensor([[0.25, 0.5, 1.0]]), "linear",
        ("b.png", "a.png"), "m.glb", "m.glb",
    )  # fmt: skip
    write_targets_file(folder, given)
    found = read_targets_file(folder / "targets.json")
    for name in ("files", "transfer", "masks", "model", "reference"):
        assert getattr(found, name) == getattr(given, name)
    assert torch.equal(found.background, given.background)
    for name in ("position", "target", "up", "fov_y"):
        wanted = getattr(camera, name)
        assert torch.equal(getattr(found.camera, name), wanted.expand(2, *wanted.shape[1:]))
    assert [type(light) for light in found.lights] == [type(light) for light in lights]
    assert torch.equal(found.lights[0].position, lights[0].position)
    assert torch.equal(found.lights[1].position, camera.position)
    assert torch.equal(found.lights[2].irradiance, lights[2].irradiance)
    assert torch.equal(found.lights[3].coefficients, lights[3].coefficients)


def test_lights_that_change_are_not_written_as_others(folder):
    camera = Camera(
        torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0]]), torch.tensor([[0.0, 0.25, 0.0]]),
        torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([0.5]),
    )  # fmt: skip
    grey = torch.ones(1, 3)
    for light in (
        DistantLight(torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]), grey),
        PointLight(camera.position + 1.0, grey),
        PointLight(camera.position, grey.repeat(2, 1)),
    ):
        given = TargetSet(
            folder, ("a.png", "b.png"), camera, (light,), torch.zeros(1, 3), "linear", None, None,
            None,
        )  # fmt: skip
        with pytest.raises(OutputError, match="lights must be the same in all pictures"):
            write_targets_file(folder, given)


FAULTS = {
    "no views": ({"views": None}, "views must be a list of 1 to 1000 views, got None"),
    "odd key": ({"veiws": []}, "keys must be among .*, got 'veiws'; remove or correct it"),
    "view": ({"views": [3]}, r"views\[0\] must be an object, got 3"),
    "file": ({"views": [view(file=None)]}, r"views\[0\].file must be a file name"),
    "outside": ({"views": [view(file="../a.png")]}, r"views\[0\].file must stay inside the folder"),
    "missing": ({"views": [view(file="z.png")]}, r"views\[0\].file: .*z.png: file must exist"),
    "no camera": ({"views": [view(camera=None)]}, r"views\[0\].camera must be an object, got None"),
    "angle": ({"views": [eye(fov_y=40)]}, "fov_y must be an angle from 0.001 to below pi rad, got"),
    "no angle": ({"views": [eye(fov_y=1e-30)]}, "fov_y must be an angle from 0.001 .*, got 1e-30"),
    "angle as flag": ({"views": [eye(fov_y=True)]}, "fov_y must be an angle .*, got True"),
    "too near": ({"views": [eye(position=[0, 0, 1e-30])]}, "line of sight must be at least 1e-06"),
    "up": ({"views": [eye(up=[0, 1e-30, 0])]}, r"views\[0\].camera: up must be at least 1e-06"),
    "place": ({"views": [eye(position=[0, 0])]}, "position must be 3 numbers .*; give x, y, z"),
    "flag": ({"views": [eye(position=[0, 0, True])]}, "position must be 3 numbers"),
    "far": ({"views": [eye(position=[0, 0, 1e9])]}, "position must be 3 numbers"),
    "nowhere": ({"views": [eye(position=[0, 0, 0])]}, "must be a camera: target must differ"),
    "one of many": (
        {"views": [VIEW, eye(up=[0, 0, 0])]}, r"views\[1\].camera must be a camera: [^,]*up",
    ),
    "mask": ({"views": [view(mask="b.png"), VIEW]}, r"mask must be given for every view or none"),
    "no light": ({"lights": []}, "lights must be a list of 1 to 64 lights, got"),
    "kind": ({"lights": [{"kind": "sun"}]}, r"lights\[0\].kind must be one of point, distant"),
    "kinds": ({"lights": [{"kind": []}]}, r"lights\[0\].kind must be one of .*, got \[\]"),
    "kind of kind": ({"lights": [{"kind": {}}]}, r"lights\[0\].kind must be one of .*, got {}"),
    "power": ({"lights": [{"kind": "camera", "intensity": -1}]}, "intensity must be 3 numbers"),
    "direction": (
        {"lights": [{"kind": "distant", "direction": [0, 0, 0], "irradiance": 1}]},
        r"lights\[0\] must be a light: direction must have a length",
    ),
    "rows": ({"lights": [{"kind": "harmonics"}]}, "coefficients must be 9 rows of RGB"),
    "ground": ({"background": "black"}, "background must be 3 numbers from 0 to 1e"),
    "transfer": ({"transfer": "log"}, "transfer must be one of srgb, gamma2.2, linear"),
    "model": ({"model": "gone.glb"}, "model: .*gone.glb: file must exist"),
    "nan": ({"background": [math.nan, 0, 0]}, "numbers must be finite, got nan"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_line(folder, name):
    changes, words = FAULTS[name]
    with pytest.raises(InputError, match=words) as caught:
        read_targets_file(put(folder, **changes))
    assert "targets.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_link_to_another_place_is_refused(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "c.png"
    other.write_bytes(b"x")
    (folder / "c.png").symlink_to(other)
    with pytest.raises(InputError, match="must stay inside the folder"):
        read_targets_file(put(folder, views=[view(file="c.png")]))
