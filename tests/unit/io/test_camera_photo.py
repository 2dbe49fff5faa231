"""Photographs as cameras write them: orientation, EXIF, HEIC and RAW."""

import io
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from diffgfx.errors import BackendError, InputError
from diffgfx.io import read_camera_photo, write_exr
from diffgfx.io.camera_photo import turn_points, turn_upright
from tests.dng_files import make_dng
from tests.sheet_photos import exif_of

SIDE = 64


def corners() -> np.ndarray:
    """A picture whose four corners differ, 64 x 96."""
    picture = np.zeros((SIDE, 96, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:] = (200, 30, 30), (30, 200, 30)
    picture[32:, :48], picture[32:, 48:] = (30, 30, 200), (200, 200, 200)
    return picture


def saved(kind: str, orientation: int = 1, **options: Any) -> bytes:
    data = io.BytesIO()
    exif = exif_of(1 / 50, 2.0, 200, 26, orientation)
    Image.fromarray(corners()).save(data, kind, exif=exif, **options)
    return data.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_stay_as_the_sensor_lay_and_can_be_turned_as_pillow_turns(tmp_path, orientation):
    (tmp_path / "a.jpg").write_bytes(saved("JPEG", orientation, quality=95))
    photo = read_camera_photo(tmp_path / "a.jpg")
    assert photo.pixels.shape == (SIDE, 96, 3)
    assert photo.notes.orientation == orientation
    turned = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.jpg")))
    mine = turn_upright(photo.pixels, orientation)
    assert mine.shape == turned.shape
    assert np.abs(mine.astype(int) - turned).max() <= 4
    points = np.array([[5.0, 7.0], [90.0, 3.0], [20.0, 60.0]])
    marked = np.zeros((SIDE, 96, 1))
    for number, (x, y) in enumerate(points.astype(int)):
        marked[y, x] = number + 1
    moved = turn_points(points, orientation, (turned.shape[1], turned.shape[0])).astype(int)
    assert [turn_upright(marked, orientation)[y, x, 0] for x, y in moved] == [1, 2, 3]


def test_what_exif_says(tmp_path):
    (tmp_path / "a.jpg").write_bytes(saved("JPEG"))
    (tmp_path / "a.png").write_bytes(saved("PNG"))
    for name in ("a.jpg", "a.png"):
        photo = read_camera_photo(tmp_path / name)
        assert photo.notes.exposure == pytest.approx(200 / 50 / 4.0)
        assert photo.notes.focal_35 == 26.0
        assert (photo.transfer, photo.white_balance) == ("srgb", None)
    level = read_camera_photo(tmp_path / "a.png").linear()[0, 0, 0]
    assert level == pytest.approx(((200 / 255 + 0.055) / 1.055) ** 2.4, rel=1e-5)


def test_bad_exif_is_none(tmp_path):
    Image.fromarray(corners()).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff")
    notes = read_camera_photo(tmp_path / "a.jpg").notes
    assert (notes.orientation, notes.exposure, notes.focal_35) == (1, None, None)
    zero = exif_of(1 / 50, 2.0, 200, 26, 9)
    zero.get_ifd(0x8769)[0x829D] = 0
    Image.fromarray(corners()).save(tmp_path / "b.jpg", exif=zero)
    notes = read_camera_photo(tmp_path / "b.jpg").notes
    assert (notes.orientation, notes.exposure, notes.focal_35) == (1, None, 26.0)


def test_exr_is_linear_and_never_clipped(tmp_path):
    write_exr(tmp_path / "a.exr", np.full((20, 20, 3), 3.0, np.float32))
    photo = read_camera_photo(tmp_path / "a.exr")
    assert photo.transfer == "linear"
    assert photo.linear().max() == 3.0
    assert not photo.clipped().any()


def test_full_scale_is_clipped(tmp_path):
    picture = corners()
    picture[10, 20] = (255, 10, 10)
    Image.fromarray(picture).save(tmp_path / "a.png")
    assert np.argwhere(read_camera_photo(tmp_path / "a.png").clipped()).tolist() == [[10, 20, 0]]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_turned_back_to_how_the_sensor_lay(tmp_path, orientation):
    pillow_heif = pytest.importorskip("pillow_heif", reason="HEIC needs diffgfx[raw]")
    exif = exif_of(1 / 50, 2.0, 200, 26, orientation)
    file = pillow_heif.from_pillow(Image.fromarray(corners()))
    file.save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())     # as phones write it
    photo = read_camera_photo(tmp_path / "a.heic")
    assert photo.transfer == "srgb"
    upright = turn_upright(photo.pixels, photo.notes.orientation)
    shown = np.asarray(pillow_heif.open_heif(tmp_path / "a.heic"))
    assert np.array_equal(upright, shown)           # as every viewer shows it
    assert photo.notes.orientation == orientation
    assert np.abs(photo.pixels.astype(int) - corners())[8:24, 8:40].max() < 12


@pytest.mark.parametrize("neutral", [(1.0, 1.0, 1.0), (0.5, 1.0, 0.7)])
def test_raw_is_linear_light_of_the_sensor_freed_of_its_tint(tmp_path, neutral):
    pytest.importorskip("rawpy", reason="RAW needs diffgfx[raw]")
    linear = np.empty((SIDE, 96, 3))
    linear[:32], linear[32:] = (0.5, 0.25, 0.1), (0.25, 0.125, 0.05)
    data = make_dng(linear, neutral=neutral, orientation=6, seconds=0.02, stop=2.0, speed=100)
    (tmp_path / "a.dng").write_bytes(data)
    photo = read_camera_photo(tmp_path / "a.dng")
    assert photo.pixels.shape == (SIDE, 96, 3)
    assert photo.pixels.dtype == np.uint16
    assert photo.transfer == "linear"
    assert (photo.notes.orientation, photo.notes.exposure) == (6, pytest.approx(0.5))
    assert photo.linear()[16, 48] == pytest.approx((0.5, 0.25, 0.1), rel=5e-3)
    assert photo.linear()[48, 48] == pytest.approx((0.25, 0.125, 0.05), rel=5e-3)


def test_raw_photos_share_the_first_ones_white_balance_and_brightness(tmp_path):
    pytest.importorskip("rawpy", reason="RAW needs diffgfx[raw]")
    grey = np.full((SIDE, SIDE, 3), 0.3)
    (tmp_path / "a.dng").write_bytes(make_dng(grey, neutral=(0.5, 1.0, 0.7)))
    # the same sensor, another guess of the white, and a picture a quarter as bright
    seen = 0.25 * grey * (0.5, 1.0, 0.7) / (0.8, 1.0, 0.9)
    (tmp_path / "b.dng").write_bytes(make_dng(seen, neutral=(0.8, 1.0, 0.9)))
    first = read_camera_photo(tmp_path / "a.dng")
    second = read_camera_photo(tmp_path / "b.dng", first.white_balance)
    assert first.linear().mean(axis=(0, 1)) == pytest.approx((0.3, 0.3, 0.3), rel=5e-3)
    assert second.linear().mean(axis=(0, 1)) == pytest.approx((0.075, 0.075, 0.075), rel=5e-3)
    alone = read_camera_photo(tmp_path / "b.dng").linear().mean(axis=(0, 1))
    assert abs(alone[0] / alone[1] - 1.0) > 0.1


def test_raw_clips_at_white(tmp_path):
    pytest.importorskip("rawpy", reason="RAW needs diffgfx[raw]")
    (tmp_path / "a.dng").write_bytes(make_dng(np.full((SIDE, SIDE, 3), 1.0)))
    assert read_camera_photo(tmp_path / "a.dng").clipped().mean() > 0.9


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "file must hold data"),
        (b"GIF89a" + bytes(50), "image must be a JPEG, PNG or EXR"),
        (b"\0\0\0\x1cftypheic" + bytes(60), "HEIC must be readable"),
        (b"II*\0\x08\0\0\0" + bytes(60), "camera RAW must be one that LibRaw reads"),
        (make_dng(np.full((SIDE, SIDE, 3), 0.5))[:5000], "camera RAW must be one that LibRaw"),
    ],
)
def test_bad_files_are_one_line(tmp_path, data, rule):
    for package in ("pillow_heif", "rawpy"):
        pytest.importorskip(package, reason="needs diffgfx[raw]")
    (tmp_path / "a.xyz").write_bytes(data)
    with pytest.raises(InputError, match=rule) as caught:
        read_camera_photo(tmp_path / "a.xyz")
    assert str(caught.value).startswith(f"{tmp_path / 'a.xyz'}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("package", "data", "rule"),
    [
        ("pillow_heif", b"\0\0\0\x1cftypheic", "HEIC needs pillow-heif, which is not installed"),
        ("rawpy", b"II*\0\x08\0\0\0", "camera RAW needs rawpy, which is not installed"),
    ],
)
def test_without_the_extra_the_remedy_is_named(tmp_path, monkeypatch, package, data, rule):
    monkeypatch.setitem(sys.modules, package, None)         # what an import finds: nothing
    (tmp_path / "a.xyz").write_bytes(data + bytes(60))
    with pytest.raises(BackendError, match=f"a.xyz: {rule}; pip install 'diffgfx\\[raw\\]'"):
        read_camera_photo(tmp_path / "a.xyz")
