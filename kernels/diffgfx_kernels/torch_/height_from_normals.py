"""Integrate normals to heights: slopes, faces, and a Poisson equation solved in its eigenvectors.

The heights are those whose differences come closest, in least squares, to the slopes at the faces,
and whose mean is zero. Its matrix is a sum of one matrix an axis; their eigenvectors solve it.
"""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.slopes import axis_of

__all__ = ["STEEPEST", "backward", "forward", "heights", "slopes"]

STEEPEST = 0.05
"""The least n.z of a unit normal that is taken as it is: 87 degrees from the vertical, slope 20."""


def slopes(normal: Tensor) -> tuple[Tensor, Tensor]:
    """Return dh/dx and dh/dy, each (B, 1, H, W), from normals of any length.

    Where n.z falls short of `STEEPEST`, that takes its place, and there is no gradient.
    """
    x, y, z = normal[:, :1], normal[:, 1:2], normal[:, 2:]
    least = STEEPEST * normal.square().sum(dim=1, keepdim=True).sqrt()
    plain = z > least
    safe = torch.where(plain, z, 1.0)
    steep = least.clamp_min(torch.finfo(normal.dtype).tiny).detach()
    slope_x = torch.where(plain, -x / safe, -x.detach() / steep)
    slope_y = torch.where(plain, -y / safe, -y.detach() / steep)
    return slope_x, slope_y


def _modes(count: int, texel: float, boundary: str, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvectors (columns), eigenvalues, and the matrix from slopes to modes, of one axis."""
    axis = axis_of(count, texel, boundary)
    values, vectors = torch.linalg.eigh(axis.difference.T @ axis.difference)
    values[0] = 0.0  # the constant
    to_modes = vectors.T @ axis.difference.T @ axis.recover
    return vectors.to(like), values.to(like), to_modes.to(like)


def heights(normal: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the heights (B, 1, H, W) of normals (B, 3, H, W), differentiable."""
    rows, columns = normal.shape[-2:]
    slope_x, slope_y = slopes(normal)
    down = -slope_y  # row 0 is at the top, and y points up
    vectors_x, values_x, modes_x = _modes(columns, size[0] / columns, boundary, normal)
    vectors_y, values_y, modes_y = _modes(rows, size[1] / rows, boundary, normal)
    right = vectors_y.T @ slope_x @ modes_x.T + modes_y @ down @ vectors_x
    values = values_y[:, None] + values_x[None, :]
    values[0, 0] = torch.inf  # the mean is zero
    return vectors_y @ (right / values) @ vectors_x.T


def forward(normal: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the heights, shape (B, 1, H, W), mean zero, in the unit of ``size``."""
    if normal.numel() == 0:
        return normal.new_empty((normal.shape[0], 1, *normal.shape[2:]))
    return heights(normal, size, boundary)


def backward(g_height: Tensor, normal: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the gradient to the normals."""
    if normal.numel() == 0:
        return torch.zeros_like(normal)
    return pull(lambda n: heights(n, size, boundary), (normal,), g_height)[1][0]
