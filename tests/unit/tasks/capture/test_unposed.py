"""Captures without poses, small: found, proven, and indifferent to what nobody may look at."""

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import pytest
import torch

from diffgfx.errors import RangeError
from diffgfx.io import load_photos, read_capture, write_capture
from diffgfx.scene import Capture
from diffgfx.tasks.capture import CaptureOptions, CaptureResult, capture_material
from diffgfx.tasks.capture.export import capture_metrics, refined_capture
from diffgfx.tasks.capture.unposed import place_cameras
from tests.captures import KnownCapture, known_maps, write_known_capture

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
    assert (found[:, 2] / true[:, 2] - 1).abs().max() < 0.25
    assert max(error.rmse for error in result.errors) < 0.04
    assert [warning.partition(",")[0] for warning in result.warnings] == [
        "the albedo scale rests on light_power and on solved heights"
    ]


def test_metrics_say_whose_pose_was_solved_on_it(known, result):
    refined = refined_capture(unposed(known.folder), result, OPTIONS)
    photos = capture_metrics(result, refined, {}, ())["photos"]
    for index, photo in enumerate(photos):
        wanted = "solved on this photo" if index in HELD else "solved"
        assert photo["pose"] == wanted
        found = result.light.pairs(result.unknowns)["camera_position"][0, index]
        assert photo["camera"] == found.tolist()
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


def test_highlights_choose_what_is_held_out_and_a_refit_keeps_the_proof(known, tmp_path):
    told: list[tuple[str, int, int]] = []
    options = dataclasses.replace(OPTIONS, holdout="auto", final="all")
    capture = unposed(known.folder)
    result = capture_material(capture, options, progress=lambda *x: told.append(x[:3]))
    assert list(dict.fromkeys(stage for stage, *_ in told)) == [
        "load", "choose", "highlights", "poses", "fit", "locate", "refit on all", "uncertainty",
    ]  # fmt: skip
    last = {stage: (done, of) for stage, done, of in told}
    assert all(done == of for done, of in last.values())
    true = known.shot.position
    assert len(result.held_out) == 2
    assert ((result.cameras - true)[:, :2].norm(dim=1) / true[:, 2]).mean() < 0.05
    refitted = result.light.pairs(result.unknowns)["camera_position"][0]
    assert not torch.equal(refitted[list(result.held_out)], result.cameras[list(result.held_out)])
    shutil.copytree(known.folder, tmp_path / "again")
    write_capture(tmp_path / "again", refined_capture(capture, result, options))
    kept = CaptureOptions(resolution=16, holdout="none")
    again = capture_material(read_capture(tmp_path / "again"), kept)
    assert max(error.rmse for error in again.errors) < 0.04


@pytest.mark.parametrize("count", [1, 2])
def test_few_photographs_are_placed_too(known, count):
    capture = unposed(known.folder)
    few = dataclasses.replace(capture, photos=capture.photos[:count])
    result = capture_material(few, dataclasses.replace(OPTIONS, holdout="none"))
    assert result.cameras.shape == (count, 3)
    assert result.cameras.isfinite().all()
    assert result.cameras[:, 2].min() > 0.0


def test_a_sample_without_gloss_is_warned_of(tmp_path):
    maps = known_maps()
    dull = dataclasses.replace(
        maps, specular=0.0 * maps.specular, roughness=torch.ones_like(maps.roughness)
    )
    write_known_capture(tmp_path, dull)
    capture = read_capture(tmp_path)
    photos, device = load_photos(capture, 16), torch.device("cpu")
    _, said = place_cameras(
        capture, OPTIONS, photos, (0, 2, 3, 4, 6, 7, 8), device=device, tell=lambda *x: None
    )
    assert len(said) == 1
    assert said[0].startswith("no highlight was found in 0.png, 2.png")
    assert "leave the photograph out" in said[0]


def test_what_cannot_be_held_out_is_named_before_any_work(known):
    options = dataclasses.replace(OPTIONS, holdout=(9,))
    with pytest.raises(RangeError, match="holdout must name photographs from 0 to 8, got 9"):
        capture_material(unposed(known.folder), options)
