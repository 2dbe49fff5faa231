"""Smooth normals of a mesh that has none."""

import torch
from torch import Tensor

from diffgfx.check import check_shape, check_tensor
from diffgfx.errors import DtypeError
from diffgfx.render.kept import keep

__all__ = ["vertex_normals"]


def vertex_normals(positions: Tensor, triangles: Tensor) -> Tensor:
    """Return unit normals at vertices: those of the triangles around, weighted by their areas.

    Args:
        positions: Vertices [any unit], shape (V, 3).
        triangles: Indices of vertices, counter-clockwise seen from outside, shape (F, 3), int32
            or int64; see `scene.Mesh`, which checks their range.

    Returns:
        Shape (V, 3); (0, 0, 1) at vertices of no triangle, or whose triangles have no area or
        cancel.

    Raises:
        ShapeError: If a shape differs.
        DtypeError: If positions are no floats or triangles no integers.

    Gradients: to ``positions``; zero where the normal is the replacement.
    """
    check_shape("positions", check_tensor("positions", positions), ("V", 3), {})
    check_shape("triangles", triangles, ("F", 3), {})
    if triangles.dtype not in (torch.int32, torch.int64):
        raise DtypeError(f"triangles must be int32 or int64, got {triangles.dtype}; convert them")
    corners = positions[triangles.long()]
    edges = corners[:, 1:] - corners[:, :1]
    double_area = torch.linalg.cross(edges[:, 0], edges[:, 1])
    total = _sum_around(double_area, triangles, len(positions))
    length = torch.linalg.vector_norm(total, dim=1, keepdim=True)
    # below the smallest normal number a division would overflow
    usable = length > torch.finfo(positions.dtype).tiny
    flat = torch.tensor([0.0, 0.0, 1.0]).to(positions).expand_as(total)
    unit = torch.where(usable, total, flat)
    return torch.nn.functional.normalize(unit, dim=1, eps=0.0)


def _sum_around(values: Tensor, triangles: Tensor, count: int) -> Tensor:
    """Add rows of triangles at their vertices, in the order of the triangles on every device."""
    if triangles.numel() == 0:
        return values.new_zeros((count, 3))
    order, valence = keep(_triangles_around, triangles, count=count)
    return torch.segment_reduce(values[order], "sum", lengths=valence, axis=0, initial=0.0)


def _triangles_around(triangles: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the triangles at each of so many vertices, one after the other, and how many."""
    vertices, order = torch.sort(triangles.long().reshape(-1), stable=True)
    valence = torch.bincount(vertices, minlength=count)
    return torch.div(order, 3, rounding_mode="floor"), valence
