"""Where flash photographs without poses were taken from, read from their highlights.

Of a flash beside the lens, the highlight of a flat sample lies at the foot of the camera, and the
light falls off around it. So the photographs are explained, at few texels and in logarithms, as a
texture that all of them share times a profile about a foot of each photograph's own. The profile is
that of one surface, matte with a GGX lobe of strength k and squared width w, seen from where it is
lit: (1 + t)^(-3/2) (1 + k (1 + t)^3 / (1 + t / w)^2), t the squared tangent of the angle at the
camera.
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
    PixelSplit,
    Unknowns,
    area_average,
    charbonnier,
    prolong_field,
    solve,
    split_pixels,
)
from diffgfx.io import PhotoSet

__all__ = ["HighlightProblem", "Highlights", "Sight", "Tell", "find_highlights"]

_SIDES = (12, 24)          # texels of the shorter side: a highlight is broad
_STEPS, _COOLDOWN = 240, 80
_STEP = 0.02
_FLOOR = 0.02              # of a photograph's median luminance, added before logarithms
_CLIPPED = 0.5
_DELTA = 0.1
_PRIOR = 2e-3
_HEIGHT = 2.2              # of the longer side: where a hand holds a phone over a sample
_HEIGHT_WIDTH, _HEIGHT_SPREAD = 0.3, 0.06   # deviations of the logarithm: of all, of one among them
_CENTRE_WIDTH = 0.3        # of the longer side: where the middle of all cameras is
_EXPOSURE_SPREAD = 0.3
_REACH, _PLACES = 1.0, 17  # places tried: so far from the centre, in longer sides; so many a side
_STRENGTHS, _WIDTHS = (0.1, 2.0, 8.0, 30.0), (0.004, 0.02, 0.08)   # k and w tried
_ROUNDS = 5
_OUTLIER = 1.0             # difference of logarithms beyond which a texel says no more
_FEWEST = 3                # photographs whose median has lost the highlights
_LOBE = 0.2                # logarithm of what a highlight adds to a matte surface, at least
_GAIN = 0.05               # share of the residual that a highlight must explain
_PROFILE = ("place", "height", "strength", "width")

Tell = Callable[[int, int, float], object]
"""Called with what is done, how much it is, and the current error."""


@dataclasses.dataclass(frozen=True)
class Highlights:
    """What the highlights tell.

    Attributes:
        position: Places of camera and flash [unit of the sample's size], shape (n, 3).
        found: Whether a highlight shows in the photograph, shape (n,).
    """

    position: Float[Tensor, "n 3"]
    found: Bool[Tensor, " n"]


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
    each = _STEPS + _COOLDOWN
    said = tell or (lambda done, total, residual: None)

    def told(level: Level, step: int, residual: float) -> None:
        said(level.index * each + step + 1, len(problem.levels) * each, residual)

    solution = solve(problem, progress=told)
    unknowns = solution.unknowns
    said(len(problem.levels) * each, len(problem.levels) * each, solution.residual)
    return Highlights(problem.position(unknowns), problem.found(unknowns))


@dataclasses.dataclass(frozen=True)
class Sight:
    """What the photographs show at one level.

    Attributes:
        bright: Logarithms of luminance, shape (n, h, w).
        clipped: Where a photograph's white says "at least this bright", shape (n, h, w).
        weights: Weight of each texel by part, each (n, h, w).
        x: Place of each texel, in longer sides of the sample, shape (h, w).
        y: Likewise, upward.
    """

    bright: Float[Tensor, "n h w"]
    clipped: Bool[Tensor, "n h w"]
    weights: PixelSplit
    x: Float[Tensor, "h w"]
    y: Float[Tensor, "h w"]

    @classmethod
    def of(
        cls, photos: PhotoSet, size: tuple[float, float], resolution: tuple[int, int], seed: int
    ) -> "Sight":
        """Average photographs down to a resolution."""
        weights = area_average(photos.valid, resolution)
        seen = area_average(photos.images * photos.valid, resolution) / weights.clamp_min(1e-6)
        luminance = seen.mean(dim=1)
        known = luminance.masked_fill(weights[:, 0] <= 0.0, torch.nan)
        middle = known.flatten(1).nanmedian(dim=1).values.clamp_min(1e-6)[:, None, None]
        height, width = resolution
        x = ((torch.arange(width) + 0.5) / width - 0.5) * (size[0] / max(size))
        y = (0.5 - (torch.arange(height) + 0.5) / height) * (size[1] / max(size))
        grid_y, grid_x = torch.meshgrid(y.to(seen), x.to(seen), indexing="ij")
        return cls(
            bright=(luminance + _FLOOR * middle).log(),
            clipped=area_average(photos.saturated, resolution)[:, 0] > _CLIPPED,
            weights=split_pixels(weights[:, 0], seed=seed),
            x=grid_x,
            y=grid_y,
        )

    @property
    def known(self) -> Float[Tensor, "n h w"]:
        """Return ``bright``, NaN where a mask hides it."""
        return self.bright.masked_fill(self.weights.all <= 0.0, torch.nan)

    def profiles(
        self, place: Tensor, height: Tensor, strength: Tensor, width: Tensor
    ) -> tuple[Float[Tensor, "m h w"], Float[Tensor, "m h w"]]:
        """Return the logarithms of lobe and matte part about m places, each (m, h, w)."""
        x, y = self.x - place[:, 0, None, None], self.y - place[:, 1, None, None]
        t = (x.square() + y.square()) * (-2.0 * height)[:, None, None].exp()
        k, w = strength.exp(), width.exp()
        return torch.log1p(k * (1 + t) ** 3 / (1 + t / w).square()), -1.5 * torch.log1p(t)


@dataclasses.dataclass
class HighlightProblem:
    """Fit a shared texture and a profile about each photograph's own foot.

    The unknowns: ``place`` and ``height`` (its logarithm) of each camera, in longer sides of the
    sample, ``exposure`` of each photograph, ``texture``, and the profile's ``strength`` and
    ``width``, all four logarithms.

    Attributes:
        sights: The photographs at each level.
        size: Width and height of the sample.
        levels: Two: at the second every place is looked for again, under what was learnt.
    """

    sights: tuple[Sight, ...]
    size: tuple[float, float]
    levels: tuple[Level, ...]

    @classmethod
    def of(cls, photos: PhotoSet, size: tuple[float, float], seed: int) -> "HighlightProblem":
        """Return the problem that some photographs pose."""
        finest = photos.resolution
        rungs = []
        for side in _SIDES:
            scale = min(side / min(finest), 1.0)
            rungs.append((round(finest[0] * scale), round(finest[1] * scale)))
        sights = tuple(Sight.of(photos, size, rung, seed) for rung in rungs)
        levels = tuple(Level(k, rung, _STEPS, _COOLDOWN) for k, rung in enumerate(rungs))
        return cls(sights, size, levels)

    def start(self) -> Unknowns:
        """Return the best of the places, strengths and widths that are tried one by one."""
        tried = [
            _search(self.sights[0], strength, width)
            for strength in _STRENGTHS
            for width in _WIDTHS
        ]
        return min(tried, key=lambda one: one[0])[1]

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Carry the texture to more texels, and look for each photograph's place again."""
        sight = self.sights[level.index]
        texture = prolong_field(unknowns["texture"][None, None], level.resolution)[0, 0]
        return _look_again(sight, {**unknowns, "texture": texture})

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each unknown."""
        names = ("place", "height", "exposure", "texture", "strength", "width")
        return dict.fromkeys(names, _STEP)

    def difference(self, unknowns: Unknowns, level: Level) -> Float[Tensor, "n h w"]:
        """Return what the model is brighter than the photographs, in logarithms."""
        return _difference(self.sights[level.index], unknowns)

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        """Return the weighted mean penalty."""
        weights = self.sights[level.index].weights.part(part)
        penalty = charbonnier(self.difference(unknowns, level), _DELTA)
        return (weights * penalty).sum() / weights.sum().clamp_min(1e-9)

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        """Return how unlike a hand-held phone the places are, and how uneven the texture is."""
        height, texture = unknowns["height"], unknowns["texture"]
        common = height.mean()
        return _PRIOR * (
            ((common - math.log(_HEIGHT)) / _HEIGHT_WIDTH).square()
            + ((height - common) / _HEIGHT_SPREAD).square().mean()
            + (unknowns["exposure"] / _EXPOSURE_SPREAD).square().mean()
            + unknowns["place"].square().sum(dim=1).mean()
            + (unknowns["place"].mean(dim=0) / _CENTRE_WIDTH).square().sum()
            + charbonnier(texture - texture.mean(), _DELTA).mean()
        )

    @property
    def observations(self) -> int:
        """Return the number of photographs."""
        return len(self.sights[0].bright)

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        """Return the differences of one photograph."""
        weights = self.sights[level.index].weights.all[observation]
        return weights.sqrt() * self.difference(unknowns, level)[observation]

    def position(self, unknowns: Unknowns) -> Float[Tensor, "n 3"]:
        """Return the places of the cameras in the unit of the sample's size."""
        place = torch.cat([unknowns["place"], unknowns["height"].exp()[:, None]], dim=1)
        return place * max(self.size)

    def found(self, unknowns: Unknowns) -> Bool[Tensor, " n"]:
        """Return in which photographs a lobe shows, and explains what nothing else does."""
        lobe, _ = self.sights[-1].profiles(*(unknowns[name] for name in _PROFILE))
        return (lobe.amax(dim=(1, 2)) > _LOBE) & (self._gain(unknowns) > _GAIN)

    def _gain(self, unknowns: Unknowns) -> Float[Tensor, " n"]:
        """Return the share of each photograph's residual that its lobe explains.

        What a texture of its own could explain in place of the lobes is not theirs.
        """
        sight = self.sights[-1]
        lobe, matte = sight.profiles(*(unknowns[name] for name in _PROFILE))
        errors = []
        for profile in (matte + lobe, matte):
            seen = sight.known - profile - unknowns["exposure"][:, None, None]
            left = seen - _texture(seen)
            left = left - left.flatten(1).nanmedian(dim=1).values[:, None, None]
            penalty = charbonnier(left.nan_to_num(0.0), _DELTA)
            errors.append((sight.weights.all * penalty).flatten(1).sum(dim=1))
        return 1.0 - errors[0] / errors[1].clamp_min(1e-9)


def _difference(sight: Sight, unknowns: Unknowns) -> Float[Tensor, "n h w"]:
    lobe, matte = sight.profiles(*(unknowns[name] for name in _PROFILE))
    model = unknowns["texture"] + unknowns["exposure"][:, None, None] + lobe + matte
    difference = model - sight.bright
    return difference.masked_fill(sight.clipped & (difference.detach() > 0), 0.0)


def _places(like: Tensor) -> Float[Tensor, "m 2"]:
    """Return the places that are tried."""
    reach = torch.linspace(-_REACH, _REACH, _PLACES)
    y, x = torch.meshgrid(reach, reach, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1).to(like)


def _hold(left: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return residual and exposure of one photograph under every profile it was divided by."""
    exposure = left.flatten(1).nanmedian(dim=1).values
    rest = (left - exposure[:, None, None]).abs().clamp(max=_OUTLIER)
    return (weights * rest.nan_to_num(0.0)).mean(dim=(1, 2)), exposure


def _texture(seen: Float[Tensor, "n h w"]) -> Float[Tensor, "h w"]:
    """Return what most photographs show; of one or two only their middle tone."""
    middle = seen.nanmedian()
    if len(seen) < _FEWEST:
        return middle.expand(seen.shape[1:]).clone()
    texture = seen.nanmedian(dim=0).values
    return torch.where(texture.isnan(), middle, texture)


def _search(sight: Sight, strength: float, width: float) -> tuple[float, Unknowns]:
    """Return residual and unknowns after places and texture were chosen in turn."""
    bright, weights = sight.known, sight.weights.all
    places = _places(bright)
    height = places.new_full((len(places),), math.log(_HEIGHT))
    k, w = bright.new_tensor(strength).log(), bright.new_tensor(width).log()
    lobe, matte = sight.profiles(places, height, k, w)
    profiles = lobe + matte
    texture = _texture(bright)
    for _ in range(_ROUNDS):
        tried = [
            _hold(one - texture - profiles, weight)
            for one, weight in zip(bright, weights, strict=True)
        ]
        best = torch.stack([residual.argmin() for residual, _ in tried])
        chosen = [(r[i], e[i]) for (r, e), i in zip(tried, best, strict=True)]
        exposure = torch.stack([e for _, e in chosen])
        texture = _texture(bright - profiles[best] - exposure[:, None, None])
    common = exposure.mean()
    return float(torch.stack([r for r, _ in chosen]).mean()), {
        "place": places[best],
        "height": height.new_full((len(bright),), math.log(_HEIGHT)),
        "exposure": exposure - common,
        "texture": texture + common,
        "strength": k,
        "width": w,
    }


def _look_again(sight: Sight, unknowns: Unknowns) -> Unknowns:
    """Try every place for each photograph once more, against what the others say of the texture.

    A photograph that was placed wrongly has no part in the texture that it is held against.
    """
    bright, weights = sight.known, sight.weights.all
    lobe, matte = sight.profiles(*(unknowns[name] for name in _PROFILE))
    seen = bright - lobe - matte - unknowns["exposure"][:, None, None]
    place, exposure = unknowns["place"].clone(), unknowns["exposure"].clone()
    strength, width = unknowns["strength"], unknowns["width"]
    for i in range(len(bright)):
        others = torch.cat([seen[:i], seen[i + 1 :]])
        texture = _texture(others) if len(others) >= _FEWEST else unknowns["texture"]
        places = torch.cat([place[i : i + 1], _places(place)])
        height = unknowns["height"].mean().expand(len(places))
        lobe, matte = sight.profiles(places, height, strength, width)
        residual, tried = _hold(bright[i] - texture - lobe - matte, weights[i])
        best = residual.argmin()
        place[i], exposure[i] = places[best], tried[best]
    return {**unknowns, "place": place, "exposure": exposure}
