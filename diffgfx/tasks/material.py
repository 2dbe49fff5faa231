"""A finished material: read it from wherever it lies, describe it, and take a picture of it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import InputError, RangeError
from diffgfx.io import encode_transfer, read_encoded_maps, read_map_files, read_material_glb
from diffgfx.io.encoded_maps import SIDECAR
from diffgfx.render import render_planar
from diffgfx.scene import MaterialMaps

__all__ = ["Picture", "StoredMaterial", "describe_material", "load_material", "picture_material"]

_SATURATED = 0.98
_METERED_SHARE, _METERED_VALUE = 0.9, 0.6
_LARGEST_PICTURE = 16384
_DEFAULT_CAMERA = (0.2, -0.2, 2.0)
_DEFAULT_LIGHT = (-0.2, 0.3, 2.0)
_FAR, _BRIGHTEST = 1e6, 1e18     # what single precision can square and divide
_GLTF = "material.gltf"


@dataclasses.dataclass(frozen=True)
class StoredMaterial:
    """A material as read from a disk.

    Attributes:
        maps: The maps, b = 1; ``size`` in ``units``.
        height: Displacement along z [``units``], shape (1, 1, h, w); None where there is none.
        units: Name of the unit of length.
    """

    maps: MaterialMaps
    height: Float[Tensor, "1 1 h w"] | None
    units: str


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a material.

    Attributes:
        image: Linear RGB, shape (3, h, w), row 0 at the top.
        power: Radiant intensity of the light [radiance x longer side^2].
    """

    image: Float[Tensor, "3 h w"]
    power: float


def load_material(path: Path | str) -> StoredMaterial:
    """Read a material from a capture's result, a folder of maps, or a glTF file.

    Args:
        path: The folder that ``diffgfx capture`` wrote, its folder ``maps``, one that ``diffgfx
            material convert`` wrote, or a ``.glb`` or ``.gltf``.

    Returns:
        The material; a glTF file is in metres and has no height.

    Raises:
        InputError: If there is no material, or it is damaged.
    """
    path = Path(path)
    if path.suffix.lower() in (".glb", ".gltf"):
        return StoredMaterial(read_material_glb(path), None, "m")
    if path.exists() and not path.is_dir():
        raise InputError(
            f"{path}: material must be a folder with maps, a .glb or a .gltf, got a file "
            f"{path.suffix or 'without suffix'}; name the folder that diffgfx capture wrote"
        )
    if _holds_only_gltf(path):
        return StoredMaterial(read_material_glb(path / _GLTF), None, "m")
    files = read_encoded_maps(path) if (path / SIDECAR).exists() else read_map_files(path)
    return StoredMaterial(files.maps, files.height, files.units)


def _holds_only_gltf(folder: Path) -> bool:
    """Whether a folder has a glTF file and no maps, as ``material convert --to gltf`` leaves it."""
    maps = any((folder / name).exists() for name in (SIDECAR, "maps.json", "maps"))
    return (folder / _GLTF).is_file() and not maps


def describe_material(material: StoredMaterial) -> dict[str, Any]:
    """Return the facts about a material that show at a glance whether it is sound.

    Returns:
        ``resolution`` [columns, rows]; ``size`` [width, height] and ``units``; ``maps``: {name:
        {``min``, ``mean``, ``max``: a value a channel}}, height only where there is one;
        ``saturated``: {map: share of texels with a channel of at least 0.98, colours
        sRGB-encoded}; ``energy``: ``share`` of texels where d + s exceeds 1 in some channel, and
        the ``largest`` d + s; ``alpha``: its ``min`` and ``max``; ``tilt``: ``mean`` and ``max``
        angle between normal and z [degrees].
    """
    maps = material.maps
    normal = torch.nn.functional.normalize(maps.normal.double(), dim=1)
    tensors = {
        "normal": normal,
        "diffuse": maps.diffuse,
        "specular": maps.specular,
        "roughness": maps.roughness,
    }
    if material.height is not None:
        tensors["height"] = material.height
    total = (maps.diffuse + maps.specular).double()
    tilt = torch.rad2deg(torch.atan2(normal[:, :2].norm(dim=1), normal[:, 2]))
    rows, columns = maps.resolution
    return {
        "resolution": [columns, rows],
        "size": list(maps.size),
        "units": material.units,
        "maps": {name: _range(tensor) for name, tensor in tensors.items()},
        "saturated": {
            "diffuse": _saturated(encode_transfer(maps.diffuse, "srgb")),
            "specular": _saturated(encode_transfer(maps.specular, "srgb")),
            "roughness": _saturated(maps.roughness),
        },
        "energy": {
            "share": float((total > 1.0).any(dim=1).double().mean()),
            "largest": float(total.max()),
        },
        "alpha": {
            "min": float(maps.roughness.double().min() ** 2),
            "max": float(maps.roughness.double().max() ** 2),
        },
        "tilt": {"mean": float(tilt.mean()), "max": float(tilt.max())},
    }


def picture_material(
    maps: MaterialMaps,
    *,
    light: Sequence[float] = _DEFAULT_LIGHT,
    power: float | None = None,
    camera: Sequence[float] = _DEFAULT_CAMERA,
    size: int = 512,
) -> Picture:
    """Picture a sample under a point light; it fills the frame, whatever the camera's place.

    Shaded at the maps' own resolution, then averaged down (or interpolated up) to the picture's.

    Args:
        maps: One material (batch of 1).
        light: Place of the light [longer sides of the sample, from its centre].
        power: Radiant intensity of the light [radiance x longer side^2]; None meters it: nine
            tenths of the picture then lie below 0.6 of full scale.
        camera: Place of the eye, likewise; it decides where highlights fall.
        size: Pixels along the longer side.

    Returns:
        The picture and the power.

    Raises:
        RangeError: If light or camera does not lie above the sample, or a number is out of range.
    """
    if not 1 <= size <= _LARGEST_PICTURE:
        raise RangeError(f"size must be from 1 to {_LARGEST_PICTURE} pixels, got {size}; try 512")
    if power is not None and not 0.0 < power <= _BRIGHTEST:
        raise RangeError(
            f"power must be above 0, at most {_BRIGHTEST:g}, got {power:g}; leave it out to have "
            "it metered"
        )
    side = max(maps.size)
    places = {"light": _place("light", light, side), "camera": _place("camera", camera, side)}
    tensor = maps.to_tensor()
    image = render_planar(
        tensor,
        maps.size,
        light_position=places["light"].to(tensor),
        light_intensity=torch.full((1, 1, 3), side**2).to(tensor),
        camera_position=places["camera"].to(tensor),
    )[0]
    image = _resized(image, (_pixels(maps.size[1], side, size), _pixels(maps.size[0], side, size)))
    power = _metered(image[0]) if power is None else power
    return Picture(image[0] * power, power)


def _range(tensor: Tensor) -> dict[str, list[float]]:
    values = tensor.detach().double()[0].flatten(1)
    return {
        "min": values.amin(dim=1).tolist(),
        "mean": values.mean(dim=1).tolist(),
        "max": values.amax(dim=1).tolist(),
    }


def _saturated(stored: Tensor) -> float:
    return float((stored >= _SATURATED).any(dim=1).double().mean())


def _place(name: str, place: Sequence[float], side: float) -> Tensor:
    position = torch.tensor([float(value) for value in place], dtype=torch.float64)
    if position.shape != (3,) or not bool((position.abs() < _FAR).all()):
        raise RangeError(
            f"{name} must be three numbers below {_FAR:g}, got {tuple(place)}; try 0,0,2"
        )
    if not float(position[2]) > 0.0:
        raise RangeError(
            f"{name} must lie above the sample, z > 0, got z = {float(position[2]):g}; try 0,0,2"
        )
    return (position * side)[None, None]


def _pixels(length: float, side: float, size: int) -> int:
    return max(1, round(size * length / side))


def _resized(image: Tensor, resolution: tuple[int, int]) -> Tensor:
    """Average (n, 3, h, w) down to fewer pixels, or interpolate it up to more."""
    if (image.shape[-2], image.shape[-1]) == resolution:
        return image
    smaller = resolution[0] <= image.shape[-2] and resolution[1] <= image.shape[-1]
    mode = "area" if smaller else "bilinear"
    return torch.nn.functional.interpolate(image, size=resolution, mode=mode)


def _metered(image: Float[Tensor, "3 h w"]) -> float:
    bright = image.amax(dim=0).flatten().sort().values
    for value in (bright[int(_METERED_SHARE * (len(bright) - 1))], bright[-1]):
        if float(value) > 0.0:
            return _METERED_VALUE / float(value)
    return 1.0  # a black material is black under any light
