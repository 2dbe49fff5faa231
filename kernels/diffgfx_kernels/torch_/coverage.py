"""Which triangles cover which pixels, in whole numbers; `snapping` says how."""

import torch
from torch import Tensor

from diffgfx_kernels.snapping import AIM, BEYOND, GUARD, LINE, SUBPIXELS

__all__ = ["covered", "side_lines"]


def _cross(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the line through two homogeneous points (..., 3)."""
    x, y, w = one.unbind(-1)
    x2, y2, w2 = other.unbind(-1)
    return y * w2 - y2 * w, x2 * w - x * w2, x * y2 - x2 * y


def _line(start: Tensor, end: Tensor, placed: Tensor, ended: Tensor) -> Tensor:
    """Return the whole-numbered line from one corner to another, shape (..., 3).

    Args:
        start: Homogeneous point in parts of a pixel; a rounded one has weight 1.
        end: Likewise.
        placed: Whether the start has been rounded.
        ended: Whether the end has been.
    """
    a, b, c = _cross(start, end)
    slope = torch.maximum(a.abs(), b.abs()).clamp_min(1e-300)
    scale = torch.where(placed | ended, AIM / slope, LINE / slope)
    scale = torch.where(placed | ended, scale, torch.minimum(scale, BEYOND / c.abs()))
    scale = torch.where(placed & ended, 1.0, scale)
    whole_a, whole_b = (a * scale).to(torch.int64), (b * scale).to(torch.int64)
    anchor = torch.where(placed[..., None], start, end)[..., :2].nan_to_num(0, 0, 0)
    anchor = anchor.clamp(-GUARD, GUARD).to(torch.int64)
    through = -(whole_a * anchor[..., 0] + whole_b * anchor[..., 1])
    whole_c = torch.where(placed | ended, through, (c * scale).to(torch.int64))
    line = torch.stack([whole_a, whole_b, whole_c], dim=-1)
    behind = (start[..., 2] <= 0) & (end[..., 2] <= 0)  # such a side bounds nothing that is seen
    return torch.where(behind[..., None], 0, line)


def side_lines(corners: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Return the lines of triangles' sides, positive inside, and which triangles are to be drawn.

    Args:
        corners: Clip-space vertices, float64, shape (T, 3, 4).
        width: Pixels across.
        height: Pixels up.

    Returns:
        Lines (T, 3, 3), the k-th opposite vertex k, less one where a centre on the line belongs to
        the neighbour; and a mask (T,).
    """
    size = torch.tensor([width, height], dtype=torch.float64, device=corners.device)
    w = corners[..., 3:]
    raw = (corners[..., :2] + w) * (0.5 * SUBPIXELS * size)
    place = torch.floor((corners[..., :2] / w + 1.0) * (0.5 * SUBPIXELS * size) + 0.5)
    placed = (w[..., 0] > 0) & (place.abs() <= GUARD).all(dim=-1)
    point = torch.where(placed[..., None], torch.cat([place, torch.ones_like(w)], -1),
                        torch.cat([raw, w], -1))  # fmt: skip
    a, b, c = _cross(point[:, 1], point[:, 2])
    area = point[:, 0, 0] * a + point[:, 0, 1] * b + point[:, 0, 2] * c
    ahead = (corners[..., 3] > 0).any(dim=-1)
    first, second = [1, 2, 0], [2, 0, 1]
    lines = _line(point[:, first], point[:, second], placed[:, first], placed[:, second])
    whole = lines[:, :, 2].sum(dim=1)  # the sides of a placed triangle add up to its area
    sign = torch.where(placed.all(dim=-1), whole.sign(), area.sign().to(torch.int64))
    lines = lines * sign[:, None, None]
    up, right = lines[..., 0], lines[..., 1]
    owns = (up > 0) | ((up == 0) & (right > 0)) | (lines == 0).all(dim=-1)
    lines[..., 2] -= (~owns).to(torch.int64)
    return lines, ahead & (sign != 0)


def covered(lines: Tensor, drawn: Tensor, width: int, height: int) -> Tensor:
    """Return which pixels' centres lie inside, shape (T, height, width)."""
    x = torch.arange(width, device=lines.device) * SUBPIXELS + SUBPIXELS // 2
    y = torch.arange(height, device=lines.device) * SUBPIXELS + SUBPIXELS // 2
    inside = drawn[:, None, None].expand(-1, height, width)
    for k in range(3):
        a, b, c = lines[:, k, :, None, None].unbind(dim=1)
        inside = inside & (a * x + b * y[:, None] + c >= 0)
    return inside
