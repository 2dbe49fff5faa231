"""Greys beside the sample in capture.json."""

import json

import pytest

from diffgfx.errors import InputError
from diffgfx.io import read_capture, write_capture
from diffgfx.scene import GreyBeside

BESIDE = {"places": [[6.5, 0, 0], [0, 6.5, 0.03]], "reflectance": 0.19}


def save(folder, **fields):
    photos = [{"file": f"{k}.png", "camera": [0, 0, 20], "grey": [[0.1, 0.2, 0.3], None]}
              for k in range(2)]  # fmt: skip
    record = {"units": "cm", "sample_size": 10, "transfer": "srgb", "photos": photos,
              "grey_beside": BESIDE} | fields  # fmt: skip
    (folder / "capture.json").write_text(json.dumps(record))
    return record


def test_the_round_trip(tmp_path):
    save(tmp_path)
    capture = read_capture(tmp_path, check_files=False)
    assert capture.grey_beside == GreyBeside(((6.5, 0.0, 0.0), (0.0, 6.5, 0.03)), 0.19)
    assert capture.photos[1].grey == ((0.1, 0.2, 0.3), None)
    assert capture.extra == {}
    write_capture(tmp_path, capture)
    assert read_capture(tmp_path, check_files=False) == capture


def test_a_grey_that_was_only_printed(tmp_path):
    save(tmp_path, grey_beside={**BESIDE, "measured": False})
    capture = read_capture(tmp_path, check_files=False)
    assert capture.grey_beside is not None
    assert not capture.grey_beside.measured
    write_capture(tmp_path, capture)
    assert read_capture(tmp_path, check_files=False) == capture


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"grey_beside": 3}, "grey_beside must be an object with places and reflectance, got 3"),
        ({"grey_beside": {**BESIDE, "places": []}}, "places must be a list of 1 to 64 positions"),
        ({"grey_beside": {**BESIDE, "places": [[1, 2]]}}, "places\\[0\\] must be a list of 3"),
        ({"grey_beside": {**BESIDE, "reflectance": 18}}, "reflectance must be a finite number"),
        ({"grey_beside": {**BESIDE, "measured": "no"}}, "measured must be true or false"),
        ({"grey_beside": None}, "photos\\[0\\].grey must have an entry for each of the 0"),
        ({"grey_beside": {**BESIDE, "places": [[1, 2, 3]]}}, "have an entry for each of the 1"),
        ({"photos": [{"file": "a", "camera": [0, 0, 9]}]}, "grey_beside must be seen in a photo"),
        ({"photos": [{"file": "a", "camera": [0, 0, 9], "grey": [None, None]}]}, "must be seen in"),
        ({"photos": [{"file": "a", "camera": [0, 0, 9], "grey": [[1, 2, 0], None]}]},
         "grey\\[0\\]\\[2\\] must be a finite number from 1e-09"),
        ({"photos": [{"file": "a", "camera": [0, 0, 9], "grey": 1}]}, "grey must be a list of at"),
    ],
)  # fmt: skip
def test_bad_greys_are_one_line(tmp_path, fields, rule):
    save(tmp_path, **fields)
    with pytest.raises(InputError, match=rule) as caught:
        read_capture(tmp_path, check_files=False)
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)
