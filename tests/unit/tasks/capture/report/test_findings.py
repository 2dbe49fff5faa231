"""What a reader is warned of, and what to do about it."""

import dataclasses

import pytest
import torch

from diffgfx.scene import Photo
from diffgfx.tasks.capture.report.findings import findings
from diffgfx.tasks.capture.report.photos import photo_cards
from tests.reports import finished_capture

GOOD = {"held_out": 0.02, "fitted": 0.015, "warnings": []}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return finished_capture(tmp_path_factory.mktemp("tiles"), resolution=(16, 16))


def found(case, covered=0.9, saturated=None, **metrics):
    capture, result = case
    photos = result.photos
    if saturated is not None:
        photos = dataclasses.replace(photos, saturated=saturated)
    cards = photo_cards(capture, result)
    return findings(capture, photos, {**GOOD, **metrics}, cards, covered)


def test_nothing_to_say_of_a_good_capture(case):
    assert found(case) == []


def test_a_warning_is_parted_from_its_remedy(case):
    text = "the scale was not measured: 0.5 to 2 fit as well; all of it; give light_power"
    (finding,) = found(case, warnings=[text])
    assert finding.what == "The scale was not measured: 0.5 to 2 fit as well; all of it."
    assert finding.remedy == "Give light_power."


@pytest.mark.parametrize(("text", "remedy"), [
    ("units 'ell' have no length in metres: material.glb takes 1 m for each", "units"),
    ("resolution 512 is beyond the photos' own 64: using 64", "--resolution"),
    ("a.exr: EXR files mostly hold linear light, but transfer is srgb and is applied", "linear"),
    ("something new", "docs/capture.md"),
])  # fmt: skip
def test_every_warning_has_a_remedy(case, text, remedy):
    (finding,) = found(case, warnings=[text])
    assert remedy in finding.remedy


def test_an_unproven_or_ill_proven_material(case):
    (nothing,) = found(case, held_out=None)
    assert "nothing proves" in nothing.what
    (ill,) = found(case, held_out=0.05)
    assert "3.3 times the fitted" in ill.what


def test_little_coverage(case):
    (little,) = found(case, covered=0.3)
    assert little.what.startswith("Only 30.0 % of the sample")


def test_clipped_photographs(case):
    saturated = torch.zeros(4, 1, 16, 16)
    saturated[1, :, :8] = 1.0
    (one,) = found(case, saturated=saturated)
    assert one.what == "1.jpg is clipped to white in 50.0 % of its area."
    saturated[3, :, :4] = 1.0
    (two,) = found(case, saturated=saturated)
    assert two.what.endswith("in 50.0 % of its area; so are 1 more.")


def test_a_stated_exposure_that_is_off(case):
    capture, result = case
    photos = tuple(Photo(p.file, p.camera, p.light, 1.0 if k == 0 else None)
                   for k, p in enumerate(capture.photos))  # fmt: skip
    (wrong,) = found((dataclasses.replace(capture, photos=photos), result))
    assert wrong.what.startswith("0.jpg: the stated exposure is off by a factor of 1.1")
