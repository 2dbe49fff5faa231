"""One picture to judge a recovery by: target, result, and where they differ, at some frames."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diffgfx.io import encode_transfer, write_png
from diffgfx.tasks.control.run import ControlResult
from diffgfx.tasks.flow import picture_size, smoke_light

__all__ = ["draw_rows", "write_comparison"]

_COLUMNS = 6
_TILE = 240           # pixels of a tile's longer side
_GAP, _LABEL = 4, 22
_FULL = 0.25          # difference of stored values drawn in the brightest colour
_GROUND, _TEXT = (24, 24, 26), (225, 225, 225)

Picture = npt.NDArray[np.uint8]


def write_comparison(path: Path, result: ControlResult) -> None:
    """Write rows of target, result and difference; see `draw_rows`."""
    target, scene = result.target, result.scene
    count = len(target.frames)
    chosen = sorted({round((k + 1) * count / _COLUMNS) - 1 for k in range(_COLUMNS)} - {-1})
    size = picture_size(tuple(reversed(target.start.density.shape[2:])), _TILE)
    with torch.no_grad():
        if target.kind == "picture":   # at its own size first, so that sizes make no difference
            pair = [target.frames[chosen], target.seen(result.density[chosen], scene)]
        else:
            pair = [smoke_light(x[chosen], scene, size) for x in (target.frames, result.density)]
        wanted, found = (
            torch.nn.functional.interpolate(
                x, size=(size[1], size[0]), mode="bilinear", antialias=True
            )
            for x in pair
        )
    write_png(path, draw_rows(wanted, found, [k + 1 for k in chosen]))


def draw_rows(wanted: Tensor, found: Tensor, numbers: list[int]) -> npt.NDArray[np.float32]:
    """Return three rows of pictures as stored values in [0, 1], shape (h, w, 3).

    Args:
        wanted: The target, linear RGB, shape (n, 3, h, w); the first row.
        found: The result, likewise; the second row. The third is the difference of stored values,
            black none, yellow a quarter of the range and more.
        numbers: The number of each frame.
    """
    stored = [encode_transfer(x, "srgb").permute(0, 2, 3, 1).cpu().numpy() for x in (wanted, found)]
    columns = []
    for k, number in enumerate(numbers):
        pair = [(picture[k] * 255.0 + 0.5).astype(np.uint8) for picture in stored]
        tiles = [_label(f"frame {number}", pair[0].shape[1]), *pair]
        tiles.append(_heat(np.abs(stored[0][k] - stored[1][k]).mean(axis=2)))
        padded = [cv2.copyMakeBorder(t, 0, _GAP, _GAP, 0, 0, value=_GROUND) for t in tiles]
        columns.append(np.vstack(padded))
    page = np.hstack(columns)
    legend = _label(f"target | result | difference (yellow: {_FULL})", page.shape[1])
    return np.vstack([legend, page]).astype(np.float32) / np.float32(255.0)


def _heat(difference: npt.NDArray[np.float32]) -> Picture:
    level = np.clip(difference / _FULL * 255.0, 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)[..., ::-1], dtype=np.uint8)


def _label(text: str, width: int) -> Picture:
    label = np.full((_LABEL, width, 3), _GROUND, np.uint8)
    cv2.putText(
        label, text, (_GAP, _LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _TEXT, 1, cv2.LINE_AA
    )
    return label
