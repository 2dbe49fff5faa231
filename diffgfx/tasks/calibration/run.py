"""From photographs of a sheet to a lens and poses: read, detect, leave out, solve."""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.errors import InputError, RangeError
from diffgfx.io import show_path
from diffgfx.io.camera_photo import CameraPhoto, read_camera_photo
from diffgfx.scene import Sheet
from diffgfx.tasks.calibration.detect import Detection, detect_tags, why_unusable
from diffgfx.tasks.calibration.rectify import window_inside
from diffgfx.tasks.calibration.solve import Lens, Pose, Solved, solve_views

__all__ = [
    "Calibration", "LeftOut", "Progress", "View", "calibrate_photos", "common_balance",
    "expected_focal",
]  # fmt: skip

Progress = Callable[[str, int, int, float | None], object]
"""Called with the stage, what is done of it, how much it is, and the current error."""

_FEWEST = 4
_THICKEST = 50.0            # mm
_WORST = 2.0                # pixels of error beyond which a photograph is not of this sheet
_VAGUE = 0.005              # deviation of the focal length, as a share of it: heights to 1 %
_FRAME = math.hypot(36.0, 24.0)     # mm: film and sensor are compared by their diagonals
_PREVIEW = 640

Picture = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class View:
    """A photograph, before or after it was placed.

    Attributes:
        path: The file.
        photo: What is kept of it: everything but the pixels.
        found: The tags that it shows.
        preview: The picture reduced, as the sensor lay, uint8, shape (h, w, 3).
        shrunk: Its pixels a pixel of ``preview``.
        size: Its width and height [pixel].
    """

    path: Path
    photo: CameraPhoto
    found: Detection
    preview: Picture
    shrunk: float
    size: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A photograph that could not be used, and why."""

    view: View
    reason: str


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A lens, and where it stood at each photograph.

    Attributes:
        sheet: The sheet as printed.
        height: Height of the sheet's printed side above the sample's surface [mm].
        views: The photographs that are used.
        solved: Lens, poses and errors of ``views``.
        left_out: The others.
        warnings: What the user should know, a line each.
    """

    sheet: Sheet
    height: float
    views: tuple[View, ...]
    solved: Solved
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]

    @property
    def lens(self) -> Lens:
        """The lens that all photographs share."""
        return self.solved.lens

    def position(self, pose: Pose) -> tuple[float, float, float]:
        """Return where a camera stood above the sample's surface [cm]."""
        x, y, z = pose.position().tolist()
        return 0.1 * x, 0.1 * y, 0.1 * (z + self.height)


def calibrate_photos(
    paths: Sequence[Path | str],
    sheet: Sheet,
    *,
    thickness: float = 0.0,
    progress: Progress | None = None,
) -> Calibration:
    """Find a sheet in photographs, and from it the lens and where each was taken.

    Args:
        paths: The photographs, at least four usable ones, by one camera at one zoom.
        sheet: The sheet as `io.read_sheet` returned it.
        thickness: Height of its printed side above the sample's surface [mm]; below zero where the
            sample stands above the sheet.
        progress: Told of every photograph.

    Raises:
        InputError: If a file cannot be read, or fewer than four photographs can be used.
        RangeError: If ``thickness`` is not from -50 to 50, or a photograph is named twice.
        BackendError: If a photograph needs a package that is not installed.
    """
    if not -_THICKEST <= thickness <= _THICKEST:
        raise RangeError(
            f"thickness must be from -{_THICKEST:g} to {_THICKEST:g} mm, got {thickness:g}; "
            "give the height of the printed side above the sample"
        )
    files = [Path(path) for path in paths]
    for path, count in Counter(path.resolve() for path in files).items():
        if count > 1:
            raise RangeError(
                f"photos must be named once each, got {show_path(path)} twice; remove one"
            )
    tell = progress or (lambda stage, done, total, error: None)
    sheet = sheet.as_printed()
    views: list[View] = []
    for path in files:
        views.append(_view(path, sheet, common_balance(views)))
        tell("find tags", len(views), len(files), None)
    usable, left_out = _sort_out(views, sheet)
    _check_enough(usable, left_out, len(files))
    solved, usable, bad = _solve(usable, sheet, thickness)
    left_out += bad
    _check_enough(usable, left_out, len(files))
    warnings = [f"{show_path(entry.view.path)}: left out: {entry.reason}" for entry in left_out]
    if solved.lens.focal_deviation > _VAGUE:
        warnings.append(
            f"the focal length is known to {100 * solved.lens.focal_deviation:.1f} % only, and the "
            "cameras' heights with it: tilt the camera by 15 degrees and more, to all four sides"
        )
    return Calibration(
        sheet, thickness, tuple(usable), solved, tuple(left_out), tuple(warnings)
    )


def common_balance(views: Sequence[View]) -> tuple[float, ...] | None:
    """Return the white balance that all raw photographs are developed with: the first one's."""
    balances = (view.photo.white_balance for view in views)
    return next((known for known in balances if known is not None), None)


def _view(path: Path, sheet: Sheet, balance: tuple[float, ...] | None) -> View:
    photo = read_camera_photo(path, balance)
    linear = photo.linear()
    found = detect_tags(linear, sheet)
    height, width = linear.shape[:2]
    shrunk = max(1.0, max(height, width) / _PREVIEW)
    size = (max(1, round(width / shrunk)), max(1, round(height / shrunk)))
    small = np.clip(cv2.resize(linear, size, interpolation=cv2.INTER_AREA), 0.0, 1.0)
    preview = np.rint(255.0 * small ** (1.0 / 2.2)).astype(np.uint8)
    kept = dataclasses.replace(photo, pixels=photo.pixels[:0])
    return View(path, kept, found, preview, shrunk, (width, height))


def _sort_out(views: Sequence[View], sheet: Sheet) -> tuple[list[View], list[LeftOut]]:
    """Leave out what shows too few tags, then what is of another size than most."""
    usable, left_out = [], []
    for view in views:
        reason = why_unusable(view.found, sheet)
        if reason is None:
            usable.append(view)
        else:
            left_out.append(LeftOut(view, reason))
    if not usable:
        return usable, left_out
    (width, height), _ = Counter(view.size for view in usable).most_common(1)[0]
    for view in [view for view in usable if view.size != (width, height)]:
        usable.remove(view)
        reason = (f"it has {view.size[0]} x {view.size[1]} pixels where most have {width} x "
                  f"{height}: another camera or zoom, cropped, or turned by an editor")  # fmt: skip
        left_out.append(LeftOut(view, reason))
    return usable, left_out


def _check_enough(usable: Sequence[View], left_out: Sequence[LeftOut], count: int) -> None:
    if len(usable) >= _FEWEST:
        return
    first = f": {show_path(left_out[0].view.path)}: {left_out[0].reason}" if left_out else ""
    raise InputError(
        f"photos must show the sheet in at least {_FEWEST}, got {len(usable)} usable of {count}"
        f"{first}; photograph the whole sheet, sharp and evenly lit"
    )


def _solve(
    usable: list[View], sheet: Sheet, thickness: float
) -> tuple[Solved, list[View], list[LeftOut]]:
    """Solve, leaving out photographs that disagree with all others or cut the window off."""
    left_out: list[LeftOut] = []
    while True:
        focal = expected_focal([view.photo.notes.focal_35 for view in usable], usable[0].size)
        solved = solve_views([view.found for view in usable], usable[0].size, focal)
        bad: list[LeftOut] = []
        for view, pose, kept, error in zip(
            usable, solved.poses, solved.kept, solved.errors, strict=True
        ):
            reason = why_unusable(kept, sheet)
            if reason is not None:
                bad.append(LeftOut(view, f"of tags that agree with the others {reason}"))
            elif error > _WORST:
                bad.append(LeftOut(view, f"its tags are {error:.1f} pixels off, at most "
                                         f"{_WORST:g} allowed: is the sheet flat?"))  # fmt: skip
            elif not window_inside(solved.lens, pose, sheet, -thickness):
                bad.append(LeftOut(view, "the window reaches beyond the picture"))
        if not bad:
            return solved, usable, left_out
        left_out += bad
        usable = [view for view in usable if all(view is not entry.view for entry in bad)]
        if len(usable) < _FEWEST:
            return solved, usable, left_out


def expected_focal(lengths: Sequence[float | None], size: tuple[int, int]) -> float | None:
    """Return the focal length that EXIF leads to expect [pixel]; None where it says nothing.

    Args:
        lengths: Of each photograph, `CameraNotes.focal_35` [mm].
        size: Width and height of the photographs [pixel].
    """
    known = [length for length in lengths if length is not None]
    return float(np.median(known)) / _FRAME * math.hypot(*size) if known else None
