"""One lens and a pose for each photograph, from the tags that it shows.

Focal length (pixels are square), principal point, radial k1 and k2, tangential p1 and p2: what a
phone's lens needs. k3 is left at zero, for it only follows noise where no tag lies.

Defocus rounds corners and white paper that is clipped grows over black: both move the four corners
of a tag alike, along its diagonals. How far is solved with the rest, a number a tag, since it is
not where the tag lies.

Source: Z. Zhang, "A Flexible New Technique for Camera Calibration", PAMI 2000, as OpenCV has it.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.tasks.calibration.detect import Detection

__all__ = ["Lens", "Pose", "Solved", "project", "solve_views"]

_FLAGS = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_FIX_K3
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
        focal_deviation: Standard deviation of ``focal``, as a share of it.
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
        focal: A guess of the focal length [pixel]; several are tried where there is none.
    """
    kept = list(found)
    grown = [np.zeros(len(tags.numbers)) for tags in found]
    guesses = [focal] if focal is not None else [g * max(size) for g in _GUESSES]
    for turn in range(_ROUNDS):
        seen = [_resized(*pair) for pair in zip(kept, grown, strict=True)]
        tries = [_solve(seen, size, guess) for guess in guesses]
        _, lens, poses = min(tries, key=lambda entry: entry[0])
        guesses = [lens.focal]
        errors, residuals = [], []
        for view, (pose, tags) in enumerate(zip(poses, kept, strict=True)):
            off, grown[view] = _compare(lens, pose, tags)
            residuals.append(np.sqrt((off**2).sum(axis=2).mean(axis=1)))
            errors.append(float(np.sqrt(np.mean(residuals[-1] ** 2))))
        limit = max(_FLOOR, _FAR * float(np.median(np.concatenate(residuals))))
        bad = [_worst(residual, residual > limit) for residual in residuals]
        if turn == _ROUNDS - 1:
            break
        kept = [tags.without(b) for tags, b in zip(kept, bad, strict=True)]
        grown = [growth[~b] for growth, b in zip(grown, bad, strict=True)]
    return Solved(lens, tuple(poses), tuple(kept), tuple(errors))


def _worst(residual: Array, bad: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which tags to drop: the worse half of the bad ones, which may have dragged others."""
    if not bad.any():
        return bad
    return np.asarray(bad & (residual >= np.median(residual[bad])))


def _solve(
    found: Sequence[Detection], size: tuple[int, int], focal: float
) -> tuple[float, Lens, list[Pose]]:
    matrix = np.array([[focal, 0.0, 0.5 * (size[0] - 1)], [0.0, focal, 0.5 * (size[1] - 1)],
                       [0.0, 0.0, 1.0]])  # fmt: skip
    flat = [np.pad(tags.places.reshape(-1, 2), ((0, 0), (0, 1))).astype(np.float32)
            for tags in found]  # fmt: skip
    seen = [tags.pixels.reshape(-1, 1, 2).astype(np.float32) for tags in found]
    total, matrix, bent, turns, shifts, spread, _, _ = cv2.calibrateCameraExtended(
        flat, seen, size, matrix, np.zeros(5), flags=_FLAGS, criteria=_STEPS
    )
    focal, k = float(matrix[0, 0]), bent.ravel()
    lens = Lens(size, focal, (float(matrix[0, 2]), float(matrix[1, 2])),
                (float(k[0]), float(k[1]), float(k[2]), float(k[3])),
                float(spread[1, 0]) / focal)  # fmt: skip
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
