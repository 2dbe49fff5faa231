"""Materials of glTF, read into this library's ten maps."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diffgfx.io._gltf_asset import Asset, Fields
from diffgfx.io.encodings import from_metallic
from diffgfx.io.image import decode_transfer
from diffgfx.types import Maps

__all__ = ["IOR", "SPECULAR", "TextureReader", "decode_material", "resize"]

Array = npt.NDArray[np.float64]

SPECULAR = "KHR_materials_specular"
IOR = "KHR_materials_ior"
_DIELECTRIC = 0.04

TextureReader = Callable[[Fields, str, str], Array]
"""Takes owner, key and place; gives stored RGBA, (h, w, 4), one white texel where there is none."""


def decode_material(
    asset: Asset,
    fields: Fields,
    where: str,
    texture: TextureReader,
    dtype: torch.dtype = torch.float64,
) -> tuple[Maps, float]:
    """Return a metallic-roughness material as maps, and the least ``specular`` of its non-metal.

    With or without KHR_materials_specular and KHR_materials_ior: the result is the same BRDF at
    every angle where ``specular`` is 1; where it is less, F0 is right, and glTF would dim the rim
    by it too, which ten maps cannot hold. Textures smaller than the largest are enlarged
    bilinearly.

    Args:
        asset: The file.
        fields: The material.
        where: Its place in the file.
        texture: How a texture is read.
        dtype: Of the maps.

    Returns:
        Maps n3 d3 s3 r1, normals of unit length, shape (1, 10, h, w); and a number in
        [0, 1], 1 where all is metal.

    Raises:
        InputError: If the material is broken.
    """
    surface = asset.fields(fields, "pbrMetallicRoughness", where)
    inside = f"{where}.pbrMetallicRoughness"
    base = texture(surface, "baseColorTexture", inside)[..., :3]
    packed = texture(surface, "metallicRoughnessTexture", inside)[..., 1:3]
    reflectance, weight = _dielectric(asset, fields, where, texture)

    tint = asset.numbers(surface, "baseColorFactor", (1.0, 1.0, 1.0, 1.0), inside, high=1.0)
    colour = decode_transfer(base, "srgb") * tint[:3]
    metallic = packed[..., 1:] * asset.number(surface, "metallicFactor", 1.0, inside, high=1.0)
    roughness = packed[..., :1] * asset.number(surface, "roughnessFactor", 1.0, inside, high=1.0)
    normal = np.array([0.0, 0.0, 1.0]).reshape(1, 1, 3)
    if "normalTexture" in fields:
        info = asset.fields(fields, "normalTexture", where)
        scale = asset.number(info, "scale", 1.0, f"{where}.normalTexture", low=-math.inf)
        relief = texture(fields, "normalTexture", where)[..., :3]
        normal = (2.0 * relief - 1.0) * (scale, scale, 1.0)
        if normal.shape[:2] == (1, 1):
            normal = normal / max(float(np.linalg.norm(normal)), 1e-12)
    images = (colour, metallic, roughness, normal, reflectance, weight)
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    least = float(weight.min()) if bool((metallic < 1.0).any()) else 1.0
    resized = [resize(values, height, width, dtype) for values in images]
    maps = from_metallic(*resized[:4], dielectric=resized[4] * resized[5])
    if normal.shape[:2] != (1, 1):
        maps[:, :3] = torch.nn.functional.normalize(maps[:, :3], dim=1)
    return maps, least


def _dielectric(
    asset: Asset, fields: Fields, where: str, texture: TextureReader
) -> tuple[Array, Array]:
    """Return F0 of the non-metal, shape (h, w, 3), and ``specular`` everywhere, (h, w, 1)."""
    extensions = asset.fields(fields, "extensions", where)
    inside = f"{where}.extensions.{SPECULAR}"
    specular = asset.fields(extensions, SPECULAR, f"{where}.extensions")
    bend = asset.fields(extensions, IOR, f"{where}.extensions")
    index = asset.number(bend, "ior", 1.5, f"{where}.extensions.{IOR}")
    # By the extension, an index of 0 stands for infinity: F0 is the specular colour itself.
    normal_reflectance = ((index - 1.0) / (index + 1.0)) ** 2 if IOR in extensions else _DIELECTRIC
    colour = decode_transfer(texture(specular, "specularColorTexture", inside)[..., :3], "srgb")
    tint = asset.numbers(specular, "specularColorFactor", (1.0, 1.0, 1.0), inside)
    weight = texture(specular, "specularTexture", inside)[..., 3:]
    weight = weight * asset.number(specular, "specularFactor", 1.0, inside, high=1.0)
    return np.minimum(normal_reflectance * colour * tint, 1.0), weight


def resize(values: npt.NDArray[np.floating], height: int, width: int, dtype: torch.dtype) -> Tensor:
    """Enlarge linear values, shape (h, w, c), to the tensor (1, c, height, width)."""
    tensor = torch.from_numpy(np.ascontiguousarray(values)).to(dtype).permute(2, 0, 1).unsqueeze(0)
    if tensor.shape[-2:] == (height, width) or tensor.shape[-2:] == (1, 1):
        return tensor.expand(-1, -1, height, width)
    return torch.nn.functional.interpolate(tensor, size=(height, width), mode="bilinear")
