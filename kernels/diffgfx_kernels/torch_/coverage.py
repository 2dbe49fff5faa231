"""Which triangles cover which pixels, in whole numbers; `snapping` says how."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.snapping import AIM, BEYOND, GUARD, LINE, SUBPIXELS

__all__ = ["covered", "side_lines"]


def _cross(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the line through two homogeneous points (..., 3)."""
    x, y, w = one.unbind(-1)
    x2, y2, w2 = other.unbind(-1)
    return y * w2 - y2 * w, x2 * w - x * w2, x * y2 - x2 * y


class _Corner(NamedTuple):
    """Corners of triangles in parts of a pixel.

    Attributes:
        point: Homogeneous, not rounded, shape (..., 3).
        place: Rounded, zero where there is none, int64, shape (..., 2).
        placed: Whether there is a place, shape (...).
    """

    point: Tensor
    place: Tensor
    placed: Tensor

    def take(self, index: list[int]) -> "_Corner":
        """Return the corners (T, 3) in another order."""
        return _Corner(*(part[:, index] for part in self))


def _corners(clip: Tensor, width: int, height: int) -> _Corner:
    half = 0.5 * SUBPIXELS * torch.tensor([width, height], dtype=clip.dtype, device=clip.device)
    w = clip[..., 3:]
    place = torch.floor((clip[..., :2] / w + 1.0) * half + 0.5)
    placed = (w[..., 0] > 0) & (place.abs() <= GUARD).all(dim=-1)
    whole = torch.where(placed[..., None], place, 0.0).to(torch.int64)
    return _Corner(torch.cat([(clip[..., :2] + w) * half, w], dim=-1), whole, placed)


def _line(start: _Corner, end: _Corner) -> Tensor:
    """Return the whole-numbered lines from corners to others, shape (..., 3)."""
    x, y = start.place.unbind(-1)
    x2, y2 = end.place.unbind(-1)
    a, b, c = _cross(start.point, end.point)
    both, one = start.placed & end.placed, start.placed | end.placed
    slope = torch.maximum(a.abs(), b.abs()).clamp_min(1e-300)
    scale = torch.where(one, AIM / slope, torch.minimum(LINE / slope, BEYOND / c.abs()))
    right = torch.where(both, y - y2, (a * scale).to(torch.int64))
    up = torch.where(both, x2 - x, (b * scale).to(torch.int64))
    anchored = -torch.where(start.placed, right * x + up * y, right * x2 + up * y2)
    constant = torch.where(one, anchored, (c * scale).to(torch.int64))
    behind = (start.point[..., 2] <= 0) & (end.point[..., 2] <= 0)  # bounds nothing that is seen
    return torch.where(behind[..., None], 0, torch.stack([right, up, constant], dim=-1))


def side_lines(clip: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Return the lines of triangles' sides, positive inside, and which triangles are to be drawn.

    Args:
        clip: Vertices in clip space, float64, shape (T, 3, 4).
        width: Pixels across.
        height: Pixels up.

    Returns:
        Lines (T, 3, 3), the k-th opposite vertex k, less one where a centre on the line belongs to
        the neighbour; and a mask (T,).
    """
    corners = _corners(clip, width, height)
    lines = _line(corners.take([1, 2, 0]), corners.take([2, 0, 1]))
    whole = lines[:, :, 2].sum(dim=1)  # the sides of a placed triangle add up to its area
    area = corners.point[:, 0] * torch.stack(_cross(corners.point[:, 1], corners.point[:, 2]), -1)
    sign = torch.where(
        corners.placed.all(dim=-1), whole.sign(), area.sum(dim=-1).sign().to(torch.int64)
    )
    lines = lines * sign[:, None, None]
    right, up = lines[..., 0], lines[..., 1]
    owns = (right > 0) | ((right == 0) & (up > 0)) | (lines == 0).all(dim=-1)
    lines[..., 2] -= (~owns).to(torch.int64)
    return lines, (clip[..., 3] > 0).any(dim=-1) & (sign != 0)


def covered(lines: Tensor, drawn: Tensor, width: int, height: int) -> Tensor:
    """Return which pixels' centres lie inside, shape (T, height, width)."""
    x = torch.arange(width, device=lines.device) * SUBPIXELS + SUBPIXELS // 2
    y = torch.arange(height, device=lines.device) * SUBPIXELS + SUBPIXELS // 2
    inside = drawn[:, None, None].expand(-1, height, width)
    for k in range(3):
        a, b, c = lines[:, k, :, None, None].unbind(dim=1)
        inside = inside & (a * x + b * y[:, None] + c >= 0)
    return inside
