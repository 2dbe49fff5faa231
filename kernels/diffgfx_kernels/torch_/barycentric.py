"""Barycentric coordinates of pixels' centres, in the form that needs no division by w."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Seen", "pixel_centres", "seen_at"]


class Seen(NamedTuple):
    """What a pixel sees of a triangle.

    Attributes:
        uv: Weights of vertices 0 and 1, clamped, shape (..., 2).
        z: Interpolated clip-space z, shape (...).
        w: Interpolated clip-space w, shape (...).
        slopes: du/dX, du/dY, dv/dX, dv/dY [1/pixel], not clamped, shape (..., 4).
    """

    uv: Tensor
    z: Tensor
    w: Tensor
    slopes: Tensor


def pixel_centres(width: int, height: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return x (W,) and y (H, 1) of the pixels' centres, from -1 to 1."""
    x = (2 * torch.arange(width, device=like.device) + 1).to(like.dtype) / width - 1
    y = (2 * torch.arange(height, device=like.device) + 1).to(like.dtype) / height - 1
    return x, y[:, None]


def _areas(corners: Tensor, fx: Tensor, fy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a_i = q_j x q_k and their derivatives to fx and fy, each (..., 3)."""
    x, y, w = (corners[..., i] for i in (0, 1, 3))
    qx, qy = x - fx[..., None] * w, y - fy[..., None] * w
    j, k = [1, 2, 0], [2, 0, 1]
    area = qx[..., j] * qy[..., k] - qy[..., j] * qx[..., k]
    area_x = y[..., j] * w[..., k] - y[..., k] * w[..., j]
    area_y = x[..., k] * w[..., j] - x[..., j] * w[..., k]
    return area, area_x, area_y


def seen_at(corners: Tensor, fx: Tensor, fy: Tensor, size: tuple[int, int]) -> Seen:
    """Return what is seen of triangles (..., 3, 4) at centres (...) of an image (width, height).

    Where the area is lost in rounding, vertex 2 is seen and nothing has a slope.

    Source: M. Olano and T. Greer, "Triangle Scan Conversion using 2D Homogeneous Coordinates",
    Graphics Hardware 1997.
    """
    area, area_x, area_y = _areas(corners, fx, fy)
    whole, whole_x, whole_y = (part.sum(dim=-1, keepdim=True) for part in (area, area_x, area_y))
    kind = torch.finfo(corners.dtype)
    least = (kind.eps * area.detach().abs().amax(dim=-1, keepdim=True)).clamp_min(1e-37)
    sound = whole.abs() > least
    inverse = torch.where(sound, 1.0 / torch.where(sound, whole, 1.0), 0.0)
    b = area[..., :2] * inverse
    slope_x = (2.0 / size[0]) * (area_x[..., :2] - b * whole_x) * inverse
    slope_y = (2.0 / size[1]) * (area_y[..., :2] - b * whole_y) * inverse
    uv = b.clamp(0.0, 1.0)
    total = uv.sum(dim=-1, keepdim=True)
    uv = torch.where(total > 1.0, uv / torch.where(total > 1.0, total, 1.0), uv)
    u, v = uv.unbind(dim=-1)
    z, w = (
        u * corners[..., 0, i] + v * corners[..., 1, i] + (1.0 - u - v) * corners[..., 2, i]
        for i in (2, 3)
    )
    slopes = torch.stack([slope_x, slope_y], dim=-1).flatten(-2)
    return Seen(uv, z, w, slopes)
