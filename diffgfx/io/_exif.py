"""What a camera says of a photograph; whatever it says badly counts as unsaid."""

import dataclasses
import math
import struct
import warnings
from typing import Any

__all__ = ["CameraNotes", "read_notes"]

_ORIENTATION, _EXIF = 0x0112, 0x8769
_TIME, _F_NUMBER, _SPEED, _FOCAL_35 = 0x829A, 0x829D, 0x8827, 0xA405
_FAULTS = (OSError, ValueError, TypeError, KeyError, IndexError, SyntaxError, ArithmeticError,
           AttributeError, struct.error)  # fmt: skip
_BOUNDS = {_TIME: (1e-6, 3600.0), _F_NUMBER: (0.1, 200.0), _SPEED: (1.0, 1e7),
           _FOCAL_35: (5.0, 5000.0)}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class CameraNotes:
    """A photograph's EXIF, as far as it bears on measuring.

    Attributes:
        orientation: How the stored rows and columns are to be turned to be upright, 1 to 8.
        exposure: Time x sensitivity / f-number^2: how bright the camera shows a given light, to a
            factor; None unless all three are stated.
        focal_35: Focal length [mm] at which the diagonal of a frame of 36 x 24 mm would span the
            same angle; None where it is not stated.
    """

    orientation: int = 1
    exposure: float | None = None
    focal_35: float | None = None


def read_notes(data: bytes) -> CameraNotes:
    """Return what EXIF data says: bytes that begin with ``Exif`` or are a TIFF structure."""
    from PIL import Image

    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # of corrupt data, which is as good as none
        try:
            exif.load(data)
            inner = exif.get_ifd(_EXIF)
            orientation = exif.get(_ORIENTATION, 1)
        except _FAULTS:
            return CameraNotes()
        values = {tag: _number(inner.get(tag), *_BOUNDS[tag]) for tag in _BOUNDS}
    time, stop, speed = values[_TIME], values[_F_NUMBER], values[_SPEED]
    exposure = None
    if time is not None and stop is not None and speed is not None:
        exposure = time * speed / stop**2
    if orientation not in range(1, 9):
        orientation = 1
    return CameraNotes(int(orientation), exposure, values[_FOCAL_35])


def _number(value: Any, low: float, high: float) -> float | None:
    """Return a value, or the first of several, if it is a number that a camera may state."""
    try:
        number = float(value[0] if isinstance(value, tuple) else value)
    except _FAULTS:
        return None
    return number if math.isfinite(number) and low <= number <= high else None
