"""The meshes of a scene as one list of triangles, and their normals where a file has none."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.render.frames import vertex_tangents
from diffgfx.render.vertex_normals import vertex_normals
from diffgfx.scene import Mesh, Part

__all__ = ["Geometry", "Layer", "gather_geometry"]


class Layer(NamedTuple):
    """Values, and for each triangle the rows of its three corners.

    Attributes:
        values: Shape (rows, channels).
        corners: Shape (F, 3), int32.
    """

    values: Tensor
    corners: Tensor


class Geometry(NamedTuple):
    """All parts of a scene, one after another.

    Attributes:
        positions: Vertices in the world [m], and triangles over them.
        normals: Normals of the corners.
        uv: Texture coordinates of the corners; those of a part without any are 0.
        tangents: Tangents of the corners, (rows, 4); 0 for parts whose normals have no map, None
            if that is all of them.
        first: Where the triangles of each part begin, and where the last end.
    """

    positions: Layer
    normals: Layer
    uv: Layer
    tangents: Layer | None
    first: tuple[int, ...]


def gather_geometry(parts: Sequence[Part]) -> Geometry:
    """Join the parts of a scene, with normals for those that have none."""
    first = [0]
    for part in parts:
        first.append(first[-1] + len(part.mesh.triangles))
    return Geometry(
        _join([Layer(part.mesh.positions, part.mesh.triangles) for part in parts]),
        _join([_normals(part.mesh) for part in parts]),
        _join([_or_zeros(part.mesh, part.mesh.uv, part.mesh.uv_triangles, 2) for part in parts]),
        _tangents(parts),
        tuple(first),
    )


def _normals(mesh: Mesh) -> Layer:
    if mesh.normals is not None and mesh.normal_triangles is not None:
        return Layer(mesh.normals, mesh.normal_triangles)
    return Layer(vertex_normals(mesh.positions, mesh.triangles), mesh.triangles)


def _or_zeros(mesh: Mesh, values: Tensor | None, corners: Tensor | None, width: int) -> Layer:
    if values is not None and corners is not None:
        return Layer(values, corners)
    return Layer(mesh.positions.new_zeros((1, width)), torch.zeros_like(mesh.triangles))


def _join(layers: Sequence[Layer]) -> Layer:
    """Lay rows one after another, and shift the indices by the rows before."""
    if len(layers) == 1:
        return layers[0]
    begun, corners = 0, []
    for layer in layers:
        corners.append(layer.corners + begun)
        begun += len(layer.values)
    return Layer(torch.cat([layer.values for layer in layers]), torch.cat(corners))


def _tangents(parts: Sequence[Part]) -> Layer | None:
    """Tangents of all parts that have a normal map; None if none has."""
    mapped = [part.mesh.uv is not None and part.material.resolution != (1, 1) for part in parts]
    if not any(mapped):
        return None
    return _join([_tangent(part.mesh, needed) for part, needed in zip(parts, mapped, strict=True)])


def _tangent(mesh: Mesh, needed: bool) -> Layer:
    """The file's tangents, or tangents where corners that share position, normal and uv meet."""
    if not needed or mesh.uv is None or mesh.uv_triangles is None or mesh.tangents is not None:
        return _or_zeros(mesh, mesh.tangents, mesh.tangent_triangles, 4)
    normals = _normals(mesh)
    rows = [mesh.triangles, normals.corners, mesh.uv_triangles]
    key = torch.stack([corners.reshape(-1).long() for corners in rows], dim=1)
    shared, place = torch.unique(key, dim=0, return_inverse=True)
    corners = place.view(-1, 3).int()
    vertex, normal, uv = shared.unbind(1)
    values = vertex_tangents(
        mesh.positions[vertex], normals.values[normal], mesh.uv[uv], corners
    )  # fmt: skip
    return Layer(values, corners)
