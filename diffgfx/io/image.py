"""Pictures: JPEG, PNG of 8 or 16 bits and EXR in, PNG out, and the encodings of their values."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diffgfx.check import check_choice
from diffgfx.errors import DtypeError, InputError, RangeError, ShapeError
from diffgfx.io._files import atomic_path, read_bytes, show_path
from diffgfx.io._header import Header, inspect_image
from diffgfx.io._native import captured_messages
from diffgfx.io.exr import read_exr_pixels
from diffgfx.scene import Transfer

__all__ = [
    "decode_transfer",
    "encode_transfer",
    "read_header",
    "read_image",
    "read_pixels",
    "write_png",
]

Values = TypeVar("Values", npt.NDArray[Any], Tensor)

_FILE_LIMIT = 2 << 30
_TRANSFERS = ("srgb", "gamma2.2", "linear")
_SRGB_STORED, _SRGB_LINEAR = 0.04045, 0.0031308  # where sRGB's line meets its power
_MAXIMA = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def decode_transfer(values: Values, transfer: Transfer) -> Values:
    """Turn stored values into linear light.

    Args:
        values: Stored values, 0 black and 1 full scale, float array or tensor of any shape; values
            above 1 follow the same formula, those below 0 are black (``"linear"``: kept).
        transfer: ``"srgb"`` (IEC 61966-2-1, piecewise), ``"gamma2.2"`` (value^2.2) or ``"linear"``.

    Returns:
        Linear values, same kind, shape and dtype.

    Raises:
        DtypeError: If ``values`` are not floats.
        RangeError: If ``transfer`` is not one of the three.

    Gradients: to ``values``, finite everywhere.
    """
    xp = _namespace(values, transfer)
    if transfer == "linear":
        return values
    above = xp.clip(values, 0.0, None)
    if transfer == "gamma2.2":
        return above**2.2  # type: ignore[no-any-return]
    power = ((xp.clip(above, _SRGB_STORED, None) + 0.055) / 1.055) ** 2.4
    return xp.where(above <= _SRGB_STORED, above / 12.92, power)  # type: ignore[no-any-return]


def encode_transfer(linear: Values, transfer: Transfer) -> Values:
    """Turn linear light into stored values in [0, 1]; the inverse of `decode_transfer`.

    Args:
        linear: Linear values, float array or tensor of any shape; clipped to [0, 1] first.
        transfer: ``"srgb"``, ``"gamma2.2"`` or ``"linear"``.

    Returns:
        Stored values in [0, 1], same kind, shape and dtype; NaN stays NaN.

    Raises:
        DtypeError: If ``linear`` are not floats.
        RangeError: If ``transfer`` is not one of the three.

    Gradients: to ``linear`` inside (0, 1); zero outside, where the value is clipped.
    """
    xp = _namespace(linear, transfer)
    light = xp.clip(linear, 0.0, 1.0)
    if transfer == "linear":
        return light  # type: ignore[no-any-return]
    if transfer == "gamma2.2":
        power = xp.clip(light, xp.finfo(light.dtype).tiny, None) ** (1.0 / 2.2)
        return xp.where(light <= 0.0, light, power)  # type: ignore[no-any-return]
    power = 1.055 * xp.clip(light, _SRGB_LINEAR, None) ** (1.0 / 2.4) - 0.055
    # 1.055 - 0.055 rounds to just below or above 1 in float32
    return xp.where(light <= _SRGB_LINEAR, light * 12.92, xp.clip(power, 0.0, 1.0))  # type: ignore[no-any-return]


def _namespace(values: object, transfer: str) -> Any:
    check_choice("transfer", transfer, _TRANSFERS)
    if isinstance(values, Tensor) and values.is_floating_point():
        return torch
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return np
    kind = getattr(values, "dtype", type(values).__name__)
    raise DtypeError(
        f"values must be a float array or tensor, got {kind}; divide integers by their maximum"
    )


def read_header(path: Path | str) -> Header:
    """Return format and size of an image file, having checked that it is whole.

    Raises:
        InputError: If it is missing, empty, truncated, over 1e8 pixels, or not JPEG, PNG or EXR.
    """
    path = Path(path)
    return inspect_image(read_bytes(path, _FILE_LIMIT), show_path(path))


def read_image(path: Path | str) -> npt.NDArray[np.float32]:
    """Read a picture as it is stored: no colour conversion and no rotation by EXIF.

    Args:
        path: A JPEG, a PNG of 8 or 16 bits, or an EXR file; grey ones are repeated to three
            channels, alpha is dropped.

    Returns:
        Stored values, RGB, shape (h, w, 3), row 0 at the top: in [0, 1] for JPEG and PNG, any
        float for EXR.

    Raises:
        InputError: If it is missing, empty, truncated, over 1e8 pixels, or not JPEG, PNG or EXR.
    """
    pixels = read_pixels(path)
    maximum = _MAXIMA.get(pixels.dtype)
    if maximum is None:
        return pixels
    return np.asarray(pixels / np.float32(maximum), dtype=np.float32)


def read_pixels(path: Path | str) -> npt.NDArray[Any]:
    """Read a picture in its own number format; otherwise as `read_image`.

    Returns:
        RGB, shape (h, w, 3): uint8 or uint16 for JPEG and PNG, float32 for EXR.

    Raises:
        InputError: If it is missing, empty, truncated, over 1e8 pixels, or not JPEG, PNG or EXR.
    """
    import cv2

    path = Path(path)
    name = show_path(path)
    data = read_bytes(path, _FILE_LIMIT)
    header = inspect_image(data, name)
    if header.kind == "exr":
        return read_exr_pixels(path, header)
    pixels = None
    try:
        with captured_messages() as messages:  # IMREAD_UNCHANGED: 16 bits kept, EXIF ignored
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        messages.append(str(error))
    if pixels is None or "premature end" in "".join(messages).lower():
        raise InputError(
            f"{name}: image must be complete, got truncated or damaged pixel data; "
            "copy or export the file again"
        )
    if pixels.shape[:2] != (header.height, header.width) or pixels.dtype not in _MAXIMA:
        raise InputError(
            f"{name}: image must decode to {header.width} x {header.height} of 8 or 16 bits, "
            f"got {pixels.shape[1]} x {pixels.shape[0]} of {pixels.dtype}; export it again"
        )
    return _to_rgb(pixels)


def _to_rgb(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] < 3:
        return np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1])


def write_png(path: Path | str, array: npt.NDArray[Any], *, bits: int = 8) -> None:
    """Write a PNG of stored values; the file appears whole or not at all.

    Args:
        path: Where to.
        array: Float values, clipped to [0, 1] and rounded to the nearest code, shape (h, w, 3) for
            RGB or (h, w, 1) for grey, row 0 at the top. Encode linear light first.
        bits: 8 or 16 a channel.

    Raises:
        ShapeError: If ``array`` has another shape.
        DtypeError: If ``array`` does not hold floats.
        RangeError: If ``bits`` is neither 8 nor 16, or ``array`` holds NaN.
        OutputError: If the file cannot be written.
    """
    import cv2

    if bits not in (8, 16):
        raise RangeError(f"bits must be 8 or 16, got {bits}")
    if array.ndim != 3 or array.shape[2] not in (1, 3) or array.size == 0:
        raise ShapeError(f"array must have shape (h, w, 3) or (h, w, 1), got {array.shape}")
    if array.dtype.kind != "f":
        raise DtypeError(
            f"array must hold floats in [0, 1], got {array.dtype}; divide by its maximum"
        )
    if bool(np.isnan(array).any()):
        raise RangeError("array must not hold NaN; find where it arose before you write it")
    codes = np.rint(np.clip(array.astype(np.float64), 0.0, 1.0) * (2**bits - 1))
    stored = np.ascontiguousarray(codes.astype(np.uint8 if bits == 8 else np.uint16)[..., ::-1])
    _, encoded = cv2.imencode(".png", stored)
    with atomic_path(Path(path)) as partial:
        partial.write_bytes(encoded.tobytes())
