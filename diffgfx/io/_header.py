"""What an image file says of itself, read and checked before any decoder sees the file.

Decoders allocate what a header asks for, and some fill the missing part of a truncated file with
grey without a word. So the size is bounded, and the file's own structure followed to its end, here.
"""

import dataclasses
import re
import struct
import zlib
from typing import Literal

from diffgfx.errors import InputError

__all__ = ["PIXEL_LIMIT", "Header", "inspect_image"]

PIXEL_LIMIT = 100_000_000
_EXR_VALUES_LIMIT = 8 * PIXEL_LIMIT
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_EXR_MAGIC = b"\x76\x2f\x31\x01"
_EXR_UNREADABLE = 0x800 | 0x1000  # deep data, several parts
_AGAIN = "copy or export the file again"
# In a JPEG's coded data 0xff is followed by 0x00 (stuffing), a restart marker or fill; anything
# else is the marker that ends it.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclasses.dataclass(frozen=True)
class Header:
    """Kind and size of an image file.

    Attributes:
        kind: Its format.
        height: Rows of pixels.
        width: Columns of pixels.
        channels: EXR only: the names of its channels that are float or half and not subsampled.
    """

    kind: Literal["jpeg", "png", "exr"]
    height: int
    width: int
    channels: tuple[str, ...] = ()


def inspect_image(data: bytes, name: str) -> Header:
    """Return what a JPEG, PNG or EXR file is, having followed its structure to the end.

    Raises:
        InputError: If it is another format, malformed, truncated, or larger than 1e8 pixels.
    """
    try:
        if data.startswith(_PNG_MAGIC):
            return _inspect_png(data, name)
        if data.startswith(b"\xff\xd8\xff"):
            return _inspect_jpeg(data, name)
        if data.startswith(_EXR_MAGIC):
            return _inspect_exr(data, name)
    except (IndexError, struct.error) as error:
        raise InputError(
            f"{name}: image must be complete, got a truncated file of {len(data)} bytes; {_AGAIN}"
        ) from error
    raise InputError(
        f"{name}: image must be a JPEG, PNG or EXR file, got bytes {data[:8]!r}; "
        "convert it to one of these"
    )


def _check_size(name: str, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise InputError(f"{name}: image must have pixels, got {width} x {height}; {_AGAIN}")
    if width * height > PIXEL_LIMIT:
        raise InputError(
            f"{name}: image must hold at most {PIXEL_LIMIT} pixels, got {width} x {height}; "
            "reduce it"
        )


def _inspect_png(data: bytes, name: str) -> Header:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise InputError(f"{name}: PNG must begin with its header, got {kind!r}; {_AGAIN}")
    _check_size(name, width, height)
    view = memoryview(data)
    offset = 8
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, offset)
        end = offset + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(view[offset + 4 : end]) != checksum:
            raise InputError(
                f"{name}: PNG must match its checksums, got a damaged chunk at byte {offset}; "
                f"{_AGAIN}"
            )
        offset = end + 4
    return Header("png", height, width)


def _inspect_jpeg(data: bytes, name: str) -> Header:
    """Walk the markers to the end of the image; those of a thumbnail lie inside a segment."""
    header: Header | None = None
    offset = 2
    while True:
        while data[offset] == 0xFF:  # markers may be preceded by any number of these
            offset += 1
        marker = data[offset]
        offset += 1
        if marker == 0xD9:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        (length,) = struct.unpack_from(">H", data, offset)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, offset + 3)
            _check_size(name, width, height)
            header = Header("jpeg", height, width)
        found = _JPEG_MARKER.search(data, offset + length)
        offset = found.start() if found else len(data)
    if header is None:
        raise InputError(f"{name}: JPEG must hold a picture, got none; {_AGAIN}")
    return header


def _inspect_exr(data: bytes, name: str) -> Header:
    (version,) = struct.unpack_from("<I", data, 4)
    if version & _EXR_UNREADABLE:
        raise InputError(
            f"{name}: EXR must be a flat image of one part, got a deep or multi-part file; "
            "export it as a single flat layer"
        )
    attributes: dict[bytes, bytes] = {}
    offset = 8
    while data[offset]:
        key, offset = _exr_name(data, offset)
        _, offset = _exr_name(data, offset)
        (length,) = struct.unpack_from("<i", data, offset)
        offset += 4
        if length < 0 or offset + length > len(data):
            raise IndexError
        attributes[key] = data[offset : offset + length]
        offset += length
    if b"dataWindow" not in attributes or b"channels" not in attributes:
        raise InputError(f"{name}: EXR must state its data window and channels; {_AGAIN}")
    left, top, right, bottom = struct.unpack("<4i", attributes[b"dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    _check_size(name, width, height)
    channels, count = _exr_channels(attributes[b"channels"])
    if count * width * height > _EXR_VALUES_LIMIT:
        raise InputError(
            f"{name}: EXR must hold at most {_EXR_VALUES_LIMIT} values, got {count} channels of "
            f"{width} x {height}; export R, G and B alone"
        )
    return Header("exr", height, width, channels)


def _exr_name(data: bytes, offset: int) -> tuple[bytes, int]:
    end = data.find(b"\0", offset, offset + 256)
    if end < 0:
        raise IndexError
    return data[offset:end], end + 1


def _exr_channels(data: bytes) -> tuple[tuple[str, ...], int]:
    usable: list[str] = []
    count = offset = 0
    while data[offset]:
        key, offset = _exr_name(data, offset)
        kind, _, x_step, y_step = struct.unpack_from("<iIii", data, offset)
        offset += 16
        count += 1
        if kind in (1, 2) and (x_step, y_step) == (1, 1):
            usable.append(key.decode("latin-1"))
    return tuple(usable), count
