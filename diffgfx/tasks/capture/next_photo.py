"""Which photograph to take next: the one that would make the maps surest.

Places on a coarse hemisphere are tried. What a photograph from there would tell of a texel, J^T W J
at the solved maps, needs no photograph; it is added to what the fitted ones told, and to what those
will tell that were taken and held out.
"""

import dataclasses
import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.tasks.capture.evidence import Patch, sensitivity, texel_information
from diffgfx.tasks.capture.problem import RESIDUAL, display
from diffgfx.tasks.capture.uncertainty import (
    Evidence,
    MapUncertainty,
    Moments,
    map_deviations,
    told_by,
)

__all__ = ["NextPhoto", "Outlook", "hemisphere", "suggest_photo"]

_RINGS = (4.0, 8.0, 12.0, 20.0, 30.0, 45.0)   # degrees from straight above
_SIDE = 32              # texels a side, at most, that are asked
_QUIETEST = 1e-12       # variance of residuals of pictures without noise
_STILL = 1e-2           # of their distance: cameras that move less are one
_DIRECTIONS = (
    "right", "upper right", "upper edge", "upper left", "left", "lower left", "lower edge",
    "lower right",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class NextPhoto:
    """A photograph to take.

    Attributes:
        place: Where the flash is to be, in words.
        light: The same as a position [capture unit].
        camera: Position of the camera.
        before: Mean deviation if every photograph is fitted that was taken: the mean over texels
            and over d, F0, alpha and normal [rad].
        after: What it would be with the photograph.
    """

    place: str
    light: tuple[float, float, float]
    camera: tuple[float, float, float]
    before: float
    after: float


def hemisphere(distance: float) -> Float[Tensor, "n 3"]:
    """Return places at a distance: straight above, and eight on each of six rings around it."""
    places = [(0.0, 0.0, distance)]
    for ring in _RINGS:
        tilt = math.radians(ring)
        for k in range(8):
            turn = k * math.pi / 4
            flat = distance * math.sin(tilt)
            places.append(
                (flat * math.cos(turn), flat * math.sin(turn), distance * math.cos(tilt))
            )
    found = torch.tensor(places)
    return torch.where(found.abs() < 1e-6 * distance, 0.0, found)   # cosines of right angles


class Outlook:
    """How sure the maps would be with one photograph more, on an even choice of texels.

    Attributes:
        before: Mean deviation without it; see `NextPhoto`.
    """

    def __init__(
        self,
        evidence: Evidence,
        found: MapUncertainty,
        unfitted: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Take what `estimate_uncertainty` took and returned, and pairs of held-out photographs."""
        height, width = (int(side) for side in evidence.maps.shape[-2:])
        self._patch = Patch(*(_every(count) for count in (height, width)))
        self._evidence = evidence
        self._passed = self._patch.of(found.passed).double().to(evidence.maps.device)
        self._told, self._parameters = told_by(evidence, self._patch, found.variance)
        self._variance = max(found.variance, _QUIETEST)
        if unfitted is not None:
            for information in self._of_pairs(unfitted):
                self._told = self._told + information
        self.before = self._mean(self._told)

    def places(self) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
        """Return lights and cameras on `hemisphere`, at the median distance of the lights.

        The flash keeps its place beside the lens, unless the cameras never moved: then they stay.
        """
        light = self._evidence.pairs["light_position"][0].cpu()
        camera = self._evidence.pairs["camera_position"][0].cpu()
        distance = float(light.norm(dim=1).median())
        places = hemisphere(distance).to(light)
        apart = (camera - camera[:1]).norm(dim=1).max()
        still = float(apart) < _STILL * distance < float((light - light[:1]).norm(dim=1).max())
        if still:
            return places, camera[:1].expand_as(places)
        return places, places - (light - camera).mean(dim=0)

    def after(self, light: Float[Tensor, "n 3"], camera: Float[Tensor, "n 3"]) -> list[float]:
        """Return the mean deviation with one photograph of usual exposure from each place."""
        evidence = self._evidence
        own = {
            name: value.median(dim=1, keepdim=True).values.repeat_interleave(len(light), dim=1)
            for name, value in evidence.pairs.items()
        }
        own |= {"light_position": light.to(evidence.maps)[None]}
        own |= {"camera_position": camera.to(evidence.maps)[None]}
        return [self._mean(self._told + information) for information in self._of_pairs(own)]

    def _of_pairs(self, pairs: Mapping[str, Tensor]) -> list[Float[Tensor, "t p p"]]:
        """Return what a photograph under each light/view pair would tell, unless it is clipped."""
        evidence = self._evidence
        picture, derivatives = sensitivity(evidence.maps, self._patch, evidence.size, pairs)
        weights = (picture < display(picture.new_tensor(RESIDUAL.white))).to(picture)
        return [
            texel_information(j[None], w[None]) / self._variance
            for j, w in zip(derivatives, weights, strict=True)
        ]

    def _mean(self, told: Tensor) -> float:
        moments = Moments.of(told, self._parameters)
        d = map_deviations(moments, self._passed, self._parameters[0])
        kinds = (d[:3], d[3:6], d[6:7], d[7:])
        return sum(float(kind.mean()) for kind in kinds) / len(kinds)


def _every(count: int) -> slice:
    step = -(-count // _SIDE)
    return slice((count - 1) % step // 2, count, step)


def suggest_photo(outlook: Outlook) -> NextPhoto:
    """Return the place on the hemisphere that lowers the mean deviation most."""
    lights, cameras = outlook.places()
    found = outlook.after(lights, cameras)
    best = min(range(len(found)), key=found.__getitem__)
    light, camera = _vector(lights[best]), _vector(cameras[best])
    return NextPhoto(_in_words(*light), light, camera, outlook.before, found[best])


def _vector(x: Tensor) -> tuple[float, float, float]:
    a, b, c = (float(v) for v in x)
    return a, b, c


def _in_words(x: float, y: float, z: float) -> str:
    tilt = math.degrees(math.atan2(math.hypot(x, y), z))
    if tilt < 1.0:
        return "from straight above"
    turn = round(math.atan2(y, x) / (math.pi / 4)) % 8
    return f"from the {_DIRECTIONS[turn]}, {tilt:.0f} degrees from straight above"
