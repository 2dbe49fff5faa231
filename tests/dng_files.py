"""The least that is a camera RAW: a DNG of one uncompressed strip under a Bayer pattern.

Source: Adobe, Digital Negative Specification 1.4; TIFF 6.0.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

WHITE, BLACK = 4095, 64
# XYZ (D65) to linear sRGB, IEC 61966-2-1: the sensor's channels are then sRGB's own
TO_SENSOR = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SIGNED = 1, 2, 3, 4, 5, 10
_SIZES = {_BYTE: 1, _ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8, _SIGNED: 8}
Entry = tuple[int, int, Sequence[Any]]


def _packed(kind: int, values: Sequence[Any]) -> bytes:
    if kind in (_RATIONAL, _SIGNED):
        form = "<II" if kind == _RATIONAL else "<ii"
        return b"".join(struct.pack(form, round(v * 10000), 10000) for v in values)
    if kind in (_BYTE, _ASCII):
        return bytes(values)
    return struct.pack(f"<{len(values)}{'H' if kind == _SHORT else 'I'}", *values)


def _directory(entries: list[Entry], start: int) -> bytes:
    """Return an IFD that lies at ``start``, the values that do not fit into it behind it."""
    head, tail = struct.pack("<H", len(entries)), b""
    after = start + 2 + 12 * len(entries) + 4
    for tag, kind, values in sorted(entries):
        data = _packed(kind, values)
        if len(data) <= 4:
            inline = data.ljust(4, b"\0")
        else:
            inline = struct.pack("<I", after + len(tail))
            tail += data + b"\0" * (len(data) % 2)
        head += struct.pack("<HHI", tag, kind, len(data) // _SIZES[kind]) + inline
    return head + b"\0\0\0\0" + tail


def make_dng(
    linear: np.ndarray, *, neutral: Sequence[float] = (1.0, 1.0, 1.0), orientation: int = 1,
    seconds: float = 0.02, stop: float = 2.0, speed: int = 100,
) -> bytes:
    """Return a DNG of what a sensor saw.

    Args:
        linear: Linear sRGB in [0, 1], shape (h, w, 3), even sides, before the sensor's own tint.
        neutral: What the sensor makes of white: its channels are multiplied by this.
        orientation: EXIF's orientation.
        seconds: Exposure time.
        stop: F-number.
        speed: ISO.
    """
    height, width, _ = linear.shape
    seen = linear * np.array(neutral)
    mosaic = np.empty((height, width))
    mosaic[0::2, 0::2], mosaic[0::2, 1::2] = seen[0::2, 0::2, 0], seen[0::2, 1::2, 1]
    mosaic[1::2, 0::2], mosaic[1::2, 1::2] = seen[1::2, 0::2, 1], seen[1::2, 1::2, 2]
    codes = np.rint(BLACK + np.clip(mosaic, 0.0, 1.0) * (WHITE - BLACK)).astype("<u2").tobytes()
    strip = 8
    exif_at = strip + len(codes)
    exif = _directory(
        [(0x829A, _RATIONAL, [seconds]), (0x829D, _RATIONAL, [stop]), (0x8827, _SHORT, [speed])],
        exif_at,
    )
    main_at = exif_at + len(exif)
    entries: list[Entry] = [
        (254, _LONG, [0]), (256, _LONG, [width]), (257, _LONG, [height]), (258, _SHORT, [16]),
        (259, _SHORT, [1]), (262, _SHORT, [32803]), (271, _ASCII, b"Test\0"),
        (272, _ASCII, b"Bayer\0"), (273, _LONG, [strip]), (274, _SHORT, [orientation]),
        (277, _SHORT, [1]), (278, _LONG, [height]), (279, _LONG, [len(codes)]),
        (284, _SHORT, [1]), (33421, _SHORT, [2, 2]), (33422, _BYTE, [0, 1, 1, 2]),
        (34665, _LONG, [exif_at]), (50706, _BYTE, [1, 4, 0, 0]), (50707, _BYTE, [1, 1, 0, 0]),
        (50708, _ASCII, b"Test Bayer\0"), (50714, _SHORT, [BLACK]), (50717, _SHORT, [WHITE]),
        (50721, _SIGNED, list(TO_SENSOR)), (50728, _RATIONAL, list(neutral)),
        (50778, _SHORT, [21]),
    ]  # fmt: skip
    return b"II*\0" + struct.pack("<I", main_at) + codes + exif + _directory(entries, main_at)
