"""Where things lie on the sheet."""

import itertools

import pytest

from diffgfx.errors import RangeError
from diffgfx.tasks.calibration import PAPERS, lay_out_sheet

CASES = [(paper, window) for paper in PAPERS
         for window in ((100.0, 100.0), (20.0, 20.0), (130.0, 60.0), (40.0, 150.0))]  # fmt: skip


@pytest.mark.parametrize(("paper", "window"), CASES)
def test_nothing_touches_anything(paper, window):
    sheet = lay_out_sheet(paper, window)
    quiet = 2.5                                         # the white module around a tag
    boxes = [(x - 10 - quiet, y - 10 - quiet, x + 10 + quiet, y + 10 + quiet)
             for x, y in (tag.centre for tag in sheet.tags)]  # fmt: skip
    boxes += list(sheet.greys)
    boxes.append((-window[0] / 2, -window[1] / 2, window[0] / 2, window[1] / 2))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for left, bottom, right, top in boxes:
        assert left + sheet.origin[0] >= 8.0
        assert bottom + sheet.origin[1] >= 8.0 + 22.0   # above ruler and words
        assert right + sheet.origin[0] <= sheet.page[0] - 8.0
        assert top + sheet.origin[1] <= sheet.page[1] - 8.0


def test_the_usual_sheet():
    sheet = lay_out_sheet()
    assert (sheet.page, sheet.origin, sheet.window) == ((210, 297), (105, 148.5), (100, 100))
    assert [tag.number for tag in sheet.tags] == list(range(22))
    assert len(sheet.greys) == 4
    assert sheet.reflectance == 0.18
    centre = [(0.5 * (a + c), 0.5 * (b + d)) for a, b, c, d in sheet.greys]
    assert all(min(abs(x), abs(y)) == 0.0 for x, y in centre)   # the middle of each side


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("a3",), "paper must be one of a4, letter, got 'a3'"),
        (("a4", (140.0, 100.0)), "window must have a width from 20 to 136 mm on a4, got 140"),
        (("letter", (100.0, 200.0)), "window must have a height from 20 to 161.4 mm on letter"),
        (("a4", (10.0, 100.0)), "window must have a width from 20 to 136 mm on a4, got 10"),
        (("a4", (100.0, 100.0), 0.0), "grey must be a reflectance from 0.01 to 1, got 0"),
        (("a4", (100.0, 100.0), float("nan")), "grey must be .* from 0.01 to 1, got nan"),
    ],
)
def test_what_does_not_fit(words, rule):
    with pytest.raises(RangeError, match=rule):
        lay_out_sheet(*words)
