"""An untrained encoder-decoder whose structure alone is a prior on images (deep image prior)."""

import dataclasses
import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diffgfx.errors import ShapeError

__all__ = ["Hourglass", "HourglassConfig"]


@dataclasses.dataclass(frozen=True)
class HourglassConfig:
    """Shape of an `Hourglass`.

    Attributes:
        inputs: Channels of the fixed noise that goes in.
        outputs: Channels that come out.
        width: Channels of every inner layer.
        skip: Channels carried across at each depth.
        depth: Times the resolution is halved.
    """

    inputs: int = 16
    outputs: int = 9
    width: int = 48
    skip: int = 4
    depth: int = 4


def _layer(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, padding_mode="reflect"),
        nn.GroupNorm(4, outputs),
        nn.LeakyReLU(0.2),
    )


class Hourglass(nn.Module):
    """Noise in, image out: strided convolutions down, bilinear steps and convolutions up.

    Source: D. Ulyanov et al., "Deep Image Prior", CVPR 2018, supplement: the encoder-decoder with
    skips; group normalisation in place of batch normalisation, since the batch is one image.
    """

    def __init__(self, config: HourglassConfig | None = None) -> None:
        """Build the layers with torch's default initial weights."""
        super().__init__()
        self.config = config = config or HourglassConfig()
        widths = [config.inputs] + [config.width] * config.depth
        self.down = nn.ModuleList(
            nn.Sequential(_layer(a, b, 3, stride=2), _layer(b, b, 3))
            for a, b in itertools.pairwise(widths)
        )
        self.skips = nn.ModuleList(_layer(a, config.skip, 1) for a in widths[:-1])
        self.up = nn.ModuleList(
            _layer(config.width + config.skip, config.width, 3) for _ in range(config.depth)
        )
        self.last = nn.Conv2d(config.width, config.outputs, 1)

    def forward(self, noise: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o h w"]:
        """Return the image, of the noise's height and width.

        Raises:
            ShapeError: If a side is at most ``2^depth``, too short to be halved that often.
        """
        shortest = 2**self.config.depth + 1
        if min(noise.shape[-2:]) < shortest:
            raise ShapeError(
                f"noise must be at least {shortest} x {shortest} for depth {self.config.depth}, "
                f"got {noise.shape[-2]} x {noise.shape[-1]}; lower HourglassConfig.depth"
            )
        x, carried = noise, []
        for down, skip in zip(self.down, self.skips, strict=True):
            carried.append(skip(x))
            x = down(x)
        for up in self.up:
            across = carried.pop()
            x = nn.functional.interpolate(
                x, size=across.shape[-2:], mode="bilinear", align_corners=False
            )
            x = up(torch.cat([x, across], dim=1))
        image: Tensor = self.last(x)
        return image
