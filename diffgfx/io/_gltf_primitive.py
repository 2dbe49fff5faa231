"""Primitives of glTF as meshes in the world: welded corners, separate indices at seams."""

import numpy as np
import numpy.typing as npt
import torch

from diffgfx.io._gltf_accessor import read_accessor, read_indices
from diffgfx.io._gltf_asset import Asset, Fields
from diffgfx.io._gltf_texture import Placement
from diffgfx.io._mesh_build import Layer, build_mesh, compact, weld
from diffgfx.scene import Mesh

__all__ = ["TRIANGLE_MODES", "read_primitive"]

TRIANGLE_MODES = (4, 5, 6)
_LIST, _STRIP = 4, 5

Array = npt.NDArray[np.float64]
Corners = npt.NDArray[np.int64]


def read_primitive(
    asset: Asset,
    primitive: Fields,
    where: str,
    world: Array,
    *,
    placement: Placement | None,
    dtype: torch.dtype,
) -> Mesh:
    """Return a primitive of triangles as a mesh in the world.

    Positions that are equal to the bit become one vertex. Where the world's matrix mirrors, corners
    change their order and tangents their handedness, so that outside stays outside.

    Args:
        asset: The file.
        primitive: A primitive of mode 4, 5 or 6.
        where: Its place in the file.
        world: Its matrix to the world, shape (4, 4).
        placement: Where the material's textures lie; None for no texture.
        dtype: Of the values.

    Raises:
        InputError: If it is broken, or has no coordinates for the material's textures.
    """
    attributes = asset.fields(primitive, "attributes", where)
    place = f"{where}.attributes"
    raw = read_accessor(asset, attributes.get("POSITION"), f"{place}.POSITION", (3,))
    corners = _corners(asset, primitive, where, len(raw))
    with np.errstate(over="ignore", invalid="ignore"):
        moved = raw @ world[:3, :3].T + world[:3, 3]
    frame = _frame(world)
    if mirrored := float(np.linalg.det(frame)) < 0.0:
        corners = corners[:, ::-1]
    first, row = weld(raw)
    layers: dict[str, Layer | None] = {"positions": compact((moved[first], row[corners]))}

    def layer(key: str, widths: tuple[int, ...]) -> Array | None:
        if key not in attributes:
            return None
        values = read_accessor(asset, attributes[key], f"{place}.{key}", widths)
        if len(values) != len(raw):
            rule = f"must have as many elements as POSITION, {len(raw)}"
            raise asset.fault(f"{place}.{key}", rule, len(values), "export the file again")
        return values

    normals = layer("NORMAL", (3,))
    if normals is not None:
        layers["normals"] = compact((_turn_normals(normals, frame, mirrored), corners))
        tangents = layer("TANGENT", (4,))
        if tangents is not None:
            layers["tangents"] = compact((_turn_tangents(tangents, frame, mirrored), corners))
    key = f"TEXCOORD_{0 if placement is None else placement.channel}"
    uv = layer(key, (2,))
    if uv is not None:
        layers["uv"] = compact(((placement or Placement()).apply(uv), corners))
    elif placement is not None:
        rule = f"must hold {key}, which the textures of its material take"
        raise asset.fault(place, rule, sorted(attributes), "unwrap the mesh")
    return build_mesh(f"{asset.name}: {where}", dtype, layers)


def _corners(asset: Asset, primitive: Fields, where: str, count: int) -> Corners:
    if "indices" in primitive:
        order = read_indices(asset, primitive["indices"], f"{where}.indices", count)
    else:
        order = np.arange(count)
    mode = primitive.get("mode", _LIST)
    if mode == _LIST:
        if len(order) % 3:
            rule = "must hold three indices a triangle"
            raise asset.fault(f"{where}.indices", rule, len(order), "export the file again")
        return order.reshape(-1, 3)
    if len(order) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == _STRIP:
        strip = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
        strip[1::2] = strip[1::2][:, [1, 0, 2]]
        return strip
    return np.stack([np.full(len(order) - 2, order[0]), order[1:-1], order[2:]], axis=1)


def _frame(world: Array) -> Array:
    """Return the matrix without shift and size: directions keep clear of overflow."""
    linear = world[:3, :3]
    most = float(np.abs(linear).max())
    return linear / most if most > 0.0 else linear


def _turn_normals(normals: Array, frame: Array, mirrored: bool) -> Array:
    """Carry normals by the cofactors of the matrix: its inverse transpose, and no division."""
    a, b, c = frame.T
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    turned = normals @ cofactors.T
    return _unit(-turned if mirrored else turned)


def _turn_tangents(tangents: Array, frame: Array, mirrored: bool) -> Array:
    turned = _unit(tangents[:, :3] @ frame.T)
    sign = np.where(tangents[:, 3:] < 0.0, -1.0, 1.0)
    return np.concatenate([turned, -sign if mirrored else sign], axis=1)


def _unit(vectors: Array) -> Array:
    """Return vectors of unit length; one without a length stays as it is."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(length > 0.0, length, 1.0)
