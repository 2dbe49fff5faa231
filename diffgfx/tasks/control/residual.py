"""How far frames are from their target: squares at several blurs, relative to what there is to see.

A fine picture of displaced smoke says little about where it should go: where two shapes do not
overlap, its gradient is blind. Blurred ones overlap.
"""

import dataclasses

import torch
from torch import Tensor

from diffgfx.inverse import Part, PixelSplit, split_pixels

__all__ = ["FrameResidual"]

_HALVINGS = 3        # the coarsest blur averages over 8 pixels
_LEAST_SIDE = 4      # and leaves at least that many


@dataclasses.dataclass
class FrameResidual:
    """The mean square difference from target frames, each blur divided by the target's own.

    One is the residual of frames without any smoke. A tenth of the coarsest blocks of pixels is
    kept aside at every blur alike, so that what is kept aside at one is not seen at another.

    Attributes:
        frames: The target, shape (n, c, [d,] h, w).
        clear: A frame without smoke, shape (1, c, [d,] h, w).
    """

    frames: Tensor
    clear: Tensor

    def __post_init__(self) -> None:
        """Blur the target; choose the blocks that are kept aside."""
        signal = self.frames - self.clear
        sizes = [tuple(signal.shape)]
        self._energy = [signal.square().mean()]
        while len(sizes) <= _HALVINGS and min(signal.shape[2:]) >= 2 * _LEAST_SIDE:
            signal = _halved(signal)
            sizes.append(tuple(signal.shape))
            self._energy.append(signal.square().mean())
        coarsest = sizes[-1]
        blocks = split_pixels(self.frames.new_ones(coarsest[0], *coarsest[2:]))
        most = len(sizes) - 1
        self._weights = [_enlarged(blocks, size, most - k) for k, size in enumerate(sizes)]

    def mean(self, seen: Tensor, part: Part) -> Tensor:
        """Return the mean over the blurs of the relative mean square (a scalar)."""
        difference = seen - self.frames
        total = difference.new_zeros(())
        for k, (weights, energy) in enumerate(zip(self._weights, self._energy, strict=True)):
            difference = _halved(difference) if k else difference
            weight = weights.part(part)
            mean = (weight * difference.square()).sum() / (weight.sum() * difference.shape[1])
            total = total + mean / energy
        return total / len(self._weights)

    def relative(self, seen: Tensor) -> Tensor:
        """Return the differences, without blur, in units of the target's root mean square."""
        difference: Tensor = seen - self.frames
        return difference / self._energy[0].sqrt()


def _halved(x: Tensor) -> Tensor:
    pool = torch.nn.functional.avg_pool2d if x.ndim == 4 else torch.nn.functional.avg_pool3d
    return pool(x, 2, ceil_mode=True, count_include_pad=False)


def _enlarged(blocks: PixelSplit, size: tuple[int, ...], halvings: int) -> PixelSplit:
    """Return the weights of blocks as those of their pixels, shape (n, 1, [d,] h, w)."""

    def pixels(weights: Tensor) -> Tensor:
        for place, count in enumerate(size[2:], start=1):
            weights = weights.repeat_interleave(2**halvings, dim=place).narrow(place, 0, count)
        return weights[:, None]

    return PixelSplit(pixels(blocks.all), pixels(blocks.fitted), pixels(blocks.stopping))
