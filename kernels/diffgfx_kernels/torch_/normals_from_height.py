"""Normals of a height field: slopes along both axes, then unit vectors."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.slopes import slopes_along

__all__ = ["backward", "forward", "normals"]


def normals(height: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the unit normals (B, 3, H, W) of heights (B, 1, H, W), differentiable."""
    rows, columns = height.shape[-2:]
    slope_x = slopes_along(height, size[0] / columns, boundary)
    slope_y = -slopes_along(height.mT, size[1] / rows, boundary).mT  # row 0 is at the top
    normal = torch.cat([-slope_x, -slope_y, torch.ones_like(height)], dim=1)
    return normal / normal.square().sum(dim=1, keepdim=True).sqrt()


def forward(height: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the unit normals, shape (B, 3, H, W)."""
    if height.numel() == 0:
        return height.new_empty((height.shape[0], 3, *height.shape[2:]))
    return normals(height, size, boundary)


def backward(g_normal: Tensor, height: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the gradient to the heights."""
    if height.numel() == 0:
        return torch.zeros_like(height)
    return pull(lambda h: normals(h, size, boundary), (height,), g_normal)[1][0]
