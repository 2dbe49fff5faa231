"""A glTF that grows: buffer views, accessors and materials over one binary blob."""

import base64
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from diffgfx import __version__
from diffgfx.errors import RangeError
from diffgfx.io.image import encode_transfer
from diffgfx.scene import MaterialMaps, Wrap

__all__ = ["INDICES", "VERTICES", "Builder", "encode_maps", "unit_rows"]

Array = npt.NDArray[np.float64]

_SPECULAR = "KHR_materials_specular"
_DIELECTRIC = 0.04
# Rounding in float32 may leave a map this far outside [0, 1]; that much is clipped without a word.
_SLACK = 1e-6
_LINEAR, _MIPMAPS, _REPEAT, _CLAMP = 9729, 9987, 10497, 33071
VERTICES, INDICES = 34962, 34963
_COMPONENTS = {np.dtype(np.uint16): 5123, np.dtype(np.uint32): 5125, np.dtype(np.float32): 5126}


def encode_maps(maps: MaterialMaps, color_bits: int) -> dict[str, bytes]:
    """Return the maps as the PNG files that glTF asks for, normal and roughness of 16 bits.

    Raises:
        RangeError: If diffuse, specular or roughness lies outside [0, 1], or a normal does not
            point to +z.
    """
    normal = _rows(maps.normal)
    length = np.linalg.norm(normal, axis=2, keepdims=True)
    if not bool((normal[..., 2] > 0.0).all()):
        raise RangeError(
            "normal must point to +z everywhere to be stored in glTF, got z = "
            f"{float(normal[..., 2].min()):g}; flip or clamp it first"
        )
    diffuse = unit_rows("diffuse", maps.diffuse)
    specular = unit_rows("specular", maps.specular)
    roughness = unit_rows("roughness", maps.roughness)
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


def unit_rows(name: str, value: Tensor) -> Array:
    """Return a map of one material as an array (h, w, c), which must lie in [0, 1]."""
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


class Builder:
    """A glTF asset that grows by buffer views and accessors over one binary blob.

    Pictures go into the blob, or, with ``pictures_in``, into files of a folder of that name, which
    ``files`` holds by their relative paths.
    """

    def __init__(self, pictures_in: str | None = None) -> None:
        import pygltflib

        self.lib = pygltflib
        self.pictures_in = pictures_in
        self.files: dict[str, bytes] = {}
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
            componentType=_COMPONENTS[values.dtype],
            count=len(values),
            type="SCALAR" if values.ndim == 1 else f"VEC{values.shape[1]}",
            min=rows.min(axis=0).tolist(),
            max=rows.max(axis=0).tolist(),
        )
        self.asset.accessors.append(accessor)
        return len(self.asset.accessors) - 1

    def material(
        self, maps: MaterialMaps, name: str, *, color_bits: int, wrap: Wrap, **options: Any
    ) -> int:
        """Append a material with a texture a map; return its index. See `encode_maps`."""
        lib, asset = self.lib, self.asset
        first = len(asset.textures)
        sampler = self._sampler(_CLAMP if wrap == "clamp" else _REPEAT)
        images = encode_maps(maps, color_bits)
        for key, data in images.items():
            asset.images.append(self._image(key, data))
            asset.textures.append(lib.Texture(sampler=sampler, source=len(asset.images) - 1))
        index = {key: first + number for number, key in enumerate(images)}
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
        normal = lib.NormalMaterialTexture(index=index["normal"])
        return self.add_material(name, surface, specular, normalTexture=normal, **options)

    def plain_material(self, maps: MaterialMaps, name: str, **options: Any) -> int:
        """Append a material of one value a map, its normal ignored; return its index.

        Raises:
            RangeError: If diffuse, specular or roughness lies outside [0, 1].
        """
        diffuse, specular, roughness = (
            [float(value) for value in unit_rows(key, getattr(maps, key)).ravel()]
            for key in ("diffuse", "specular", "roughness")
        )
        surface = self.lib.PbrMetallicRoughness(
            baseColorFactor=[*diffuse, 1.0], metallicFactor=0.0, roughnessFactor=roughness[0]
        )
        colour = [value / _DIELECTRIC for value in specular]
        extension = {"specularFactor": 1.0, "specularColorFactor": colour}
        return self.add_material(name, surface, extension, **options)

    def add_material(self, name: str, surface: Any, specular: Any, **options: Any) -> int:
        """Append a material with KHR_materials_specular; return its index."""
        self.asset.materials.append(
            self.lib.Material(
                name=name,
                pbrMetallicRoughness=surface,
                extensions={_SPECULAR: specular},
                **options,
            )
        )
        self.asset.extensionsUsed = [_SPECULAR]
        return len(self.asset.materials) - 1

    def _image(self, name: str, data: bytes) -> Any:
        if self.pictures_in is None:
            return self.lib.Image(bufferView=self.view(data), mimeType="image/png", name=name)
        uri = f"{self.pictures_in}/{name}.png"
        self.files[uri] = data
        return self.lib.Image(uri=uri, name=name)

    def _sampler(self, wrap: int) -> int:
        found = [number for number, s in enumerate(self.asset.samplers) if s.wrapS == wrap]
        if found:
            return found[0]
        self.asset.samplers.append(
            self.lib.Sampler(magFilter=_LINEAR, minFilter=_MIPMAPS, wrapS=wrap, wrapT=wrap)
        )
        return len(self.asset.samplers) - 1

    def finish(self) -> bytes:
        """Return the bytes of the GLB."""
        self.asset.buffers = [self.lib.Buffer(byteLength=len(self.blob))]
        self.asset.set_binary_blob(bytes(self.blob))
        return b"".join(self.asset.save_to_bytes())

    def finish_text(self) -> str:
        """Return the JSON of a ``.gltf`` that holds its blob as a data URI."""
        uri = "data:application/octet-stream;base64," + base64.b64encode(self.blob).decode()
        self.asset.buffers = [self.lib.Buffer(byteLength=len(self.blob), uri=uri)]
        return str(self.asset.to_json(indent=1))
