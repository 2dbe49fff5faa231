"""One picture to judge a calibration by: every photograph with the tags that were found in it."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.io.camera_photo import turn_points, turn_upright
from diffgfx.tasks.calibration.run import Calibration, View

__all__ = ["draw_detections"]

_COLUMNS, _GAP, _LABEL = 3, 6, 24
_GROUND, _TEXT, _MARK = (24, 24, 26), (225, 225, 225), (255, 150, 40)
_GOOD, _BAD = (60, 230, 90), (255, 60, 60)
_FINE = 4                   # binary digits of a pixel that OpenCV's lines are placed by

Picture = npt.NDArray[np.uint8]


def draw_detections(calibration: Calibration) -> npt.NDArray[np.float32]:
    """Return the picture as stored values in [0, 1], shape (h, w, 3).

    Photographs are upright as EXIF says. Tags that were believed are outlined in green, others that
    were found in red; photographs that were left out are framed in orange and say why.
    """
    blocks = []
    solved = calibration.solved
    for view, kept, error in zip(calibration.views, solved.kept, solved.errors, strict=True):
        label = f"{view.path.name}  {len(kept.numbers)} tags, {error:.2f} px"
        blocks.append(_block(view, kept.numbers, label, None))
    for entry in calibration.left_out:
        blocks.append(_block(entry.view, (), f"{entry.view.path.name}  LEFT OUT", entry.reason))
    wide, high = (max(block.shape[axis] for block in blocks) for axis in (1, 0))
    blocks = [_padded(block, wide, high) for block in blocks]
    columns = min(_COLUMNS, len(blocks))
    blocks += [np.full((high, wide, 3), _GROUND, np.uint8)] * (-len(blocks) % columns)
    rows = [np.hstack(blocks[k : k + columns]) for k in range(0, len(blocks), columns)]
    return np.vstack(rows).astype(np.float32) / np.float32(255.0)


def _block(view: View, believed: Sequence[int], label: str, reason: str | None) -> Picture:
    picture = _outlined(view, believed)
    height, width = picture.shape[:2]
    lines = [label] if reason is None else [label, *_wrapped(reason, width)]
    # a name whose bytes are no text would end the process inside OpenCV
    lines = [line.encode("utf-8", "replace").decode("utf-8") for line in lines]
    above = _LABEL * len(lines)
    ground = _GROUND if reason is None else _MARK
    block = np.full((above + height + 2 * _GAP, width + 2 * _GAP, 3), _GROUND, np.uint8)
    block[above:] = ground
    block[above + _GAP : above + _GAP + height, _GAP : _GAP + width] = picture
    for number, line in enumerate(lines):
        place = (_GAP, _LABEL * (number + 1) - 7)
        colour = _TEXT if reason is None else _MARK
        cv2.putText(block, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return block


def _outlined(view: View, believed: Sequence[int]) -> Picture:
    """Return a photograph upright, with outlines and numbers of its tags."""
    orientation = view.photo.notes.orientation
    picture = turn_upright(view.preview, orientation)
    size = (picture.shape[1], picture.shape[0])
    for number, quad in zip(view.found.numbers, view.found.pixels, strict=True):
        colour = _GOOD if number in believed else _BAD
        # centres of pixels lie at whole numbers in both pictures
        small = turn_points((quad + 0.5) / view.shrunk - 0.5, orientation, size)
        fixed = np.rint(small * 2**_FINE).astype(np.int32)[:, None]
        cv2.polylines(picture, [fixed], True, colour, 1, cv2.LINE_AA, _FINE)
        x, y = small.mean(axis=0).round().astype(int).tolist()
        cv2.circle(picture, (x, y), 9, _GROUND, cv2.FILLED, cv2.LINE_AA)
        cv2.putText(picture, str(number), (x - 4 * len(str(number)), y + 4),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)  # fmt: skip
    return picture


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines that fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        room = cv2.getTextSize(longer, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
        if room > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _padded(block: Picture, width: int, height: int) -> Picture:
    page = np.full((height, width, 3), _GROUND, np.uint8)
    page[: block.shape[0], : block.shape[1]] = block
    return page
