"""One picture to judge a capture by: each photograph, its re-render, and where they differ."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.io import encode_transfer
from diffgfx.scene import Capture
from diffgfx.tasks.capture.run import CaptureResult

__all__ = ["draw_comparison"]

_TILE = 256
_COLUMNS = 3          # photographs side by side
_GAP, _LABEL = 6, 24
_ERROR_FULL = 0.25    # difference of stored values drawn in the brightest colour
_BACKGROUND, _TEXT, _MARK = (24, 24, 26), (225, 225, 225), (255, 150, 40)

Picture = npt.NDArray[np.uint8]


def draw_comparison(capture: Capture, result: CaptureResult) -> npt.NDArray[np.float32]:
    """Return the comparison as stored values in [0, 1], shape (h, w, 3).

    A block a photograph: photo, re-render, error (black none, yellow 0.25 and more of the stored
    range); blocks of held-out photographs come first, framed and marked.
    """
    order = sorted(range(len(capture.photos)), key=lambda i: (i not in result.held_out, i))
    blocks = [_block(capture, result, index) for index in order]
    blank = np.full_like(blocks[0], _BACKGROUND)
    columns = min(_COLUMNS, len(blocks))
    blocks += [blank] * (-len(blocks) % columns)
    rows = [np.hstack(blocks[i : i + columns]) for i in range(0, len(blocks), columns)]
    legend = np.full((_LABEL + _GAP, rows[0].shape[1], 3), _BACKGROUND, np.uint8)
    text = (
        f"photo | re-render | error (yellow: {_ERROR_FULL} of the stored range or more)"
        "      orange frame: held out, never seen by the fit"
    )
    _write(legend, text, (_GAP, _LABEL - 7), _TEXT)
    page = np.vstack([legend, *rows])
    return page.astype(np.float32) / np.float32(255.0)


def _fit_tile(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    height, width = picture.shape[:2]
    scale = _TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(picture, size, interpolation=method)
    return small.astype(np.float32)


def _block(capture: Capture, result: CaptureResult, index: int) -> Picture:
    stored = [
        encode_transfer(x[index], capture.transfer).permute(1, 2, 0).cpu().numpy()
        for x in (result.photos.images, result.renders)
    ]
    error = np.abs(stored[0] - stored[1]).mean(axis=2)
    level = np.clip(_fit_tile(error) / _ERROR_FULL * 255.0, 0, 255).astype(np.uint8)
    heat = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)[..., ::-1]
    tiles = [(_fit_tile(x) * 255.0 + 0.5).astype(np.uint8) for x in stored] + [heat]
    height, width = tiles[0].shape[:2]
    block = np.full((height + _LABEL + 2 * _GAP, 3 * width + 4 * _GAP, 3), _BACKGROUND, np.uint8)
    held = index in result.held_out
    if held:
        block[_LABEL : height + _LABEL + 2 * _GAP, :] = _MARK
    for k, tile in enumerate(tiles):
        x = _GAP + k * (width + _GAP)
        block[_LABEL + _GAP : _LABEL + _GAP + height, x : x + width] = tile
    name = Path(capture.photos[index].file).name
    label = f"{name}  rmse {result.errors[index].rmse:.4f}" + ("  HELD OUT" if held else "")
    if result.poses[index] == "solved on this photo":
        label += ", pose solved on it"
    _write(block, label, (_GAP, _LABEL - 7), _MARK if held else _TEXT)
    return block


def _write(
    picture: Picture, text: str, place: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
