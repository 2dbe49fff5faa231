"""The maps of a model's materials, texel by texel, and the lights with them where asked for."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from diffgfx.errors import InputError
from diffgfx.inverse import Level, Unknowns, bounded, prolong_field, smoothness, unbounded
from diffgfx.scene import Light, MaterialMaps, Model, Part
from diffgfx.tasks.mesh.fit_problem import Posed
from diffgfx.tasks.mesh.lamps import LampUnknown

__all__ = ["MapsUnknown"]

# lowest and highest value, first guess, step of the unbounded value, weight of smoothness
_MAPS = {
    "diffuse": (0.0, 1.0, 0.4, 0.08, 1e-3),
    "specular": (0.0, 1.0, 0.04, 0.04, 2e-2),
    "roughness": (0.03, 1.0, 0.5, 0.06, 2e-2),
}
_BROAD = 8  # texels of the diffuse map to one of the others, along a side
_DELTA = 0.02  # of a map's value: below it differences of texels count as squares
_USUAL = 0.04  # F0 of most that is not metal, believed where nothing tells
_USUAL_WEIGHT = 1e-3


class MapsUnknown:
    """Maps in place of a model's own, which say nothing but their normals; a `MeshUnknown`.

    z: for part k and each map sought, ``MAP.k``, logits of its texels. Levels are paired with
    texels: the diffuse map of the last has ``texels`` a side, those before half as many each. Few
    texels show a highlight, so specular and roughness have an eighth of that.

    Args:
        model: Meshes with texture coordinates.
        names: The maps sought: diffuse, and what else of specular and roughness.
        lights: The lights; see `LampUnknown`.
        texels: Texels a side at the last level.
        levels: How many levels there are.
        refine: Whether the lights are sought too.
        fitted: Indices of the pictures that are fitted; all by default.

    Raises:
        InputError: If a part has no texture coordinates.
    """

    def __init__(
        self,
        model: Model,
        names: tuple[str, ...],
        lights: tuple[Light, ...],
        *,
        texels: int,
        levels: int,
        refine: bool,
        fitted: list[int] | None = None,
    ) -> None:
        for index, part in enumerate(model.parts):
            if part.mesh.uv is None:
                raise InputError(
                    f"model must have texture coordinates to take maps, got none in part {index} "
                    f"({part.name!r}); unwrap the mesh"
                )
        self.model, self.names, self.refine = model, names, refine
        self.texels = [max(texels >> (levels - 1 - k), 4) for k in range(levels)]
        low, high = model.bounds
        self.lamps = LampUnknown(lights, 0.5 * (low + high), fitted)

    def start(self, level: Level) -> Unknowns:
        """Return grey maps and the lights as they are."""
        found = self.lamps.start()
        for k, part in enumerate(self.model.parts):
            for name in self.names:
                low, high, guess, _, _ = _MAPS[name]
                side = self._side(name, level)
                shape = (1, getattr(part.material, name).shape[1], side, side)
                value = torch.full(shape, guess).to(part.mesh.positions)
                found[f"{name}.{k}"] = unbounded(value, low, high)
        return found

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Double the texels."""
        found = {}
        for name, value in unknowns.items():
            found[name] = value
            if name.partition(".")[0] in _MAPS:
                side = self._side(name.partition(".")[0], level)
                found[name] = prolong_field(value, (side, side))
        return found

    def _side(self, name: str, level: Level) -> int:
        side = self.texels[level.index]
        return side if name == "diffuse" else max(side // _BROAD, 2)

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each map, and of the lights if they are sought."""
        found = dict(self.lamps.step_lengths()) if self.refine else {}
        for k in range(len(self.model.parts)):
            found |= {f"{name}.{k}": _MAPS[name][3] for name in self.names}
        return found

    def prior(self, unknowns: Unknowns, level: Level) -> Tensor:
        """Return how rough the maps are, and how unusual F0 is."""
        total = self.lamps.centre.new_zeros(())
        for k in range(len(self.model.parts)):
            for name in self.names:
                value = self._map(unknowns, name, k)
                even = tuple(torch.ones_like(value[:, :1, i:, j:]) for i, j in ((0, 1), (1, 0)))
                total = total + _MAPS[name][4] * smoothness(value, (even[0], even[1]), _DELTA)
                if name == "specular":
                    total = total + _USUAL_WEIGHT * (value - _USUAL).abs().mean()
        return total

    def _map(self, unknowns: Unknowns, name: str, k: int) -> Tensor:
        low, high = _MAPS[name][:2]
        return bounded(unknowns[f"{name}.{k}"], low, high)

    def posed(self, unknowns: Unknowns) -> Posed:
        """Return the model in its new maps, and the lights."""
        parts = tuple(self._part(part, k, unknowns) for k, part in enumerate(self.model.parts))
        return Posed(parts, self.lamps.lamps(unknowns))

    def _part(self, part: Part, k: int, unknowns: Unknowns) -> Part:
        height, width = unknowns[f"diffuse.{k}"].shape[-2:]
        size = (height, width)

        def chosen(name: str) -> Tensor:
            if name in self.names:
                return prolong_field(self._map(unknowns, name, k), size)
            return _resized(getattr(part.material, name), size)

        maps = MaterialMaps(
            chosen("normal"), chosen("diffuse"), chosen("specular"), chosen("roughness")
        )
        return dataclasses.replace(part, material=maps, two_sided=True)


def _resized(value: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.nn.functional.interpolate(
        value, size=size, mode="bilinear", align_corners=False, antialias=True
    )
