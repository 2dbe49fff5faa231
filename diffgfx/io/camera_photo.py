"""A photograph as it comes from a camera: JPEG, PNG, EXR, HEIC or RAW, with what EXIF says of it.

Pixels are kept as the sensor lay. A phone held over a table cannot tell which way is up and writes
another orientation from one photograph to the next; turned upright, photographs of one lens would
differ in where its centre lies.
"""

import dataclasses
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffgfx.io._exif import CameraNotes, read_notes
from diffgfx.io._files import read_bytes, show_path
from diffgfx.io._heic import is_heic, read_heic
from diffgfx.io._raw import is_raw, read_raw
from diffgfx.io.image import decode_transfer, read_pixels
from diffgfx.scene import Transfer

__all__ = ["CameraPhoto", "read_camera_photo", "turn_points", "turn_upright"]

_FILE_LIMIT = 2 << 30
_SATURATED = 254.5 / 255.0


@dataclasses.dataclass(frozen=True)
class CameraPhoto:
    """A photograph before any correction.

    Attributes:
        pixels: Stored values, RGB, as the sensor lay, shape (h, w, 3): uint8, uint16 or float32.
        transfer: Their encoding: ``"linear"`` for RAW and EXR, else ``"srgb"``.
        notes: What the camera says of it; its ``orientation`` turns ``pixels`` upright.
        white_balance: Multipliers that a RAW photograph was developed with; None for others.
    """

    pixels: npt.NDArray[Any]
    transfer: Transfer
    notes: CameraNotes
    white_balance: tuple[float, ...] | None = None

    def linear(self) -> npt.NDArray[np.float32]:
        """Return linear light, 1 at full scale, shape (h, w, 3)."""
        if self.pixels.dtype.kind == "f":
            return np.asarray(np.clip(self.pixels, 0.0, None), np.float32)
        full = np.iinfo(self.pixels.dtype).max
        codes = decode_transfer(np.arange(full + 1) / full, self.transfer).astype(np.float32)
        return np.asarray(codes[self.pixels])

    def clipped(self) -> npt.NDArray[np.bool_]:
        """Return which channels are at full scale and so only known to be at least that."""
        if self.pixels.dtype.kind == "f":
            return np.zeros(self.pixels.shape, bool)
        full = np.iinfo(self.pixels.dtype).max
        return np.asarray(self.pixels >= _SATURATED * full)


def read_camera_photo(
    path: Path | str, white_balance: Sequence[float] | None = None
) -> CameraPhoto:
    """Read a photograph from a camera.

    JPEG, PNG and HEIC are taken to be sRGB-encoded; colour profiles are not applied.

    Args:
        path: The file; its contents, not its name, say what it is.
        white_balance: Multipliers to develop RAW with; None takes those that the camera chose.

    Raises:
        InputError: If it is missing, damaged, over 1e8 pixels or none of the formats.
        BackendError: If it needs a package that is not installed; the message names it.
    """
    path = Path(path)
    name = show_path(path)
    data = read_bytes(path, _FILE_LIMIT)
    if is_heic(data):
        upright, exif = read_heic(data, name)
        notes = read_notes(exif) if exif else CameraNotes()
        pixels = _turn(upright, _INVERSE[notes.orientation])
        return CameraPhoto(pixels, "srgb", notes)
    if is_raw(data):
        developed = read_raw(data, name, white_balance)
        return CameraPhoto(developed.pixels, "linear", developed.notes, developed.white_balance)
    pixels = read_pixels(path)
    if pixels.dtype.kind == "f":
        return CameraPhoto(pixels, "linear", CameraNotes())
    exif = _embedded(data)
    return CameraPhoto(pixels, "srgb", read_notes(exif) if exif else CameraNotes())


def turn_upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn an image (h, w, c), stored as the sensor lay, as EXIF's orientation (1 to 8) says."""
    return _turn(pixels, orientation)


def turn_points(
    points: npt.NDArray[Any], orientation: int, size: tuple[int, int]
) -> npt.NDArray[Any]:
    """Return where pixels (..., 2) of an image come to lie when `turn_upright` turns it.

    Args:
        points: x, y; centres of pixels lie at whole numbers.
        orientation: EXIF's orientation.
        size: Width and height of the turned image.
    """
    across, rows, columns = _STEPS[orientation]
    x, y = points[..., 0], points[..., 1]
    x, y = (y, x) if across else (x, y)
    x = size[0] - 1 - x if columns else x
    y = size[1] - 1 - y if rows else y
    return np.stack([x, y], axis=-1)


# EXIF's orientations as rows and columns: (transpose first, then flip rows, flip columns)
_STEPS = {1: (0, 0, 0), 2: (0, 0, 1), 3: (0, 1, 1), 4: (0, 1, 0),
          5: (1, 0, 0), 6: (1, 0, 1), 7: (1, 1, 1), 8: (1, 1, 0)}  # fmt: skip
_INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def _turn(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    across, rows, columns = _STEPS[orientation]
    turned = pixels.swapaxes(0, 1) if across else pixels
    turned = turned[::-1] if rows else turned
    turned = turned[:, ::-1] if columns else turned
    return np.ascontiguousarray(turned)


def _embedded(data: bytes) -> bytes:
    """Return the EXIF data of a JPEG or PNG file, empty where there is none."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "MPO")) as picture:
                return bytes(picture.info.get("exif", b""))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return b""
