"""Where the photographs say little: no highlight, large deviations; and what to photograph next."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diffgfx.scene import Capture
from diffgfx.tasks.capture.observations import PhotoPyramid
from diffgfx.tasks.capture.report.pictures import Embedded, as_rows, embed, heat, scaled_down
from diffgfx.tasks.capture.run import CaptureResult

__all__ = ["Coverage", "NextPhoto", "Uncertainty", "coverage", "next_place", "uncertainties"]

_SEEN = float(np.exp(-0.5))   # one photograph at the edge of a middling lobe
_UNSEEN = (0.80, 0.33, 0.06)
_SHOWN = 0.95                 # quantile of a deviation that is drawn in the brightest colour


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Where highlights were seen.

    Attributes:
        share: Share of the texels that saw one, in [0, 1].
        picture: The diffuse map in grey; what saw none is orange.
    """

    share: float
    picture: Embedded


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """How far one quantity may be off.

    Attributes:
        name: Its name.
        median: Median deviation, in words with the unit.
        picture: The deviation of each texel, coloured.
        top: Deviation at the brightest colour, in words.
    """

    name: str
    median: str
    picture: Embedded
    top: str


@dataclasses.dataclass(frozen=True)
class NextPhoto:
    """Which photograph to take next.

    Attributes:
        place: Where to hold flash and camera, in words.
        words: Why, in the words of who chose it.
        gain: What it is expected to change, in words; empty where it was not said.
    """

    place: str
    words: str
    gain: str


def coverage(
    capture: Capture, result: CaptureResult, seen: Bool[Tensor, "h w"] | None = None
) -> Coverage:
    """Return where the fit saw highlights.

    Args:
        capture: What was captured.
        result: What came of it.
        seen: Texels that saw a highlight; None takes those whose tangent of the angle between
            mirror direction and eye in the fitted photographs is small enough, as if flat.
    """
    if seen is None:
        seen = _seen_if_flat(capture, result)
    grey = result.maps.diffuse[0].mean(dim=0, keepdim=True).clamp(0.0, 1.0) ** (1.0 / 2.2)
    grey = (0.35 + 0.65 * grey).expand(3, -1, -1)
    tint = grey.new_tensor(_UNSEEN)[:, None, None]
    painted = torch.where(seen.to(grey.device), grey, 0.35 * grey + 0.65 * tint)
    return Coverage(float(seen.double().mean()), embed(scaled_down(as_rows(painted))))


def _seen_if_flat(capture: Capture, result: CaptureResult) -> Bool[Tensor, "h w"]:
    chosen = [i for i in range(len(capture.photos)) if i not in result.held_out]
    photos = result.photos
    light = result.light.light.cpu()
    pyramid = PhotoPyramid(
        photos.images[chosen], photos.valid[chosen], light[chosen], capture.sample_size, seed=0
    )
    return (pyramid.evidence(result.maps.resolution) >= _SEEN)[0, 0]


def uncertainties(deviation: Float[Tensor, "8 h w"]) -> list[Uncertainty]:
    """Return the deviations as pictures.

    Args:
        deviation: Standard deviations of d (RGB), F0 (RGB), alpha, and the normal's angle [rad].
    """
    groups = [
        ("diffuse", deviation[0:3].mean(dim=0), 1.0, ""),
        ("specular", deviation[3:6].mean(dim=0), 1.0, ""),
        ("alpha (roughness squared)", deviation[6], 1.0, ""),
        ("normal", deviation[7], 180.0 / np.pi, "°"),
    ]
    found = []
    for name, plane, factor, unit in groups:
        values = as_rows(plane[None]) * np.float32(factor)
        top = max(float(np.quantile(values, _SHOWN)), 1e-12)
        picture = heat(scaled_down(values)[..., 0] / np.float32(top), cv2.COLORMAP_CIVIDIS)
        median = f"± {float(np.median(values)):.2g}{unit}"
        found.append(Uncertainty(name, median, embed(picture), f"{top:.2g}{unit}"))
    return found


def next_place(next_photo: Mapping[str, Any], units: str) -> NextPhoto:
    """Put a recommended photograph into words.

    Args:
        next_photo: ``light`` [x, y, z]; ``words``; ``before`` and ``after``, mean deviations of
            the maps, where they are known.
        units: Unit of length of the capture.
    """
    x, y, z = (float(value) for value in next_photo["light"])
    sides = ("right of" if x >= 0 else "left of", "above" if y >= 0 else "below")
    place = (
        f"{abs(x):.3g} {units} {sides[0]} the sample's centre and {abs(y):.3g} {units} {sides[1]} "
        f"it as the photographs show it, {z:.3g} {units} over the surface"
    )
    before, after = next_photo.get("before"), next_photo.get("after")
    gain = "" if before is None or after is None else f"{_figure(before)} → {_figure(after)}"
    return NextPhoto(place, str(next_photo.get("words", "")), gain)


def _figure(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else str(value)
