"""The sheet's tags in a photograph, their corners to a fraction of a pixel.

OpenCV's detector finds the tags on the encoded picture. It places corners half a pixel off, and its
own refinement looks at encoded values, in which blur moves every edge toward black. So corners are
refined here on linear light, in which blur is even about an edge, within one module of the tag:
beyond it lies the next edge.
"""

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt

from diffgfx.io.image import encode_transfer
from diffgfx.scene import Sheet

__all__ = ["Detection", "detect_tags", "why_unusable"]

_MODULES = 8
_FEWEST = 4
_SPREAD = 1.0 / 3.0         # least share of the area that all tags span
_REACH = 0.6                # of a module, to each side of a corner
_LARGEST, _SMALLEST = 15, 2
_STEPS = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 60, 1e-3)

Points = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Detection:
    """Tags of the sheet that a photograph shows.

    Attributes:
        numbers: Their numbers, each once.
        places: Their corners on the sheet [mm], shape (n, 4, 2).
        pixels: Their corners in the picture [pixel, centres at whole numbers], shape (n, 4, 2).
    """

    numbers: tuple[int, ...]
    places: Points
    pixels: Points

    def without(self, dropped: npt.NDArray[np.bool_]) -> "Detection":
        """Return the tags that are not dropped."""
        kept = ~dropped
        numbers = tuple(n for n, keep in zip(self.numbers, kept, strict=True) if keep)
        return Detection(numbers, self.places[kept], self.pixels[kept])


def detect_tags(linear: npt.NDArray[np.float32], sheet: Sheet) -> Detection:
    """Find the sheet's tags in a photograph.

    Args:
        linear: Linear light, 1 at full scale, shape (h, w, 3).
        sheet: The sheet as printed.

    Returns:
        What was found; tags of other numbers, and numbers seen twice, are left out.
    """
    grey = linear.mean(axis=2)
    stored = np.rint(255.0 * encode_transfer(grey, "srgb")).astype(np.uint8)
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    settings = cv2.aruco.DetectorParameters()
    settings.minMarkerPerimeterRate = 0.02
    found, numbers, _ = cv2.aruco.ArucoDetector(family, settings).detectMarkers(stored)
    counted = [] if numbers is None else numbers.ravel().tolist()
    corners = {tag.number: tag.corners() for tag in sheet.tags}
    known = [
        (number, quad[0].astype(np.float32))
        for number, quad in zip(counted, found, strict=True)
        if number in corners and counted.count(number) == 1
    ]
    grey = np.minimum(grey, 1.0)
    refined = [(number, _refined(grey, quad)) for number, quad in sorted(known, key=_first)]
    kept = [(number, quad) for number, quad in refined if quad is not None]
    return Detection(
        tuple(number for number, _ in kept),
        np.array([corners[number] for number, _ in kept], np.float64).reshape(-1, 4, 2),
        np.array([quad for _, quad in kept], np.float64).reshape(-1, 4, 2),
    )


def _first(entry: tuple[int, object]) -> int:
    return entry[0]


def _refined(
    grey: npt.NDArray[np.float32], quad: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32] | None:
    """Return a tag's corners refined, or None where one ran away from where it was seen."""
    sides = np.linalg.norm(quad - np.roll(quad, 1, axis=0), axis=1)
    reach = int(np.clip(_REACH * sides.min() / _MODULES, _SMALLEST, _LARGEST))
    moved = cv2.cornerSubPix(grey, quad[:, None].copy(), (reach, reach), (-1, -1), _STEPS)[:, 0]
    ran = np.abs(moved - quad).max() > reach
    return None if ran else np.asarray(moved, np.float32)


def why_unusable(found: Detection, sheet: Sheet) -> str | None:
    """Return why a photograph's tags are too few to place it, or None if they are enough."""
    if len(found.numbers) < _FEWEST:
        return f"{len(found.numbers)} of {len(sheet.tags)} tags found, at least {_FEWEST} needed"
    everything = np.array([tag.corners() for tag in sheet.tags], np.float32).reshape(-1, 2)
    share = _hull_area(found.places.reshape(-1, 2)) / _hull_area(everything)
    if share < _SPREAD:
        return (f"its {len(found.numbers)} tags lie together, over {100 * share:.0f} % of the "
                f"sheet's area, at least {100 * _SPREAD:.0f} % needed")  # fmt: skip
    return None


def _hull_area(points: npt.NDArray[np.floating]) -> float:
    return float(cv2.contourArea(cv2.convexHull(points.astype(np.float32))))
