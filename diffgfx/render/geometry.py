"""The meshes of a scene as one list of triangles, and their normals where a file has none."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.render.frames import vertex_tangents
from diffgfx.render.kept import Kept
from diffgfx.render.vertex_normals import normals_around, triangles_around
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


def gather_geometry(parts: Sequence[Part], keep: Kept) -> Geometry:
    """Join the parts of a scene, with normals for those that have none."""
    first = [0]
    for part in parts:
        first.append(first[-1] + len(part.mesh.triangles))
    return Geometry(
        _join([Layer(part.mesh.positions, part.mesh.triangles) for part in parts], keep),
        _join([_normals(part.mesh, keep) for part in parts], keep),
        _join([_coordinates(part.mesh, keep) for part in parts], keep),
        _tangents(parts, keep),
        tuple(first),
    )


def _normals(mesh: Mesh, keep: Kept) -> Layer:
    if mesh.normals is not None and mesh.normal_triangles is not None:
        return Layer(mesh.normals, mesh.normal_triangles)
    around = keep(triangles_around, mesh.triangles, count=len(mesh.positions))
    return Layer(keep(normals_around, mesh.positions, mesh.triangles, *around), mesh.triangles)


def _coordinates(mesh: Mesh, keep: Kept) -> Layer:
    return _or_zeros(mesh, (mesh.uv, mesh.uv_triangles), 2, keep)


def _or_zeros(
    mesh: Mesh, layer: tuple[Tensor | None, Tensor | None], width: int, keep: Kept
) -> Layer:
    values, corners = layer
    if values is not None and corners is not None:
        return Layer(values, corners)
    return Layer(mesh.positions.new_zeros((1, width)), keep(torch.zeros_like, mesh.triangles))


def _join(layers: Sequence[Layer], keep: Kept) -> Layer:
    """Lay rows one after another, and shift the indices by the rows before."""
    if len(layers) == 1:
        return layers[0]
    counts = tuple(len(layer.values) for layer in layers)
    corners = keep(_join_corners, *(layer.corners for layer in layers), counts=counts)
    return Layer(torch.cat([layer.values for layer in layers]), corners)


def _join_corners(*corners: Tensor, counts: Sequence[int]) -> Tensor:
    """Return corners of layers of so many rows, shifted by the rows before."""
    begun, shifted = 0, []
    for layer, count in zip(corners, counts, strict=True):
        shifted.append(layer + begun)
        begun += count
    return torch.cat(shifted)


def _tangents(parts: Sequence[Part], keep: Kept) -> Layer | None:
    """Tangents of all parts that have a normal map; None if none has."""
    mapped = [_has_relief(part, keep) for part in parts]
    if not any(mapped):
        return None
    each = zip(parts, mapped, strict=True)
    return _join([_tangent(part.mesh, needed, keep) for part, needed in each], keep)


def _has_relief(part: Part, keep: Kept) -> bool:
    """Say whether a part's normals have a map that is not, and is not to stay, flat."""
    if part.mesh.uv is None:
        return False
    normal = part.material.normal
    return normal.requires_grad or keep(_is_bent, normal)


def _is_bent(normal: Tensor) -> bool:
    return bool((normal[:, :2] != 0.0).any())


def _tangent(mesh: Mesh, needed: bool, keep: Kept) -> Layer:
    """The file's tangents, or tangents where corners that share position, normal and uv meet."""
    if not needed or mesh.uv is None or mesh.uv_triangles is None or mesh.tangents is not None:
        return _or_zeros(mesh, (mesh.tangents, mesh.tangent_triangles), 4, keep)
    normals = _normals(mesh, keep)
    met = keep(_meeting_corners, mesh.triangles, normals.corners, mesh.uv_triangles)
    return Layer(keep(_tangents_at, mesh.positions, normals.values, mesh.uv, *met), met[1])


def _tangents_at(
    position: Tensor, normal: Tensor, uv: Tensor, shared: Tensor, corners: Tensor
) -> Tensor:
    at = shared.unbind(1)
    return vertex_tangents(position[at[0]], normal[at[1]], uv[at[2]], corners)


def _meeting_corners(*rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows that corners use together, each once, and for each corner which of them."""
    key = torch.stack([corners.reshape(-1).long() for corners in rows], dim=1)
    shared, place = torch.unique(key, dim=0, return_inverse=True)
    return shared, place.view(-1, 3).int()
