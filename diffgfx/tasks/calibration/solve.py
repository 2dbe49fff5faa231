"""One lens and a pose for each photograph, from the tags that it shows.

Focal length (pixels are square), principal point, radial k1 and k2, tangential p1 and p2: what a
phone's lens needs. k3 is left at zero, for it only follows noise where no tag lies.

Defocus rounds corners and white paper that is clipped grows over black: both move the four corners
of a tag alike, along its diagonals. How far is solved with the rest, a number a tag, since it is
not where the tag lies.

Source: Z. Zhang, "A Flexible New Technique for Camera Calibration", PAMI 2000, as OpenCV has it;
B. Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM 1982 (deviations).
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.errors import InputError
from diffgfx.tasks.calibration.detect import Detection

__all__ = ["Lens", "Pose", "Solved", "project", "solve_views"]

_FLAGS = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_FIX_K3
_PLAUSIBLE = (0.3, 8.0)         # focal lengths of lenses, in longer sides
_BENT = 1.0                     # the most of k1
_ROUNDED = 0.02                 # what a focal length in EXIF may be off by, as a share of it
_VAGUEST = 0.05                 # deviation at and above which views cannot tell the focal length
_NUDGE = 0.02                   # by which it is moved to see what the corners say to that
_GUESSES = (0.75, 1.3, 2.5)     # focal lengths, in longer sides of the picture
_ROUNDS = 6
_FAR, _FLOOR = 4.0, 0.3         # a tag is bad beyond so many medians, and so many pixels
_STEPS = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 100, 1e-9)

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Lens:
    """What all photographs share.

    Attributes:
        size: Width and height of the pictures [pixel].
        focal: Focal length [pixel].
        centre: Principal point [pixel, centres at whole numbers].
        distortion: k1, k2, p1, p2 as in OpenCV's model.
        focal_deviation: Standard deviation of ``focal``, as a share of it: by what the corners
            tell or by what each photograph changes, whichever is larger.
    """

    size: tuple[int, int]
    focal: float
    centre: tuple[float, float]
    distortion: tuple[float, float, float, float]
    focal_deviation: float

    def matrix(self) -> Array:
        """Return the camera matrix, shape (3, 3)."""
        x, y = self.centre
        return np.array([[self.focal, 0.0, x], [0.0, self.focal, y], [0.0, 0.0, 1.0]])


@dataclasses.dataclass(frozen=True)
class Pose:
    """Where a camera stood, in the sheet's frame: its printed side is z = 0.

    Attributes:
        rotation: From the sheet's axes to the camera's (x right, y down, z ahead), shape (3, 3).
        translation: The sheet's origin in the camera's axes [mm], shape (3,).
    """

    rotation: Array
    translation: Array

    def position(self) -> Array:
        """Return where the camera's centre lies in the sheet's frame [mm], shape (3,)."""
        return np.asarray(-self.rotation.T @ self.translation)


@dataclasses.dataclass(frozen=True)
class Solved:
    """Lens, poses, and how well they explain the corners.

    Attributes:
        lens: The lens.
        poses: A pose a photograph.
        kept: The tags that were believed, a photograph.
        errors: Root mean square distance of corners [pixel], a photograph, once each tag is as
            large as it is seen.
    """

    lens: Lens
    poses: tuple[Pose, ...]
    kept: tuple[Detection, ...]
    errors: tuple[float, ...]


def project(lens: Lens, pose: Pose, points: Array) -> Array:
    """Return where points of the sheet's frame [mm], shape (n, 3), are seen [pixel], (n, 2)."""
    turn, _ = cv2.Rodrigues(pose.rotation)
    seen, _ = cv2.projectPoints(
        np.ascontiguousarray(points), turn, pose.translation, lens.matrix(),
        np.array(lens.distortion),
    )  # fmt: skip
    return np.asarray(seen[:, 0])


def solve_views(
    found: Sequence[Detection], size: tuple[int, int], focal: float | None = None
) -> Solved:
    """Solve lens and poses; tags whose corners disagree with all others are dropped.

    Args:
        found: The tags of each photograph, enough of them in each.
        size: Width and height of the pictures [pixel].
        focal: What EXIF says of the focal length [pixel]. It is where the search starts, and kept
            where the photographs cannot tell; without it several are tried.

    Raises:
        InputError: If the photographs cannot tell the focal length, and EXIF does not.
    """
    grown = [np.zeros(len(tags.numbers)) for tags in found]
    dropped = [np.zeros(len(tags.numbers), bool) for tags in found]
    focal, held = _first(found, size, focal)
    for turn in range(_ROUNDS):
        seen = [_resized(tags, by).without(b)
                for tags, by, b in zip(found, grown, dropped, strict=True)]  # fmt: skip
        total, lens, poses = _solve(seen, size, focal, held)
        focal = lens.focal
        residuals = []
        for view, (pose, tags) in enumerate(zip(poses, found, strict=True)):
            off, grown[view] = _compare(lens, pose, tags)
            residuals.append(np.sqrt((off**2).sum(axis=2).mean(axis=1)))
        if turn < _ROUNDS - 1:
            believed = [r[~b] for r, b in zip(residuals, dropped, strict=True)]
            limit = max(_FLOOR, _FAR * float(np.median(np.concatenate(believed))))
            dropped = [_worst(r, r > limit, b) for r, b in zip(residuals, dropped, strict=True)]
    spread = _ROUNDED if held else max(_vagueness(seen, lens, total), _sway(seen, lens))
    kept = tuple(tags.without(b) for tags, b in zip(found, dropped, strict=True))
    errors = tuple(
        float(np.sqrt(np.mean(r[~b] ** 2))) for r, b in zip(residuals, dropped, strict=True)
    )
    lens = dataclasses.replace(lens, focal_deviation=spread)
    return Solved(lens, tuple(poses), kept, errors)


def _first(
    found: Sequence[Detection], size: tuple[int, int], focal: float | None
) -> tuple[float, int]:
    """Return a first focal length, and flags that hold it where the views cannot tell it."""
    guesses = [focal] if focal is not None else [g * max(size) for g in _GUESSES]
    tries = [_solve(found, size, guess, 0) for guess in guesses]
    plausible = [entry for entry in tries if _is_plausible(entry[1])]
    if plausible:
        total, lens, _ = min(plausible, key=lambda entry: entry[0])
        if _vagueness(found, lens, total) < _VAGUEST:
            return lens.focal, 0
    if focal is None:
        raise InputError(
            "photos must be taken at different tilts, got views too much alike to tell the "
            "sheet's distance from the lens's focal length; tilt the camera by 15 degrees and more"
        )
    return focal, cv2.CALIB_FIX_FOCAL_LENGTH | cv2.CALIB_FIX_PRINCIPAL_POINT


def _vagueness(found: Sequence[Detection], lens: Lens, total: float) -> float:
    """Return the standard deviation of a lens's focal length, as a share of it.

    The focal length is held a little off, all else is solved again, and the rise of the sum of
    squares, in units of the corners' variance, is read as a parabola. OpenCV's own deviations are
    tiny where the views do not tell the focal length at all.
    """
    corners = sum(tags.pixels.shape[0] * 4 for tags in found)
    freedom = max(1, 2 * corners - 8 - 6 * len(found))
    held, _, _ = _solve(found, lens.size, (1.0 + _NUDGE) * lens.focal, cv2.CALIB_FIX_FOCAL_LENGTH)
    rise = (held**2 - total**2) / max(total**2, 1e-12) * freedom
    return _NUDGE / float(np.sqrt(rise)) if rise > 0.0 else float("inf")


def _sway(found: Sequence[Detection], lens: Lens) -> float:
    """Return the same from the views: the jackknife's, each of them left out in turn.

    Lens and detector err alike at all corners of a view, so that corners count for far more than
    they know where all views lean to one side.
    """
    focal = [
        _solve([*found[:k], *found[k + 1 :]], lens.size, lens.focal, 0)[1].focal
        for k in range(len(found))
    ]
    return float(np.std(focal)) * float(np.sqrt(len(focal) - 1)) / lens.focal


def _is_plausible(lens: Lens) -> bool:
    low, high = (bound * max(lens.size) for bound in _PLAUSIBLE)
    return low < lens.focal < high and abs(lens.distortion[0]) < _BENT


def _worst(
    residual: Array, bad: npt.NDArray[np.bool_], before: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return which tags not to believe: of the bad ones, the worse half and those of before.

    One bad tag makes its neighbours look bad; they are given another chance without it.
    """
    if not bad.any():
        return bad
    return np.asarray(bad & ((residual >= np.median(residual[bad])) | before))


def _solve(
    found: Sequence[Detection], size: tuple[int, int], focal: float, held: int
) -> tuple[float, Lens, list[Pose]]:
    matrix = np.array([[focal, 0.0, 0.5 * (size[0] - 1)], [0.0, focal, 0.5 * (size[1] - 1)],
                       [0.0, 0.0, 1.0]])  # fmt: skip
    flat = [np.pad(tags.places.reshape(-1, 2), ((0, 0), (0, 1))).astype(np.float32)
            for tags in found]  # fmt: skip
    seen = [tags.pixels.reshape(-1, 1, 2).astype(np.float32) for tags in found]
    total, matrix, bent, turns, shifts = cv2.calibrateCamera(
        flat, seen, size, matrix, np.zeros(5), criteria=_STEPS,
        flags=_FLAGS | held,
    )  # fmt: skip
    focal, k = float(matrix[0, 0]), bent.ravel()
    lens = Lens(size, focal, (float(matrix[0, 2]), float(matrix[1, 2])),
                (float(k[0]), float(k[1]), float(k[2]), float(k[3])), 0.0)  # fmt: skip
    poses = [Pose(np.asarray(cv2.Rodrigues(turn)[0]), np.asarray(shift, np.float64).ravel())
             for turn, shift in zip(turns, shifts, strict=True)]  # fmt: skip
    return float(total), lens, poses


def _outward(tags: Detection) -> Array:
    """Return the directions from each tag's middle to its corners, shape (n, 4, 2)."""
    away = tags.pixels - tags.pixels.mean(axis=1, keepdims=True)
    return np.asarray(away / np.linalg.norm(away, axis=2, keepdims=True))


def _resized(tags: Detection, growth: Array) -> Detection:
    """Return tags whose corners are moved outward by so much [pixel], shape (n,)."""
    moved = tags.pixels + growth[:, None, None] * _outward(tags)
    return dataclasses.replace(tags, pixels=moved)


def _compare(lens: Lens, pose: Pose, tags: Detection) -> tuple[Array, Array]:
    """Return how far each corner is off [pixel], (n, 4, 2), and by how much each tag is shrunk."""
    points = np.pad(tags.places.reshape(-1, 2), ((0, 0), (0, 1)))
    off = project(lens, pose, points).reshape(-1, 4, 2) - tags.pixels
    outward = _outward(tags)
    growth = (off * outward).sum(axis=2).mean(axis=1)
    return off - growth[:, None, None] * outward, growth
