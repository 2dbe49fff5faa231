"""What the kernels of textures are told beside tensors."""

from typing import NamedTuple

from torch import Tensor

from diffgfx_kernels.sampling import Sampling

__all__ = ["Call", "call_of", "flat"]

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


def flat(tensor: Tensor | None, like: Tensor) -> Tensor:
    """Return a tensor of one dimension; of a number that nobody reads where there is none."""
    return like.new_zeros(1) if tensor is None or tensor.numel() == 0 else tensor.view(-1)
