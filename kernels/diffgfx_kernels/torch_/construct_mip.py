"""Mip levels of a texture: means of two by two texels, again and again."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward", "halved"]


def halved(level: Tensor) -> Tensor:
    """Return the next level of one (N, F, H, W, C): means along each axis longer than one."""
    if level.shape[2] > 1:
        level = 0.5 * (level[:, :, ::2] + level[:, :, 1::2])
    if level.shape[3] > 1:
        level = 0.5 * (level[:, :, :, ::2] + level[:, :, :, 1::2])
    return level


def forward(tex: Tensor, top: int) -> Tensor:
    """Return levels 1 to ``top`` of textures (N, F, H, W, C), packed: (N, texels, C)."""
    packed = [tex.new_empty((len(tex), 0, tex.shape[4]))]
    level = tex
    for _ in range(top):
        level = halved(level)
        packed.append(level.flatten(1, 3))
    return torch.cat(packed, dim=1)


def backward(g_mips: Tensor, tex: Tensor, top: int) -> Tensor:
    """Return the gradient to the texture."""
    return pull(lambda t: forward(t, top), (tex,), g_mips)[1][0]
