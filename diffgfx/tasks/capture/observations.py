"""The fitted photographs at every level, and what can be read from them before any fit."""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.inverse import PixelSplit, area_average, split_pixels

__all__ = ["PhotoPyramid", "View"]

_LOG_FLOOR = 0.01
_FEATURE_QUANTILE = 0.3
_HIGHLIGHT_SLOPE = 0.12  # tangent at which a middling lobe has fallen to exp(-1/2)


@dataclasses.dataclass(frozen=True)
class View:
    """The photographs at one level.

    Attributes:
        images: Linear RGB, shape (1, n, 3, h, w).
        weights: Weights of the texels by part, each (1, n, h, w).
        guide: What edges are read from: log of the median photograph, shape (1, 3, h, w).
    """

    images: Float[Tensor, "1 n 3 h w"]
    weights: PixelSplit
    guide: Float[Tensor, "1 3 h w"]


@dataclasses.dataclass(frozen=True)
class PhotoPyramid:
    """Photographs to fit, with their poses.

    Attributes:
        images: Linear RGB at the finest level, shape (n, 3, h, w). Texels of weight zero are given
            what the other photographs lead to expect, so that averages and medians mean something.
        valid: Weight of each texel, shape (n, 1, h, w).
        light: Light positions, shape (n, 3).
        size: Width and height of the sample.
        seed: Seed of the pixels that decide when to stop.
    """

    images: Float[Tensor, "n 3 h w"]
    valid: Float[Tensor, "n 1 h w"]
    light: Float[Tensor, "n 3"]
    size: tuple[float, float]
    seed: int

    def __post_init__(self) -> None:
        """Fill the texels of weight zero, if there are any."""
        hidden = self.valid <= 0.0
        if bool(hidden.any()):
            object.__setattr__(self, "images", self._filled(hidden))

    def _filled(self, hidden: Tensor) -> Tensor:
        height, width = self.images.shape[-2:]
        cosine, squared = self.geometry((int(height), int(width)))
        lit = cosine / squared
        seen = (self.images / lit).masked_fill(hidden, torch.nan)
        expected = seen.nanmedian(dim=0).values
        overall = seen.transpose(0, 1).flatten(1).nanmedian(dim=1).values[:, None, None]
        expected = torch.where(expected.isnan(), overall, expected)
        return torch.where(hidden, expected * lit, self.images)

    def view(self, resolution: tuple[int, int]) -> View:
        """Return the photographs averaged down to a resolution."""
        images = area_average(self.images, resolution)
        weights = area_average(self.valid, resolution)[None, :, 0]
        guide = (images + _LOG_FLOOR).log().median(dim=0).values
        return View(images[None], split_pixels(weights, seed=self.seed), guide[None])

    def geometry(self, resolution: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the cosine at the light, (n, 1, h, w), and its squared distance, likewise."""
        height, width = resolution
        like = self.images
        x = ((torch.arange(width).to(like) + 0.5) / width - 0.5) * self.size[0]
        y = (0.5 - (torch.arange(height).to(like) + 0.5) / height) * self.size[1]
        grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
        point = torch.stack([grid_x, grid_y, torch.zeros_like(grid_x)])
        toward = self.light[:, :, None, None] - point
        squared = toward.square().sum(dim=1, keepdim=True)
        return toward[:, 2:3] / squared.sqrt(), squared

    def reflectance(self, resolution: tuple[int, int]) -> Float[Tensor, "n 3 h w"]:
        """Return each photograph divided by the light that falls on a flat sample, to a factor."""
        cosine, squared = self.geometry(resolution)
        lit = squared.mean() / squared * cosine
        return area_average(self.images, resolution) / lit

    def evidence(self, resolution: tuple[int, int]) -> Float[Tensor, "1 1 h w"]:
        """Return how nearly each texel saw a mirror reflection of the flash, added over photos."""
        cosine, _ = self.geometry(resolution)
        slope = (1 - cosine.square()) / cosine.square()
        return (-0.5 * slope / _HIGHLIGHT_SLOPE**2).exp().sum(dim=0, keepdim=True)

    def features(self, resolution: tuple[int, int]) -> Float[Tensor, "3 h w"]:
        """Return the log of a low quantile of the reflectance: colour without highlights."""
        reflectance = (self.reflectance(resolution) + _LOG_FLOOR).log()
        order = reflectance.sort(dim=0).values
        return order[round(_FEATURE_QUANTILE * (len(order) - 1))]
