"""Exposures of EXIF, and whether the greys bear them out."""

import math

import pytest

from diffgfx.tasks.calibration.exposure import agreed_exposures, grey_exposures

CAMERAS = [(0.0, 0.0, 30.0), (5.0, -4.0, 26.0)]
PLACES = [(6.0, 0.0, 0.0), (0.0, 6.0, 0.03)]


def shown(camera: tuple[float, float, float], exposure: float) -> list[tuple[float, ...]]:
    """A matt grey of 0.18 under a flash of power 900 at the camera."""
    rows = []
    for place in PLACES:
        toward = [c - p for c, p in zip(camera, place, strict=True)]
        far = math.sqrt(sum(x * x for x in toward))
        rows.append((exposure * 0.18 / math.pi * 900 * toward[2] / far**3,) * 3)
    return rows


def test_greys_show_how_each_photo_was_exposed():
    readings = [shown(CAMERAS[0], 1.0), shown(CAMERAS[1], 1.7)]
    found = grey_exposures(CAMERAS, PLACES, readings)
    assert found[1] / found[0] == pytest.approx(1.7)
    readings[0][1] = None
    assert grey_exposures(CAMERAS, PLACES, readings)[0] == pytest.approx(found[0])
    assert grey_exposures(CAMERAS, PLACES, [[None, None], readings[1]])[0] is None


def test_exif_that_agrees_is_stated_with_a_mean_of_one():
    exposures, warning = agreed_exposures([0.2, 0.4, 0.8], [3.1, 5.9, 12.0])
    assert exposures == pytest.approx([0.5, 1.0, 2.0])
    assert warning is None


def test_exif_that_nothing_confirms_is_left_out():
    exposures, warning = agreed_exposures([1.0, 4.0, 16.0], [None, 1.0, 4.0])
    assert exposures == [None] * 3
    assert warning is not None
    assert "patches of 3 photographs, got 2" in warning


def test_exif_that_the_greys_belie_is_left_out():
    exposures, warning = agreed_exposures([0.2, 0.4, 0.8], [1.0, 1.0, 1.0])
    assert exposures == [None] * 3
    assert warning is not None
    assert "got 57 % apart" in warning


def test_exif_of_some_photos_only_is_none():
    assert agreed_exposures([0.2, None], [1.0, 1.0]) == ([None, None], None)
    assert agreed_exposures([None, None], [1.0, 1.0]) == ([None, None], None)
