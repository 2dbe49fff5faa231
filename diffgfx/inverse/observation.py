"""Observations at a level: their pixels split into those fitted and those that decide the stop."""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.inverse.problem import Part

__all__ = ["PixelSplit", "split_pixels"]

Weights = Float[Tensor, "*batch h w"]


@dataclasses.dataclass(frozen=True)
class PixelSplit:
    """Weights of the same pixels, by part.

    Attributes:
        all: The observations' own weights.
        fitted: The same, zero on the pixels kept aside.
        stopping: The same, zero on all others.
    """

    all: Weights
    fitted: Weights
    stopping: Weights

    def part(self, part: Part) -> Weights:
        """Return the weights of a part."""
        weights: Tensor = getattr(self, part)
        return weights


def split_pixels(weights: Weights, fraction: float = 0.1, seed: int = 0) -> PixelSplit:
    """Keep a random fraction of the pixels aside, of each observation its own.

    Args:
        weights: Weight of each pixel of each observation, >= 0.
        fraction: What is kept aside, in [0, 1).
        seed: Seed of the choice.

    Returns:
        The weights by part.
    """
    generator = torch.Generator().manual_seed(seed)
    aside = torch.rand(weights.shape, generator=generator).to(weights) < fraction
    return PixelSplit(weights, weights * ~aside, weights * aside)
