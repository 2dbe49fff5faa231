"""The lights of a scene as `ops.shade_mesh` takes them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.scene import DistantLight, HarmonicsLight, Light, PointLight

__all__ = ["Lamps", "gather_lamps"]


class Lamps(NamedTuple):
    """Lights of one picture or of each.

    Attributes:
        lights: Homogeneous positions, (B|1, N, 4).
        radiance: Intensity of points, irradiance of distant ones, (B|1, N, 3).
        harmonics: Radiance from everywhere, (B|1, 9, 3); None where there is none.
    """

    lights: Tensor
    radiance: Tensor
    harmonics: Tensor | None


def gather_lamps(lights: Sequence[Light], like: Tensor) -> Lamps:
    """Join lights, in the dtype and on the device of ``like``."""
    places, colours = [], []
    harmonics: Tensor | None = None
    for light in lights:
        if isinstance(light, HarmonicsLight):
            found = light.coefficients.to(like)
            harmonics = found if harmonics is None else harmonics + found
        elif isinstance(light, PointLight):
            places.append(torch.nn.functional.pad(light.position.to(like), (0, 1), value=1.0))
            colours.append(light.intensity.to(like))
        elif isinstance(light, DistantLight):
            places.append(torch.nn.functional.pad(light.direction.to(like), (0, 1)))
            colours.append(light.irradiance.to(like))
    return Lamps(_stack(places, 4, like), _stack(colours, 3, like), harmonics)


def _stack(rows: Sequence[Tensor], width: int, like: Tensor) -> Tensor:
    """Rows (B|1, width) as (B|1, N, width)."""
    if not rows:
        return like.new_zeros((1, 0, width))
    batch = max(len(row) for row in rows)
    return torch.stack([row.expand(batch, -1) for row in rows], dim=1)
