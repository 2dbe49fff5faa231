"""Tags in pictures whose corners are known exactly: the PDF's page, moved by a known matrix."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from diffgfx.io import write_sheet_pdf
from diffgfx.tasks.calibration import lay_out_sheet
from diffgfx.tasks.calibration.detect import Detection, detect_tags, why_unusable
from tests.sheet_photos import page_picture

pytest.importorskip("pypdfium2", reason="no PDF reader: pip install pypdfium2")

SHEET = lay_out_sheet()
DOTS = 254.0                    # ten dots a mm
SCALE, TURN = 2.7, 0.13         # pixels a mm, and radians


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    path: Path = tmp_path_factory.mktemp("sheet") / "sheet.pdf"
    write_sheet_pdf(path, SHEET)
    return page_picture(path, DOTS)


def moved(page: np.ndarray, blur: float, white: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of the page, and the matrix from the sheet's frame [mm] to its pixels."""
    c, s = SCALE * np.cos(TURN), SCALE * np.sin(TURN)
    to_picture = np.array([[c, s, 400.3], [s, -c, 420.7]])      # y down
    dx, dy = 210.0 / page.shape[1], 297.0 / page.shape[0]
    to_sheet = np.array([[dx, 0, 0.5 * dx - 105.0], [0, -dy, 148.5 - 0.5 * dy], [0, 0, 1]])
    fine = 4                                                    # so that pixels average their area
    matrix = to_picture @ to_sheet
    matrix = np.array([[fine, 0, 0.5 * (fine - 1)], [0, fine, 0.5 * (fine - 1)]]) @ np.vstack(
        [matrix, [0, 0, 1]]
    )
    light = white * (0.04 + 0.96 * page)
    large = cv2.warpAffine(light, matrix, (800 * fine, 840 * fine), borderValue=0.05)
    picture = cv2.resize(large, (800, 840), interpolation=cv2.INTER_AREA)
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    return np.clip(np.repeat(picture[..., None], 3, axis=2), 0, 1).astype(np.float32), to_picture


@pytest.mark.parametrize(("blur", "white", "off"), [(0.6, 0.7, 0.2), (1.2, 0.7, 0.4)])
def test_corners_are_found_to_a_fraction_of_a_pixel(page, blur, white, off):
    picture, matrix = moved(page, blur, white)
    found = detect_tags(picture, SHEET)
    assert found.numbers == tuple(range(22))
    for number, places in zip(found.numbers, found.places, strict=True):
        assert places.tolist() == [list(corner) for corner in SHEET.tags[number].corners()]
    true = found.places @ matrix[:, :2].T + matrix[:, 2]
    error = found.pixels - true
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.02         # no half pixel
    assert np.sqrt((error**2).sum(axis=2).mean()) < off


def test_tags_of_other_numbers_and_doubles_do_not_count(page):
    picture, _ = moved(page, 0.6, 0.7)
    fewer = dataclasses.replace(SHEET, tags=SHEET.tags[3:])
    assert detect_tags(picture, fewer).numbers == tuple(range(3, 22))
    twice = np.hstack([picture, picture])
    assert detect_tags(twice, SHEET).numbers == ()


def test_nothing_is_found_in_nothing():
    found = detect_tags(np.full((60, 80, 3), 0.5, np.float32), SHEET)
    assert found.numbers == ()
    assert found.pixels.shape == (0, 4, 2)
    assert why_unusable(found, SHEET) == "0 of 22 tags found, at least 4 needed"


def shown(numbers: list[int]) -> Detection:
    places = np.array([SHEET.tags[number].corners() for number in numbers])
    return Detection(tuple(numbers), places, places)


def test_what_is_enough():
    assert why_unusable(shown([0, 4, 17]), SHEET) == "3 of 22 tags found, at least 4 needed"
    assert why_unusable(shown([0, 4, 17, 21]), SHEET) is None
    reason = why_unusable(shown([0, 1, 2, 3, 4]), SHEET)
    assert reason is not None
    assert reason.startswith("its 5 tags lie together, over 10 % of the sheet's area, at least 33")


def test_dropping_tags():
    left = shown([0, 4, 17]).without(np.array([False, True, False]))
    assert left.numbers == (0, 17)
    assert len(left.places) == len(left.pixels) == 2
