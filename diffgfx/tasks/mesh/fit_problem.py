"""Pictures of meshes as an inverse problem: render what z means, compare with the targets."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from diffgfx.inverse import (
    Level,
    Part,
    PixelSplit,
    Unknowns,
    area_average,
    charbonnier,
    split_pixels,
)
from diffgfx.io import encode_transfer
from diffgfx.render import Buffers, Kept, render
from diffgfx.scene import Light, Scene, Transfer
from diffgfx.scene import Part as MeshPart
from diffgfx.tasks.mesh.targets import Targets, select_cameras, select_lights

__all__ = ["FitProblem", "MeshUnknown", "Posed", "stored_difference"]

_NOISE = 0.02  # of stored values: below it differences count as squares, above as they are
_FULL = 0.998  # a stored value from which on an 8-bit picture may have been clipped


def stored_difference(picture: Tensor, wanted: Tensor, transfer: Transfer, hdr: bool) -> Tensor:
    """Return how far a picture is from a target, in stored values, which go on straight above one.

    A picture brighter than a target that may have been clipped is not wrong there.

    Args:
        picture: Linear, any shape.
        wanted: The target, linear, the same shape.
        transfer: See `io.encode_transfer`.
        hdr: Whether targets hold what is above one, so that none was clipped.
    """
    found, goal = (
        encode_transfer(value, transfer) + (value - 1.0).clamp_min(0.0)
        for value in (picture, wanted)
    )
    if not hdr:
        found = torch.where(goal >= _FULL, found.clamp_max(1.0), found)
    return found - goal


class Posed(NamedTuple):
    """What z means."""

    parts: tuple[MeshPart, ...]
    lights: tuple[Light, ...]


@runtime_checkable
class MeshUnknown(Protocol):
    """What is to be found, as a problem sees it; see `inverse.Problem` for the first four."""

    def start(self, level: Level) -> Unknowns:
        """Return z at the first level."""

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Carry z to the next level."""

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each part of z."""

    def prior(self, unknowns: Unknowns, level: Level) -> Tensor:
        """Return the weighted priors."""

    def posed(self, unknowns: Unknowns) -> Posed:
        """Return meshes and lights, the lights those of all pictures."""


class _Goal(NamedTuple):
    """The fitted pictures at a level: linear values, masks, and weights."""

    images: Tensor
    masks: Tensor | None
    split: PixelSplit


class FitProblem:
    """Recover an unknown of a model from pictures; an `inverse.Problem`.

    Args:
        targets: What to match.
        chosen: Indices of the pictures that are fitted.
        unknown: What to recover.
        levels: The ladder; ``resolution`` is that of the pictures.
        seed: Of the pixels kept aside.
    """

    def __init__(
        self,
        targets: Targets,
        chosen: list[int],
        unknown: MeshUnknown,
        levels: tuple[Level, ...],
        seed: int = 0,
    ) -> None:
        self.targets, self.chosen, self.unknown, self.levels = targets, chosen, unknown, levels
        self.camera = select_cameras(targets.camera, chosen)
        self.hdr = dataclasses.replace(targets, images=targets.images[chosen]).hdr
        self._goals = [self._goal(level, seed) for level in levels]
        self._kept = Kept()

    def _goal(self, level: Level, seed: int) -> _Goal:
        images = area_average(self.targets.images[self.chosen], level.resolution)
        masks = self.targets.masks
        if masks is not None:
            masks = area_average(masks[self.chosen], level.resolution)
        weights = torch.ones_like(images[:, 0])
        return _Goal(images, masks, split_pixels(weights, seed=seed))

    def start(self) -> Unknowns:
        """Return z at the first level."""
        return self.unknown.start(self.levels[0])

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Carry z to the next level."""
        return self.unknown.prolong(unknowns, level)

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each part of z."""
        return self.unknown.step_lengths(level)

    def picture(
        self, unknowns: Unknowns, chosen: list[int], size: tuple[int, int], samples: int = 1
    ) -> Buffers:
        """Return pictures as some of the cameras see what z means."""
        posed = self.unknown.posed(unknowns)
        scene = Scene(
            posed.parts, select_cameras(self.targets.camera, chosen),
            select_lights(posed.lights, chosen), self.targets.background,
        )  # fmt: skip
        return render(scene, size, samples=samples, kept=self._kept)

    def _apart(self, unknowns: Unknowns, level: Level) -> Tensor:
        """Return the differences of stored values, and of masks where they are known."""
        goal = self._goals[level.index]
        seen = self.picture(unknowns, self.chosen, level.resolution)
        apart = stored_difference(seen.colour, goal.images, self.targets.transfer, self.hdr)
        if goal.masks is None:
            return apart
        return torch.cat([apart, seen.mask - goal.masks], dim=1)

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        """Return the mean robust difference over the pixels of a part."""
        weights = self._goals[level.index].split.part(part)
        apart = charbonnier(self._apart(unknowns, level), _NOISE).mean(dim=1)
        return (weights * apart).sum() / weights.sum().clamp_min(1.0)

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        """Return the weighted priors of z."""
        return self.unknown.prior(unknowns, level)

    @property
    def observations(self) -> int:
        """Return how many pictures are fitted."""
        return len(self.chosen)

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        """Return the differences of stored values of one picture."""
        seen = self.picture(unknowns, [self.chosen[observation]], level.resolution)
        wanted = self._goals[level.index].images[observation : observation + 1]
        return stored_difference(seen.colour, wanted, self.targets.transfer, self.hdr)
