"""Meshes with materials out, as GLB that any conforming viewer shows as this library does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from diffgfx.errors import RangeError
from diffgfx.io._files import atomic_path
from diffgfx.io._gltf_builder import INDICES, VERTICES, Builder
from diffgfx.scene import Mesh, Part

__all__ = ["write_glb"]

Values = npt.NDArray[np.float32]


def write_glb(path: Path | str, parts: Sequence[Part], *, color_bits: Literal[8, 16] = 16) -> None:
    """Write meshes and their materials as one GLB; the inverse of `diffgfx.io.read_gltf`.

    Each part becomes a mesh and a node at the origin, each material a non-metal whose
    KHR_materials_specular carries s; see `diffgfx.io.write_material_glb` for what is exact.
    Materials of 1 x 1 texels without a normal of their own become factors, others textures,
    embedded as PNG, normal and roughness with 16 bits. Vertices are doubled at seams, as glTF has
    it; values are rounded to float32. The file appears whole or not at all.

    Args:
        path: Where to, customarily ``*.glb``.
        parts: Meshes in the world [m]; parts with the same material object share it.
        color_bits: Bits a channel of the diffuse and specular textures, 8 or 16.

    Raises:
        RangeError: If there are no triangles, ``color_bits`` is neither 8 nor 16, diffuse, specular
            or roughness lies outside [0, 1], a normal of a map does not point to +z, a normal or
            tangent of a mesh has no length, or a value is too large for float32.
        OutputError: If the file cannot be written.
    """
    if color_bits not in (8, 16):
        raise RangeError(f"color_bits must be 8 or 16, got {color_bits}")
    if not any(len(part.mesh.triangles) for part in parts):
        raise RangeError("parts must hold triangles to be written, got none; add a mesh")
    builder = Builder()
    lib, asset = builder.lib, builder.asset
    materials: dict[tuple[int, str, bool, bool], int] = {}
    for number, part in enumerate(parts):
        if len(part.mesh.triangles) == 0:
            continue
        place = f"parts[{number}]"
        key = (id(part.material), part.wrap, part.two_sided, part.mesh.uv is None)
        if key not in materials:
            materials[key] = _material(builder, part, color_bits)
        attributes, corners = _vertices(part.mesh, place)
        kind = np.uint16 if len(attributes["POSITION"]) < 65535 else np.uint32
        primitive = lib.Primitive(
            attributes=lib.Attributes(
                **{name: builder.accessor(value, VERTICES) for name, value in attributes.items()}
            ),
            indices=builder.accessor(corners.reshape(-1).astype(kind), INDICES),
            material=materials[key],
        )
        asset.meshes.append(lib.Mesh(primitives=[primitive], name=part.name or None))
        asset.nodes.append(lib.Node(mesh=len(asset.meshes) - 1, name=part.name or None))
    asset.scenes, asset.scene = [lib.Scene(nodes=[*range(len(asset.nodes))])], 0
    with atomic_path(Path(path)) as partial:
        partial.write_bytes(builder.finish())


def _material(builder: Builder, part: Part, color_bits: int) -> int:
    maps, name = part.material, part.name or "material"
    sides = {"doubleSided": part.two_sided}
    x, y = (float(value) for value in maps.normal[0, :2].detach().abs().amax(dim=(1, 2)))
    if maps.resolution == (1, 1) and (part.mesh.uv is None or x == y == 0.0):
        return builder.plain_material(maps, name, **sides)
    return builder.material(maps, name, color_bits=color_bits, wrap=part.wrap, **sides)


def _vertices(mesh: Mesh, place: str) -> tuple[dict[str, Values], npt.NDArray[np.int64]]:
    """Return the attributes of glTF's vertices, and three of them a triangle.

    They stand in the order of ``mesh.positions``, so that reading gives that order back.
    """
    layers: dict[str, tuple[Tensor | None, Tensor | None]] = {
        "POSITION": (mesh.positions, mesh.triangles),
        "NORMAL": (mesh.normals, mesh.normal_triangles),
        "TANGENT": (mesh.tangents if mesh.normals is not None else None, mesh.tangent_triangles),
        "TEXCOORD_0": (mesh.uv, mesh.uv_triangles),
    }
    present: dict[str, Values] = {}
    columns = []
    for key, (values, corners) in layers.items():
        if values is not None and corners is not None:
            present[key] = _stored(values, key, place)
            columns.append(corners.cpu().numpy().reshape(-1))
    rows, found = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    attributes = {
        key: np.ascontiguousarray(values[rows[:, column]])
        for column, (key, values) in enumerate(present.items())
    }
    return attributes, found.reshape(-1, 3)


def _stored(values: Tensor, key: str, place: str) -> Values:
    rows: npt.NDArray[Any] = values.detach().cpu().double().numpy()
    if key in ("NORMAL", "TANGENT"):
        length = np.linalg.norm(rows[:, :3], axis=1, keepdims=True)
        if not bool((length > 0.0).all()):
            raise RangeError(
                f"{place} {key} must have a length everywhere, got 0; remove triangles without area"
            )
        rows = np.concatenate([rows[:, :3] / length, np.where(rows[:, 3:] < 0, -1.0, 1.0)], axis=1)
    if key == "TEXCOORD_0":
        rows = np.stack([rows[:, 0], 1.0 - rows[:, 1]], axis=1)
    with np.errstate(over="ignore"):
        stored = rows.astype(np.float32)
    if not bool(np.isfinite(stored).all()):
        raise RangeError(f"{place} {key} must fit in float32, got {np.abs(rows).max():g}; scale it")
    return stored
