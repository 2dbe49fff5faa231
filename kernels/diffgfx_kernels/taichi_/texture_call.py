"""What the kernels of textures are told beside tensors."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.sampling import Sampling, level_sizes, level_starts

__all__ = ["HEIGHT", "START", "WIDTH", "Call", "call_of", "flat", "lanes_for", "plan_of"]

HEIGHT, WIDTH, START = range(3)

_LANES = 16
BOUNDARIES = ("wrap", "clamp", "zero", "cube")


class Call(NamedTuple):
    """What kernels are told beside tensors.

    Attributes:
        total: Pixels of the batch.
        pixels: Of an image.
        textures: Different textures.
        mipped: Different sets of coarser levels.
        stride: Texels of a texture.
        mip_stride: Texels of its coarser levels.
        channels: Of the texture.
        top: The coarsest level.
        boundary: What lies beyond the texture, by number.
        guided: 1 where levels come from derivatives, 2 from a bias, 3 from both, 0 from neither.
        rounded: 1 where the finer of the two levels around is read alone.
    """

    total: int
    pixels: int
    textures: int
    mipped: int
    stride: int
    mip_stride: int
    channels: int
    top: int
    boundary: int
    guided: int
    rounded: int


def call_of(
    tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None, bias: Tensor | None,
    sampling: Sampling,
) -> Call:  # fmt: skip
    """Return the numbers of a call."""
    batch, rows, columns, _ = uv.shape
    n, faces, height, width, channels = tex.shape
    guided = (uv_da is not None) + 2 * (bias is not None)
    return Call(
        batch * rows * columns, rows * columns, n, max(len(mips), 1), faces * height * width,
        mips.shape[1], channels, sampling.top, BOUNDARIES.index(sampling.boundary), guided,
        int(sampling.filter == "linear-mipmap-nearest"),
    )  # fmt: skip


def plan_of(tex: Tensor, top: int) -> Tensor:
    """Return a row a level: height, width, and the start among packed texels; int32."""
    _, faces, height, width, _ = tex.shape
    sizes = level_sizes(height, width, top)
    starts = [0, *level_starts(faces, sizes)]
    rows = [[*size, start] for size, start in zip(sizes, starts, strict=False)]
    return torch.tensor(rows, dtype=torch.int32, device=tex.device)


def flat(tensor: Tensor | None, like: Tensor) -> Tensor:
    """Return a tensor of one dimension; of a number that nobody reads where there is none."""
    return like.new_zeros(1) if tensor is None or tensor.numel() == 0 else tensor.view(-1)


def lanes_for(device: torch.device, sampling: Sampling) -> int:
    """Return how many pixels of a CPU go together: several where they look at squares of a plane.

    On a GPU threads take one at a time.
    """
    flat_squares = sampling.filter != "nearest" and sampling.boundary != "cube"
    return _LANES if flat_squares and device.type == "cpu" else 1
