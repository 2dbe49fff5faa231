"""The maps as a person looks at them, each with a sentence and its range."""

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.io import encode_transfer, known_length
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture.report.pictures import Embedded, as_rows, embed, scaled_down

__all__ = ["MapPicture", "map_pictures"]


@dataclasses.dataclass(frozen=True)
class MapPicture:
    """One map of the page.

    Attributes:
        name: Its name.
        picture: The map as stored values.
        meaning: What it says and how it is drawn.
        range: What its values span, in words.
    """

    name: str
    picture: Embedded
    meaning: str
    range: str


def map_pictures(
    maps: MaterialMaps, height: Float[Tensor, "1 1 h w"], units: str
) -> list[MapPicture]:
    """Return normal, diffuse, specular, roughness and height of one material (b = 1)."""
    normal = torch.nn.functional.normalize(maps.normal[0], dim=0)
    tilt = torch.rad2deg(torch.atan2(normal[:2].norm(dim=0), normal[2])).mean()
    low, high = float(height.min()), float(height.max())
    relief = (height[0] - low) / max(high - low, 1e-12)
    return [
        MapPicture(
            "normal", _drawn(0.5 * (normal + 1.0)),
            "Which way the surface faces: red to the right, green up, blue toward the camera.",
            f"Mean tilt {float(tilt):.1f}°.",
        ),
        MapPicture(
            "diffuse", _drawn(encode_transfer(maps.diffuse[0], "srgb")),
            "The colour of the body, without highlights.",
            _span(maps.diffuse, "Linear reflectance"),
        ),
        MapPicture(
            "specular", _drawn(encode_transfer(maps.specular[0], "srgb")),
            "How much it mirrors, seen head-on (F0): plastics about 0.04, metals above 0.5.",
            _span(maps.specular, "Linear reflectance"),
        ),
        MapPicture(
            "roughness", _drawn(maps.roughness[0]),
            "How wide highlights are: black is a mirror, white is chalk.",
            _span(maps.roughness, "Values"),
        ),
        MapPicture(
            "height", _drawn(relief),
            "The relief that belongs to the normals: black is low, white is high.",
            f"{_length(high - low, units)} from the lowest to the highest place.",
        ),
    ]  # fmt: skip


def _drawn(stored: Float[Tensor, "c h w"]) -> Embedded:
    return embed(scaled_down(as_rows(stored)), quality=92)


def _length(value: float, units: str) -> str:
    """Return a length in millimetres, or in units that have no length."""
    metres = known_length(units)
    return f"{value:.3g} {units}" if metres is None else f"{1e3 * metres * value:.3g} mm"


def _span(map_: Tensor, what: str) -> str:
    """Return the middle nine tenths of a map's values, in words."""
    low, middle, high = np.quantile(map_.detach().cpu().numpy(), (0.05, 0.5, 0.95))
    return f"{what}: nine tenths from {low:.2g} to {high:.2g}, half below {middle:.2g}."
