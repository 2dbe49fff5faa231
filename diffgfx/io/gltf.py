"""Materials in glTF 2.0: written so that any conforming viewer shows exactly this library's BRDF.

The maps d, s, r, n become a non-metal whose KHR_materials_specular carries s. glTF gives one
``f0 = min(0.04 colour, 1) specular`` and ``f90 = specular``; with colour = 25 s and specular = 1
that is s and 1, and the diffuse weight is 1 - max_c F_c: the equations of
`diffgfx.ops.shade_svbrdf`, with nothing lost but the rounding of the textures. The masking term is
the height-correlated one of Khronos' renderer and, since December 2025, of the specification's
appendix B; its text of 2021 printed the separable one. A viewer without the extension shows an F0
of 0.04.
"""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from diffgfx.check import check_positive
from diffgfx.errors import RangeError, ShapeError
from diffgfx.io._files import atomic_path, read_bytes, show_path
from diffgfx.io._gltf_asset import Asset, Fields, parse_glb, parse_gltf
from diffgfx.io._gltf_builder import INDICES, VERTICES, Builder
from diffgfx.io._gltf_material import IOR, SPECULAR, decode_material
from diffgfx.scene import MaterialMaps

__all__ = ["read_material_glb", "write_material_glb", "write_material_gltf"]

Array = npt.NDArray[np.float64]

_FILE_LIMIT = 2 << 30
_TEXTURES = "textures"
# Left-top, left-bottom, right-bottom, right-top: counter-clockwise seen from +z.
_CORNERS = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], dtype=np.float32)
_TRIANGLES = np.array([0, 1, 2, 0, 2, 3], dtype=np.uint16)
_REBAKE = "bake it into base colour, roughness and normal"


def write_material_glb(
    path: Path | str,
    maps: MaterialMaps,
    *,
    metres_per_unit: float,
    name: str = "material",
    color_bits: Literal[8, 16] = 16,
) -> None:
    """Write a flat sample as a GLB: one quad of its real size that carries the material.

    The quad lies in z = 0 about the origin, its normal +z, the maps' row 0 at +y, with tangents, so
    that the normal map has one reading. Textures repeat and are embedded as PNG, normal and
    roughness with 16 bits. The file appears whole or not at all.

    Args:
        path: Where to, customarily ``*.glb``.
        maps: One material (batch of 1); normals are normalised.
        metres_per_unit: Metres in one unit of ``maps.size``: 0.01 for a capture in cm.
        name: Name of material, mesh and node.
        color_bits: Bits a channel of the diffuse and specular textures. 16 keeps the colours to
            2e-5; 8 follows the letter of glTF 2.0, whose section 3.9.2 asks for 8 bits in a base
            colour texture (and allows more in the others), and loses up to 0.005.

    Raises:
        ShapeError: If ``maps`` holds another number of materials than one.
        RangeError: If diffuse, specular or roughness lies outside [0, 1], a normal does not point
            to +z, a size is not above zero, or ``color_bits`` is neither 8 nor 16.
        OutputError: If the file cannot be written.
    """
    builder = Builder()
    _assemble(builder, maps, metres_per_unit, name, color_bits)
    with atomic_path(Path(path)) as partial:
        partial.write_bytes(builder.finish())


def write_material_gltf(
    path: Path | str,
    maps: MaterialMaps,
    *,
    metres_per_unit: float,
    name: str = "material",
    color_bits: Literal[8, 16] = 16,
) -> None:
    """Write the quad of `write_material_glb` as JSON, its textures as PNG files in ``textures``.

    The same material to the bit, for programs and people that want the pictures as files. The
    folder ``textures`` beside the file is made where it is missing; its files ``diffuse.png``,
    ``metallic_roughness.png``, ``normal.png`` and ``specular.png`` are written first, the ``.gltf``
    that names them last.

    Args:
        path: Where to, customarily ``*.gltf``.
        maps: One material (batch of 1); normals are normalised.
        metres_per_unit: Metres in one unit of ``maps.size``.
        name: Name of material, mesh and node.
        color_bits: Bits a channel of the diffuse and specular textures, 8 or 16.

    Raises:
        ShapeError: As `write_material_glb`.
        RangeError: As `write_material_glb`.
        OutputError: If a file cannot be written.
    """
    path = Path(path)
    builder = Builder(_TEXTURES)
    _assemble(builder, maps, metres_per_unit, name, color_bits)
    with atomic_path(path) as partial:
        partial.write_text(builder.finish_text(), encoding="utf-8")
        (path.parent / _TEXTURES).mkdir(exist_ok=True)
        for uri, data in builder.files.items():
            with atomic_path(path.parent / uri) as picture:
                picture.write_bytes(data)


def _assemble(
    builder: Builder, maps: MaterialMaps, metres_per_unit: float, name: str, color_bits: int
) -> None:
    """Fill a glTF with the quad and its material."""
    if maps.diffuse.shape[0] != 1:
        raise ShapeError(
            f"maps must hold one material, got {maps.diffuse.shape[0]}; write one file each"
        )
    check_positive("metres_per_unit", metres_per_unit)
    check_positive("maps.size[0]", maps.size[0])
    check_positive("maps.size[1]", maps.size[1])
    if color_bits not in (8, 16):
        raise RangeError(f"color_bits must be 8 or 16, got {color_bits}")
    size = (maps.size[0] * metres_per_unit, maps.size[1] * metres_per_unit)
    lib, asset = builder.lib, builder.asset
    positions = np.zeros((4, 3), dtype=np.float32)
    positions[:, 0] = (_CORNERS[:, 0] - 0.5) * size[0]
    positions[:, 1] = (0.5 - _CORNERS[:, 1]) * size[1]
    vertices = {
        "POSITION": positions,
        "NORMAL": np.tile(np.array([0, 0, 1], dtype=np.float32), (4, 1)),
        # w = 1: the bitangent n x t is +y, up the picture, like +y of the normal map.
        "TANGENT": np.tile(np.array([1, 0, 0, 1], dtype=np.float32), (4, 1)),
        "TEXCOORD_0": _CORNERS,
    }
    attributes = {key: builder.accessor(value, VERTICES) for key, value in vertices.items()}
    indices = builder.accessor(_TRIANGLES, INDICES)
    builder.material(maps, name, color_bits=color_bits, wrap="wrap")
    primitive = lib.Primitive(attributes=lib.Attributes(**attributes), indices=indices, material=0)
    asset.meshes = [lib.Mesh(primitives=[primitive], name=name)]
    asset.nodes = [lib.Node(mesh=0, name=name)]
    asset.scenes, asset.scene = [lib.Scene(nodes=[0])], 0


def read_material_glb(
    path: Path | str, *, material: int = 0, dtype: torch.dtype = torch.float32
) -> MaterialMaps:
    """Read one material of a glTF as maps; the inverse of `write_material_glb` and its sister.

    Any metallic-roughness material is read, with or without KHR_materials_specular and
    KHR_materials_ior, textures of 8 or 16 bits, or none: the result is the same BRDF at every angle
    (see `diffgfx.io.encodings.from_metallic`). Occlusion is no part of a BRDF and is left out.
    Textures smaller than the largest are enlarged bilinearly.

    Args:
        path: A ``.glb`` with embedded PNG or JPEG images, or a ``.gltf``, whose files must lie in
            its own folder.
        material: Which of its materials.
        dtype: Of the maps, float32 or float64.

    Returns:
        The maps, batch of 1, normals of unit length; 1 x 1 texels where there is no
        texture. ``size`` in metres is that of the flat mesh the material lies on; (1, 1) where
        there is no such mesh. Transformations of nodes are not applied.

    Raises:
        InputError: If the file is missing, broken, or no glTF; if it has no such material; or if
            that has what ten maps cannot hold: emission, transparency, ``specular`` other than 1 on
            a non-metal, transformed or second texture coordinates, another extension.
    """
    path = Path(path)
    data, name = read_bytes(path, _FILE_LIMIT), show_path(path)
    if path.suffix.lower() == ".gltf":
        asset = parse_gltf(data, name, path.parent)
    else:
        asset = parse_glb(data, name)
    fields = asset.item("materials", material, "material")
    where = f"materials[{material}]"
    _check_material(asset, fields, where)
    maps, weight = decode_material(asset, fields, where, lambda *place: _texture(asset, *place))
    if weight != 1.0:
        raise asset.fault(f"{where} specular", "must be 1 on a non-metal", weight, _REBAKE)
    return MaterialMaps.from_tensor(maps.to(dtype), _sample_size(asset, material))


def _check_material(asset: Asset, fields: Fields, where: str) -> None:
    foreign = sorted(set(asset.fields(fields, "extensions", where)) - {SPECULAR, IOR})
    if foreign:
        raise asset.fault(f"{where}", "must use no extension that ten maps lack", foreign, _REBAKE)
    mode = fields.get("alphaMode", "OPAQUE")
    if mode != "OPAQUE":
        raise asset.fault(f"{where}.alphaMode", "must be OPAQUE", mode, "make it opaque")
    glow = asset.numbers(fields, "emissiveFactor", (0.0, 0.0, 0.0), where)
    if max(glow) > 0.0:
        raise asset.fault(f"{where}.emissiveFactor", "must be 0", glow, "remove the emission")


def _texture(asset: Asset, owner: Fields, key: str, where: str) -> Array:
    """Return a texture's stored values, shape (h, w, 4); one white texel where there is none."""
    if key not in owner:
        return np.ones((1, 1, 4))
    place = f"{where}.{key}"
    info = asset.fields(owner, key, where)
    extensions = sorted(asset.fields(info, "extensions", place))
    if extensions:
        remedy = "bake the transformation into the texture"
        raise asset.fault(place, "must be placed by texture coordinates alone", extensions, remedy)
    if info.get("texCoord", 0) != 0:
        raise asset.fault(
            f"{place}.texCoord", "must be 0", info["texCoord"], "bake to one set of coordinates"
        )
    return asset.image(info.get("index"), f"{place}.index")


def _sample_size(asset: Asset, material: int) -> tuple[float, float]:
    """Return width and height [m] of the flat mesh with this material, or (1, 1)."""
    meshes = asset.root.get("meshes", [])
    for mesh in range(len(meshes) if isinstance(meshes, list) else 0):
        primitives = asset.item("meshes", mesh, "mesh").get("primitives", [])
        for primitive in primitives if isinstance(primitives, list) else []:
            if not isinstance(primitive, dict) or primitive.get("material") != material:
                continue
            place = f"meshes[{mesh}].primitives"
            index = asset.fields(primitive, "attributes", place).get("POSITION")
            bounds = asset.item("accessors", index, f"{place}.attributes.POSITION")
            where = f"accessors[{index}]"
            low = asset.numbers(bounds, "min", (0.0, 0.0, 0.0), where, low=-math.inf)
            high = asset.numbers(bounds, "max", (0.0, 0.0, 0.0), where, low=-math.inf)
            edges = [b - a for a, b in zip(low, high, strict=True) if b > a]
            if len(edges) == 2:
                return edges[0], edges[1]
    return 1.0, 1.0
