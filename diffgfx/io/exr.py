"""OpenEXR files: float images, lossless, with channels R, G, B or Y."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffgfx.errors import InputError, RangeError, ShapeError
from diffgfx.io._files import atomic_path, read_bytes, show_path
from diffgfx.io._header import Header, inspect_image
from diffgfx.io._native import captured_messages

__all__ = ["read_exr", "write_exr", "write_exr_layers"]

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
    if array.ndim != 3 or array.shape[2] not in (1, 3) or array.size == 0:
        raise ShapeError(f"array must have shape (h, w, 3) or (h, w, 1), got {array.shape}")
    if half and bool((np.abs(array) > _HALF_MAX).any()):
        raise RangeError(
            f"array must lie within +-{_HALF_MAX:g} for half, got {np.abs(array).max():g}; "
            "write float32 with half=False"
        )
    stored = array.astype(np.float16 if half else np.float32)
    names = "RGB" if array.shape[2] == 3 else "Y"
    _write_channels(Path(path), {key: stored[..., index] for index, key in enumerate(names)})


def write_exr_layers(path: Path | str, layers: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write several images of one size into one EXR; the file appears whole or not at all.

    Args:
        path: Where to.
        layers: Images by the name of their layer, shape (h, w, 1) or (h, w, 3), row 0 at the top,
            stored as float32. One channel is called as its layer; three are ``NAME.X``, ``NAME.Y``
            and ``NAME.Z``, or R, G and B where the name is empty.

    Raises:
        ShapeError: If an image has another shape, or they differ in size.
        OutputError: If the file cannot be written.
    """
    channels: dict[str, npt.NDArray[Any]] = {}
    size = next(iter(layers.values())).shape[:2] if layers else (0, 0)
    for name, image in layers.items():
        if (
            image.ndim != 3
            or image.shape[2] not in (1, 3)
            or image.shape[:2] != size
            or not image.size
        ):
            raise ShapeError(
                f"layer {name!r} must have shape (h, w, 3) or (h, w, 1) and the size of the first, "
                f"{size}, got {image.shape}"
            )
        keys = [name] if image.shape[2] == 1 else [f"{name}.{axis}" for axis in "XYZ"]
        keys = ["R", "G", "B"] if name == "" and image.shape[2] == 3 else keys
        channels |= {key: image[..., index].astype(np.float32) for index, key in enumerate(keys)}
    _write_channels(Path(path), channels)


def _write_channels(path: Path, channels: Mapping[str, npt.NDArray[Any]]) -> None:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with atomic_path(path) as partial:
        stored = {key: np.ascontiguousarray(plane) for key, plane in channels.items()}
        OpenEXR.File(header, stored).write(str(partial))
