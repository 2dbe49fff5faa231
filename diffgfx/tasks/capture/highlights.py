"""Where flash photographs without poses were taken from, read from their highlights.

Of a flash beside the lens, the highlight of a flat sample lies at the foot of the camera, and the
light falls off around it. So the photographs are explained, at few texels and in logarithms, as a
texture that all of them share times a profile about a foot of each photograph's own. The profile is
that of one surface: a matte part and a GGX lobe, with camera and light at the height z over the
foot, and t the square of the tangent at the camera: (1 + t)^(-3/2) (1 + k (1 + t)^3 / (1 + t / w)^2)
to a factor.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diffgfx.inverse import (
    Level,
    Part,
    Unknowns,
    area_average,
    charbonnier,
    solve,
    split_pixels,
)
from diffgfx.io import PhotoSet

__all__ = ["HighlightProblem", "Highlights", "find_highlights"]

_SIDE = 16                 # texels of the shorter side: a highlight is broad
_STEPS, _COOLDOWN = 400, 150
_STEP = 0.02
_FLOOR = 0.02              # of the median luminance, added before logarithms
_DELTA = 0.1
_HEIGHT = 2.3              # of the longer side: where a hand holds a phone over a sample
_HEIGHT_WIDTH, _HEIGHT_SPREAD = 0.3, 0.1   # deviations of the logarithm: of all, of one among them
_PRIOR = 2e-3
_REACH, _PLACES = 1.0, 17  # places tried: so far from the centre, in longer sides; so many a side
_STRENGTHS, _WIDTHS = (2.0, 8.0, 30.0), (0.004, 0.02, 0.08)   # k and w tried
_ROUNDS = 5
_OUTLIER = 1.0             # difference of logarithms beyond which a texel says no more
_GAIN = 0.1                # share of the residual that a highlight must explain

Tell = Callable[[int, int, float], object]


@dataclasses.dataclass(frozen=True)
class Highlights:
    """What the highlights tell.

    Attributes:
        position: Places of camera and flash [unit of the sample's size], shape (n, 3).
        found: Whether a highlight shows in the photograph, shape (n,).
        steps: Steps taken.
    """

    position: Float[Tensor, "n 3"]
    found: Bool[Tensor, " n"]
    steps: int


def find_highlights(
    photos: PhotoSet, size: tuple[float, float], *, seed: int = 0, tell: Tell | None = None
) -> Highlights:
    """Place the cameras of flash photographs by their highlights and their fall-off.

    Args:
        photos: The photographs that may be looked at, at least one.
        size: Width and height of the sample.
        seed: Seed of the texels that decide when to stop.
        tell: Told of each step: how many are done, of how many, and the residual.

    Returns:
        A place for every photograph. The height is common but for a few per cent; all heights may
        be too high or low by a factor that a broader or narrower highlight makes up for.
    """
    problem = HighlightProblem.of(photos, size, seed)
    level = problem.levels[0]
    total = level.steps + level.cooldown
    said = tell or (lambda done, total, residual: None)
    solution = solve(problem, progress=lambda _, step, error: said(step + 1, total, error))
    return Highlights(
        problem.position(solution.unknowns), problem.found(solution.unknowns), solution.steps
    )


@dataclasses.dataclass(frozen=True)
class HighlightProblem:
    """Fit a shared texture and a profile about each photograph's own foot.

    Attributes:
        bright: Logarithms of luminance, shape (n, h, w).
        clipped: Where a photograph's white says "at least this bright", shape (n, h, w).
        weights: Weight of each texel, shape (n, h, w).
        size: Width and height of the sample.
        seed: Seed of the texels that decide when to stop.
        levels: One.
    """

    bright: Float[Tensor, "n h w"]
    clipped: Bool[Tensor, "n h w"]
    weights: Float[Tensor, "n h w"]
    size: tuple[float, float]
    seed: int
    levels: tuple[Level, ...]

    @classmethod
    def of(cls, photos: PhotoSet, size: tuple[float, float], seed: int) -> "HighlightProblem":
        """Return the problem that some photographs pose."""
        height, width = photos.resolution
        scale = min(_SIDE / min(height, width), 1.0)
        resolution = max(1, round(height * scale)), max(1, round(width * scale))
        weights = area_average(photos.valid, resolution)[:, 0]
        share = weights[:, None].clamp_min(1e-6)
        seen = area_average(photos.images * photos.valid, resolution) / share
        luminance = seen.mean(dim=1)
        inside = luminance[weights > 0]
        bright = (luminance + _FLOOR * inside.median().clamp_min(1e-6)).log()
        clipped = area_average(photos.saturated, resolution)[:, 0] > 0.5
        level = Level(0, resolution, _STEPS, _COOLDOWN)
        return cls(bright, clipped, weights, size, seed, (level,))

    def start(self) -> Unknowns:
        """Return the best of the places, strengths and widths that are tried one by one."""
        profiles = _Profiles(self)
        found = [
            profiles.settle(k, w) for k in _STRENGTHS for w in _WIDTHS
        ]  # fmt: skip
        residual, unknowns = min(found, key=lambda one: one[0])
        assert math.isfinite(residual)
        return unknowns

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Return the unknowns: there is one level."""
        return unknowns

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each unknown."""
        names = ("place", "height", "exposure", "texture", "strength", "width")
        return dict.fromkeys(names, _STEP)

    def grid(self) -> tuple[Tensor, Tensor]:
        """Return x and y of the texels, in longer sides of the sample, each (h, w)."""
        height, width = self.bright.shape[-2:]
        longer = max(self.size)
        x = ((torch.arange(width) + 0.5) / width - 0.5) * (self.size[0] / longer)
        y = (0.5 - (torch.arange(height) + 0.5) / height) * (self.size[1] / longer)
        grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
        return grid_x.to(self.bright), grid_y.to(self.bright)

    def lobe_and_matte(self, unknowns: Unknowns) -> tuple[Tensor, Tensor]:
        """Return the logarithms of the profile's two factors, each (n, h, w)."""
        return _profile(
            self.grid(), unknowns["place"], unknowns["height"], unknowns["strength"].exp(),
            unknowns["width"].exp(),
        )  # fmt: skip

    def difference(self, unknowns: Unknowns) -> Float[Tensor, "n h w"]:
        """Return what the model is brighter than the photographs, in logarithms."""
        lobe, matte = self.lobe_and_matte(unknowns)
        model = unknowns["texture"] + unknowns["exposure"][:, None, None] + lobe + matte
        difference = model - self.bright
        return difference.masked_fill(self.clipped & (difference.detach() > 0), 0.0)

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        """Return the weighted mean penalty."""
        weights = split_pixels(self.weights, seed=self.seed).part(part)
        penalty = charbonnier(self.difference(unknowns), _DELTA)
        return (weights * penalty).sum() / weights.sum().clamp_min(1e-9)

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        """Return how unlike a hand-held phone the places are, and how little the texture is one."""
        height, texture = unknowns["height"], unknowns["texture"]
        common = height.mean()
        return _PRIOR * (
            ((common - math.log(_HEIGHT)) / _HEIGHT_WIDTH).square()
            + ((height - common) / _HEIGHT_SPREAD).square().mean()
            + (unknowns["exposure"] / 0.3).square().mean()
            + unknowns["place"].square().sum(dim=1).mean()
            + charbonnier(texture - texture.mean(), 0.1).mean()
        )

    @property
    def observations(self) -> int:
        """Return the number of photographs."""
        return len(self.bright)

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        """Return the differences of one photograph."""
        return self.weights[observation].sqrt() * self.difference(unknowns)[observation]

    def position(self, unknowns: Unknowns) -> Float[Tensor, "n 3"]:
        """Return the places of the cameras in the unit of the sample's size."""
        place = torch.cat([unknowns["place"], unknowns["height"].exp()[:, None]], dim=1)
        return place * max(self.size)

    def found(self, unknowns: Unknowns) -> Bool[Tensor, " n"]:
        """Return in which photographs the lobe explains what nothing else does."""
        return self.gain(unknowns) > _GAIN

    def gain(self, unknowns: Unknowns) -> Float[Tensor, " n"]:
        """Return the share of each photograph's residual that its lobe explains."""
        lobe, _ = self.lobe_and_matte(unknowns)
        full = self.difference(unknowns)
        without = full - lobe
        without = without - without.flatten(1).median(dim=1).values[:, None, None]
        error, other = (
            (self.weights * charbonnier(x, _DELTA)).flatten(1).sum(dim=1) for x in (full, without)
        )
        return 1.0 - error / other.clamp_min(1e-9)


def _profile(
    grid: tuple[Tensor, Tensor], place: Tensor, height: Tensor, strength: Tensor, width: Tensor
) -> tuple[Tensor, Tensor]:
    x, y = grid
    squared = (x - place[:, 0, None, None]).square() + (y - place[:, 1, None, None]).square()
    t = squared * (-2.0 * height)[:, None, None].exp()
    lobe = torch.log1p(strength * (1 + t) ** 3 / (1 + t / width).square())
    return lobe, -1.5 * torch.log1p(t)


class _Profiles:
    """Profiles about every place of a coarse grid, held against the photographs."""

    def __init__(self, problem: HighlightProblem):
        self.problem = problem
        reach = torch.linspace(-_REACH, _REACH, _PLACES)
        y, x = torch.meshgrid(reach, reach, indexing="ij")
        self.places = torch.stack([x.flatten(), y.flatten()], dim=1).to(problem.bright)
        self.height = torch.full((len(self.places),), math.log(_HEIGHT)).to(self.places)

    def settle(self, strength: float, width: float) -> tuple[float, Unknowns]:
        """Return the residual and the unknowns after places and texture were chosen in turn."""
        bright = self.problem.bright
        k, w = bright.new_tensor(strength), bright.new_tensor(width)
        lobe, matte = _profile(self.problem.grid(), self.places, self.height, k, w)
        profiles = lobe + matte
        texture = self._texture(bright)
        for _ in range(_ROUNDS):
            residuals, exposures = zip(
                *(self._try(one - texture - profiles) for one in bright), strict=True
            )
            best = torch.stack([one.argmin() for one in residuals])
            rows = range(len(bright))
            exposure = torch.stack([exposures[i][best[i]] for i in rows])
            texture = self._texture(bright - profiles[best] - exposure[:, None, None])
        residual = float(torch.stack([residuals[i][best[i]] for i in rows]).mean())
        return residual, {
            "place": self.places[best],
            "height": self.height[: len(bright)].clone(),
            "exposure": exposure - exposure.mean(),
            "texture": texture + exposure.mean(),
            "strength": k.log(),
            "width": w.log(),
        }

    @staticmethod
    def _texture(seen: Tensor) -> Tensor:
        """Return what most photographs show; of one or two only their mean tone."""
        if len(seen) < 3:
            return seen.median().expand(seen.shape[1:]).clone()
        return seen.median(dim=0).values

    @staticmethod
    def _try(left: Tensor) -> tuple[Tensor, Tensor]:
        """Return residual and exposure of one photograph under every profile."""
        exposure = left.flatten(1).median(dim=1).values
        rest = (left - exposure[:, None, None]).abs().clamp(max=_OUTLIER)
        return rest.mean(dim=(1, 2)), exposure
