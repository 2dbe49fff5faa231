"""Photographs on the sample's plane, against a picture known at every point of the plane."""

import numpy as np
import pytest

from diffgfx.io import CameraPhoto
from diffgfx.io._exif import CameraNotes
from diffgfx.tasks.calibration import lay_out_sheet
from diffgfx.tasks.calibration.rectify import (
    choose_texels,
    read_greys,
    rectify,
    sample_box,
    window_inside,
)
from diffgfx.tasks.calibration.solve import Lens, Pose
from tests.sheet_photos import TrueLens, looking

SHEET = lay_out_sheet(window=(60.0, 40.0))
TRUE = TrueLens()
LENS = Lens((TRUE.width, TRUE.height), TRUE.focal, TRUE.centre,
            (TRUE.k1, TRUE.k2, TRUE.p1, TRUE.p2), 1e-4)  # fmt: skip
PLACE = np.array([30.0, -40.0, 280.0])
AXES = looking(PLACE, 1)
POSE = Pose(AXES, -AXES @ PLACE)
DEEP = -12.0                    # the sample lies so much below the printed side


def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Light on the sample's plane at x, y [mm]: smooth, and alike nowhere."""
    third = 0.3 + 0.1 * np.cos((x + y) / 7)
    return np.stack([0.5 + 0.3 * np.sin(x / 9), 0.4 + 0.004 * y, third], -1)


def photo(z: float, scale: float = 1.0) -> CameraPhoto:
    """What the true lens sees of the pattern in the plane at height z."""
    rows, columns = np.mgrid[: TRUE.height, : TRUE.width].astype(np.float64)
    rays = TRUE.rays(columns, rows) @ AXES
    reach = (z - PLACE[2]) / rays[..., 2]
    light = pattern(PLACE[0] + reach * rays[..., 0], PLACE[1] + reach * rays[..., 1])
    stored = np.rint(65535 * np.clip(scale * light, 0, 1)).astype(np.uint16)
    return CameraPhoto(stored, "linear", CameraNotes())


def texels(rows: int, columns: int) -> np.ndarray:
    x = ((np.arange(columns) + 0.5) / columns - 0.5) * 58.0    # a millimetre of rim is cut off
    y = (0.5 - (np.arange(rows) + 0.5) / rows) * 38.0
    return pattern(*np.meshgrid(x, y))


@pytest.mark.parametrize("z", [0.0, DEEP])
def test_each_texel_shows_its_point_of_the_plane(z):
    flat = rectify(photo(z), LENS, POSE, SHEET, z, (64, 96))
    assert flat.shape == (64, 96, 3)
    assert np.abs(flat - texels(64, 96)).max() < 2e-3


def test_the_sheets_height_matters():
    flat = rectify(photo(DEEP), LENS, POSE, SHEET, 0.0, (64, 96))
    assert np.abs(flat - texels(64, 96)).max() > 0.02


def test_clipped_pixels_stay_at_full_scale_and_nothing_overshoots():
    flat = rectify(photo(0.0, scale=1.6), LENS, POSE, SHEET, 0.0, (64, 96))
    true = 1.6 * texels(64, 96)
    assert flat.min() >= 0.0
    assert flat.max() == 1.0
    beyond = true > 1.02
    assert beyond.any()
    assert (flat[beyond] == 1.0).all()
    assert (beyond.any(axis=2) & (true < 0.97).any(axis=2)).any()  # a channel says more than none
    assert np.abs(flat - true)[true < 0.97].max() < 0.01


def test_texels_are_as_fine_as_the_finest_photo():
    rows, columns = choose_texels(LENS, [POSE], SHEET, 0.0)
    fine = TRUE.focal / np.linalg.norm(PLACE)           # pixels a mm, about
    assert columns == pytest.approx(58.0 * fine, rel=0.1)
    assert rows == round(columns * 38.0 / 58.0)
    assert columns % 8 == 0
    near = Pose(AXES, -AXES @ (0.5 * PLACE))
    assert choose_texels(LENS, [POSE, near], SHEET, 0.0)[1] > 1.8 * columns
    sharp = Lens((80000, 60000), 61000.0, (40000.0, 30000.0), (0.0, 0.0, 0.0, 0.0), 1e-4)
    assert max(choose_texels(sharp, [POSE], SHEET, 0.0)) == 4096


@pytest.mark.parametrize("window", [(60.0, 40.0), (20.0, 130.0), (130.0, 60.0), (100.0, 80.0)])
def test_texels_are_square_for_any_window_and_height(window):
    """As `load_photos` asks of what `calibrate` writes: to a part in a hundred."""
    sheet = lay_out_sheet(window=window)
    left, bottom, right, top = sample_box(sheet)
    for height in range(250, 451, 10):
        place = np.array([0.0, 0.0, float(height)])
        axes = looking(place, 1)
        rows, columns = choose_texels(LENS, [Pose(axes, -axes @ place)], sheet, 0.0)
        assert columns / rows == pytest.approx((right - left) / (top - bottom), rel=0.01)


def test_a_window_beyond_the_picture():
    assert window_inside(LENS, POSE, SHEET, 0.0)
    aside = PLACE + np.array([200.0, 0.0, 0.0])
    assert not window_inside(LENS, Pose(AXES, -AXES @ aside), SHEET, 0.0)


def test_greys_are_read_where_they_are_even():
    seen = photo(0.0).linear()
    readings = read_greys(seen, LENS, POSE, SHEET)
    assert len(readings) == 4
    for reading, (left, bottom, right, top) in zip(readings, SHEET.greys, strict=True):
        x, y = 0.5 * (left + right), 0.5 * (bottom + top)
        if reading is not None:
            assert reading == pytest.approx(pattern(np.array(x), np.array(y)), abs=0.03)
    assert sum(reading is not None for reading in readings) >= 1
    assert read_greys(np.full_like(seen, 0.97), LENS, POSE, SHEET) == (None,) * 4
    assert read_greys(np.full_like(seen, 0.001), LENS, POSE, SHEET) == (None,) * 4
    even = read_greys(np.full_like(seen, 0.4), LENS, POSE, SHEET)
    assert np.array(even) == pytest.approx(np.full((4, 3), 0.4))
    striped = np.full_like(seen, 0.2)
    striped[:, ::60] = striped[:, 1::60] = striped[:, 2::60] = 0.9
    striped[:, 20:40] = 0.9
    assert None in read_greys(striped, LENS, POSE, SHEET)
    rng = np.random.default_rng(2)                      # noise is not unevenness
    noisy = np.clip(0.2 + 0.05 * rng.standard_normal(seen.shape), 0, 1).astype(np.float32)
    for reading in read_greys(noisy, LENS, POSE, SHEET):
        assert reading == pytest.approx((0.2,) * 3, abs=0.01)
