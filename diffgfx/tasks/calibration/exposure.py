"""Exposures from EXIF, held against what the grey patches show.

The grey patches are under the same flash in every photograph, so their brightness, freed from
distance and angle, says how each was exposed. Where EXIF does not agree with that, the flash was
not steady or the camera does not say what it did, and EXIF is not believed.
"""

import math
from collections.abc import Sequence

import numpy as np

from diffgfx.tasks.calibration.rectify import Reading

__all__ = ["agreed_exposures", "grey_exposures"]

Vector = tuple[float, float, float]

_APART = 0.1
_FEWEST = 3     # two agree by chance more often


def grey_exposures(
    cameras: Sequence[Vector],
    places: Sequence[Vector],
    readings: Sequence[Sequence[Reading | None]],
) -> list[float | None]:
    """Return how brightly each photograph shows the greys, to a common factor.

    Args:
        cameras: Where flash and camera stood, a photograph.
        places: Centres of the patches, which face +z, in the same frame and unit.
        readings: Linear RGB of each patch, a photograph.

    Returns:
        The median over patches of green x distance^2 / cosine; None where no patch was read.
    """
    found: list[float | None] = []
    for camera, row in zip(cameras, readings, strict=True):
        levels = []
        for place, reading in zip(places, row, strict=True):
            if reading is not None:
                toward = [c - p for c, p in zip(camera, place, strict=True)]
                distance = math.hypot(*toward)
                levels.append(reading[1] * distance**3 / toward[2])
        found.append(float(np.median(levels)) if levels else None)
    return found


def agreed_exposures(
    noted: Sequence[float | None], shown: Sequence[float | None]
) -> tuple[list[float | None], str | None]:
    """Return the exposures to state, and a warning where EXIF is not believed.

    Args:
        noted: What EXIF says of each photograph, to a common factor.
        shown: What `grey_exposures` found.

    Returns:
        EXIF's exposures with a geometric mean of one, or all None: where one photograph states
        none, fewer than three show the greys, or they are further than 10 % (standard deviation)
        from what these show.
    """
    nothing: list[float | None] = [None] * len(noted)
    stated = [value for value in noted if value is not None]
    if len(stated) < len(noted) or not stated:
        return nothing, None
    pairs = [(n, s) for n, s in zip(stated, shown, strict=True) if s is not None]
    if len(pairs) < _FEWEST:
        return nothing, (
            f"exposures of EXIF must be confirmed by the grey patches of {_FEWEST} photographs, "
            f"got {len(pairs)} that show them: left out, capture solves them; do not clip the greys"
        )
    apart = float(np.std([math.log(s / n) for n, s in pairs]))
    if apart > _APART:
        return nothing, (
            f"exposures of EXIF must agree with the grey patches, got {100 * apart:.0f} % apart: "
            "left out, capture solves them; lock the exposure"
        )
    mean = math.exp(sum(math.log(value) for value in stated) / len(stated))
    return [value / mean for value in stated], None
