"""The capture as an inverse problem: photographs, a material model and a flash, on a ladder."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from diffgfx.inverse import Level, Part, Unknowns
from diffgfx.ops import Residual, svbrdf_render_loss
from diffgfx.render import render_planar
from diffgfx.scene import GreyPatch
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.observations import PhotoPyramid, View
from diffgfx.tasks.capture.scale import Anchor, GreyReadings, anchor_factor, beside_factor

__all__ = ["RESIDUAL", "RESIDUAL_OF_A_HAND", "CaptureProblem", "Model", "display"]

RESIDUAL = Residual("display_charbonnier", epsilon=0.02, delta=0.02, white=0.98)
_LIGHT_STEP = 0.01
RESIDUAL_OF_A_HAND = 0.005   # mean residual at and above which the priors have full weight
_TRIAL = 0.01   # most weight of the priors in a trial: enough to settle what nothing shows
_TRIAL_SHARE = 0.5   # of the residual of a hand: what a trial leaves where the priors are due


@runtime_checkable
class Model(Protocol):
    """A parametrisation of the material; `MaterialModel` and `NetworkModel` are two."""

    def start(self, resolution: tuple[int, int], diffuse: Tensor) -> Unknowns:
        """Return the unknowns at the coarsest level, given a guess of d."""

    def first_diffuse(
        self, resolution: tuple[int, int], power: Tensor, distance: float
    ) -> Tensor:
        """Return that guess."""

    def prolong(self, unknowns: Unknowns, resolution: tuple[int, int]) -> Unknowns:
        """Carry the unknowns to a finer grid."""

    def step_lengths(self) -> dict[str, float]:
        """Return the step length of each unknown."""

    def maps(self, unknowns: Unknowns) -> Tensor:
        """Return the maps, shape (1, 10, h, w)."""

    def rescaled(self, unknowns: Unknowns, factor: Tensor) -> Unknowns:
        """Return the unknowns of a material ``factor`` times as reflective."""

    def prior(self, unknowns: Unknowns, view: View) -> Tensor:
        """Return the weighted priors."""


@dataclasses.dataclass
class CaptureProblem:
    """Fit a material and a flash to photographs.

    Attributes:
        photos: The photographs that the fit may see.
        model: The material's parametrisation.
        light: The flash.
        levels: The ladder.
        anchor: What sets the albedo scale.
        patch: The grey patch, where there is one.
        beside: What the fitted photographs show of grey patches beside the sample, if anything.
        belief: Most weight of the material's priors.
    """

    photos: PhotoPyramid
    model: Model
    light: FlashLight
    levels: tuple[Level, ...]
    anchor: Anchor
    patch: GreyPatch | None
    belief: float = 1.0
    beside: GreyReadings | None = None

    def __post_init__(self) -> None:
        """Average the photographs down to the first level."""
        self._view = (self.levels[0], self.photos.view(self.levels[0].resolution))

    def view(self, level: Level) -> View:
        """Return the photographs at a level; those of one level are kept."""
        if self._view[0] != level:
            self._view = (level, self.photos.view(level.resolution))
        return self._view[1]

    def start(self) -> Unknowns:
        """Return the unknowns at the coarsest level."""
        resolution = self.levels[0].resolution
        power = self.light.reference_power
        diffuse = self.model.first_diffuse(resolution, power, self.light.distance)
        return {**self.model.start(resolution, diffuse), **self.light.start()}

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Settle the scale between light and material, then move to the finer grid."""
        return self.model.prolong(self.anchored(unknowns), level.resolution)

    def anchored(self, unknowns: Unknowns) -> Unknowns:
        """Return the same pictures from a material on the scale that the anchor asks for."""
        if self.light.power_known:
            return unknowns
        if self.anchor == "grey_beside" and self.beside is not None:
            factor = beside_factor(self.beside, self.light.pairs(unknowns)).detach()
        else:
            factor = anchor_factor(self.model.maps(unknowns).detach(), self.anchor, self.patch)
        moved = self.model.rescaled(unknowns, factor)
        return {**moved, "power": unknowns["power"] - factor.log()}

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each unknown."""
        light = dict.fromkeys(self.light.solved(), _LIGHT_STEP)
        if "shift" in light:
            light["shift"] = 0.1 * _LIGHT_STEP * self.light.freedom
        return {**self.model.step_lengths(), **light}

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        """Return the mean residual of the re-renders."""
        view = self.view(level)
        pairs = self.light.pairs(unknowns)
        return svbrdf_render_loss(
            self.model.maps(unknowns),
            view.images,
            pairs["light_position"],
            pairs["light_intensity"],
            pairs["camera_position"],
            self.photos.size,
            residual=RESIDUAL,
            mask=view.weights.part(part),
            ambient=pairs["ambient"],
            cone=pairs["cone"],
        ).sum()

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        """Return the weighted priors of material and light.

        The weights hold for photographs as noisy as a hand-held flash gives them. Those of the
        material fall with the variance of the residual: the sharper the photographs agree with the
        model, the less is left to belief.
        """
        weight = min((residual / RESIDUAL_OF_A_HAND) ** 2, self.belief)
        material = self.model.prior(unknowns, self.view(level))
        return weight * material + self.light.prior(unknowns)

    def trial(self, levels: int) -> "CaptureProblem":
        """Return the first levels at half the steps, with hardly any prior on the material."""
        shorter = tuple(
            dataclasses.replace(level, steps=level.steps // 2, cooldown=level.cooldown // 2)
            for level in self.levels[:levels]
        )
        return dataclasses.replace(self, levels=shorter, belief=_TRIAL)

    def believing(self, residual: float) -> "CaptureProblem":
        """Return the problem with the priors bounded by what a trial could not explain.

        Without the bound, priors that hold a fit off sharp photographs would leave a residual that
        justifies their weight.
        """
        share = residual / (_TRIAL_SHARE * RESIDUAL_OF_A_HAND)
        return dataclasses.replace(self, belief=min(share**2, 1.0))

    @property
    def observations(self) -> int:
        """Return the number of photographs that are fitted."""
        return len(self.photos.images)

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        """Return what a re-render is brighter than its photograph, in display-like values."""
        view = self.view(level)
        pairs = self.light.pairs(unknowns)
        own = {name: value[:, observation : observation + 1] for name, value in pairs.items()}
        maps = self.model.maps(unknowns)
        render = render_planar(maps, self.photos.size, **own)[0, 0]
        photo = view.images[0, observation]
        difference = display(render) - display(photo)
        clipped = (photo >= RESIDUAL.white) & (difference.detach() > 0)
        weight = view.weights.all[0, observation].sqrt()
        return (weight * difference).masked_fill(clipped, 0.0)


def display(radiance: Tensor) -> Tensor:
    """Return display-like values, between which residuals are taken; see `ops.Residual`."""
    return (radiance + RESIDUAL.epsilon) ** (1 / 2.2)
