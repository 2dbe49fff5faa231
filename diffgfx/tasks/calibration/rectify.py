"""A photograph resampled to the sample's plane, and what it shows of the grey patches.

Each texel is followed through pose and lens into the photograph as it was stored, so that pixels
are interpolated once. That happens in linear light by an 8 x 8 Lanczos kernel; texels are as fine
as the finest photograph's pixels, so nothing is lost and little is aliased.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.io.camera_photo import CameraPhoto
from diffgfx.scene import Sheet
from diffgfx.scene.sheet import Box
from diffgfx.tasks.calibration.solve import Lens, Pose, project

__all__ = ["Reading", "choose_texels", "read_greys", "rectify", "sample_box", "window_inside"]

_RIM = 1.0                      # mm
_ROUND = 8
_FEWEST = 64
_MOST = 4096
_MARGIN = 4.0                   # pixels that the resampling kernel reaches
_CLIPPED = 0.5                  # share of a texel from which it counts as clipped
_INNER = 0.6                    # of a grey patch: its rim may be smeared
_SIDE = 24                      # samples of a grey patch a side
_UNEVEN = 0.15                  # relative deviation at which a patch has glare or a stain on it
_DARK, _BRIGHT = 0.002, 0.95    # of full scale

Reading = tuple[float, float, float]
Plane = npt.NDArray[np.float32]


def _seen(lens: Lens, pose: Pose, box: Box, z: float, shape: tuple[int, int]) -> Plane:
    """Return the pixels at which a box's texels are seen, row 0 at its top, shape (h, w, 2)."""
    left, bottom, right, top = box
    rows, columns = shape
    x = left + (np.arange(columns) + 0.5) / columns * (right - left)
    y = top - (np.arange(rows) + 0.5) / rows * (top - bottom)
    grid = np.stack([*np.meshgrid(x, y), np.full(shape, z)], axis=-1)
    return project(lens, pose, grid.reshape(-1, 3)).reshape(rows, columns, 2).astype(np.float32)


def sample_box(sheet: Sheet) -> Box:
    """Return what the photographs are cut to: the window but for its rim.

    A millimetre inside the dashed line there is sample, and no paper, whatever knife and defocus
    made of the edge.
    """
    width, height = (0.5 * side - _RIM for side in sheet.window)
    return -width, -height, width, height


def _inside(lens: Lens, seen: Plane) -> bool:
    far = np.array(lens.size) - 1.0 - _MARGIN
    return bool(((seen >= _MARGIN) & (seen <= far)).all())


def window_inside(lens: Lens, pose: Pose, sheet: Sheet, z: float) -> bool:
    """Say whether a photograph shows the whole sample; ``z`` is the sample's height [mm]."""
    return _inside(lens, _seen(lens, pose, sample_box(sheet), z, (9, 9)))


def choose_texels(
    lens: Lens, poses: Sequence[Pose], sheet: Sheet, z: float
) -> tuple[int, int]:
    """Return how many texels, rows and columns, are as fine as the finest photograph's pixels.

    At most 4096 along the longer side and at least 64 along the shorter one, so that texels, whose
    number there is rounded, are square to within a part in a hundred.
    """
    step = 0.5                                          # mm
    around = np.array([[step, 0, z], [-step, 0, z], [0, step, z], [0, -step, z]], np.float64)
    finest = 0.0
    for pose in poses:
        a, b, c, d = project(lens, pose, around)
        across, along = (a - b) / (2.0 * step), (c - d) / (2.0 * step)
        finest = max(finest, float(np.sqrt(abs(across[0] * along[1] - across[1] * along[0]))))
    left, bottom, right, top = sample_box(sheet)
    width, height = right - left, top - bottom
    finest = min(finest, _MOST / max(width, height))
    ratio = max(width, height) / min(width, height)
    fewest = math.ceil(_FEWEST * ratio / _ROUND)
    longer = _ROUND * max(fewest, round(finest * max(width, height) / _ROUND))
    shorter = round(longer / ratio)
    return (shorter, longer) if width >= height else (longer, shorter)


def rectify(
    photo: CameraPhoto, lens: Lens, pose: Pose, sheet: Sheet, z: float, shape: tuple[int, int]
) -> Plane:
    """Resample a photograph to the sample that shows in the window; see `sample_box`.

    A texel's channel half of which was clipped is at full scale, as it is in the photograph's own
    pixels there; what the kernel overshoots is cut off at black and at full scale.

    Args:
        photo: The photograph.
        lens: The lens.
        pose: Where its camera stood.
        sheet: The sheet as printed.
        z: Height of the sample's surface in the sheet's frame [mm].
        shape: Texels: rows, columns.

    Returns:
        Linear light, 1 at full scale, shape (rows, columns, 3).
    """
    seen = _seen(lens, pose, sample_box(sheet), z, shape)
    x, y = seen[..., 0], seen[..., 1]
    linear = cv2.remap(photo.linear(), x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    clipped = photo.clipped()
    linear = np.clip(linear, 0.0, None if photo.pixels.dtype.kind == "f" else 1.0)
    if clipped.any():
        share = cv2.remap(clipped.astype(np.float32), x, y, cv2.INTER_LINEAR)
        linear[share >= _CLIPPED] = 1.0
    return np.asarray(linear, np.float32)


def read_greys(
    linear: Plane, lens: Lens, pose: Pose, sheet: Sheet
) -> tuple[Reading | None, ...]:
    """Return the linear RGB of each grey patch, the median of its inner part.

    A patch is not read, and None, where it is not wholly in the picture, near black or clipped in a
    channel, or uneven, as glare, shadow or a stain leave it.
    """
    return tuple(_read_grey(linear, lens, pose, box) for box in sheet.greys)


def _read_grey(linear: Plane, lens: Lens, pose: Pose, box: Box) -> Reading | None:
    left, bottom, right, top = box
    dx, dy = 0.5 * (1.0 - _INNER) * (right - left), 0.5 * (1.0 - _INNER) * (top - bottom)
    inner = (left + dx, bottom + dy, right - dx, top - dy)
    seen = _seen(lens, pose, inner, 0.0, (_SIDE, _SIDE))
    if not _inside(lens, seen):
        return None
    smooth = _smoothed(linear, seen)
    if smooth.min() < _DARK or smooth.max() > _BRIGHT:
        return None
    if float((smooth.std(axis=(0, 1)) / smooth.mean(axis=(0, 1))).max()) > _UNEVEN:
        return None
    red, green, blue = np.median(smooth.reshape(-1, 3), axis=0).tolist()
    return red, green, blue


def _smoothed(linear: Plane, seen: Plane) -> Plane:
    """Look up a patch; pixels between the samples are averaged in, so that noise does not count."""
    low = np.floor(seen.min(axis=(0, 1))).astype(int) - 1
    high = np.ceil(seen.max(axis=(0, 1))).astype(int) + 2
    part = linear[low[1] : high[1], low[0] : high[0]]
    reach = max(1, int((high - low).max() / 6)) | 1
    mean = cv2.blur(part, (reach, reach), borderType=cv2.BORDER_REPLICATE)
    x, y = seen[..., 0] - low[0], seen[..., 1] - low[1]
    return np.asarray(cv2.remap(mean, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR))
