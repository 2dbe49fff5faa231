"""The photographs of a capture as linear images at the resolution of the fit."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import InputError, RangeError
from diffgfx.io._files import show_path
from diffgfx.io._header import Header
from diffgfx.io.image import decode_transfer, read_header, read_pixels
from diffgfx.scene import Capture, Photo, Transfer

__all__ = ["PhotoSet", "load_photos"]

_SATURATED = 254.5 / 255.0  # of full scale
_BLACK = 2.0 / 255.0
_ALL = 0.99  # saturated fraction beyond which a photograph tells nothing
_ASPECT_TOLERANCE = 0.01
_SIDE_MINIMUM = 16
_VALUE_LIMIT = 1e9
_WEIGHT_MINIMUM = np.float32(1e-6)  # so that a texel that is masked out still has an average

_Plane = npt.NDArray[np.float32]
_Planes = tuple[_Plane, _Plane, _Plane | None]  # linear (h, w, 3), clipped (h, w), mask (h, w)


@dataclasses.dataclass(frozen=True)
class PhotoSet:
    """Photographs of one capture, in its order, at one resolution.

    Attributes:
        images: Linear RGB, area averages of the stored pixels, not negative, shape (n, 3, h, w).
            Where there is a mask it weighs them, as far as it leaves any.
        saturated: Fraction of a texel's stored pixels in which a channel is clipped (at least 254.5
            of 255 of full scale; EXR: none), averaged likewise, in [0, 1], shape (n, 1, h, w).
        valid: Weight from the photographs' masks, 1 where there is none, in [0, 1], shape
            (n, 1, h, w).
        resolution: Height and width in texels.
        warnings: What the user should know, a line each.
    """

    images: Float[Tensor, "n 3 h w"]
    saturated: Float[Tensor, "n 1 h w"]
    valid: Float[Tensor, "n 1 h w"]
    resolution: tuple[int, int]
    warnings: tuple[str, ...] = ()


def load_photos(
    capture: Capture,
    resolution: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> PhotoSet:
    """Read a capture's photographs, decode them and average them down in linear light.

    Every header is checked before the first photograph is decoded, and one photograph is held at a
    time. Stored values are decoded by the capture's ``transfer``, those of EXR files too.

    Args:
        capture: What `read_capture` returned.
        resolution: Texels along the longer side; None for the photographs' own. They are never
            enlarged: a resolution beyond their own gives their own, with a warning.
        progress: Called with the number of photographs read and their total after each.

    Returns:
        The photographs as float32 tensors on the CPU.

    Raises:
        InputError: If a photograph or mask is missing, damaged, not an image, over 1e8 or under
            16 pixels a side, of another size than the others or another shape than the sample, all
            black, all saturated or masked out, or holds NaN.
        RangeError: If ``resolution`` is not above zero.
    """
    if resolution is not None and resolution < 1:
        raise RangeError(f"resolution must be at least 1, got {resolution}; try 256")
    headers = [read_header(capture.folder / photo.file) for photo in capture.photos]
    size = _check_sizes(capture, headers)
    warnings = _warnings(capture, headers, size, resolution)
    target = _target(size, resolution)
    count = len(capture.photos)
    images = torch.empty(count, 3, *target)
    saturated = torch.empty(count, 1, *target)
    valid = torch.empty(count, 1, *target)
    for index, photo in enumerate(capture.photos):
        linear, clipped, weight = _load(capture, photo, target)
        images[index] = torch.from_numpy(linear).movedim(-1, 0)
        saturated[index, 0] = torch.from_numpy(clipped)
        valid[index, 0] = 1.0 if weight is None else torch.from_numpy(weight)
        if progress is not None:
            progress(index + 1, count)
    return PhotoSet(images, saturated, valid, target, warnings)


def _check_sizes(capture: Capture, headers: list[Header]) -> tuple[int, int]:
    """Return the height and width that all photographs share, from their headers."""
    first = headers[0]
    size = first.height, first.width
    for photo, header in zip(capture.photos, headers, strict=True):
        path = show_path(capture.folder / photo.file)
        if (header.height, header.width) != size:
            raise InputError(
                f"{path}: photos must share one size, got {header.width} x {header.height} where "
                f"{capture.photos[0].file} has {first.width} x {first.height}; "
                "rectify all photos to one size"
            )
        if min(size) < _SIDE_MINIMUM:
            raise InputError(
                f"{path}: photos must have at least {_SIDE_MINIMUM} pixels a side, got "
                f"{header.width} x {header.height}; export them larger"
            )
        if photo.mask is not None:
            mask = read_header(capture.folder / photo.mask)
            if (mask.height, mask.width) != size:
                raise InputError(
                    f"{show_path(capture.folder / photo.mask)}: mask must have its photo's size "
                    f"{header.width} x {header.height}, got {mask.width} x {mask.height}; resize it"
                )
    width, height = capture.sample_size
    ratio = (first.width / first.height) / (width / height)
    if abs(ratio - 1.0) > _ASPECT_TOLERANCE:
        raise InputError(
            f"{show_path(capture.folder / capture.photos[0].file)}: photos must have the sample's "
            f"shape within 1 %, got {first.width} x {first.height} pixels for a sample of "
            f"{width:g} x {height:g} {capture.units}; correct sample_size or rectify again"
        )
    return size


def _warnings(
    capture: Capture, headers: list[Header], size: tuple[int, int], resolution: int | None
) -> tuple[str, ...]:
    warnings = []
    if resolution is not None and resolution > max(size):
        warnings.append(
            f"resolution {resolution} is beyond the photos' own {max(size)}: using {max(size)}"
        )
    floats = [
        photo.file
        for photo, header in zip(capture.photos, headers, strict=True)
        if header.kind == "exr"
    ]
    if floats and capture.transfer != "linear":
        warnings.append(
            f"{floats[0]}: EXR files mostly hold linear light, but transfer is "
            f"{capture.transfer} and is applied"
        )
    return tuple(warnings)


def _target(size: tuple[int, int], resolution: int | None) -> tuple[int, int]:
    longer = max(size)
    if resolution is None or resolution >= longer:
        return size
    height, width = (max(1, round(side * resolution / longer)) for side in size)
    return height, width


def _load(capture: Capture, photo: Photo, target: tuple[int, int]) -> _Planes:
    """Return the texels of one photograph, so that its pixels are gone before the next is read."""
    linear, clipped, weight = _load_pixels(capture, photo)
    if weight is None:
        return _reduce(linear, target), _reduce(clipped, target), None
    weight = np.maximum(weight, _WEIGHT_MINIMUM)
    share = _reduce(weight, target)
    linear = _reduce(linear * weight[..., None], target) / share[..., None]
    valid = np.where(share > 2 * _WEIGHT_MINIMUM, share, 0.0).astype(np.float32)
    return linear, _reduce(clipped * weight, target) / share, valid


def _load_pixels(capture: Capture, photo: Photo) -> _Planes:
    path = capture.folder / photo.file
    pixels = read_pixels(path)
    weight = None if photo.mask is None else _load_mask(capture.folder / photo.mask)
    usable = pixels if weight is None else pixels[weight > 0.5]
    if pixels.dtype.kind == "f":
        _check_float(path, pixels, float(usable.max()))
        linear = decode_transfer(np.clip(pixels, np.float32(0.0), None), capture.transfer)
        return linear, np.zeros(pixels.shape[:2], np.float32), weight
    maximum = np.iinfo(pixels.dtype).max
    if usable.max() < _BLACK * maximum:
        raise InputError(
            f"{show_path(path)}: photo must not be all black, got a maximum of {usable.max()} of "
            f"{maximum}; expose it longer or remove it"
        )
    clipped = np.asarray((pixels >= _SATURATED * maximum).any(axis=2))
    share = float((clipped if weight is None else clipped[weight > 0.5]).mean())
    if share > _ALL:
        raise InputError(
            f"{show_path(path)}: photo must not be all saturated, got {100 * share:.1f} % of its "
            "pixels at full scale; expose it shorter or remove it"
        )
    linear = _decode_table(pixels.dtype, capture.transfer)[pixels]
    return linear, clipped.astype(np.float32), weight


def _check_float(path: Path, pixels: npt.NDArray[Any], brightest: float) -> None:
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= -_VALUE_LIMIT and high <= _VALUE_LIMIT):  # true for NaN too
        raise InputError(
            f"{show_path(path)}: photo must hold finite values within +-{_VALUE_LIMIT:g}, got "
            f"{low:g} to {high:g}; export it again"
        )
    if brightest <= 0.0:
        raise InputError(
            f"{show_path(path)}: photo must not be all black, got a maximum of {brightest:g}; "
            "expose it longer or remove it"
        )


def _load_mask(path: Path) -> npt.NDArray[np.float32]:
    pixels = read_pixels(path)
    full = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    weight = np.clip(pixels.mean(axis=2, dtype=np.float32) / np.float32(full), 0.0, 1.0)
    if not (weight > 0.5).any():
        raise InputError(
            f"{show_path(path)}: mask must be white where the photo may be used, got no white "
            "pixel; invert it or leave it out"
        )
    return np.asarray(weight, dtype=np.float32)


def _decode_table(dtype: np.dtype[Any], transfer: Transfer) -> npt.NDArray[np.float32]:
    """Return the linear value of every code, exact to single precision."""
    maximum = np.iinfo(dtype).max
    return decode_transfer(np.arange(maximum + 1) / maximum, transfer).astype(np.float32)


def _reduce(array: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Average over the area of each texel; a pixel on an edge counts by its share."""
    if array.shape[:2] == size:
        return array
    import cv2

    return np.asarray(cv2.resize(array, (size[1], size[0]), interpolation=cv2.INTER_AREA))
