"""Lights whose power and place are found with what they light."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from diffgfx.inverse import Unknowns
from diffgfx.scene import DistantLight, HarmonicsLight, Light, PointLight
from diffgfx.tasks.mesh.targets import select_lights

__all__ = ["LampUnknown"]

_POWER, _PLACE, _HARMONICS = 0.03, 0.02, 0.02


class LampUnknown:
    """Changes of given lights.

    z, for light k: ``power.k``, log of a factor for each colour, and ``place.k``, a shift in units
    of the distance from the model's middle (points; one shift for lights that go with the camera)
    or of the direction's length; ``harmonics.k``, what is added to the coefficients.

    Args:
        lights: The lights of all pictures.
        centre: The model's middle [m].
        fitted: Indices of the pictures that are fitted, whose distances count; all by default.
    """

    def __init__(
        self, lights: tuple[Light, ...], centre: Tensor, fitted: list[int] | None = None
    ) -> None:
        self.lights, self.centre = lights, centre
        known = lights if fitted is None else select_lights(lights, fitted)
        self.reaches = [
            (light.position - centre).norm(dim=1, keepdim=True).mean(dim=0, keepdim=True)
            if isinstance(light, PointLight)
            else None
            for light in known
        ]

    def start(self) -> Unknowns:
        """Return no change."""
        found: Unknowns = {}
        for k, light in enumerate(self.lights):
            if isinstance(light, HarmonicsLight):
                found[f"harmonics.{k}"] = torch.zeros_like(light.coefficients[:1])
            else:
                found[f"power.{k}"] = self.centre.new_zeros((1, 3))
                found[f"place.{k}"] = self.centre.new_zeros((1, 3))
        return found

    def step_lengths(self) -> Mapping[str, float]:
        """Return the step length of each."""
        lengths = {"power": _POWER, "place": _PLACE, "harmonics": _HARMONICS}
        return {name: lengths[name.partition(".")[0]] for name in self.start()}

    def lamps(self, unknowns: Unknowns) -> tuple[Light, ...]:
        """Return the lights with the changes."""
        return tuple(self._lamp(light, k, unknowns) for k, light in enumerate(self.lights))

    def _lamp(self, light: Light, k: int, unknowns: Unknowns) -> Light:
        if isinstance(light, HarmonicsLight):
            added = light.coefficients + unknowns[f"harmonics.{k}"]
            return HarmonicsLight(added)
        factor, shift = unknowns[f"power.{k}"].exp(), unknowns[f"place.{k}"]
        if isinstance(light, DistantLight):
            length = light.direction.norm(dim=1, keepdim=True)
            moved = light.direction + length * shift
            return dataclasses.replace(light, direction=moved, irradiance=light.irradiance * factor)
        reach = self.reaches[k]
        assert isinstance(light, PointLight)
        assert reach is not None
        return PointLight(light.position + reach * shift, light.intensity * factor)
