"""Smooth normals of a mesh that has none."""

import torch
from torch import Tensor

from diffgfx.check import check_shape, check_tensor
from diffgfx.errors import DtypeError

__all__ = ["normals_around", "triangles_around", "vertex_normals"]


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
    return normals_around(positions, triangles, *triangles_around(triangles, len(positions)))


def normals_around(
    positions: Tensor, triangles: Tensor, order: Tensor, valence: Tensor
) -> Tensor:
    """Return `vertex_normals` from what `triangles_around` found."""
    corners = positions[triangles.long()]
    edges = corners[:, 1:] - corners[:, :1]
    double_area = torch.linalg.cross(edges[:, 0], edges[:, 1])
    if triangles.numel():  # added up in the order of the triangles on every device
        total = torch.segment_reduce(
            double_area[order], "sum", lengths=valence, axis=0, initial=0.0
        )
    else:
        total = torch.zeros_like(positions)
    length = torch.linalg.vector_norm(total, dim=1, keepdim=True)
    # below the smallest normal number a division would overflow
    usable = length > torch.finfo(positions.dtype).tiny
    flat = torch.tensor([0.0, 0.0, 1.0]).to(positions).expand_as(total)
    unit = torch.where(usable, total, flat)
    return torch.nn.functional.normalize(unit, dim=1, eps=0.0)


def triangles_around(triangles: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the triangles at each of so many vertices, one after the other, and how many."""
    vertices, order = torch.sort(triangles.long().reshape(-1), stable=True)
    valence = torch.bincount(vertices, minlength=count)
    return torch.div(order, 3, rounding_mode="floor"), valence
