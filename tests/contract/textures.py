"""Hand-made meshes, what a rasteriser would say of them, and textures to look up."""

import torch
from torch import Tensor

__all__ = ["draw_rast", "draw_triangles"]


def draw_triangles(vertices: int, triangles: int, seed: int) -> list[list[int]]:
    """Return random triangles of different vertices, as lists (so that no test slices them)."""
    draw = torch.Generator().manual_seed(seed)
    return [torch.randperm(vertices, generator=draw)[:3].tolist() for _ in range(triangles)]


def draw_rast(
    batch: int, height: int, width: int, triangles: int, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return random u, v, depth, number and random derivatives of u and v; a fifth is empty.

    Triangles lie in runs along rows, as of a mesh, and a few lie scattered. Float64, (B, H, W, 4).
    """
    shape = (batch, height, width)
    weights = torch.rand((*shape, 3), generator=draw, dtype=torch.float64) + 0.1
    weights = weights / weights.sum(dim=-1, keepdim=True)
    start = torch.randint(0, triangles, (batch, height, 1), generator=draw)
    number = (start + torch.arange(width) // 3) % triangles
    stray = torch.rand(shape, generator=draw) < 0.1
    number = torch.where(stray, torch.randint(0, triangles, shape, generator=draw), number) + 1
    covered = torch.rand(shape, generator=draw) > 0.2
    depth = torch.randn((*shape, 1), generator=draw, dtype=torch.float64)
    rast = torch.cat([weights[..., :2], depth, number[..., None].double()], dim=-1)
    db = torch.randn((*shape, 4), generator=draw, dtype=torch.float64)
    keep = covered[..., None].double()
    return rast * keep, db * keep


def draw_footprints(
    shape: tuple[int, ...], size: float, top: int, axes: int, draw: torch.Generator
) -> Tensor:
    """Return derivatives of uv whose levels lie between 0 and ``top``, away from whole numbers.

    Args:
        shape: Of the pixels, (B, H, W).
        size: Side of the texture [texels].
        top: The coarsest level.
        axes: Components of uv.
        draw: The random numbers.
    """
    parts = torch.randn((*shape, axes, 2), generator=draw, dtype=torch.float64)
    length = parts.square().sum(dim=(-1, -2), keepdim=True).sqrt()
    whole = torch.randint(0, max(top, 1), shape, generator=draw)
    level = whole + 0.2 + 0.6 * torch.rand(shape, generator=draw, dtype=torch.float64)
    return (parts / length * (2.0**level / size)[..., None, None]).flatten(-2)
