"""capture.json: what it may say, and that nothing it says does worse than one clear line."""

import dataclasses
import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffgfx.errors import InputError, OutputError, RangeError
from diffgfx.io import metres_per_unit, read_capture, write_capture
from diffgfx.scene import Capture, GreyPatch, Photo

POSE = [0.5, -1.0, 20.0]


def good(count: int = 2) -> dict:
    return {
        "units": "cm", "sample_size": [7, 5.5], "transfer": "srgb",
        "photos": [{"file": f"{index}.png", "camera": POSE, "light": POSE}
                   for index in range(count)],
    }


def save(folder: Path, fields: object) -> Path:
    for index in range(3):
        (folder / f"{index}.png").write_bytes(b"x")
    text = fields if isinstance(fields, str) else json.dumps(fields)
    (folder / "capture.json").write_text(text)
    return folder


def refused(folder: Path, rule: str, **options: bool) -> str:
    with pytest.raises(InputError, match=rule) as caught:
        read_capture(folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    assert "; " in message
    return message


def test_the_least_that_is_needed(tmp_path):
    fields = good()
    for photo in fields["photos"]:
        del photo["light"]
    fields["sample_size"] = 7
    capture = read_capture(save(tmp_path, fields))
    assert capture == read_capture(tmp_path / "capture.json")
    assert capture.folder == tmp_path.resolve()
    assert (capture.units, capture.transfer, capture.sample_size) == ("cm", "srgb", (7.0, 7.0))
    assert capture.photos[1] == Photo("1.png", (0.5, -1.0, 20.0), (0.5, -1.0, 20.0))
    assert (capture.light_power, capture.grey_patch, capture.extra) == (None, None, {})


def test_camera_defaults_to_light(tmp_path):
    fields = good()
    for photo in fields["photos"]:
        photo["camera"] = None
    assert read_capture(save(tmp_path, fields)).photos[0].camera == (0.5, -1.0, 20.0)


def test_everything_that_may_be_said_and_the_round_trip(tmp_path):
    fields = good()
    fields |= {
        "light_power": 1500, "light_power_published": 3.0, "notes": {"a": [1, None, "ä"]},
        "grey_patch": {"rect": [0, 0.25, 0.5, 1], "reflectance": 0.18},
    }
    fields["photos"][0] |= {"exposure": 0.5, "mask": "2.png", "iso": 100}
    fields["photos"][1]["light"] = [0, 0, 10]
    capture = read_capture(save(tmp_path, fields))
    assert capture.light_power == (1500.0, 1500.0, 1500.0)
    assert capture.grey_patch == GreyPatch((0.0, 0.25, 0.5, 1.0), 0.18)
    assert (capture.photos[0].exposure, capture.photos[0].mask) == (0.5, "2.png")
    assert (capture.photos[1].camera, capture.photos[1].light) == (tuple(POSE), (0.0, 0.0, 10.0))
    assert capture.extra == {
        "light_power_published": 3.0, "notes": {"a": [1, None, "ä"]},
        "photos": {"0.png": {"iso": 100}},
    }
    write_capture(tmp_path, capture)
    assert json.loads((tmp_path / "capture.json").read_text())["photos"][0]["iso"] == 100
    assert read_capture(tmp_path) == capture


def test_light_power_in_three_channels(tmp_path):
    folder = save(tmp_path, good() | {"light_power": [1, 2, 3]})
    assert read_capture(folder).light_power == (1.0, 2.0, 3.0)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    save(tmp_path, good())
    text = (tmp_path / "capture.json").read_bytes()
    (tmp_path / "capture.json").write_bytes(b"\xef\xbb\xbf" + text)
    assert len(read_capture(tmp_path).photos) == 2


def test_units_in_metres():
    assert [metres_per_unit(unit) for unit in ("mm", "cm", "m", "in")] == [1e-3, 1e-2, 1.0, 0.0254]
    assert metres_per_unit("half widths of the sample") is None
    with pytest.raises(RangeError, match="units must be one of mm, cm, m, in"):
        metres_per_unit("furlong")


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("units", None, "units is required"),
        ("units", "furlong", "units must be one of mm, cm, m, in.*got 'furlong'"),
        ("units", 3, "units must be one of"),
        ("transfer", None, "transfer is required"),
        ("transfer", "rec709", "transfer must be one of srgb, gamma2.2, linear, got 'rec709'"),
        ("sample_size", None, "sample_size is required"),
        ("sample_size", 0, "sample_size must be a finite number from"),
        ("sample_size", [1, -1], r"sample_size\[1\] must be a finite number from"),
        ("sample_size", [1, 1, 1], "sample_size must be a list of 2 numbers"),
        ("sample_size", "7", "sample_size must be a number, got '7'"),
        ("sample_size", True, "sample_size must be a number, got True"),
        ("photos", None, "photos is required"),
        ("photos", [], "at least one photo"),
        ("photos", {"file": "0.png"}, "at least one photo"),
        ("photos", ["0.png"], r"photos\[0\] must be an object with a file"),
        ("light_power", 0, "light_power must be a finite number from"),
        ("light_power", [1, 2], "light_power must be a list of 3 numbers"),
        ("light_power", [1, 2, False], r"light_power\[2\] must be a number, got False"),
        ("light_power", 10**400, "light_power must be a finite number from"),
        ("grey_patch", 1, "grey_patch must be an object"),
        ("grey_patch", {"reflectance": 0.2}, "grey_patch.rect must be a list of 4"),
        ("grey_patch", {"rect": [0, 0, 1, 1.1], "reflectance": 0.2}, r"rect\[3\] must be a finite"),
        ("grey_patch", {"rect": [0, 0.5, 1, 0.5], "reflectance": 0.2}, "rect must span an area"),
        ("grey_patch", {"rect": [0, 0, 1, 1]}, "reflectance must be a number, got None"),
        ("grey_patch", {"rect": [0, 0, 1, 1], "reflectance": 1.5}, "reflectance must be a finite"),
        ("grey_patch", {"rect": [0, 0, 1, 1], "reflectance": 0}, "reflectance must be a finite"),
    ],
)
def test_bad_field(tmp_path, key, value, rule):
    message = refused(save(tmp_path, good() | {key: value}), rule)
    assert str(tmp_path / "capture.json") in message


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("file", None, r"photos\[1\].file must be a file name .*got None"),
        ("file", "", "must be a file name"),
        ("file", 7, "must be a file name .*got 7"),
        ("file", "a\nb.png", "must be a file name"),
        ("file", "a\0.png", "must be a file name"),
        ("file", "\ud800.png", "must be a file name"),
        ("file", "/etc/hosts", "must stay inside the folder"),
        ("file", "../0.png", "must stay inside the folder"),
        ("file", "a/../../0.png", "must stay inside the folder"),
        ("file", "..\\0.png", "must stay inside the folder"),
        ("file", "C:\\0.png", "must stay inside the folder"),
        ("file", "C:0.png", "must stay inside the folder"),
        ("file", "none.png", "none.png: file must exist"),
        ("file", "a" * 256, "must be a file name of 1 to 255 printable characters"),
        ("file", "0.png", r"must be named once, got '0.png' of photos\[0\]"),
        ("file", "./0.png", "must be named once"),
        ("mask", "../0.png", r"photos\[1\].mask must stay inside"),
        ("mask", "none.png", r"file must exist.*correct photos\[1\].mask"),
        ("exposure", 0, "exposure must be a finite number from"),
        ("exposure", -2, "exposure must be a finite number from"),
        ("exposure", "1", "exposure must be a number"),
        ("camera", None, r"camera must be given for every photo or none, got 1 for 2 photos; add"),
        ("light", None, "light must be given for every photo or none"),
        ("camera", [1, 2], "camera must be a list of 3 numbers"),
        ("camera", "1 2 3", "camera must be a list of 3 numbers"),
        ("camera", [1, 2, math.nan], r"camera\[2\] must be a finite number.*got nan"),
        ("light", [math.inf, 2, 3], r"light\[0\] must be a finite number.*got inf"),
        ("light", [1e300, 2, 3], r"light\[0\] must be a finite number"),
        ("camera", [1, 2, True], r"camera\[2\] must be a number, got True"),
        ("camera", [0, 0, -20], r"photos\[1\].camera must lie above .*z = -20"),
        ("camera", [0, 0, 0], "camera must lie above"),
        ("light", [0, 0, 1e-5], "light must lie above"),
    ],
)
def test_bad_photo(tmp_path, key, value, rule):
    fields = good()
    fields["photos"][1][key] = value
    refused(save(tmp_path, fields), rule)


def test_no_pose_at_all(tmp_path):
    fields = good()
    for photo in fields["photos"]:
        del photo["camera"], photo["light"]
    refused(save(tmp_path, fields), "every photo must have a pose.*--calibration solve")
    photos = read_capture(save(tmp_path, fields), posed=False).photos
    assert all(photo.camera is None and photo.light is None for photo in photos)


def test_poses_that_are_not_needed_are_still_checked(tmp_path):
    fields = good()
    fields["photos"][0]["camera"] = None
    fields["photos"][0]["light"] = None
    first, second = read_capture(save(tmp_path, fields), posed=False).photos
    assert first.camera is None
    assert second.camera == tuple(POSE)
    fields["photos"][1]["camera"] = [1, 2]
    with pytest.raises(InputError, match="camera must be a list of 3 numbers"):
        read_capture(save(tmp_path, fields), posed=False)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "0 bytes"),
        ("{", "must be JSON, got .* at line 1"),
        ("[]", "must hold a JSON object, got \\[\\]"),
        ("3", "must hold a JSON object"),
        ('{"units": "cm", "units": "mm"}', "a key must occur once, got 'units' twice"),
        ("[" * 100_000, "nested at most 32 levels|must be JSON"),
        ('{"a": ' + "[" * 500 + "]" * 500 + "}", "nested at most 32 levels"),
        ('{"a": ' + "9" * 5000 + "}", "one too long"),
        ('{"a": "' + "x" * (4 << 20) + '"}', "at most 4194304 bytes"),
    ],
)
def test_bad_text(tmp_path, text, rule):
    refused(save(tmp_path, text), rule)


@pytest.mark.parametrize("literal", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_are_not_json_are_refused_even_where_nobody_reads_them(tmp_path, literal):
    text = json.dumps(good())[:-1] + f', "note": [{{"a": {literal}}}]}}'
    refused(save(tmp_path, text), "numbers must be finite")


def test_not_utf8(tmp_path):
    save(tmp_path, "")
    (tmp_path / "capture.json").write_bytes(b'{"units": "\xff"}')
    refused(tmp_path, "must be UTF-8 text, got byte 0xff at offset 11")


def test_missing_folder_file_and_strange_paths(tmp_path):
    refused(tmp_path / "none", "none: file must exist.*name a folder")
    refused(tmp_path, "capture.json: file must exist")
    refused(Path("a\0b"), "must be readable")
    os.mkfifo(tmp_path / "capture.json")
    refused(tmp_path, "regular file, got a pipe or device")


def test_links(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"x")
    save(inside, good())
    (inside / "1.png").unlink()
    (inside / "1.png").symlink_to(outside / "secret.png")
    refused(inside, "a link to another place; copy the file")
    assert len(read_capture(inside, check_files=False).photos) == 2
    (inside / "1.png").unlink()
    (inside / "1.png").symlink_to(inside / "0.png")
    refused(inside, r"must not be that of photos\[0\].*a link to the same")
    (inside / "1.png").unlink()
    (inside / "1.png").symlink_to(inside / "2.png")
    assert len(read_capture(inside).photos) == 2            # a link that stays inside is fine
    (inside / "1.png").unlink()
    (inside / "1.png").symlink_to(inside / "1.png")
    refused(inside, "a link in a circle|must be readable")
    linked = tmp_path / "linked"
    (inside / "1.png").unlink()
    (inside / "1.png").write_bytes(b"x")
    linked.symlink_to(inside)
    assert read_capture(linked).folder == inside.resolve()


def test_a_pipe_or_folder_for_a_photo_does_not_hang(tmp_path):
    save(tmp_path, good())
    (tmp_path / "1.png").unlink()
    os.mkfifo(tmp_path / "1.png")
    refused(tmp_path, "regular file, got a pipe or device")
    (tmp_path / "1.png").unlink()
    (tmp_path / "1.png").mkdir()
    refused(tmp_path, "regular file, got a folder")
    (tmp_path / "1.png").rmdir()
    (tmp_path / "1.png").write_bytes(b"")
    refused(tmp_path, "got 0 bytes")


def test_write_refusals(tmp_path):
    capture = Capture(tmp_path, "cm", (1.0, math.nan), "srgb", (Photo("a.png"),))
    with pytest.raises(RangeError, match="finite numbers"):
        write_capture(tmp_path, capture)
    capture = dataclasses.replace(capture, sample_size=(1.0, 1.0))
    with pytest.raises(OutputError, match="must be writable"):
        write_capture(tmp_path / "none" / "capture.json", capture)
    assert list(tmp_path.iterdir()) == []


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(["units", "sample_size", "transfer", "light_power", "grey_patch", "other"])
PHOTO_KEYS = st.sampled_from(["file", "camera", "light", "exposure", "mask", "other"])


def read_or_refuse(folder: Path) -> Capture | None:
    try:
        return read_capture(folder)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    return None


@settings(max_examples=150, deadline=None)
@given(
    whole=st.none() | ANY,
    changes=st.dictionaries(KEYS, ANY, max_size=2),
    photo=st.dictionaries(PHOTO_KEYS, ANY | st.just([0, 0, 20]), max_size=2),
)
def test_random_json_is_read_or_refused_in_one_line(tmp_path_factory, whole, changes, photo):
    folder = tmp_path_factory.mktemp("random")
    fields = good() | changes
    fields["photos"][0] |= photo
    save(folder, fields if whole is None else json.dumps(whole))
    capture = read_or_refuse(folder)
    if capture is not None:
        write_capture(folder, capture)
        assert read_capture(folder) == capture


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=40), at=st.integers(0, 300), cut=st.integers(0, 300))
def test_random_bytes_are_read_or_refused(tmp_path_factory, data, at, cut):
    folder = save(tmp_path_factory.mktemp("bytes"), good())
    text = (folder / "capture.json").read_bytes()
    (folder / "capture.json").write_bytes(text[:at] + data + text[at + cut :])
    read_or_refuse(folder)


@pytest.mark.parametrize("name", ["cards_blue", "bath_tile", "synthetic_random",
                                  "mg38/book1", "msraig/leather_x_marble"])
def test_real_captures(data_folder, name, tmp_path):
    folder = data_folder / "capture" / name
    capture = read_capture(folder)
    assert capture.transfer == "gamma2.2"
    assert len(capture.photos) in (9, 20)
    assert all(photo.camera == photo.light for photo in capture.photos)
    assert "light_power_published" in capture.extra
    assert capture.light_power is None
    write_capture(tmp_path, capture)
    again = read_capture(tmp_path, check_files=False)
    assert dataclasses.replace(again, folder=capture.folder) == capture
