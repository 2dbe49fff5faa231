"""Pictures: exact transfer tables, round trips, and each kind of unusable file."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffgfx.errors import DtypeError, InputError, OutputError, RangeError, ShapeError
from diffgfx.io import decode_transfer, encode_transfer, read_image, write_exr, write_png
from diffgfx.io.image import _namespace, read_pixels

# IEC 61966-2-1 evaluated with 30 digits
SRGB = [
    (0.0, 0.0),
    (0.02, 0.02 / 12.92),
    (0.04045, 0.04045 / 12.92),
    (0.5, 0.214041140482232),
    (128 / 255, 0.215860500113899),
    (1.0, 1.0),
]
RNG = np.random.default_rng(1)


@pytest.mark.parametrize(("stored", "linear"), SRGB)
def test_srgb_is_piecewise_exact(stored, linear):
    assert decode_transfer(np.array([stored]), "srgb")[0] == pytest.approx(linear, abs=1e-14)
    assert encode_transfer(np.array([linear]), "srgb")[0] == pytest.approx(stored, abs=4e-8)


def test_gamma_and_linear():
    values = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(decode_transfer(values, "gamma2.2"), values**2.2, rtol=1e-15)
    assert decode_transfer(values, "linear") is values
    np.testing.assert_array_equal(
        encode_transfer(np.array([-0.5, 0.25, 7.0]), "linear"), [0.0, 0.25, 1.0]
    )


@pytest.mark.parametrize("transfer", ["srgb", "gamma2.2", "linear"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_array_equals_tensor(transfer, dtype):
    codes = (np.arange(65536) / 65535).astype(dtype)
    linear = decode_transfer(codes, transfer)
    back = encode_transfer(linear, transfer)
    assert linear.dtype == back.dtype == dtype
    assert back.max() <= 1.0
    np.testing.assert_allclose(back, codes, atol=3e-7 if dtype == np.float32 else 1e-7)
    tensor = decode_transfer(torch.from_numpy(codes), transfer)
    np.testing.assert_allclose(tensor.numpy(), linear, rtol=2e-6 if dtype == np.float32 else 1e-14)
    np.testing.assert_array_equal(np.rint(back * 65535), np.arange(65536))


@pytest.mark.parametrize("transfer", ["srgb", "gamma2.2", "linear"])
def test_gradients_inside_and_finite_at_the_ends(transfer):
    inside = torch.linspace(0.01, 0.99, 25, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: encode_transfer(x, transfer), inside)
    assert torch.autograd.gradcheck(lambda x: decode_transfer(x, transfer), inside)
    ends = torch.tensor([-1.0, 0.0, 1.0, 3.0], requires_grad=True)
    for function in (encode_transfer, decode_transfer):
        (slope,) = torch.autograd.grad(function(ends, transfer).sum(), ends)
        assert torch.isfinite(slope).all()
    (slope,) = torch.autograd.grad(encode_transfer(ends, transfer).sum(), ends)
    assert slope[0] == slope[3] == 0.0


def test_transfer_keeps_nan_and_decodes_beyond_one():
    assert np.isnan(encode_transfer(np.array([np.nan]), "gamma2.2"))[0]
    assert decode_transfer(np.array([2.0, -1.0]), "gamma2.2").tolist() == [2.0**2.2, 0.0]


def test_transfer_refusals():
    with pytest.raises(RangeError, match="transfer must be one of srgb"):
        _namespace(np.zeros(1), "rec709")  # the public functions' types are checked first here
    with pytest.raises(DtypeError, match="uint8"):
        decode_transfer(np.zeros(1, np.uint8), "srgb")
    with pytest.raises(DtypeError, match="int64"):
        encode_transfer(torch.zeros(1, dtype=torch.int64), "srgb")


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip_keeps_every_code(tmp_path, bits, dtype, channels):
    maximum = 2**bits - 1
    codes = RNG.integers(0, maximum + 1, (9, 11, channels)).astype(dtype)
    write_png(tmp_path / "a.png", codes / maximum, bits=bits)
    pixels = read_pixels(tmp_path / "a.png")
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, np.broadcast_to(codes, (9, 11, 3)))
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, np.broadcast_to(codes, (9, 11, 3)) / np.float32(maximum))


def test_write_png_clips_and_rounds(tmp_path):
    values = np.array([[[-1.0], [0.4999 / 255], [0.5001 / 255], [9.0]]], np.float32)
    write_png(tmp_path / "a.png", values)
    assert read_pixels(tmp_path / "a.png")[0, :, 0].tolist() == [0, 0, 1, 255]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_red_stays_red_alpha_is_dropped_and_palettes_are_resolved(tmp_path):
    bgra = np.zeros((4, 4, 4), np.uint16)
    bgra[..., 2], bgra[..., 3] = 40_000, 7
    cv2.imwrite(str(tmp_path / "a.png"), bgra)
    assert read_pixels(tmp_path / "a.png")[0, 0].tolist() == [40_000, 0, 0]

    (tmp_path / "p.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
        + chunk(b"IDAT", zlib.compress(b"\0\1\0"))
        + chunk(b"IEND", b"")
    )
    assert read_pixels(tmp_path / "p.png")[0].tolist() == [[40, 50, 60], [10, 20, 30]]


def test_exif_orientation_does_not_rotate(tmp_path):
    data = bytes(cv2.imencode(".jpg", np.full((16, 32, 3), 90, np.uint8))[1])
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x112, 3, 1, 6, 0) + b"\0\0\0\0"
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    assert cv2.imread(str(path)).shape == (32, 16, 3)  # what a careless reader does
    assert read_image(path).shape == (16, 32, 3)


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("none.png", None, "must exist"),
        ("zero.png", b"", "0 bytes"),
        ("text.jpg", b"hello, world", "JPEG, PNG or EXR"),
        ("folder", "folder", "a folder"),
    ],
)
def test_unusable_files(tmp_path, name, data, rule):
    path = tmp_path / name
    if data == "folder":
        path.mkdir()
    elif data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=rule) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncation_that_opencv_fills_with_grey_is_refused_without_a_word(tmp_path, capfd):
    picture = RNG.integers(0, 256, (64, 80, 3), dtype=np.uint8)
    data = bytes(cv2.imencode(".jpg", picture)[1])
    cut = data[: len(data) // 2]
    assert cv2.imdecode(np.frombuffer(cut + b"\xff\xd9", np.uint8), 1) is not None
    capfd.readouterr()
    (tmp_path / "cut.jpg").write_bytes(cut)
    (tmp_path / "patched.jpg").write_bytes(cut + b"\xff\xd9")
    for name in ("cut.jpg", "patched.jpg"):
        with pytest.raises(InputError, match=r"must be complete.*truncated"):
            read_image(tmp_path / name)
    short = zlib.compress(b"\0" * 61 * 10)  # ten of twenty rows, checksums right
    head = struct.pack(">IIBBBBB", 20, 20, 8, 2, 0, 0, 0)
    (tmp_path / "short.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            chunk(kind, body) for kind, body in ((b"IHDR", head), (b"IDAT", short), (b"IEND", b""))
        )
    )
    with pytest.raises(InputError, match=r"must be complete"):
        read_image(tmp_path / "short.png")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("array", "bits", "error", "rule"),
    [
        (np.zeros((2, 2, 2)), 8, ShapeError, "array must have shape"),
        (np.zeros((0, 2, 3)), 8, ShapeError, "array must have shape"),
        (np.zeros((2, 2, 3), np.uint8), 8, DtypeError, "must hold floats"),
        (np.full((2, 2, 3), np.nan), 8, RangeError, "NaN"),
        (np.zeros((2, 2, 3)), 12, RangeError, "8 or 16"),
    ],
)
def test_write_png_refusals(tmp_path, array, bits, error, rule):
    with pytest.raises(error, match=rule):
        write_png(tmp_path / "a.png", array, bits=bits)
    assert list(tmp_path.iterdir()) == []


def test_write_png_to_no_folder(tmp_path):
    with pytest.raises(OutputError, match=r"a.png: file must be writable"):
        write_png(tmp_path / "none" / "a.png", np.zeros((2, 2, 3)))


def originals(folder: Path) -> list[bytes]:
    ramp = np.linspace(0.0, 1.0, 24 * 30 * 3, dtype=np.float32).reshape(24, 30, 3)
    write_png(folder / "a.png", ramp, bits=16)
    write_exr(folder / "a.exr", ramp)
    codes = np.rint(ramp * 255).astype(np.uint8)
    jpegs = [
        bytes(cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_PROGRESSIVE, scans])[1])
        for scans in (0, 1)
    ]
    return [(folder / "a.png").read_bytes(), (folder / "a.exr").read_bytes(), *jpegs]


@settings(max_examples=200, deadline=None)
@given(
    which=st.integers(0, 3),
    at=st.floats(0.0, 1.0),
    cut=st.integers(0, 9),
    data=st.binary(max_size=6),
)
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path_factory, which, at, cut, data):
    folder = tmp_path_factory.mktemp("damaged")
    whole = originals(folder)[which]
    start = int(at * len(whole))
    (folder / "x").write_bytes(whole[:start] + data + whole[start + cut :])
    message = ""
    try:
        read_image(folder / "x")
    except InputError as error:
        message = str(error)
    assert "\n" not in message
