"""The light of a hand-held flash: power, exposures, offset, cone, ambient; known or to be solved.

What is known enters as numbers and has no unknown. Powers and exposures are logarithms, so that no
step makes them negative; exposures that are not known have mean zero, since a common factor on them
is a factor on the power.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diffgfx.inverse import Unknowns

__all__ = ["FlashLight"]

_CONE_START = -2.0     # softplus of it: about 0.13, a slight fall-off
_AMBIENT_START = -8.0


@dataclasses.dataclass(frozen=True)
class FlashLight:
    """The flash of a set of photographs.

    Attributes:
        camera: Camera positions [capture unit], shape (n, 3).
        light: Light positions as given, shape (n, 3).
        reference_power: Radiant intensity that a power unknown of zero stands for, shape (3,).
        power_known: Whether that is the true power.
        exposure: Known exposures, 1 where they are not, shape (n,).
        exposure_known: Which are known, shape (n,).
        refine: Whether each camera may move a little, its light with it.
        freedom: How many times farther than a little that may be.
        scale: Length [capture unit] that offset, shift and ambient are measured by; None: the root
            mean square height of these lights. A flash that was fitted keeps its own.
    """

    camera: Float[Tensor, "n 3"]
    light: Float[Tensor, "n 3"]
    reference_power: Float[Tensor, "3"]
    power_known: bool
    exposure: Float[Tensor, " n"]
    exposure_known: Bool[Tensor, " n"]
    refine: bool = False
    freedom: float = 1.0
    scale: float | None = None

    def to(self, device: torch.device) -> "FlashLight":
        """Return the same flash with its tensors on a device."""
        moved = {
            field.name: getattr(self, field.name).to(device)
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **moved)

    def start(self) -> Unknowns:
        """Return the unknowns before anything is solved; the fixed ones are among them."""
        like = self.camera
        return {
            "power": like.new_zeros(3),
            "exposure": like.new_zeros(len(like)),
            "offset": like.new_zeros(3),
            "cone": like.new_full((1,), _CONE_START),
            "ambient": like.new_full((3,), _AMBIENT_START),
            "shift": like.new_zeros(len(like), 3),
        }

    def solved(self) -> tuple[str, ...]:
        """Return the names of the unknowns that are to be solved."""
        names = ["offset", "cone", "ambient"]
        names += [] if self.power_known else ["power"]
        names += [] if bool(self.exposure_known.all()) else ["exposure"]
        return tuple(names + (["shift"] if self.refine else []))

    @property
    def distance(self) -> float:
        """Length that offset, shift and ambient are measured by."""
        if self.scale is not None:
            return self.scale
        return float(self.light[:, 2].square().mean().sqrt())

    @staticmethod
    def shared(unknowns: Unknowns) -> Unknowns:
        """Return the unknowns that are the same for every photograph."""
        return {name: unknowns[name] for name in ("power", "offset", "cone", "ambient")}

    def power(self, unknowns: Unknowns) -> Float[Tensor, "3"]:
        """Return the radiant intensity of the flash, RGB."""
        return self.reference_power * unknowns["power"].exp()

    def exposures(self, unknowns: Unknowns) -> Float[Tensor, " n"]:
        """Return the exposure of each photograph."""
        free = ~self.exposure_known
        solved = unknowns["exposure"] * free
        if not bool(self.exposure_known.any()):
            solved = solved - solved.mean()
        return self.exposure * solved.exp()

    def pairs(self, unknowns: Unknowns) -> dict[str, Tensor]:
        """Return the light/view pairs as the shading ops take them, one for each photograph."""
        scale = self.distance
        shift = unknowns["shift"] * scale
        exposure = self.exposures(unknowns)[:, None]
        camera = self.camera + shift
        position = self.light + shift + unknowns["offset"] * scale
        cone = torch.nn.functional.softplus(unknowns["cone"])
        intensity = self.power(unknowns) * exposure
        ambient = self.power(unknowns) / scale**2 * unknowns["ambient"].exp() * exposure
        return {
            "light_position": position[None],
            "light_intensity": intensity[None],
            "camera_position": camera[None],
            "cone": cone.expand(1, len(camera)),
            "ambient": ambient[None],
        }

    def prior(self, unknowns: Unknowns) -> Tensor:
        """Return how unlikely the light is: exposures near 1, flash beside the lens, white."""
        power = unknowns["power"]
        # along the view, an offset trades with the power, and where that is known with the albedo
        lateral, along = (10.0, 100.0) if self.power_known else (0.1, 0.01)
        return (
            1e-3 * unknowns["exposure"].square().sum()
            + lateral * unknowns["offset"][:2].square().sum()
            + along * unknowns["offset"][2:].square().sum()
            + 1e-2 * (power - power.mean()).square().sum()
            + unknowns["shift"].square().sum() / self.freedom**2
        )
