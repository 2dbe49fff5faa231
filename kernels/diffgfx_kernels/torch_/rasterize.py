"""Draw triangles, every one against every pixel: plain torch, a block of triangles at a time."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.barycentric import pixel_centres, seen_at
from diffgfx_kernels.torch_.coverage import covered, side_lines
from diffgfx_kernels.torch_.fixed_order import take_at
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]

BLOCK = 2**20
"""Pixels times triangles that are held at a time."""


def _nearest(corners: Tensor, below: Tensor | None, size: tuple[int, int]) -> Tensor:
    """Return which of the triangles (T, 3, 4) each pixel sees, -1 for none, shape (H, W)."""
    width, height = size
    fx, fy = pixel_centres(width, height, corners)
    fx, fy = fx.expand(height, width), fy.expand(height, width)
    nearest = corners.new_full((height, width), torch.inf)
    found = torch.full((height, width), -1, device=corners.device)
    block = max(1, BLOCK // (width * height))
    for start in range(0, len(corners), block):
        part = corners[start : start + block]
        seen = seen_at(part[:, None, None], fx, fy, size)
        inside = covered(*side_lines(part.double(), width, height), width, height)
        inside = inside & (seen.w > 0) & (seen.z.abs() <= seen.w)
        depth = seen.z / torch.where(inside, seen.w, 1.0)
        if below is not None:
            inside = inside & (below[..., 3] > 0) & (depth > below[..., 2])
        depth = torch.where(inside, depth, torch.inf)
        best = depth.argmin(dim=0, keepdim=True)  # of equal ones the first
        closest = depth.gather(0, best)[0]
        closer = closest < nearest
        nearest = torch.where(closer, closest, nearest)
        found = torch.where(closer, start + best[0], found)
    return found


def _corner_index(tri: Tensor, ids: Tensor, vertices: int, shared: bool) -> Tensor:
    """Return the places in pos of the corners seen by pixels (B, H, W), shape (B, H, W, 3)."""
    index = tri.long()[ids.clamp_min(0)]
    if shared:
        return index
    return index + vertices * torch.arange(len(ids), device=ids.device)[:, None, None, None]


def _shade(pos: Tensor, index: Tensor, ids: Tensor) -> Tensor:
    """Return u, v, z/w, id + 1 and the four slopes, differentiable, shape (B, H, W, 8)."""
    height, width = ids.shape[1:]
    flat = pos.reshape(1, -1, 4).transpose(1, 2)
    corners = take_at(flat, index.reshape(1, -1)).transpose(1, 2).reshape(*index.shape, 4)
    fx, fy = pixel_centres(width, height, pos)
    seen = seen_at(corners, fx.expand(ids.shape), fy.expand(ids.shape), (width, height))
    hit = ids >= 0
    depth = seen.z / torch.where(hit, seen.w, 1.0)
    parts = [seen.uv, depth[..., None], (ids + 1).to(pos.dtype)[..., None], seen.slopes]
    return torch.where(hit[..., None], torch.cat(parts, dim=-1), 0.0)


def forward(
    pos: Tensor,
    tri: Tensor,
    ranges: Tensor | None,
    below: Tensor | None,
    size: tuple[int, int],
    sloped: bool,
) -> tuple[Tensor, Tensor]:
    """Return rast (B, H, W, 4) and its slopes (B, H, W, 4), or (B, H, W, 0) unless ``sloped``.

    Args:
        pos: Clip-space vertices (B, V, 4), or (V, 4) with ranges.
        tri: Vertices of triangles, int32 (T, 3).
        ranges: First triangle and count of each image, int32 (B, 2), on the CPU.
        below: A layer, only behind which is drawn, (B, H, W, 4).
        size: Width and height of the image.
        sloped: Whether to give slopes.
    """
    batch = len(pos) if ranges is None else len(ranges)
    width, height = size
    ids = torch.full((batch, height, width), -1, device=pos.device)
    for b in range(batch if len(tri) else 0):
        start, count = (0, len(tri)) if ranges is None else ranges[b].tolist()
        vertices = pos[b] if ranges is None else pos
        corners = vertices[tri[start : start + count].long()]
        found = _nearest(corners, None if below is None else below[b], size)
        ids[b] = torch.where(found >= 0, found + start, -1)
    if len(tri) == 0:
        return pos.new_zeros((*ids.shape, 4)), pos.new_zeros((*ids.shape, 4 if sloped else 0))
    both = _shade(pos, _corner_index(tri, ids, pos.shape[-2], ranges is not None), ids)
    return both[..., :4].clone(), both[..., 4 : 8 if sloped else 4].clone()


def backward(
    g_rast: Tensor,
    g_slopes: Tensor,
    pos: Tensor,
    tri: Tensor,
    rast: Tensor,
    shared: bool,
    with_z: bool,
) -> Tensor:
    """Return the gradient to pos, shape as pos.

    Args:
        g_rast: Of rast, (B, H, W, 4).
        g_slopes: Of the slopes, (B, H, W, 4) or (B, H, W, 0).
        pos: As in `forward`.
        tri: As in `forward`.
        rast: What `forward` gave.
        shared: Whether all images have the same vertices (V, 4).
        with_z: Whether z/w has a gradient.
    """
    if len(tri) == 0 or rast.numel() == 0:
        return torch.zeros_like(pos)
    ids = rast[..., 3].long() - 1
    index = _corner_index(tri, ids, pos.shape[-2], shared)
    keep = g_rast.new_tensor([1.0, 1.0, float(with_z), 0.0])
    pad = g_slopes if g_slopes.shape[-1] else torch.zeros_like(g_rast)
    upstream = torch.cat([g_rast * keep, pad], dim=-1)
    return pull(lambda leaf: _shade(leaf, index, ids), (pos,), upstream)[1][0]
