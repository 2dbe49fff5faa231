"""HEIC, the photograph format of phones, by libheif."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from diffgfx.errors import BackendError, InputError
from diffgfx.io._header import PIXEL_LIMIT

__all__ = ["is_heic", "read_heic"]

_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")


def is_heic(data: bytes) -> bool:
    """Say whether a file begins as HEIC does."""
    return data[4:8] == b"ftyp" and data[8:12] in _BRANDS


def read_heic(data: bytes, name: str) -> tuple[npt.NDArray[Any], bytes]:
    """Return a HEIC file's primary picture, upright as its own transformations make it, and EXIF.

    Returns:
        RGB, shape (h, w, 3), uint8, or uint16 over its full range for pictures of more bits; and
        the EXIF data, empty where there is none.

    Raises:
        BackendError: If pillow-heif is not installed.
        InputError: If the file is damaged or over 1e8 pixels.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise BackendError(
            f"{name}: HEIC needs pillow-heif, which is not installed; "
            "pip install 'diffgfx[raw]' or export the photo as JPEG"
        ) from error
    try:
        file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        width, height = file.size
        if width * height > PIXEL_LIMIT:
            raise InputError(
                f"{name}: image must hold at most {PIXEL_LIMIT} pixels, got {width} x {height}; "
                "reduce it"
            )
        pixels = np.asarray(file)
        exif = file.info.get("exif") or b""
    except (ValueError, OSError, RuntimeError, EOFError, SyntaxError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name}: HEIC must be readable, got: {' '.join(str(error).split())}; "
            "copy or export the file again"
        ) from error
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    pixels = np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[..., :3]
    return np.ascontiguousarray(pixels), exif
