"""Pictures that lie inside a page: scaled down, coloured, and written as data URIs."""

import base64
import dataclasses

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["PICTURE_SIDE", "Embedded", "as_rows", "embed", "heat", "scaled_down"]

PICTURE_SIDE = 512   # pixels: more than a column of the page shows

_Picture = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Embedded:
    """A picture as HTML takes it.

    Attributes:
        uri: The file itself, as a ``data:`` URI.
        width: Pixels.
        height: Pixels.
    """

    uri: str
    width: int
    height: int


def as_rows(planes: Tensor) -> _Picture:
    """Return planes, shape (c, h, w), as a picture, shape (h, w, c)."""
    rows = planes.detach().to("cpu", torch.float32).permute(1, 2, 0)
    return np.ascontiguousarray(rows.numpy())


def scaled_down(picture: _Picture, side: int = PICTURE_SIDE) -> _Picture:
    """Average a picture, shape (h, w, c), down so that it fits a square; never enlarge it."""
    height, width, channels = picture.shape
    scale = side / max(height, width)
    if scale >= 1.0:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32).reshape(size[1], size[0], channels)


def heat(values: npt.NDArray[np.float32], palette: int = cv2.COLORMAP_INFERNO) -> _Picture:
    """Colour values in [0, 1], shape (h, w), with one of OpenCV's palettes: (h, w, 3) in [0, 1]."""
    level = (np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    coloured = cv2.applyColorMap(level, palette)[..., ::-1]
    return coloured.astype(np.float32) / np.float32(255.0)


def embed(picture: _Picture, quality: int = 88) -> Embedded:
    """Embed stored values in [0, 1], shape (h, w, 3) or (h, w, 1), as a JPEG of full chroma."""
    codes = (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    settings = [
        cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(codes[..., ::-1]), settings)
    text = base64.b64encode(encoded.tobytes()).decode("ascii")
    height, width = codes.shape[:2]
    return Embedded(f"data:image/jpeg;base64,{text}", width, height)
