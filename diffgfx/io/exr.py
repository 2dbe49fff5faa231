"""OpenEXR files: float images, lossless, with channels R, G, B or Y."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffgfx.errors import InputError, RangeError, ShapeError
from diffgfx.io._files import atomic_path, read_bytes, show_path
from diffgfx.io._header import Header, inspect_image
from diffgfx.io._native import captured_messages

__all__ = ["read_exr", "write_exr"]

_FILE_LIMIT = 2 << 30
_HALF_MAX = 65504.0


def read_exr(path: Path | str) -> npt.NDArray[np.float32]:
    """Read an EXR image as it is stored.

    Args:
        path: A flat file of one part with channels R, G and B, or Y alone, as float or half; other
            channels, alpha among them, are not used.

    Returns:
        The values, shape (h, w, 3), row 0 at the top; Y is repeated three times.

    Raises:
        InputError: If the file is missing, truncated, not an EXR, over 1e8 pixels, or has neither
            R, G and B nor Y.
    """
    path = Path(path)
    header = inspect_image(read_bytes(path, _FILE_LIMIT), show_path(path))
    if header.kind != "exr":
        raise InputError(
            f"{show_path(path)}: image must be an EXR file, got {header.kind}; use read_image"
        )
    return read_exr_pixels(path, header)


def read_exr_pixels(path: Path, header: Header) -> npt.NDArray[np.float32]:
    """Read the pixels of an EXR file whose header was inspected; see `read_exr`."""
    import OpenEXR

    name = show_path(path)
    wanted = next((set_ for set_ in ("RGB", "Y") if set(set_) <= set(header.channels)), None)
    if wanted is None:
        raise InputError(
            f"{name}: EXR must have float channels R, G and B, or Y, got "
            f"{', '.join(header.channels[:8]) or 'none'}; export it as RGB"
        )
    try:
        with captured_messages():
            channels: dict[str, Any] = OpenEXR.File(str(path), separate_channels=True).channels()
            planes = [np.asarray(channels[key].pixels, dtype=np.float32) for key in wanted]
    except (RuntimeError, ValueError, TypeError, KeyError, OSError) as error:
        raise InputError(
            f"{name}: EXR must be complete, got truncated or damaged pixel data; "
            "copy or export the file again"
        ) from error
    if any(plane.shape != (header.height, header.width) for plane in planes):
        raise InputError(f"{name}: EXR channels must fill its data window; export it again")
    return np.stack(planes * (3 // len(planes)), axis=-1)


def write_exr(path: Path | str, array: npt.NDArray[Any], *, half: bool = False) -> None:
    """Write an EXR image; the file appears whole or not at all.

    Args:
        path: Where to.
        array: Values of any range, shape (h, w, 3) for R, G, B or (h, w, 1) for Y, row 0 at the
            top; stored as float32, or as half.
        half: Store 16-bit floats: half the size, 11 significant bits.

    Raises:
        ShapeError: If ``array`` has another shape.
        RangeError: If ``half`` is asked for values beyond 65504.
        OutputError: If the file cannot be written.
    """
    import OpenEXR

    if array.ndim != 3 or array.shape[2] not in (1, 3) or array.size == 0:
        raise ShapeError(f"array must have shape (h, w, 3) or (h, w, 1), got {array.shape}")
    if half and bool((np.abs(array) > _HALF_MAX).any()):
        raise RangeError(
            f"array must lie within +-{_HALF_MAX:g} for half, got {np.abs(array).max():g}; "
            "write float32 with half=False"
        )
    stored = array.astype(np.float16 if half else np.float32)
    names = "RGB" if array.shape[2] == 3 else "Y"
    channels = {key: np.ascontiguousarray(stored[..., index]) for index, key in enumerate(names)}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with atomic_path(Path(path)) as partial:
        OpenEXR.File(header, channels).write(str(partial))
