"""A capture from end to end, small: what is recovered, what decides it, and what must not."""

import dataclasses
import shutil
import statistics
from pathlib import Path

import cv2
import pytest
import torch

from diffgfx.errors import BackendError, InputError, RangeError
from diffgfx.io import read_capture
from diffgfx.tasks.capture import CaptureOptions, CaptureResult, capture_material, fit
from tests.captures import KnownCapture, known_maps, rmse, write_known_capture

SMALL = CaptureOptions(resolution=32)       # two levels
LEAST = CaptureOptions(resolution=16)       # one


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> KnownCapture:
    return write_known_capture(tmp_path_factory.mktemp("known"), exposures=True)


@pytest.fixture(scope="module")
def result(known: KnownCapture) -> CaptureResult:
    return capture_material(read_capture(known.folder), SMALL)


def capture_folder(folder: Path, options: CaptureOptions = SMALL) -> CaptureResult:
    return capture_material(read_capture(folder), options)


def fitted_rmse(result: CaptureResult) -> float:
    return statistics.mean(
        e.rmse for i, e in enumerate(result.errors) if i not in result.held_out
    )


def held_out_rmse(result: CaptureResult) -> float:
    return statistics.mean(result.errors[i].rmse for i in result.held_out)


def same_maps(first: CaptureResult, second: CaptureResult) -> bool:
    return torch.equal(first.maps.to_tensor(), second.maps.to_tensor())


def test_a_known_material_is_recovered(known, result):
    assert len(result.held_out) == 2
    assert fitted_rmse(result) < 0.015
    assert held_out_rmse(result) < 0.03
    assert rmse(result.maps.diffuse, known.maps.diffuse) < 0.05
    assert rmse(result.maps.specular, known.maps.specular) < 0.03
    assert rmse(result.maps.roughness, known.maps.roughness) < 0.08
    assert rmse(result.maps.normal, known.maps.normal) < 0.05
    assert result.warnings == ()
    assert result.light.power_known


def test_what_a_result_holds(known, result):
    maps = result.maps
    assert maps.resolution == (32, 32)
    assert maps.size == (10.0, 10.0)
    assert torch.allclose(maps.normal.norm(dim=1), torch.ones(1, 32, 32), atol=1e-5)
    assert maps.diffuse.min() > 0.0
    assert maps.diffuse.max() < 1.0
    assert result.renders.shape == result.photos.images.shape == (9, 3, 32, 32)
    assert len(result.errors) == 9
    assert set(result.seconds) == {"load", "fit", "uncertainty"}
    assert result.steps > 20
    for error in result.errors:
        assert error.rmse <= error.rmse_raw
        assert 0.0 < error.ssim <= 1.0


def test_stages_are_told(known):
    told: list[tuple[str, int, int, float | None]] = []
    options = dataclasses.replace(LEAST, final="all")
    capture_material(read_capture(known.folder), options, progress=lambda *x: told.append(x))
    stages = ["load", "fit", "refit on all", "uncertainty"]
    assert list(dict.fromkeys(stage for stage, *_ in told)) == stages
    for stage in stages:
        done = [entry[1] for entry in told if entry[0] == stage]
        assert done == sorted(done)
        assert done[-1] == next(entry[2] for entry in told if entry[0] == stage)
    assert all((entry[3] is None) == (entry[0] in ("load", "uncertainty")) for entry in told)


def test_held_out_photographs_never_change_the_solution(known, result, tmp_path):
    """The law of the proof: maps and light are bit-equal whatever the held-out files show."""
    shutil.copytree(known.folder, tmp_path / "other")
    for turn, index in enumerate(result.held_out):
        picture = cv2.imread(str(known.folder / f"{index}.png"))
        other = 255 - picture[::-1] if turn else picture // 2
        assert cv2.imwrite(str(tmp_path / "other" / f"{index}.png"), other)
    other_result = capture_folder(tmp_path / "other")
    assert other_result.held_out == result.held_out
    assert same_maps(other_result, result)
    for name, value in result.unknowns.items():
        assert torch.equal(other_result.unknowns[name], value), name
    for index, (first, second) in enumerate(zip(result.errors, other_result.errors, strict=True)):
        assert (first == second) == (index not in result.held_out)


def test_where_held_out_photographs_were_taken_from_changes_nothing_but_their_own_errors(known):
    capture = read_capture(known.folder)
    options = dataclasses.replace(LEAST, holdout=(1, 2))
    photos = list(capture.photos)
    for index in (1, 2):
        x, y, z = photos[index].camera
        twice = (x, y, 2 * z)
        photos[index] = dataclasses.replace(photos[index], camera=twice, light=twice)
    moved = dataclasses.replace(capture, photos=tuple(photos))
    first, second = (capture_material(c, options) for c in (capture, moved))
    assert same_maps(first, second)
    for index, errors in enumerate(zip(first.errors, second.errors, strict=True)):
        assert (errors[0] == errors[1]) == (index not in (1, 2))


def test_a_fitted_photograph_does_change_the_solution(known, result, tmp_path):
    shutil.copytree(known.folder, tmp_path / "other")
    index = next(i for i in range(9) if i not in result.held_out)
    picture = cv2.imread(str(known.folder / f"{index}.png"))
    cv2.imwrite(str(tmp_path / "other" / f"{index}.png"), picture[::-1])
    assert not same_maps(capture_folder(tmp_path / "other"), result)


def test_reruns_are_bit_equal_and_the_seed_matters(known, result):
    again = capture_folder(known.folder)
    assert same_maps(again, result)
    assert again.errors == result.errors
    other = capture_folder(known.folder, dataclasses.replace(SMALL, seed=1))
    assert not same_maps(other, result)
    assert fitted_rmse(other) == pytest.approx(fitted_rmse(result), abs=0.005)


def test_chosen_and_no_photographs_held_out(known):
    named = capture_folder(known.folder, CaptureOptions(resolution=16, holdout=(3, 0)))
    assert named.held_out == (0, 3)
    none = capture_folder(known.folder, CaptureOptions(resolution=16, holdout="none"))
    assert none.held_out == ()


@pytest.mark.slow
def test_the_final_fit_on_all_keeps_the_proof(known):
    proof, final, everything = (
        capture_folder(known.folder, dataclasses.replace(LEAST, **changes))
        for changes in ({}, {"final": "all"}, {"holdout": "none"})
    )
    assert final.errors == proof.errors
    assert final.held_out == proof.held_out
    assert torch.equal(final.renders, proof.renders)
    assert final.steps > proof.steps
    assert not same_maps(final, proof)
    assert same_maps(final, everything)


@pytest.mark.slow
def test_each_prior_fits_in_its_own_way(known, result, monkeypatch):
    monkeypatch.setitem(fit._STEPS, "dip", (150, 50))
    none = capture_folder(known.folder, dataclasses.replace(SMALL, prior="none"))
    network = capture_folder(known.folder, dataclasses.replace(SMALL, prior="dip"))
    assert fitted_rmse(none) < 0.015
    assert fitted_rmse(network) < 0.12              # of 1100 steps it took 200
    assert not same_maps(none, result)


def test_refining_the_poses_follows_a_camera_that_was_misplaced(known, tmp_path):
    capture = read_capture(known.folder)
    photos = list(capture.photos)
    x, y, z = photos[0].camera
    photos[0] = dataclasses.replace(photos[0], camera=(x + 0.6, y, z), light=(x + 0.6, y, z))
    moved = dataclasses.replace(capture, photos=tuple(photos))
    keep, refine = (
        capture_material(moved, dataclasses.replace(LEAST, calibration=c, holdout=(1, 2)))
        for c in ("keep", "refine")
    )
    assert torch.equal(keep.unknowns["shift"], torch.zeros(9, 3))
    shift = refine.unknowns["shift"]
    assert shift[0, 0] < 0.0                        # back toward where it was
    assert shift[[1, 2]].abs().max() == 0.0         # held out: as given
    assert refine.errors[0].rmse < keep.errors[0].rmse


@pytest.mark.parametrize(
    "transfer", ["gamma2.2", pytest.param("linear", marks=pytest.mark.slow)]
)
def test_transfers(transfer, tmp_path, known, result):
    made = write_known_capture(tmp_path, transfer=transfer, exposures=True)
    found = capture_folder(made.folder)
    assert fitted_rmse(found) < 0.015
    assert rmse(found.maps.diffuse, result.maps.diffuse) < 0.02


def test_a_sample_that_is_not_square(tmp_path):
    made = write_known_capture(tmp_path, known_maps(rows=20), exposures=True)
    found = capture_folder(made.folder)
    assert found.maps.resolution == (20, 32)
    assert found.maps.size == (10.0, 6.25)
    assert fitted_rmse(found) < 0.015
    assert rmse(found.maps.diffuse, made.maps.diffuse) < 0.05
    odd = capture_folder(made.folder, CaptureOptions(resolution=27))
    assert odd.maps.resolution == (17, 27)


def test_without_a_known_light_the_scale_is_believed_and_said(tmp_path, known):
    made = write_known_capture(tmp_path, power=False)
    found = capture_folder(made.folder)
    assert len(found.warnings) == 1
    assert "albedo scale was not measured" in found.warnings[0]
    ratio = found.maps.diffuse / made.maps.diffuse
    one_scale = made.maps.diffuse * ratio.median()
    assert rmse(found.maps.diffuse, one_scale) < 0.05
    assert fitted_rmse(found) < 0.02


def test_a_published_light_power_is_never_used(tmp_path):
    folders = []
    for index, power in enumerate((3.0, 1500.0)):
        folders.append(tmp_path / str(index))
        folders[-1].mkdir()
        write_known_capture(folders[-1], power=False, light_power_published=power)
    options = CaptureOptions(resolution=16)
    assert same_maps(*(capture_folder(folder, options) for folder in folders))


def test_a_grey_patch_sets_the_scale(tmp_path):
    patch = {"rect": [0.0, 0.0, 0.25, 0.25], "reflectance": 0.2}
    found = capture_folder(write_known_capture(tmp_path, power=False, grey_patch=patch).folder)
    assert found.warnings == ()
    inside = found.maps.diffuse[0, :, :8, :8].flatten(1).median(dim=1).values
    assert torch.allclose(inside, torch.full((3,), 0.2), atol=2e-3)
    assert fitted_rmse(found) < 0.03


def test_unknown_exposures_are_found(tmp_path):
    made = write_known_capture(tmp_path)
    found = capture_folder(made.folder, CaptureOptions(resolution=32, holdout="none"))
    true = made.shot.exposure / made.shot.exposure.log().mean().exp()
    assert torch.allclose(found.light.exposures(found.unknowns), true, rtol=0.03)


def test_what_cannot_be_captured_is_named(known):
    capture = read_capture(known.folder)
    blind = tuple(dataclasses.replace(p, camera=None) for p in capture.photos)
    with pytest.raises(InputError, match=r"0.png: photos\[0\] must have a camera position"):
        capture_material(dataclasses.replace(capture, photos=blind), SMALL)
    with pytest.raises(RangeError, match="holdout must name photographs from 0 to 8, got 9"):
        capture_material(capture, CaptureOptions(resolution=16, holdout=(9,)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_named(known):
    with pytest.raises(BackendError, match="device cuda is not there"):
        capture_folder(known.folder, CaptureOptions(resolution=16, device="cuda"))
