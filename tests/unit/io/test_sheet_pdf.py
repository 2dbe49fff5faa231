"""The printed page: what a PDF reader draws lies where sheet.json says, to a tenth of a mm."""

from pathlib import Path

import numpy as np
import pytest

from diffgfx.errors import RangeError
from diffgfx.io import write_sheet_pdf
from diffgfx.io.sheet_pdf import tag_modules
from diffgfx.scene import Sheet
from diffgfx.tasks.calibration import lay_out_sheet
from tests.sheet_photos import page_picture

pytest.importorskip("pypdfium2", reason="no PDF reader: pip install pypdfium2")

DOTS = 127.0            # five dots a mm


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    return lay_out_sheet("letter", (90.0, 80.0))


@pytest.fixture(scope="module")
def page(sheet: Sheet, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    path = tmp_path_factory.mktemp("sheet") / "sheet.pdf"
    write_sheet_pdf(path, sheet)
    assert path.stat().st_size < 50_000
    return page_picture(path, DOTS)


def at(sheet: Sheet, page: np.ndarray, x: float, y: float) -> float:
    """The page at a place of the sheet's frame [mm]."""
    column = (x + sheet.origin[0]) * 5.0
    row = (sheet.page[1] - (y + sheet.origin[1])) * 5.0
    return float(page[int(row), int(column)])


def test_the_page_has_its_size(sheet, page):
    assert np.abs(np.array(page.shape) - (279.4 * 5, 215.9 * 5)).max() <= 1.0


def test_tags_lie_where_they_are_said_to(sheet, page):
    for tag in sheet.tags:
        modules = tag_modules(tag.number)
        left, top = tag.corners()[0]
        for row in range(8):
            for column in range(8):
                for dx in (0.2, 2.3):                   # near both edges of the module
                    seen = at(sheet, page, left + 2.5 * column + dx, top - 2.5 * row - dx)
                    assert (seen > 0.5) == modules[row, column]
        for dx in (-0.3, 20.3):                         # white around
            assert at(sheet, page, left + dx, top - 10) == 1.0
            assert at(sheet, page, left + 10, top - dx) == 1.0


def test_greys_are_the_stated_reflectance(sheet, page):
    for left, bottom, right, top in sheet.greys:
        for x, y in ((left + 0.3, bottom + 0.3), (right - 0.3, top - 0.3)):
            stored = at(sheet, page, x, y)
            assert ((stored + 0.055) / 1.055) ** 2.4 == pytest.approx(0.18, rel=0.01)
        assert at(sheet, page, left - 0.3, top) == 1.0


def test_the_ruler_is_as_long_as_it_says(sheet, page):
    ink = page[229 * 5 :] < 0.6                    # the lower part: ruler and words
    rows = ink[:, int((sheet.origin[0] - 50) * 5) : int((sheet.origin[0] + 50) * 5)].mean(axis=1)
    columns = np.flatnonzero(ink[int(rows.argmax())])
    run = columns[(columns >= (sheet.origin[0] - 52) * 5) & (columns <= (sheet.origin[0] + 51) * 5)]
    assert (run.max() - run.min()) / 5.0 == pytest.approx(100.0, abs=0.4)


def test_the_window_is_outlined_and_empty(sheet, page):
    left = int((sheet.origin[0] - 45) * 5)
    top = int((sheet.page[1] - sheet.origin[1] - 40) * 5)
    assert page[top + 5 : top + 395, left + 5 : left + 445].min() == 1.0
    assert page[top - 2 : top + 3, left + 50].min() < 1.0 or page[top - 2 : top + 3].min() < 1.0


def test_the_page_is_the_same_every_time(sheet, tmp_path):
    for name in ("a.pdf", "b.pdf"):
        write_sheet_pdf(tmp_path / name, sheet)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert b"/PrintScaling /None" in Path(tmp_path / "a.pdf").read_bytes()


def test_no_tag_beyond_the_family():
    with pytest.raises(RangeError, match="tag must be from 0 to 586, got 587"):
        tag_modules(587)


@pytest.mark.parametrize(("number", "code"), [(0, 0xD5D628584), (1, 0xD97F18B49), (9, 0x265AD0472)])
def test_modules_are_those_of_apriltag(number, code):
    """AprilTag's published code words of tag36h11, six bits a row; OpenCV has them upside down."""
    bits = np.array([bit == "1" for bit in f"{code:036b}"]).reshape(6, 6)
    drawn = tag_modules(number)
    assert np.array_equal(drawn[1:-1, 1:-1], bits[::-1, ::-1])
    assert not drawn[[0, -1]].any()
    assert not drawn[:, [0, -1]].any()
