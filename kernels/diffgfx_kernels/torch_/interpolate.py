"""Interpolate attributes of vertices over the triangles that pixels see, in plain torch."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.fixed_order import take_at
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]


def corners_of(attr: Tensor, rast: Tensor, tri: Tensor) -> tuple[Tensor, Tensor]:
    """Return the attributes at the corners of each pixel's triangle, and where there is one.

    Shapes (B, H, W, 3, A) and (B, H, W, 1); corners of an empty pixel are zero.
    """
    batch, height, width, _ = rast.shape
    number = torch.nan_to_num(rast[..., 3].detach()).round().long() - 1
    covered = ((number >= 0) & (number < len(tri)))[..., None]
    if not len(tri):
        return attr.new_zeros((batch, height, width, 3, attr.shape[2])), covered
    vertices = tri.long()[number.clamp(0, len(tri) - 1)].reshape(batch, height * width * 3)
    taken = take_at(attr.transpose(1, 2).expand(batch, -1, -1), vertices)
    corners = taken.transpose(1, 2).reshape(batch, height, width, 3, attr.shape[2])
    return torch.where(covered[..., None], corners, 0.0), covered


def interpolate(
    attr: Tensor, rast: Tensor, tri: Tensor, rast_db: Tensor, diff: list[int]
) -> Tensor:
    """Return attributes and their derivatives side by side, (B, H, W, A + 2 len(diff))."""
    corners, covered = corners_of(attr, rast, tri)
    u, v = (torch.where(covered, rast[..., i : i + 1], 0.0) for i in range(2))
    weights = torch.stack([u, v, 1.0 - u - v], dim=3)
    out = (weights * corners).sum(dim=3)
    along_u, along_v = (corners[..., i, :] - corners[..., 2, :] for i in range(2))
    parts = [out]
    for channel in diff:
        slope_u, slope_v = along_u[..., channel, None], along_v[..., channel, None]
        db = torch.where(covered, rast_db, 0.0)
        parts.append(slope_u * db[..., :2] + slope_v * db[..., 2:])
    return torch.cat(parts, dim=3)


def wrong_number(rast: Tensor, triangles: int) -> float:
    """Return a number in the last channel that no triangle has, 0 if all are fine."""
    number = rast[..., 3].flatten()
    whole = number.round()  # not a half added: single precision has none above 2^23
    wrong = number[~((whole >= 0) & (whole <= triangles))]
    return float(wrong[0]) if len(wrong) else 0.0


def forward(
    attr: Tensor, rast: Tensor, tri: Tensor, rast_db: Tensor | None, diff: list[int]
) -> tuple[Tensor, Tensor, float]:
    """Return attributes (B, H, W, A), derivatives (B, H, W, 2 len(diff)), and a wrong number.

    That is the number of a triangle that there is not, by a pixel of rast; 0 if there is none.
    """
    db = rast.new_zeros((*rast.shape[:3], 4)) if rast_db is None else rast_db
    both = interpolate(attr, rast, tri, db, diff)
    channels = attr.shape[2]
    out, da = (part.clone() for part in torch.split(both, [channels, 2 * len(diff)], dim=3))
    return out, da, wrong_number(rast, len(tri))


def backward(
    g_out: Tensor,
    g_da: Tensor,
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    rast_db: Tensor | None,
    diff: list[int],
    wanted: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to the attributes, rast and rast_db; the first is there if wanted."""
    db = rast.new_zeros((*rast.shape[:3], 4)) if rast_db is None else rast_db

    def both(a: Tensor, r: Tensor, d: Tensor) -> Tensor:
        return interpolate(a, r, tri, d, diff)

    g_attr, g_rast, g_db = pull(both, (attr, rast, db), torch.cat([g_out, g_da], dim=3))[1]
    return g_attr, g_rast, g_db
