"""sheet.json: the round trip, and that nothing it says does worse than one clear line."""

import json
from pathlib import Path
from typing import Any

import pytest

from diffgfx.errors import InputError, OutputError, RangeError
from diffgfx.io import read_sheet, write_sheet
from diffgfx.tasks.calibration import lay_out_sheet


@pytest.fixture
def told(tmp_path: Path) -> Path:
    write_sheet(tmp_path / "sheet.json", lay_out_sheet("letter", (90.0, 70.0), 0.2))
    return tmp_path / "sheet.json"


def edit(path: Path, keys: tuple[Any, ...], value: Any) -> None:
    fields = place = json.loads(path.read_text())
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(fields))


def test_the_round_trip(told):
    assert read_sheet(told) == lay_out_sheet("letter", (90.0, 70.0), 0.2)


def test_what_the_user_measures(told):
    edit(told, ("ruler", "measured"), 97.5)
    edit(told, ("grey", "reflectance"), 0.23)
    assert not read_sheet(told).reflectance_measured
    edit(told, ("grey", "measured"), True)
    sheet = read_sheet(told)
    assert sheet.reflectance_measured
    write_sheet(told, sheet)
    assert read_sheet(told) == sheet
    assert (sheet.ruler, sheet.ruler_measured, sheet.reflectance) == (100.0, 97.5, 0.23)
    assert sheet.as_printed().window[0] == pytest.approx(87.75)


@pytest.mark.parametrize(
    ("keys", "value", "rule"),
    [
        (("units",), "cm", "units must be mm, got 'cm'"),
        (("family",), "tag25h9", "family must be tag36h11"),
        (("paper",), "a4", "keys must be among .* got 'paper'"),
        (("page",), [210], "page must be a list of 2 numbers"),
        (("window",), [0, 10], "window\\[0\\] must be a finite number from 0.1"),
        (("tags",), [], "tags must be a list of 4 to 587 tags"),
        (("tags", 1), 7, "tags\\[1\\] must be an object, got 7"),
        (("tags", 1, "id"), 0, "tags\\[1\\].id must be a whole number from 0 to 586, each once"),
        (("tags", 1, "id"), 587, "tags\\[1\\].id must be a whole number"),
        (("tags", 1, "id"), True, "tags\\[1\\].id must be a whole number"),
        (("tags", 1, "centre"), [1, float("nan")], "tags\\[1\\].centre\\[1\\] must be a finite"),
        (("tags", 1, "side"), -1, "tags\\[1\\].side must be a finite number"),
        (("grey",), None, "grey must be an object, got None"),
        (("grey", "reflectance"), 18, "grey.reflectance must be a finite number from 0.01 to 1"),
        (("grey", "patches"), {}, "grey.patches must be a list of at most 64 boxes"),
        (("grey", "patches", 0), [1, 2, 0, 3], "grey.patches\\[0\\] must span an area"),
        (("ruler", "measured"), 25.4, "ruler.measured must be a finite number from 80 to 120"),
        (("ruler", "measured"), "98", "ruler.measured must be a number"),
        (("grey", "measured"), 1, "grey.measured must be true or false, got 1; give true where"),
        (("ruler",), 100, "ruler must be an object"),
    ],
)
def test_bad_files_are_one_line(told, keys, value, rule):
    edit(told, keys, value)
    with pytest.raises(InputError, match=rule) as caught:
        read_sheet(told)
    message = str(caught.value)
    assert message.startswith(f"{told}: ")
    assert "; " in message
    assert "\n" not in message
    assert len(message) < 500


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"sheet.json: file must exist.*diffgfx sheet wrote"):
        read_sheet(tmp_path / "sheet.json")


def test_bad_writes(tmp_path):
    with pytest.raises(OutputError):
        write_sheet(tmp_path / "absent" / "sheet.json", lay_out_sheet())
    bad = lay_out_sheet()
    object.__setattr__(bad, "ruler", float("inf"))
    with pytest.raises(RangeError, match="sheet must hold finite numbers"):
        write_sheet(tmp_path / "sheet.json", bad)
    assert list(tmp_path.iterdir()) == []
