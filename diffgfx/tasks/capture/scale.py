"""What sets the scale between light and albedo: known power, a grey patch, or a stated belief.

Photographs fix only the product of light power and reflectance: k times the reflectance under 1/k
of the light gives the same pictures, but for the small share (1 - F) that couples them.
"""

import dataclasses
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.scene import GreyPatch

__all__ = ["Anchor", "anchor_factor", "believed_interval", "describe_belief"]

Anchor = Literal["power", "grey_patch", "belief"]

_BELIEVED_MEDIAN = 0.25  # of d + s: between bare soil and light paint
_DARKEST, _LIGHTEST = 0.013, 0.87  # sRGB 30 and 240: the range of albedo in practice
_LUMINANCE = (0.2126, 0.7152, 0.0722)


@dataclasses.dataclass(frozen=True)
class Interval:
    """Factors on the reflectance that remain believable."""

    low: float
    high: float


def _albedo(maps: Float[Tensor, "1 10 h w"]) -> Tensor:
    """Luminance of d + s of every texel."""
    weights = maps.new_tensor(_LUMINANCE)[None, :, None, None]
    return ((maps[:, 3:6] + maps[:, 6:9]) * weights).sum(dim=1).flatten()


def _quantile(x: Tensor, q: float) -> float:
    index = min(int(q * x.numel()), x.numel() - 1)
    return float(x.flatten().kthvalue(index + 1).values)


def believed_interval(maps: Float[Tensor, "1 10 h w"]) -> Interval:
    """Return the factors that keep the material's albedo within what occurs in practice."""
    albedo = _albedo(maps)
    low = _DARKEST / max(_quantile(albedo, 0.5), 1e-6)
    high = _LIGHTEST / max(_quantile(maps[:, 3:9], 0.995), 1e-6)
    return Interval(min(low, high), high)


def anchor_factor(
    maps: Float[Tensor, "1 10 h w"], anchor: Anchor, patch: GreyPatch | None
) -> Float[Tensor, "3"]:
    """Return the factor on the reflectance, per channel, that the anchor asks for."""
    if anchor == "grey_patch" and patch is not None:
        height, width = maps.shape[-2:]
        left, top, right, bottom = patch.rect
        x0, x1 = int(left * width), max(round(right * width), int(left * width) + 1)
        y0, y1 = int(top * height), max(round(bottom * height), int(top * height) + 1)
        seen = maps[0, 3:6, y0:y1, x0:x1].flatten(1).median(dim=1).values
        return patch.reflectance / seen.clamp_min(1e-6)
    if anchor == "belief":
        interval = believed_interval(maps)
        wanted = _BELIEVED_MEDIAN / max(_quantile(_albedo(maps), 0.5), 1e-6)
        return torch.full((3,), min(max(wanted, interval.low), interval.high)).to(maps)
    return torch.ones(3).to(maps)


def describe_belief(maps: Float[Tensor, "1 10 h w"]) -> str:
    """Return the warning that goes with a scale that was believed, not measured."""
    interval = believed_interval(maps)
    return (
        f"the albedo scale was not measured: the median of diffuse + specular is taken as "
        f"{_BELIEVED_MEDIAN}; all reflectances times {interval.low:.2f} to {interval.high:.2f} "
        "would fit the photographs as well; give light_power or a grey_patch in capture.json"
    )
