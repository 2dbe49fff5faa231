"""EXR: lossless round trips, channel names, and every truncation refused without a word."""

import numpy as np
import OpenEXR
import pytest

from diffgfx.errors import InputError, OutputError, RangeError, ShapeError
from diffgfx.io import read_exr, read_image, write_exr

RNG = np.random.default_rng(2)


def write_channels(path, channels):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))


def test_float_round_trip_is_exact_and_named_rgb(tmp_path):
    values = (RNG.standard_normal((17, 5, 3)) * 1e4).astype(np.float32)
    write_exr(tmp_path / "a.exr", values)
    np.testing.assert_array_equal(read_exr(tmp_path / "a.exr"), values)
    np.testing.assert_array_equal(read_image(tmp_path / "a.exr"), values)
    stored = OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True).channels()
    assert set(stored) == {"R", "G", "B"}
    np.testing.assert_array_equal(stored["R"].pixels, values[..., 0])


def test_half_and_grey(tmp_path):
    values = RNG.random((6, 7, 1))
    write_exr(tmp_path / "a.exr", values, half=True)
    stored = OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True).channels()
    assert set(stored) == {"Y"}
    assert stored["Y"].pixels.dtype == np.float16
    np.testing.assert_array_equal(
        read_exr(tmp_path / "a.exr"), np.repeat(values.astype(np.float16), 3, axis=2)
    )


def test_alpha_and_other_channels_are_not_used(tmp_path):
    planes = {key: RNG.random((4, 4), dtype=np.float32) for key in ("R", "G", "B", "A", "Z")}
    write_channels(tmp_path / "a.exr", dict(planes))
    np.testing.assert_array_equal(
        read_exr(tmp_path / "a.exr"), np.stack([planes[key] for key in "RGB"], axis=-1)
    )


def test_channels_must_be_rgb_or_y(tmp_path):
    write_channels(tmp_path / "a.exr", {"Z": np.zeros((4, 4), np.float32)})
    with pytest.raises(InputError, match="R, G and B, or Y, got Z"):
        read_exr(tmp_path / "a.exr")
    write_channels(tmp_path / "b.exr", {"Y": np.zeros((4, 4), np.uint32)})
    with pytest.raises(InputError, match="R, G and B, or Y, got none"):
        read_exr(tmp_path / "b.exr")


def test_every_truncation_is_refused_without_a_word(tmp_path, capfd):
    write_exr(tmp_path / "a.exr", RNG.random((40, 8, 3)))
    data = (tmp_path / "a.exr").read_bytes()
    for length in [*range(1, len(data), 101), len(data) - 1]:
        (tmp_path / "cut.exr").write_bytes(data[:length])
        with pytest.raises(InputError, match=r"cut\.exr") as caught:
            read_exr(tmp_path / "cut.exr")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_damaged_pixels_are_refused(tmp_path, capfd):
    ramp = np.linspace(0.0, 1.0, 40 * 32 * 3).reshape(40, 32, 3)
    write_exr(tmp_path / "a.exr", ramp)
    data = bytearray((tmp_path / "a.exr").read_bytes())
    assert len(data) < ramp.size * 4  # compressed, so that damage can be seen
    data[-400:-300] = bytes(100)
    (tmp_path / "a.exr").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_exr(tmp_path / "a.exr")
    assert capfd.readouterr() == ("", "")


def test_refusals(tmp_path):
    with pytest.raises(ShapeError, match=r"got \(4, 4\)"):
        write_exr(tmp_path / "a.exr", np.zeros((4, 4)))
    with pytest.raises(RangeError, match="65504 for half, got 70000"):
        write_exr(tmp_path / "a.exr", np.full((2, 2, 3), 7e4), half=True)
    with pytest.raises(OutputError, match=r"a\.exr: file must be writable"):
        write_exr(tmp_path / "none" / "a.exr", np.zeros((2, 2, 3)))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match="truncated"):
        read_exr(tmp_path / "a.png")


def test_an_older_file_survives_a_failed_write(tmp_path, monkeypatch):
    write_exr(tmp_path / "a.exr", np.ones((2, 2, 3)))

    class Full:
        def __init__(self, *_):
            pass

        def write(self, name):
            with open(name, "wb") as stream:
                stream.write(b"part")
            raise RuntimeError("Failed to write pixel data.\nNo space left on device.")

    monkeypatch.setattr(OpenEXR, "File", Full)
    with pytest.raises(OutputError, match=r"data. No space left on device.; free space"):
        write_exr(tmp_path / "a.exr", np.zeros((2, 2, 3)))
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.exr"]
    assert read_exr(tmp_path / "a.exr").min() == 1.0
