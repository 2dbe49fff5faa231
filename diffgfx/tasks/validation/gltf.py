"""Is an exported glTF material really our material? A second opinion, from the published equations.

`evaluate_gltf` shares nothing with our op and nothing with our reader: it takes the file apart with
pygltflib, decodes the pictures itself, builds positions and tangent frames from the vertices, and
evaluates appendix B of the glTF 2.0 specification with KHR_materials_specular, in double precision.
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.io.gltf import read_material_glb, write_material_glb
from diffgfx.ops import shade_svbrdf
from diffgfx.scene import MaterialMaps

__all__ = [
    "GltfError",
    "GltfSurface",
    "evaluate_gltf",
    "gltf_brdf",
    "load_gltf_surface",
    "measure_gltf",
]

Array = npt.NDArray[np.float64]

_COMPONENTS = {5123: np.uint16, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclasses.dataclass(frozen=True)
class GltfError:
    """How far an exported material is from the one it was made of.

    Each is the largest difference of any value of any image, divided by the brightest value of
    that image.

    Attributes:
        evaluation: The file by glTF's equations against the maps read back from it, by our op in
            double precision: do both mean the same?
        evaluation_float32: The same with our op in single precision.
        quantisation: The maps read back against those written, both by our op in double precision:
            what the rounding of the textures costs.
    """

    evaluation: float
    evaluation_float32: float
    quantisation: float


class GltfSurface(NamedTuple):
    """What glTF says of each texel of a flat sample; linear, float64.

    Attributes:
        position: Where it lies [m], shape (h, w, 3).
        normal: Unit normal in the mesh's frame, shape (h, w, 3).
        base: Base colour, shape (h, w, 3).
        metallic: Shape (h, w, 1).
        roughness: Perceptual roughness, shape (h, w, 1).
        specular: Strength of KHR_materials_specular, shape (h, w, 1).
        specular_color: Its colour, shape (h, w, 3).
    """

    position: Array
    normal: Array
    base: Array
    metallic: Array
    roughness: Array
    specular: Array
    specular_color: Array


def load_gltf_surface(path: Path | str) -> GltfSurface:
    """Read the first primitive of a GLB that we wrote, and its material, at the centres of texels.

    For files that `diffgfx.io.gltf.write_material_glb` made: textures of one size, embedded.
    """
    import pygltflib

    asset = pygltflib.GLTF2().load_binary(str(path))
    blob = asset.binary_blob()
    primitive = asset.meshes[0].primitives[0]
    material = asset.materials[primitive.material]
    surface = material.pbrMetallicRoughness
    extension = material.extensions["KHR_materials_specular"]
    base = _picture(asset, blob, surface.baseColorTexture.index)
    packed = _picture(asset, blob, surface.metallicRoughnessTexture.index)
    relief = _picture(asset, blob, material.normalTexture.index)
    colour = _picture(asset, blob, extension["specularColorTexture"]["index"])

    height, width = base.shape[:2]
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    place = np.stack([u, v, np.ones_like(u)], axis=-1)
    attributes = vars(primitive.attributes)
    corners = _accessor(asset, blob, primitive.indices)[:3, 0].astype(int)
    known = np.concatenate(
        [_accessor(asset, blob, attributes["TEXCOORD_0"])[corners], np.ones((3, 1))], axis=1
    )
    frame = {
        key: place @ np.linalg.solve(known, _accessor(asset, blob, attributes[key])[corners])
        for key in ("POSITION", "NORMAL", "TANGENT")
    }
    tangent = frame["TANGENT"]
    bitangent = np.cross(frame["NORMAL"], tangent[..., :3]) * tangent[..., 3:]
    bent = relief * 2.0 - 1.0
    bent[..., :2] *= material.normalTexture.scale
    normal = bent[..., :1] * tangent[..., :3] + bent[..., 1:2] * bitangent
    normal = normal + bent[..., 2:] * frame["NORMAL"]
    return GltfSurface(
        position=frame["POSITION"],
        normal=normal / np.linalg.norm(normal, axis=-1, keepdims=True),
        base=_from_srgb(base) * np.array(surface.baseColorFactor[:3]),
        metallic=packed[..., 2:] * surface.metallicFactor,
        roughness=packed[..., 1:2] * surface.roughnessFactor,
        specular=np.full((height, width, 1), float(extension["specularFactor"])),
        specular_color=_from_srgb(colour) * np.array(extension["specularColorFactor"]),
    )


def gltf_brdf(surface: GltfSurface, light: Array, view: Array) -> Array:
    """Evaluate glTF 2.0's material for unit directions toward light and eye.

    Args:
        surface: The material, shape (h, w, .).
        light: Unit vectors toward the light, shape (h, w, 3).
        view: Unit vectors toward the eye, shape (h, w, 3).

    Returns:
        f [1/sr], shape (h, w, 3); zero where light or eye lies behind the surface.

    Source: glTF 2.0 specification, appendix B.3 (with the height-correlated masking term it has had
    since December 2025), and the implementation note of KHR_materials_specular.
    """
    half = light + view
    half = half / np.linalg.norm(half, axis=-1, keepdims=True)
    n_l, n_v, n_h = (_dot(surface.normal, vector) for vector in (light, view, half))
    v_h = _dot(view, half)
    front = (n_l > 0.0) & (n_v > 0.0)
    alpha2 = surface.roughness**4

    distribution = alpha2 * (n_h > 0.0) / (np.pi * (n_h**2 * (alpha2 - 1.0) + 1.0) ** 2)
    seen = np.abs(n_v) * np.sqrt(alpha2 + (1.0 - alpha2) * n_l**2)
    lit = np.abs(n_l) * np.sqrt(alpha2 + (1.0 - alpha2) * n_v**2)
    specular_brdf = distribution / (2.0 * np.where(front, seen + lit, 1.0))
    diffuse_brdf = surface.base / np.pi

    fresnel_w = (1.0 - np.abs(v_h)) ** 5
    dielectric_f0 = np.minimum(0.04 * surface.specular_color, 1.0) * surface.specular
    dielectric_f90 = surface.specular
    dielectric_fresnel = dielectric_f0 + (dielectric_f90 - dielectric_f0) * fresnel_w
    largest = dielectric_fresnel.max(axis=-1, keepdims=True)
    dielectric_brdf = dielectric_fresnel * specular_brdf + (1.0 - largest) * diffuse_brdf
    metal_fresnel = surface.base + (1.0 - surface.base) * fresnel_w
    metal_brdf = metal_fresnel * specular_brdf
    mixed = (1.0 - surface.metallic) * dielectric_brdf + surface.metallic * metal_brdf
    return np.where(front, mixed, 0.0)


def evaluate_gltf(
    path: Path | str, light_position: Array, light_intensity: Array, camera_position: Array
) -> Array:
    """Render a GLB that we wrote under point lights, by glTF's equations alone.

    Args:
        path: The file.
        light_position: Positions of the lights [m], shape (n, 3).
        light_intensity: Radiant intensities [radiance x m^2], shape (n, 3).
        camera_position: Positions of the camera [m], one a light, shape (n, 3).

    Returns:
        Reflected radiance at the centres of texels, float64, shape (n, h, w, 3), row 0 at the top.
    """
    surface = load_gltf_surface(path)
    images = []
    for place, intensity, eye in zip(light_position, light_intensity, camera_position, strict=True):
        toward_light, toward_eye = place - surface.position, eye - surface.position
        distance = np.linalg.norm(toward_light, axis=-1, keepdims=True)
        light = toward_light / distance
        view = toward_eye / np.linalg.norm(toward_eye, axis=-1, keepdims=True)
        brdf = gltf_brdf(surface, light, view)
        images.append(brdf * _dot(surface.normal, light) * intensity / distance**2)
    return np.stack(images)


def measure_gltf(
    maps: MaterialMaps,
    light_position: Float[Tensor, "n 3"],
    light_intensity: Float[Tensor, "n 3"],
    camera_position: Float[Tensor, "n 3"],
) -> GltfError:
    """Export a material, and compare three renderings of it under point lights.

    Args:
        maps: One material (batch of 1).
        light_position: Positions of the lights [unit of ``maps.size``], shape (n, 3).
        light_intensity: Radiant intensities [radiance x unit^2], shape (n, 3).
        camera_position: Positions of the camera, one a light [unit], shape (n, 3).

    Returns:
        The three errors.

    Raises:
        RangeError: If glTF cannot hold the maps, see `diffgfx.io.gltf.write_material_glb`.
        OutputError: If the temporary file cannot be written.
    """
    lights = [part.double() for part in (light_position, light_intensity, camera_position)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "material.glb"
        write_material_glb(path, maps, metres_per_unit=1.0)
        decoded = read_material_glb(path, dtype=torch.float64)
        reference = evaluate_gltf(path, *(part.cpu().numpy() for part in lights))
    theirs = torch.from_numpy(reference).permute(0, 3, 1, 2)
    ours = _shade(decoded, lights, torch.float64)
    return GltfError(
        evaluation=_largest(ours, theirs),
        evaluation_float32=_largest(_shade(decoded, lights, torch.float32), theirs),
        quantisation=_largest(ours, _shade(maps, lights, torch.float64)),
    )


def _shade(maps: MaterialMaps, lights: list[Tensor], dtype: torch.dtype) -> Tensor:
    """Render with our op on the CPU, shape (n, 3, h, w), float64."""
    position, intensity, camera = (part.to("cpu", dtype).unsqueeze(0) for part in lights)
    tensor = maps.to_tensor().detach().to("cpu", dtype)
    return shade_svbrdf(tensor, position, intensity, camera, maps.size)[0].double()


def _largest(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference relative to the peak of each image, over all images."""
    difference = (found - expected).abs().amax(dim=(1, 2, 3))
    return float((difference / expected.abs().amax(dim=(1, 2, 3))).max())


def _dot(a: Array, b: Array) -> Array:
    return np.asarray((a * b).sum(axis=-1, keepdims=True), dtype=np.float64)


def _from_srgb(stored: Array) -> Array:
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def _bytes(asset: Any, blob: bytes, index: int) -> bytes:
    view = asset.bufferViews[index]
    return blob[view.byteOffset : view.byteOffset + view.byteLength]


def _picture(asset: Any, blob: bytes, texture: int) -> Array:
    """Return the stored values of a texture in [0, 1], RGB, shape (h, w, 3)."""
    import cv2

    image = asset.images[asset.textures[texture].source]
    data = np.frombuffer(_bytes(asset, blob, image.bufferView), np.uint8)
    pixels: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    return np.asarray(pixels[..., ::-1] / float(np.iinfo(pixels.dtype).max), dtype=np.float64)


def _accessor(asset: Any, blob: bytes, index: int) -> Array:
    """Return the elements of an accessor, one a row, shape (count, components)."""
    accessor = asset.accessors[index]
    values = np.frombuffer(
        _bytes(asset, blob, accessor.bufferView), _COMPONENTS[accessor.componentType]
    )
    return values.reshape(accessor.count, _WIDTHS[accessor.type]).astype(np.float64)
