"""Where the photographs say little: no highlight, large deviations; and what to photograph next."""

import dataclasses
import math

import cv2
import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture.next_photo import NextPhoto
from diffgfx.tasks.capture.report.pictures import Embedded, as_rows, embed, heat, scaled_down
from diffgfx.tasks.capture.uncertainty import MapUncertainty

__all__ = ["Advice", "Coverage", "Uncertainty", "coverage", "next_place", "uncertainties"]

_UNSEEN = (0.80, 0.33, 0.06)
_BESIDE = 0.1                 # of the distance: a flash so near the lens is held with it
_ABOVE = 0.01                 # of the height: so far aside is straight above
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
class Advice:
    """Which photograph to take next.

    Attributes:
        hold: Where to hold flash and camera.
        why: Why there.
        gain: The mean deviation of the maps without it, and with it.
    """

    hold: str
    why: str
    gain: str


def coverage(maps: MaterialMaps, seen: Bool[Tensor, "h w"]) -> Coverage:
    """Return where fitted photographs showed highlights, drawn on the diffuse map."""
    grey = maps.diffuse[0].mean(dim=0, keepdim=True).clamp(0.0, 1.0) ** (1.0 / 2.2)
    grey = (0.35 + 0.65 * grey).expand(3, -1, -1)
    tint = grey.new_tensor(_UNSEEN)[:, None, None]
    painted = torch.where(seen.to(grey.device), grey, 0.35 * grey + 0.65 * tint)
    return Coverage(float(seen.double().mean()), embed(scaled_down(as_rows(painted))))


def uncertainties(found: MapUncertainty) -> list[Uncertainty]:
    """Return the deviations as pictures; those of three channels as their mean."""
    long = {"alpha": "alpha (roughness squared)"}
    drawn = []
    for name, deviation in found.kinds().items():
        factor, unit = (180.0 / np.pi, "°") if name == "normal" else (1.0, "")
        values = as_rows(deviation[0].mean(dim=0, keepdim=True)) * np.float32(factor)
        top = max(float(np.quantile(values, _SHOWN)), 1e-12)
        picture = heat(scaled_down(values)[..., 0] / np.float32(top), cv2.COLORMAP_CIVIDIS)
        median = f"± {float(deviation.median()) * factor:.2g}{unit}"
        drawn.append(
            Uncertainty(long.get(name, name), median, embed(picture), f"{top:.2g}{unit}")
        )
    return drawn


def next_place(photo: NextPhoto, units: str) -> Advice:
    """Put a recommended photograph into words; ``units`` are those of the capture."""
    light, camera = _place(photo.light, units), _place(photo.camera, units)
    together = math.dist(photo.light, photo.camera) <= _BESIDE * math.hypot(*photo.light)
    hold = f"Hold flash and camera {light}." if together else (
        f"Hold the flash {light}; the camera {camera}."
    )
    why = f"That is {photo.place}. Of all places tried it lowers the mean deviation most:"
    return Advice(hold, why, f"{photo.before:.3g} → {photo.after:.3g}")


def _place(at: tuple[float, float, float], units: str) -> str:
    x, y, z = at
    sides = ("right of" if x >= 0 else "left of", "above" if y >= 0 else "below")
    over = f"{_figure(z)} {units} over the surface"
    if math.hypot(x, y) < _ABOVE * z:
        return f"straight above the sample's centre, {over}"
    return (
        f"{_figure(abs(x))} {units} {sides[0]} the sample's centre and {_figure(abs(y))} {units} "
        f"{sides[1]} it as the photographs show it, {over}"
    )


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100.0 else f"{value:.3g}"
