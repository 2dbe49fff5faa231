"""A plain rasteriser, and meshes whose silhouettes cross a few pixels, for tests of antialiasing.

Every pixel is tried with every triangle: coverage by the signs of homogeneous barycentrics at the
pixel's centre, then the nearest z/w. No snapping, no rule for ties but the lowest triangle.
"""

from typing import Any

import torch
from torch import Tensor

from diffgfx.data import make_icosphere

__all__ = ["build_ball", "build_silhouettes", "in_range_mode", "rasterise"]


def rasterise(pos: Tensor, tri: Tensor, height: int, width: int) -> Tensor:
    """Return u, v, z/w and the triangle + 1 (0: none) of vertices (B, V, 4), (B, H, W, 4)."""
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    fx = ((2 * column + 1) / max(width, 1) - 1).to(pos)
    fy = ((2 * row + 1) / max(height, 1) - 1).to(pos)
    found = pos.new_zeros((len(pos), height, width, 4))
    nearest = torch.full((len(pos), height, width), torch.inf).to(pos)
    for t, corners in enumerate(tri.long()):
        x, y, z, w = pos[:, corners].permute(2, 1, 0)[..., None, None]
        qx, qy = x - fx * w, y - fy * w
        a = qx.roll(-1, 0) * qy.roll(-2, 0) - qx.roll(-2, 0) * qy.roll(-1, 0)
        area = a.sum(dim=0)
        depth = (z * a).sum(dim=0) / (w * a).sum(dim=0)
        inside = ((a >= 0).all(dim=0) | (a <= 0).all(dim=0)) & ((w * a).sum(dim=0) / area > 0)
        seen = inside & (area != 0) & (depth.abs() <= 1) & (depth < nearest)
        nearest = torch.where(seen, depth, nearest)
        value = torch.stack([a[0] / area, a[1] / area, depth, torch.full_like(depth, t + 1)], dim=3)
        found = torch.where(seen[..., None], value, found)
    return found


ROOF = ((0, 1, 2), (2, 1, 3), (2, 3, 4), (5, 6, 7), (8, 9, 10), (11, 12, 13), (0, 1, 14))
"""Two faces that continue and one folded back; a speck; a far sheet; one that comes from behind.

The last stands on the first's edge too, so that it has three triangles in all where 14 is apart.
"""


def build_silhouettes(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    height: int = 7,
    width: int = 9,
    channels: int = 1,
    behind: bool = False,
    mode: str = "bounded",
) -> dict[str, Any]:
    """Return arguments of `ops.antialias`, but triangles as plain numbers.

    Args:
        dtype: Of all tensors.
        device: Of all tensors.
        batch: Pictures, each with vertices of its own.
        seed: Of the random numbers.
        height: Pixels up.
        width: Pixels across.
        channels: Of the picture.
        behind: Let a triangle reach behind the eye.
        mode: As for the op.
    """
    draw = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=draw, dtype=torch.float64)

    places = torch.tensor(
        [
            (-3.1, -2.4, 2.0), (0.4, -2.1, 1.8), (-2.6, 1.7, 2.2), (1.3, 1.9, 2.1),
            (-0.2, 0.7, 2.9), (2.81, -0.88, 2.0), (3.17, -0.98, 2.0), (3.02, -1.21, 2.0),
            (-4.2, -0.7, 5.0), (4.4, -2.9, 5.5), (2.6, 3.2, 5.1), (1.7, 1.2, 1.5),
            (4.1, 0.4, 1.6), (3.3, 9.0, -0.4 if behind else 3.0), (-1.0, -3.3, 2.5),
        ],
        dtype=torch.float64,
    )  # fmt: skip
    places = places + uniform(-0.06, 0.06, batch, *places.shape)
    x, y, w = places.unbind(2)
    pixels = torch.tensor([4.5, 3.5], dtype=torch.float64)
    pos = torch.stack([x * w.abs() / pixels[0], y * w.abs() / pixels[1], w - 0.1, w], dim=2)
    rast = rasterise(pos, torch.tensor(ROOF), height, width)
    color = uniform(0.0, 1.0, batch, height, width, channels)
    found: dict[str, Any] = {"color": color, "rast": rast, "pos": pos}
    placed = {name: value.to(device, dtype) for name, value in found.items()}
    return placed | {"tri": ROOF, "mode": mode}


def build_ball(
    dtype: torch.dtype, device: str, batch: int, seed: int, *, height: int = 5, width: int = 6
) -> dict[str, Any]:
    """Return arguments of `ops.antialias`: a closed surface whose outline is of thin triangles."""
    draw = torch.Generator().manual_seed(seed)
    mesh = make_icosphere(1)
    turn = torch.randn((batch, 3, 3), generator=draw, dtype=torch.float64)
    place = mesh.positions.double() @ torch.linalg.qr(turn).Q
    w = place[..., 2:] + 4.0
    scale = torch.tensor([2.6, 2.7], dtype=torch.float64)
    pos = torch.cat([place[..., :2] * scale, w - 1.0, w], dim=2)
    rast = rasterise(pos, mesh.triangles, height, width)
    color = torch.rand((batch, height, width, 1), generator=draw, dtype=torch.float64)
    found: dict[str, Any] = {"color": color, "rast": rast, "pos": pos}
    placed = {name: value.to(device, dtype) for name, value in found.items()}
    return placed | {"tri": mesh.triangles.tolist(), "mode": "bounded"}


def in_range_mode(rast: Tensor, pos: Tensor, tri: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same pictures of one list of vertices (B V, 4) and of triangles (B T, 3)."""
    batch, vertices, _ = pos.shape
    item = torch.arange(batch, device=pos.device)
    shifted = tri[None] + (item * vertices).int()[:, None, None]
    ids = rast[..., 3:]
    ids = torch.where(ids > 0, ids + item[:, None, None, None] * len(tri), ids)
    return torch.cat([rast[..., :3], ids], dim=3), pos.flatten(0, 1), shifted.reshape(-1, 3)
