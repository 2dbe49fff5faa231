"""One picture to judge a fit by: each target, the fit, and where they differ."""

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.io import encode_transfer
from diffgfx.tasks.mesh.fit import FitResult

__all__ = ["draw_views"]

_TILE = 192
_BLOCKS = 2  # views side by side
_MOST = 16  # views drawn, the held-out ones first
_GAP, _LABEL = 6, 24
_FULL = 0.25  # difference of stored values drawn in the brightest colour
_GROUND, _TEXT, _MARK = (24, 24, 26), (225, 225, 225), (255, 150, 40)

Picture = npt.NDArray[np.uint8]


def draw_views(result: FitResult) -> npt.NDArray[np.float32]:
    """Return the comparison as stored values in [0, 1], shape (h, w, 3).

    A block a view: target, fit, difference (black none, yellow 0.25 and more of the stored range);
    held-out views come first, framed and marked.
    """
    order = sorted(range(len(result.errors)), key=lambda k: (k not in result.held_out, k))
    blocks = [_block(result, index) for index in order[:_MOST]]
    columns = min(_BLOCKS, len(blocks))
    blocks += [np.full_like(blocks[0], _GROUND)] * (-len(blocks) % columns)
    rows = [np.hstack(blocks[k : k + columns]) for k in range(0, len(blocks), columns)]
    legend = np.full((_LABEL + _GAP, rows[0].shape[1], 3), _GROUND, np.uint8)
    _write(legend, f"target | fit | difference (yellow: {_FULL} or more)", _TEXT)
    page = np.vstack([legend, *rows])
    return page.astype(np.float32) / np.float32(255.0)


def _block(result: FitResult, index: int) -> Picture:
    pair = [
        encode_transfer(x[index].clamp(0.0, 1.0), "srgb").permute(1, 2, 0).cpu().numpy()
        for x in (result.targets.images, result.pictures)
    ]
    level = np.clip(np.abs(pair[0] - pair[1]).mean(axis=2) / _FULL * 255.0, 0, 255)
    heat = cv2.applyColorMap(_tile(level.astype(np.uint8)), cv2.COLORMAP_INFERNO)[..., ::-1]
    tiles = [_tile((x * 255.0 + 0.5).astype(np.uint8)) for x in pair] + [heat]
    height, width = tiles[0].shape[:2]
    block = np.full((height + _LABEL + 2 * _GAP, 3 * width + 4 * _GAP, 3), _GROUND, np.uint8)
    held = index in result.held_out
    if held:
        block[_LABEL:] = _MARK
    for k, tile in enumerate(tiles):
        x = _GAP + k * (width + _GAP)
        block[_LABEL + _GAP : _LABEL + _GAP + height, x : x + width] = tile
    error = result.errors[index]
    label = f"{result.targets.names[index]}  {error.psnr:.1f} dB" + ("  HELD OUT" if held else "")
    _write(block, label, _MARK if held else _TEXT)
    return block


def _tile(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = _TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)


def _write(picture: Picture, text: str, colour: tuple[int, int, int]) -> None:
    place = (_GAP, _LABEL - 7)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
