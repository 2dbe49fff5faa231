"""What sets the scale between light and albedo: known power, a grey patch, or a stated belief.

Photographs fix only the product of light power and reflectance: k times the reflectance under 1/k
of the light gives the same pictures, but for the small share (1 - F) that couples them.
"""

import dataclasses
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.ops import shade_svbrdf
from diffgfx.scene import Capture, GreyPatch

__all__ = [
    "Anchor",
    "GreyReadings",
    "anchor_factor",
    "believed_interval",
    "beside_factor",
    "choose_anchor",
    "describe_belief",
    "doubt_of_scale",
]

Anchor = Literal["power", "grey_patch", "grey_beside", "belief"]

_BELIEVED_MEDIAN = 0.25   # of d + s: between bare soil and light paint
_DARKEST, _LIGHTEST = 0.013, 0.87   # sRGB 30 and 240: the range of albedo in practice
_LUMINANCE = (0.2126, 0.7152, 0.0722)

_SCALE_OF_HEIGHTS = (
    "the albedo scale rests on light_power and on solved heights, which are uncertain by a fifth: "
    "all reflectances may be off by 40 %; give photos[].camera and use --calibration refine, or "
    "a grey patch in place of light_power"
)
_SCALE_OF_PRINT = (
    "the albedo scale rests on printed greys that nobody measured: all reflectances are off by as "
    "much as the print is; measure them, then correct grey_beside.reflectance in capture.json and "
    "set grey_beside.measured to true"
)


@dataclasses.dataclass(frozen=True)
class Interval:
    """Factors on the reflectance that remain believable."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class GreyReadings:
    """What photographs show of grey patches beside the sample.

    Attributes:
        place: Centres of the patches, shape (p, 3).
        radiance: Linear RGB of each in each photograph, NaN where it was not read, (n, p, 3).
        reflectance: Their diffuse reflectance.
    """

    place: Float[Tensor, "p 3"]
    radiance: Float[Tensor, "n p 3"]
    reflectance: float

    @classmethod
    def of(cls, capture: Capture, chosen: tuple[int, ...]) -> "GreyReadings | None":
        """Return the readings of some photographs; None where none of them has one."""
        beside = capture.grey_beside
        if beside is None:
            return None
        blank = (torch.nan,) * 3
        unread = (None,) * len(beside.places)
        rows = [[entry or blank for entry in capture.photos[k].grey or unread] for k in chosen]
        radiance = torch.tensor(rows, dtype=torch.float32)
        if bool(radiance.isnan().all()):
            return None
        place = torch.tensor(beside.places, dtype=torch.float32)
        return cls(place, radiance, beside.reflectance)

    def to(self, device: torch.device) -> "GreyReadings":
        """Return the same readings with their tensors on a device."""
        return GreyReadings(self.place.to(device), self.radiance.to(device), self.reflectance)


def choose_anchor(capture: Capture, beside: GreyReadings | None) -> Anchor:
    """Return what is to set a capture's scale: the most direct of what it states."""
    if capture.light_power is not None:
        return "power"
    if capture.grey_patch is not None:
        return "grey_patch"
    return "belief" if beside is None else "grey_beside"


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


def beside_factor(
    readings: GreyReadings, pairs: dict[str, Tensor]
) -> Float[Tensor, "3"]:
    """Return the factor on the reflectance, per channel, under which the patches look as read.

    The patches are matt, of known reflectance, under the flash as it was solved. Were they seen
    twice as bright as that flash would make them, its power must double, and the sample is half as
    reflective as it was thought to be. The median over photographs and patches counts.

    Args:
        readings: What was read.
        pairs: The light/view pairs of the same photographs, as `FlashLight.pairs` has them.
    """
    count, places = readings.radiance.shape[:2]
    matt = readings.place.new_zeros(1, 10, 1, 1)
    matt[:, 2], matt[:, 3:6], matt[:, 9] = 1.0, readings.reflectance, 1.0

    def from_each(position: Tensor) -> Tensor:
        """Positions as seen from each patch, shape (1, n p, 3)."""
        return (position[0, :, None] - readings.place).reshape(1, count * places, 3)

    def for_each(values: Tensor) -> Tensor:
        """One value a photograph, repeated for its patches."""
        return values.repeat_interleave(places, dim=1)

    light = pairs["light_position"]
    expected = shade_svbrdf(
        matt, from_each(light), for_each(pairs["light_intensity"]),
        from_each(pairs["camera_position"]), (1e-6, 1e-6),
        axis=for_each(-light), cone=for_each(pairs["cone"]),
    )[0, :, :, 0, 0]  # fmt: skip
    expected = expected + for_each(pairs["ambient"])[0] * readings.reflectance
    ratio = expected.reshape(count, places, 3) / readings.radiance
    return ratio.flatten(0, 1).nanmedian(dim=0).values


def describe_belief(maps: Float[Tensor, "1 10 h w"]) -> str:
    """Return the warning that goes with a scale that was believed, not measured."""
    interval = believed_interval(maps)
    return (
        f"the albedo scale was not measured: the median of diffuse + specular is taken as "
        f"{_BELIEVED_MEDIAN}; all reflectances times {interval.low:.2f} to {interval.high:.2f} "
        "would fit the photographs as well; give light_power or a grey_patch in capture.json"
    )


def doubt_of_scale(
    anchor: Anchor, capture: Capture, maps: Float[Tensor, "1 10 h w"], heights_solved: bool
) -> str | None:
    """Return the warning that goes with the albedo scale, None where it was measured.

    Args:
        anchor: What sets the scale.
        capture: The capture.
        maps: The material found.
        heights_solved: Whether the cameras were found by the fit.
    """
    if anchor == "belief":
        return describe_belief(maps)
    if anchor == "power":
        return _SCALE_OF_HEIGHTS if heights_solved else None
    beside = capture.grey_beside
    if anchor == "grey_beside" and beside is not None and not beside.measured:
        return _SCALE_OF_PRINT
    return None
