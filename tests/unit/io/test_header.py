"""Image headers: sizes are bounded and structures followed before any decoder runs."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from diffgfx.errors import InputError
from diffgfx.io._header import Header, inspect_image

PICTURE = np.random.default_rng(3).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def encode(suffix: str, *flags: int) -> bytes:
    return bytes(cv2.imencode(suffix, PICTURE, list(flags))[1])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def exr(width: int, height: int, channels: int = 3, version: int = 2) -> bytes:
    names = (
        b"".join(
            f"c{index}".encode() + b"\0" + struct.pack("<iIii", 2, 0, 1, 1)
            for index in range(channels)
        )
        + b"\0"
    )
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    return (
        b"\x76\x2f\x31\x01"
        + struct.pack("<I", version)
        + b"channels\0chlist\0"
        + struct.pack("<i", len(names))
        + names
        + b"dataWindow\0box2i\0"
        + struct.pack("<i", 16)
        + window
        + b"\0"
    )


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encode(".png"), "png"),
        (encode(".jpg"), "jpeg"),
        (encode(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "jpeg"),
        (encode(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2), "jpeg"),
    ],
    ids=["png", "jpeg", "progressive", "restarts"],
)
def test_kind_and_size_and_every_truncation(data, kind):
    assert inspect_image(data, "a") == Header(kind, 24, 40)
    for length in range(3, len(data) - 1, 7):
        with pytest.raises(InputError, match="a: image must be"):
            inspect_image(data[:length], "a")


def test_jpeg_may_have_bytes_after_its_end():
    assert inspect_image(encode(".jpg") + b"\0" * 100, "a").kind == "jpeg"


def test_the_end_of_a_jpeg_thumbnail_is_not_the_end_of_the_picture():
    data = encode(".jpg")
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data
    whole = data[:2] + thumbnail + data[2:]
    assert inspect_image(whole, "a") == Header("jpeg", 24, 40)
    with pytest.raises(InputError, match="must be complete"):
        inspect_image(whole[:-20], "a")


def test_exr_names_usable_channels():
    assert inspect_image(exr(5, 3, 2), "a") == Header("exr", 3, 5, ("c0", "c1"))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (png(50_000, 20_000), "at most 100000000 pixels, got 50000 x 20000"),
        (exr(50_000, 20_000), "at most 100000000 pixels, got 50000 x 20000"),
        (exr(10_000, 10_000, 9), "at most 800000000 values"),
        (exr(-4, 3), "must have pixels"),
        (png(0, 3), "must have pixels"),
        (exr(4, 4, version=2 | 0x1000), "flat image of one part"),
        (exr(4, 4)[:30], "truncated"),
        (b"\x76\x2f\x31\x01" + struct.pack("<I", 2) + b"\0", "data window and channels"),
        (b"GIF89a......", "JPEG, PNG or EXR"),
        (b"x", "JPEG, PNG or EXR"),
    ],
)
def test_refusals(data, rule):
    with pytest.raises(InputError, match=rule) as caught:
        inspect_image(data, "a")
    assert "\n" not in str(caught.value)


def test_jpeg_of_1e9_pixels_is_refused_from_its_header():
    data = encode(".jpg")
    where = data.index(b"\xff\xc0") + 5
    with pytest.raises(InputError, match="at most 100000000 pixels"):
        inspect_image(data[:where] + struct.pack(">HH", 40_000, 30_000) + data[where + 4 :], "a")


def test_png_with_a_flipped_bit_fails_its_checksum():
    data = bytearray(encode(".png"))
    data[len(data) // 2] ^= 1
    with pytest.raises(InputError, match="checksum"):
        inspect_image(bytes(data), "a")
