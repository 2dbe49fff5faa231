"""Captures without poses, small: found, proven, and indifferent to what nobody may look at."""

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import pytest
import torch

from diffgfx.errors import RangeError
from diffgfx.io import read_capture
from diffgfx.scene import Capture
from diffgfx.tasks.capture import CaptureOptions, CaptureResult, capture_material
from diffgfx.tasks.capture.export import capture_metrics, refined_capture
from tests.captures import KnownCapture, write_known_capture

HELD = (1, 5)
OPTIONS = CaptureOptions(resolution=16, holdout=HELD, calibration="solve")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> KnownCapture:
    """Nine photographs whose capture.json states no pose."""
    made = write_known_capture(tmp_path_factory.mktemp("known"))
    path = made.folder / "capture.json"
    record = json.loads(path.read_text())
    for photo in record["photos"]:
        del photo["camera"]
    path.write_text(json.dumps(record))
    return made


def unposed(folder: Path) -> Capture:
    return read_capture(folder, posed=False)


@pytest.fixture(scope="module")
def result(known: KnownCapture) -> CaptureResult:
    return capture_material(unposed(known.folder), OPTIONS)


def test_poses_are_found_and_the_material_holds(known, result):
    assert result.held_out == HELD
    found = result.light.pairs(result.unknowns)["camera_position"][0]
    true = known.shot.position
    assert ((found - true)[:, :2].norm(dim=1) / true[:, 2]).mean() < 0.05
    assert max(error.rmse for error in result.errors) < 0.04
    assert not any("highlight" in warning for warning in result.warnings)


def test_metrics_say_whose_pose_was_solved_on_it(known, result):
    refined = refined_capture(unposed(known.folder), result, OPTIONS)
    photos = capture_metrics(result, refined, {}, ())["photos"]
    for index, photo in enumerate(photos):
        wanted = "solved on this photo" if index in HELD else "solved"
        assert photo["pose"] == wanted
        assert photo["camera"] == list(refined.photos[index].camera)


def test_given_poses_and_held_out_photographs_have_no_part_in_the_fit(known, result, tmp_path):
    """Poses far off and other pictures in place of the held-out ones: the maps are bit-equal."""
    shutil.copytree(known.folder, tmp_path / "other")
    picture = cv2.imread(str(known.folder / "1.png"))
    assert cv2.imwrite(str(tmp_path / "other" / "1.png"), picture[::-1])
    capture = unposed(tmp_path / "other")
    far = tuple(dataclasses.replace(p, camera=(9.0, -9.0, 90.0), light=(9.0, -9.0, 90.0))
                for p in capture.photos)  # fmt: skip
    other = capture_material(dataclasses.replace(capture, photos=far), OPTIONS)
    assert torch.equal(other.maps.to_tensor(), result.maps.to_tensor())
    fitted = [i for i in range(9) if i not in HELD]
    assert torch.equal(other.unknowns["shift"], result.unknowns["shift"])
    assert torch.equal(other.light.camera[fitted], result.light.camera[fitted])
    assert [a == b for a, b in zip(other.errors, result.errors, strict=True)] == [
        index != 1 for index in range(9)
    ]


def test_what_cannot_be_held_out_is_named_before_any_work(known):
    options = dataclasses.replace(OPTIONS, holdout=(9,))
    with pytest.raises(RangeError, match="holdout must name photographs from 0 to 8, got 9"):
        capture_material(unposed(known.folder), options)
