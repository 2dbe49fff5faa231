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
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diffgfx import __version__
from diffgfx.check import check_positive
from diffgfx.errors import RangeError, ShapeError
from diffgfx.io._files import atomic_path, read_bytes, show_path
from diffgfx.io._gltf_asset import Asset, Fields, parse_glb
from diffgfx.io.encodings import from_metallic
from diffgfx.io.image import decode_transfer, encode_transfer
from diffgfx.scene import MaterialMaps

__all__ = ["read_material_glb", "write_material_glb"]

Array = npt.NDArray[np.float64]

_SPECULAR = "KHR_materials_specular"
_IOR = "KHR_materials_ior"
_DIELECTRIC = 0.04
_FILE_LIMIT = 2 << 30
# Rounding in float32 may leave a map this far outside [0, 1]; that much is clipped without a word.
_SLACK = 1e-6
_LINEAR, _MIPMAPS, _REPEAT = 9729, 9987, 10497
_VERTICES, _INDICES = 34962, 34963
_UNSIGNED_SHORT, _FLOAT = 5123, 5126
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
    if maps.diffuse.shape[0] != 1:
        raise ShapeError(
            f"maps must hold one material, got {maps.diffuse.shape[0]}; write one file each"
        )
    check_positive("metres_per_unit", metres_per_unit)
    check_positive("maps.size[0]", maps.size[0])
    check_positive("maps.size[1]", maps.size[1])
    if color_bits not in (8, 16):
        raise RangeError(f"color_bits must be 8 or 16, got {color_bits}")
    images = _textures(maps, color_bits)
    data = _assemble(images, (maps.size[0] * metres_per_unit, maps.size[1] * metres_per_unit), name)
    with atomic_path(Path(path)) as partial:
        partial.write_bytes(data)


def _textures(maps: MaterialMaps, color_bits: int) -> dict[str, bytes]:
    normal = _rows(maps.normal)
    length = np.linalg.norm(normal, axis=2, keepdims=True)
    if not bool((normal[..., 2] > 0.0).all()):
        raise RangeError(
            "normal must point to +z everywhere to be stored in glTF, got z = "
            f"{float(normal[..., 2].min()):g}; flip or clamp it first"
        )
    diffuse = _unit("diffuse", maps.diffuse)
    specular = _unit("specular", maps.specular)
    roughness = _unit("roughness", maps.roughness)
    packed = np.concatenate([np.ones_like(roughness), roughness, np.zeros_like(roughness)], axis=2)
    return {
        "diffuse": _png(encode_transfer(diffuse, "srgb"), color_bits),
        "metallic_roughness": _png(packed, 16),
        "normal": _png(0.5 * normal / length + 0.5, 16),
        "specular": _png(encode_transfer(specular, "srgb"), color_bits),
    }


def _rows(value: Tensor) -> Array:
    """Return a map of one material as an array, shape (h, w, c)."""
    return np.asarray(value[0].detach().permute(1, 2, 0).cpu().double().numpy(), dtype=np.float64)


def _unit(name: str, value: Tensor) -> Array:
    rows = _rows(value)
    low, high = float(rows.min()), float(rows.max())
    if not (low >= -_SLACK and high <= 1.0 + _SLACK):
        raise RangeError(
            f"{name} must lie in [0, 1] to be stored in glTF, got {low:g} to {high:g}; "
            "clamp it first"
        )
    return np.clip(rows, 0.0, 1.0)


def _png(values: Array, bits: int) -> bytes:
    import cv2

    codes = np.rint(values * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(codes[..., ::-1]))
    return encoded.tobytes()


class _Builder:
    """A glTF asset that grows by buffer views and accessors over one binary blob."""

    def __init__(self) -> None:
        import pygltflib

        self.lib = pygltflib
        generator = f"diffgfx {__version__}"
        self.asset = pygltflib.GLTF2(asset=pygltflib.Asset(version="2.0", generator=generator))
        self.blob = bytearray()

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes, aligned to four; return the index of their buffer view."""
        view = self.lib.BufferView(
            buffer=0, byteOffset=len(self.blob), byteLength=len(data), target=target
        )
        self.asset.bufferViews.append(view)
        self.blob += data + b"\0" * (-len(data) % 4)
        return len(self.asset.bufferViews) - 1

    def accessor(self, values: npt.NDArray[Any], target: int) -> int:
        """Append an array, one row an element; return the index of its accessor."""
        rows = values.reshape(len(values), -1)
        accessor = self.lib.Accessor(
            bufferView=self.view(values.tobytes(), target),
            componentType=_FLOAT if values.dtype == np.float32 else _UNSIGNED_SHORT,
            count=len(values),
            type="SCALAR" if values.ndim == 1 else f"VEC{values.shape[1]}",
            min=rows.min(axis=0).tolist(),
            max=rows.max(axis=0).tolist(),
        )
        self.asset.accessors.append(accessor)
        return len(self.asset.accessors) - 1

    def finish(self) -> bytes:
        """Return the bytes of the GLB."""
        self.asset.buffers = [self.lib.Buffer(byteLength=len(self.blob))]
        self.asset.set_binary_blob(bytes(self.blob))
        return b"".join(self.asset.save_to_bytes())


def _assemble(images: dict[str, bytes], size: tuple[float, float], name: str) -> bytes:
    """Return the bytes of the GLB; ``size`` in metres."""
    builder = _Builder()
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
    attributes = {key: builder.accessor(value, _VERTICES) for key, value in vertices.items()}
    indices = builder.accessor(_TRIANGLES, _INDICES)
    for key, data in images.items():
        view = builder.view(data)
        asset.images.append(lib.Image(bufferView=view, mimeType="image/png", name=key))
        asset.textures.append(lib.Texture(sampler=0, source=len(asset.images) - 1))
    asset.samplers = [
        lib.Sampler(magFilter=_LINEAR, minFilter=_MIPMAPS, wrapS=_REPEAT, wrapT=_REPEAT)
    ]
    index = {key: number for number, key in enumerate(images)}
    specular = {
        "specularFactor": 1.0,
        "specularColorFactor": [1.0 / _DIELECTRIC] * 3,
        "specularColorTexture": {"index": index["specular"]},
    }
    surface = lib.PbrMetallicRoughness(
        baseColorTexture=lib.TextureInfo(index=index["diffuse"]),
        metallicRoughnessTexture=lib.TextureInfo(index=index["metallic_roughness"]),
        metallicFactor=0.0,
    )
    material = lib.Material(
        name=name,
        pbrMetallicRoughness=surface,
        normalTexture=lib.NormalMaterialTexture(index=index["normal"]),
        extensions={_SPECULAR: specular},
    )
    asset.materials, asset.extensionsUsed = [material], [_SPECULAR]
    primitive = lib.Primitive(attributes=lib.Attributes(**attributes), indices=indices, material=0)
    asset.meshes = [lib.Mesh(primitives=[primitive], name=name)]
    asset.nodes = [lib.Node(mesh=0, name=name)]
    asset.scenes, asset.scene = [lib.Scene(nodes=[0])], 0
    return builder.finish()


def read_material_glb(
    path: Path | str, *, material: int = 0, dtype: torch.dtype = torch.float32
) -> MaterialMaps:
    """Read one material of a GLB as maps; the inverse of `write_material_glb`.

    Any metallic-roughness material is read, with or without KHR_materials_specular and
    KHR_materials_ior, textures of 8 or 16 bits, or none: the result is the same BRDF at every angle
    (see `diffgfx.io.encodings.from_metallic`). Occlusion is no part of a BRDF and is left out.
    Textures smaller than the largest are enlarged bilinearly.

    Args:
        path: A binary glTF file with embedded PNG or JPEG images.
        material: Which of its materials.
        dtype: Of the maps, float32 or float64.

    Returns:
        The maps, batch of 1, normals of unit length; 1 x 1 texels where there is no
        texture. ``size`` in metres is that of the flat mesh the material lies on; (1, 1) where
        there is no such mesh. Transformations of nodes are not applied.

    Raises:
        InputError: If the file is missing, broken, or no GLB; if it has no such material; or if the
            material has what ten maps cannot hold: emission, transparency, ``specular`` other than
            1 on a non-metal, transformed or second texture coordinates, another extension.
    """
    name = show_path(Path(path))
    asset = parse_glb(read_bytes(Path(path), _FILE_LIMIT), name)
    fields = asset.item("materials", material, "material")
    where = f"materials[{material}]"
    _check_material(asset, fields, where)
    surface = asset.fields(fields, "pbrMetallicRoughness", where)
    inside = f"{where}.pbrMetallicRoughness"
    base = _texture(asset, surface, "baseColorTexture", inside)
    packed = _texture(asset, surface, "metallicRoughnessTexture", inside)
    relief = _texture(asset, fields, "normalTexture", where)
    reflectance, weight = _dielectric(asset, fields, where)
    images = (base, packed, relief, reflectance)
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))

    tint = asset.numbers(surface, "baseColorFactor", (1.0, 1.0, 1.0, 1.0), inside, high=1.0)
    colour = decode_transfer(base[..., :3], "srgb") * tint[:3]
    metallic = packed[..., 2:3] * asset.number(surface, "metallicFactor", 1.0, inside, high=1.0)
    roughness = packed[..., 1:2] * asset.number(surface, "roughnessFactor", 1.0, inside, high=1.0)
    if weight != 1.0 and bool((metallic < 1.0).any()):
        raise asset.fault(f"{where} specular", "must be 1 on a non-metal", weight, _REBAKE)
    normal = np.array([0.0, 0.0, 1.0]).reshape(1, 1, 3)
    if "normalTexture" in fields:
        info = asset.fields(fields, "normalTexture", where)
        scale = asset.number(info, "scale", 1.0, f"{where}.normalTexture", low=-math.inf)
        normal = (2.0 * relief[..., :3] - 1.0) * (scale, scale, 1.0)
    resized = [
        _resize(values, height, width)
        for values in (colour, metallic, roughness, normal, reflectance)
    ]
    maps = from_metallic(*resized[:4], dielectric=resized[4])
    maps[:, :3] = torch.nn.functional.normalize(maps[:, :3], dim=1)
    return MaterialMaps.from_tensor(maps.to(dtype), _sample_size(asset, material))


def _check_material(asset: Asset, fields: Fields, where: str) -> None:
    foreign = sorted(set(asset.fields(fields, "extensions", where)) - {_SPECULAR, _IOR})
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


def _dielectric(asset: Asset, fields: Fields, where: str) -> tuple[Array, float]:
    """Return F0 of the non-metal, shape (h, w, 3), and the least ``specular`` anywhere."""
    extensions = asset.fields(fields, "extensions", where)
    inside = f"{where}.extensions.{_SPECULAR}"
    specular = asset.fields(extensions, _SPECULAR, f"{where}.extensions")
    bend = asset.fields(extensions, _IOR, f"{where}.extensions")
    index = asset.number(bend, "ior", 1.5, f"{where}.extensions.{_IOR}")
    # By the extension, an index of 0 stands for infinity: F0 is the specular colour itself.
    normal_reflectance = ((index - 1.0) / (index + 1.0)) ** 2 if _IOR in extensions else _DIELECTRIC
    colour = decode_transfer(
        _texture(asset, specular, "specularColorTexture", inside)[..., :3], "srgb"
    )
    tint = asset.numbers(specular, "specularColorFactor", (1.0, 1.0, 1.0), inside)
    weight = _texture(asset, specular, "specularTexture", inside)[..., 3]
    weight = weight * asset.number(specular, "specularFactor", 1.0, inside, high=1.0)
    return np.minimum(normal_reflectance * colour * tint, 1.0), float(weight.min())


def _resize(values: Array, height: int, width: int) -> Tensor:
    """Enlarge linear values, shape (h, w, c), to the tensor (1, c, height, width)."""
    tensor = torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1).unsqueeze(0)
    if tensor.shape[-2:] == (height, width):
        return tensor
    return torch.nn.functional.interpolate(tensor, size=(height, width), mode="bilinear")


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
