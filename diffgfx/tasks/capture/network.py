"""The material as the output of an untrained network (deep image prior).

The unknowns are the network's weights and a gain per channel of d and F0; a factor on both, which
no step moves, settles the scale between light and material. One level only: the network works on
the finest grid.
"""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import RangeError
from diffgfx.inverse import Unknowns, bounded, unbounded
from diffgfx.nn import Hourglass, HourglassConfig
from diffgfx.tasks.capture.model import ROUGHNESS_RANGE
from diffgfx.tasks.capture.observations import PhotoPyramid, View

__all__ = ["NetworkModel"]

_SLOPE_SCALE = 0.1
_FLAT = 0.05
_SHORTEST = 3
_BRIGHTEST = 1.0 - 1e-4


@dataclasses.dataclass
class NetworkModel:
    """Weights of an `Hourglass` to maps.

    Attributes:
        photos: The photographs, for a first guess of d.
        seed: Seed of the weights and of the noise that goes in.
    """

    photos: PhotoPyramid
    seed: int

    def __post_init__(self) -> None:
        """Draw the noise and the first weights; raise `RangeError` if a side is too short."""
        height, width = self.photos.images.shape[-2:]
        if min(height, width) < _SHORTEST:
            raise RangeError(
                f"photographs must have at least {_SHORTEST} texels a side with the dip prior, got "
                f"{width} x {height}; raise the resolution or pass the smooth prior"
            )
        depth = (min(height, width) - 1).bit_length() - 1  # the deepest level keeps two texels
        config = HourglassConfig(depth=min(depth, HourglassConfig.depth))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network = Hourglass(config).to(self.photos.images)
            self.noise = 0.1 * torch.rand(1, config.inputs, height, width).to(self.photos.images)

    def first_diffuse(
        self, resolution: tuple[int, int], power: Tensor, distance: float
    ) -> Float[Tensor, "1 3 h w"]:
        """Return the mean d, as if the median photograph were of a matte surface."""
        median = self.photos.reflectance(resolution).median(dim=0).values[None]
        guess = math.pi * median * distance**2 / power[None, :, None, None]
        return guess.mean(dim=(2, 3), keepdim=True).clamp(0.02, 0.9)

    def start(self, resolution: tuple[int, int], diffuse: Tensor) -> Unknowns:
        """Return the first weights, and gains that start d at its mean and F0 at 0.05."""
        gain = torch.cat([unbounded(diffuse, 0.0, 1.0).flatten(), diffuse.new_full((3,), -3.0)])
        weights = {f"net.{name}": p.detach() for name, p in self.network.named_parameters()}
        return {"gain": gain, "scale": diffuse.new_ones(3), **weights}

    def prolong(self, unknowns: Unknowns, resolution: tuple[int, int]) -> Unknowns:
        """Return the unknowns: there is one level."""
        return unknowns

    def step_lengths(self) -> dict[str, float]:
        """Return the step length of each unknown."""
        names = [f"net.{name}" for name, _ in self.network.named_parameters()]
        return {"gain": 0.01, **dict.fromkeys(names, 0.005)}

    def maps(self, unknowns: Unknowns) -> Float[Tensor, "1 10 h w"]:
        """Return the maps n3 d3 s3 r1; the normal is not normalised."""
        weights = {name[4:]: x for name, x in unknowns.items() if name.startswith("net.")}
        image: Tensor = torch.func.functional_call(self.network, weights, (self.noise,))
        slope = _SLOPE_SCALE * image[:, :2]
        colour = bounded(image[:, 2:8] + unknowns["gain"][None, :, None, None], 0.0, 1.0)
        return torch.cat(
            [
                slope,
                torch.ones_like(slope[:, :1]),
                (colour * unknowns["scale"].repeat(2)[:, None, None]).clamp(max=_BRIGHTEST),
                bounded(image[:, 8:], *ROUGHNESS_RANGE),
            ],
            dim=1,
        )

    def rescaled(self, unknowns: Unknowns, factor: Float[Tensor, "3"]) -> Unknowns:
        """Return the unknowns of a material whose reflectance is ``factor`` times as high."""
        return {**unknowns, "scale": unknowns["scale"] * factor}

    def prior(self, unknowns: Unknowns, view: View) -> Tensor:
        """Return a weak pull of the weights' output gain; the network's structure is the prior."""
        return _FLAT * 1e-3 * unknowns["gain"].square().mean()
