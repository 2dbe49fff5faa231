"""Camera RAW by LibRaw: linear, clipped at white, developed alike from photograph to photograph."""

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from diffgfx.errors import BackendError, InputError
from diffgfx.io._exif import CameraNotes
from diffgfx.io._header import PIXEL_LIMIT

__all__ = ["Developed", "is_raw", "read_raw"]

_MAGICS = (b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"II\x1a\0")
_TURNS = {0: 1, 3: 3, 5: 8, 6: 6}       # LibRaw's flip to EXIF's orientation


class Developed(NamedTuple):
    """A developed RAW photograph.

    Attributes:
        pixels: Linear RGB with sRGB's primaries, as the sensor lay, uint16, shape (h, w, 3).
        notes: What the camera says of it.
        white_balance: The multipliers that were used.
    """

    pixels: npt.NDArray[np.uint16]
    notes: CameraNotes
    white_balance: tuple[float, ...]


def is_raw(data: bytes) -> bool:
    """Say whether a file begins as a camera's RAW does; ordinary TIFF does too."""
    return data.startswith(_MAGICS) or data[4:12] == b"ftypcrx "


def read_raw(data: bytes, name: str, white_balance: Sequence[float] | None = None) -> Developed:
    """Develop a RAW photograph without tone curve, automatic brightness or rotation.

    Args:
        data: The file.
        name: Its name, for messages.
        white_balance: Multipliers of the four channels; None takes those that the camera chose.

    Raises:
        BackendError: If rawpy is not installed.
        InputError: If LibRaw cannot read the file, or it is over 1e8 pixels.
    """
    try:
        import rawpy
    except ImportError as error:
        raise BackendError(
            f"{name}: camera RAW needs rawpy, which is not installed; "
            "pip install 'diffgfx[raw]' or develop the photo as 16-bit PNG"
        ) from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            if sizes.width * sizes.height > PIXEL_LIMIT:
                raise InputError(
                    f"{name}: image must hold at most {PIXEL_LIMIT} pixels, got {sizes.width} x "
                    f"{sizes.height}; reduce it"
                )
            balance = tuple(white_balance or raw.camera_whitebalance)
            if not max(balance) > 0.0:
                balance = tuple(raw.daylight_whitebalance)
            pixels = raw.postprocess(
                gamma=(1.0, 1.0),
                no_auto_bright=True,
                adjust_maximum_thr=0.0,     # else white is where this photograph's maximum lies
                output_bps=16,
                use_camera_wb=False,
                user_wb=list(balance),
                output_color=rawpy.ColorSpace.sRGB,
                highlight_mode=rawpy.HighlightMode.Clip,
                user_flip=0,
            )
            notes = CameraNotes(_TURNS.get(sizes.flip, 1), _exposure(raw.other))
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise InputError(
            f"{name}: camera RAW must be one that LibRaw reads, got: {reason}; "
            "develop the photo as 16-bit PNG"
        ) from error
    return Developed(np.ascontiguousarray(pixels[..., :3]), notes, balance)


def _exposure(other: Any) -> float | None:
    """Return time x sensitivity / f-number^2 where the camera states all three."""
    time, stop, speed = other.shutter_speed, other.aperture, other.iso_speed
    if min(time, stop, speed) <= 0.0:
        return None
    return float(time * speed / stop**2)
