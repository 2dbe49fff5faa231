"""Where a photograph that no fit saw was taken from, and how long: four numbers, maps frozen."""

import dataclasses
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.inverse import (
    Level,
    Part,
    PixelSplit,
    Unknowns,
    area_average,
    ladder,
    solve,
    split_pixels,
)
from diffgfx.ops import svbrdf_render_loss
from diffgfx.render import render_planar
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.problem import RESIDUAL, RESIDUAL_OF_A_HAND, display

__all__ = ["LocateProblem", "locate_photo"]

_STEPS, _COOLDOWN = 60, 30
_STEP = 0.01
_REACH, _PLACES = 1.0, 13        # places tried: so far from the centre, in longer sides
_HEIGHTS = (0.85, 1.0, 1.15)     # of the height of the photographs that were fitted
_HEIGHT_SPREAD, _EXPOSURE_SPREAD = 0.15, 0.5
_PRIOR = 2e-4
_FIRST_SIDE = 32
_DARK = 1e-3                     # added before logarithms
_LOWEST = 0.1                    # of the longer side: no camera was lower


def locate_photo(
    image: Float[Tensor, "3 h w"],
    valid: Float[Tensor, "1 h w"],
    maps: Float[Tensor, "1 10 h w"],
    size: tuple[float, float],
    light: FlashLight,
    unknowns: Unknowns,
    *,
    seed: int = 0,
) -> Float[Tensor, "3"]:
    """Return where one photograph was taken from, given the material and the light of others.

    Place and exposure are solved together; the exposure is left to whoever measures the photograph.

    Args:
        image: The photograph, linear.
        valid: Weight of each texel.
        maps: The material, which stays as it is.
        size: Width and height of the sample.
        light: The flash of the photographs that were fitted.
        unknowns: Its solved unknowns, which stay as they are.
        seed: Seed of the texels that decide when to stop.
    """
    problem = LocateProblem.of(image, valid, maps, size, light, unknowns, seed=seed)
    return problem.camera(solve(problem).unknowns)[0].detach()


@dataclasses.dataclass
class LocateProblem:
    """Place and exposure of one photograph of a known material under a known flash.

    Attributes:
        image: The photograph, linear, shape (1, 3, h, w).
        valid: Weight of each texel, shape (1, 1, h, w).
        maps: The material at the photograph's resolution.
        size: Width and height of the sample.
        flash: The flash; its own cameras are not used.
        fixed: The solved unknowns of the flash that hold for every photograph.
        height: Height of the photographs that were fitted.
        levels: The ladder.
        seed: Seed of the texels that decide when to stop.
    """

    image: Float[Tensor, "1 3 h w"]
    valid: Float[Tensor, "1 1 h w"]
    maps: Float[Tensor, "1 10 h w"]
    size: tuple[float, float]
    flash: FlashLight
    fixed: Unknowns
    height: float
    levels: tuple[Level, ...]
    seed: int = 0

    @classmethod
    def of(
        cls,
        image: Tensor,
        valid: Tensor,
        maps: Tensor,
        size: tuple[float, float],
        light: FlashLight,
        unknowns: Unknowns,
        *,
        seed: int = 0,
    ) -> "LocateProblem":
        """Return the problem that a photograph poses beside a solved flash; see `locate_photo`."""
        flash = dataclasses.replace(light, scale=light.distance)
        heights = light.pairs(unknowns)["camera_position"][0, :, 2].clamp_min(_LOWEST * max(size))
        height = float(heights.log().mean().exp())
        resolution = int(image.shape[-2]), int(image.shape[-1])
        rungs = ladder(resolution, _FIRST_SIDE)
        levels = tuple(Level(k, rung, _STEPS, _COOLDOWN) for k, rung in enumerate(rungs))
        fixed = flash.shared(unknowns)
        return cls(image[None], valid[None], maps, size, flash, fixed, height, levels, seed)

    def __post_init__(self) -> None:
        """Average everything down to the first level."""
        self._view = (self.levels[0], self._averaged(self.levels[0].resolution))

    def view(self, level: Level) -> tuple[Tensor, Tensor, PixelSplit]:
        """Return maps, photograph and weights at a level; those of one level are kept."""
        if self._view[0] != level:
            self._view = (level, self._averaged(level.resolution))
        return self._view[1]

    def _averaged(self, resolution: tuple[int, int]) -> tuple[Tensor, Tensor, PixelSplit]:
        weights = area_average(self.valid, resolution)[:, 0][None]
        image = area_average(self.image * self.valid, resolution) / weights[0].clamp_min(1e-6)
        return area_average(self.maps, resolution), image[None], split_pixels(
            weights, seed=self.seed
        )

    def start(self) -> Unknowns:
        """Return the best of the places that are tried one by one."""
        maps, image, split = self.view(self.levels[0])
        reach = torch.linspace(-_REACH, _REACH, _PLACES) * max(self.size) / self.height
        height = torch.tensor(_HEIGHTS).log()
        box = torch.meshgrid(height, reach, reach, indexing="ij")
        z, y, x = (axis.flatten().to(image) for axis in box)
        tried = {"place": torch.stack([x, y], dim=1), "height": z, "exposure": torch.zeros_like(z)}
        render = render_planar(maps, self.size, **self.pairs(tried))[0]
        ratio = (image[0] + _DARK).log() - (render + _DARK).log()
        ratio = ratio.masked_fill(split.all[0, 0] <= 0.0, torch.nan).flatten(1)
        ratio = ratio.nanmedian(dim=1).values
        exposed = render * ratio.exp()[:, None, None, None]
        white = image.amax().clamp_min(1.0)
        seen = display(exposed.minimum(white)) - display(image[0])
        best = (split.all[0] * seen.abs().mean(dim=1)).mean(dim=(1, 2)).argmin()
        return {name: value[best][None] for name, value in {**tried, "exposure": ratio}.items()}

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Return the unknowns, which know no resolution."""
        return unknowns

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each unknown."""
        step = _STEP / (1 + level.index)
        return {"place": step, "height": step, "exposure": step}

    def camera(self, unknowns: Unknowns) -> Float[Tensor, "m 3"]:
        """Return where the cameras are, shape (m, 3)."""
        z = unknowns["height"].exp()[:, None]
        return torch.cat([unknowns["place"], z], dim=1) * self.height

    def pairs(self, unknowns: Unknowns) -> dict[str, Tensor]:
        """Return the light/view pairs as the shading ops take them."""
        camera = self.camera(unknowns)
        one = torch.ones_like(camera[:, 0])
        flash = dataclasses.replace(
            self.flash, camera=camera, light=camera, exposure=one, exposure_known=one > 0
        )
        still = {"exposure": torch.zeros_like(one), "shift": torch.zeros_like(camera)}
        pairs = flash.pairs({**self.fixed, **still})
        factor = unknowns["exposure"].exp()[None, :, None]
        return {
            **pairs, "light_intensity": pairs["light_intensity"] * factor,
            "ambient": pairs["ambient"] * factor,
        }  # fmt: skip

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        """Return the mean residual of the re-render."""
        maps, image, split = self.view(level)
        pairs = self.pairs(unknowns)
        return svbrdf_render_loss(
            maps, image, pairs["light_position"], pairs["light_intensity"],
            pairs["camera_position"], self.size, residual=RESIDUAL, mask=split.part(part),
            ambient=pairs["ambient"], cone=pairs["cone"],
        ).sum()  # fmt: skip

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        """Return how unlike the fitted photographs' height and exposure these are.

        As for a whole capture, belief weighs less the better the photograph is explained.
        """
        weight = _PRIOR * min((residual / RESIDUAL_OF_A_HAND) ** 2, 1.0)
        height = (unknowns["height"] / _HEIGHT_SPREAD).square().sum()
        return weight * (height + (unknowns["exposure"] / _EXPOSURE_SPREAD).square().sum())

    @property
    def observations(self) -> int:
        """Return one: the photograph."""
        return 1

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        """Return what the re-render is brighter than the photograph, in display-like values."""
        maps, image, split = self.view(level)
        render = render_planar(maps, self.size, **self.pairs(unknowns))[0, 0]
        difference = display(render) - display(image[0, 0])
        clipped = (image[0, 0] >= RESIDUAL.white) & (difference.detach() > 0)
        return (split.all[0, 0].sqrt() * difference).masked_fill(clipped, 0.0)
