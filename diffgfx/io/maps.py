"""Material maps as files: lossless EXR, 16-bit PNG for every other program, and what they mean.

Both are written for each map. ``maps.json`` beside them names size, unit, encodings and the BRDF,
so that a folder explains itself.
"""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.check import check_finite, check_shape, check_tensor
from diffgfx.errors import InputError, RangeError
from diffgfx.io._files import atomic_path, show, show_path
from diffgfx.io._json import Fields, check_plain, read_object
from diffgfx.io.capture_file import known_length
from diffgfx.io.exr import write_exr
from diffgfx.io.image import decode_transfer, encode_transfer, read_image, write_png
from diffgfx.scene import MaterialMaps

__all__ = ["MapFiles", "read_map_files", "read_maps", "read_pair", "write_maps"]

_FORMAT = "diffgfx-maps-1"
_BRDF = (
    "f = (1 - max_c F_c) d / pi + D V F; F = s + (1 - s)(1 - v.h)^5; alpha = roughness^2; "
    "D: GGX; V: height-correlated Smith; glTF 2.0 with KHR_materials_specular at metallic 0"
)
_NORMAL = "tangent space, +x right, +y up, +z toward the viewer, row 0 at the top"


@dataclasses.dataclass(frozen=True)
class _Kind:
    """How one map is stored: PNG value = encode((value - low) / (high - low))."""

    channels: Literal[1, 3]
    transfer: Literal["srgb", "linear"]
    low: float = 0.0
    high: float = 1.0
    unit: str = "1"


_KINDS = {
    "normal": _Kind(3, "linear", -1.0, 1.0),
    "diffuse": _Kind(3, "srgb"),
    "specular": _Kind(3, "srgb"),
    "roughness": _Kind(1, "linear"),
}


@dataclasses.dataclass(frozen=True)
class MapFiles:
    """Everything in a folder of maps.

    Attributes:
        maps: The material, b = 1; ``size`` in ``units``.
        height: Displacement along z [``units``], whatever unit its file has, shape (1, 1, h, w);
            None where there is none.
        units: Name of the unit of length.
    """

    maps: MaterialMaps
    height: Float[Tensor, "1 1 h w"] | None
    units: str


def write_maps(
    folder: Path | str,
    maps: MaterialMaps,
    height: Float[Tensor, "1 1 h w"] | None = None,
    *,
    units: str = "m",
) -> None:
    """Write normal, diffuse, specular, roughness, height as EXR and PNG each, and ``maps.json``.

    EXR holds float32 values as they are (normals made unit length), but the height in millimetres,
    unless ``units`` is relative to the sample: then it stays in ``units``. PNG holds 16 bits: the
    normal as 0.5 n + 0.5, diffuse and specular sRGB-encoded, roughness linear, height scaled to
    fill [0, 1]; values outside are clipped. ``maps.json`` has the height's unit, and its range in
    that unit.

    Args:
        folder: An existing folder; see `output_folder` for one that appears whole.
        maps: One material, b = 1.
        height: Displacement along z [``units``], shape (1, 1, h, w).
        units: Unit of ``maps.size`` and ``height``.

    Raises:
        ShapeError: If ``maps`` holds more than one material or the sizes of maps differ.
        RangeError: If a value is NaN or infinite, or a normal has no length.
        OutputError: If a file cannot be written.
    """
    folder = Path(folder)
    kinds = dict(_KINDS)
    arrays = _arrays(maps, height)
    if height is not None:
        unit = "mm" if known_length(units) else units
        arrays["height"] = arrays["height"] * np.float32(_ratio(units, unit))
        low, high = float(arrays["height"].min()), float(arrays["height"].max())
        kinds["height"] = _Kind(1, "linear", low, high, unit)
    for key, array in arrays.items():
        write_exr(folder / f"{key}.exr", array)
        write_png(folder / f"{key}.png", _encode(array, kinds[key]), bits=16)
    rows, columns = maps.resolution
    fields: Fields = {
        "format": _FORMAT,
        "units": units,
        "size": list(maps.size),
        "resolution": [columns, rows],
        "brdf": _BRDF,
        "normal_convention": _NORMAL,
        "maps": {key: _describe(key, kinds[key]) for key in arrays},
    }
    with atomic_path(folder / "maps.json") as partial:
        partial.write_text(json.dumps(fields, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_maps(folder: Path | str) -> MaterialMaps:
    """Read what `write_maps` wrote; see `read_map_files` for height and unit too.

    Args:
        folder: The folder with ``maps.json``, or one whose folder ``maps`` has it.

    Returns:
        The material as float32, b = 1, its ``size`` in the unit of ``maps.json``.

    Raises:
        InputError: If a file is missing, damaged, of another size, or holds NaN.
    """
    return read_map_files(folder).maps


def read_map_files(folder: Path | str) -> MapFiles:
    """Read the maps of a folder, their height and their unit.

    The EXR file of a map is read, or where there is none its PNG, to 16 bits.

    Args:
        folder: The folder with ``maps.json``, or one whose folder ``maps`` has it.

    Returns:
        Maps and height as float32, b = 1.

    Raises:
        InputError: If a file is missing, damaged, of another size, or holds NaN.
    """
    folder = Path(folder)
    if not (folder / "maps.json").exists() and (folder / "maps").is_dir():
        folder = folder / "maps"
    sidecar = folder / "maps.json"
    fields = read_object(sidecar, "name a folder of maps", "write the maps again")
    name = show_path(sidecar)
    check_plain(name, fields)
    if fields.get("format") != _FORMAT:
        raise InputError(
            f"{name}: format must be {_FORMAT}, got {show(fields.get('format'))}; "
            "write the maps again"
        )
    width, height = read_pair(name, "size", fields.get("size"))
    if width <= 0.0 or height <= 0.0:
        raise InputError(f"{name}: size must be above zero, got {width:g} x {height:g}; correct it")
    units = fields.get("units")
    if not isinstance(units, str):
        raise InputError(f"{name}: units must name a unit of length, got {show(units)}; correct it")
    kinds = dict(_KINDS)
    listed = fields.get("maps")
    if isinstance(listed, dict) and "height" in listed:
        kinds["height"] = _height_kind(name, listed["height"], units)
    tensors = _read_all(folder, kinds)
    maps = MaterialMaps(tensors["normal"], tensors["diffuse"], tensors["specular"],
                        tensors["roughness"], (width, height))
    if "height" in tensors:
        tensors["height"] = tensors["height"] * _ratio(kinds["height"].unit, units)
    return MapFiles(maps, tensors.get("height"), units)


def _height_kind(name: str, entry: Any, units: str) -> _Kind:
    """Return how a sidecar says that its height is stored."""
    entry = entry if isinstance(entry, dict) else {}
    low, high = read_pair(name, "maps.height.range", entry.get("range"))
    unit = entry.get("unit", units)
    if unit != units and not (isinstance(unit, str) and known_length(unit) and known_length(units)):
        raise InputError(
            f"{name}: maps.height.unit must be {units} or a length of its kind, got {show(unit)}; "
            "write the maps again"
        )
    return _Kind(1, "linear", low, high, unit)


def _ratio(units: str, other: str) -> float:
    """Return how many of the other unit one is; 1 for the same name, known or not."""
    lengths = known_length(units), known_length(other)
    if units == other or lengths[0] is None or lengths[1] is None:
        return 1.0
    return lengths[0] / lengths[1]


def _arrays(
    maps: MaterialMaps, height: Tensor | None
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the checked maps as arrays (h, w, c), normals of unit length."""
    tensors: dict[str, Tensor] = {key: getattr(maps, key) for key in _KINDS}
    if height is not None:
        tensors["height"] = height
    sizes: dict[str, int] = {}
    arrays = {}
    for key, tensor in tensors.items():
        channels = _KINDS[key].channels if key in _KINDS else 1
        check_shape(key, check_tensor(key, tensor), (1, channels, "h", "w"), sizes,
                    "write one material at a time")
        check_finite(key, tensor, "find where it arose before writing it")
        value = tensor.detach().double()
        if key == "normal":
            length = torch.linalg.vector_norm(value, dim=1, keepdim=True)
            if not bool((length > 0.0).all()):
                raise RangeError("normal must have a length above zero, got 0; fill in (0, 0, 1)")
            value = value / length
        arrays[key] = value[0].movedim(0, -1).float().cpu().numpy()
    return arrays


def _encode(array: npt.NDArray[np.float32], kind: _Kind) -> npt.NDArray[np.float64]:
    span = kind.high - kind.low
    unit = (array.astype(np.float64) - kind.low) / (span if span > 0.0 else 1.0)
    return encode_transfer(unit, kind.transfer)


def _describe(key: str, kind: _Kind) -> Fields:
    return {
        "exr": {"file": f"{key}.exr", "channels": "RGB" if kind.channels == 3 else "Y",
                "transfer": "linear", "stored": "value"},
        "png": {"file": f"{key}.png", "channels": "RGB" if kind.channels == 3 else "Y", "bits": 16,
                "transfer": kind.transfer, "stored": "(value - range[0]) / (range[1] - range[0])"},
        "range": [kind.low, kind.high],
        "unit": kind.unit,
    }


def read_pair(name: str, key: str, value: Any) -> tuple[float, float]:
    """Return a value of a sidecar that must be two finite numbers.

    Raises:
        InputError: If it is not.
    """
    numbers = value if isinstance(value, list) else []
    plain = [float(item) for item in numbers
             if isinstance(item, int | float) and not isinstance(item, bool) and abs(item) <= 1e12]
    if len(plain) != 2 or len(numbers) != 2:
        raise InputError(
            f"{name}: {key} must be two numbers, got {show(value)}; write the maps again"
        )
    return plain[0], plain[1]


def _read_all(folder: Path, kinds: dict[str, _Kind]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    shape: tuple[int, ...] | None = None
    for key, kind in kinds.items():
        path = folder / f"{key}.exr"
        if path.exists():
            array = read_image(path)
        else:
            path = folder / f"{key}.png"
            stored = decode_transfer(read_image(path), kind.transfer)
            array = np.asarray(kind.low + (kind.high - kind.low) * stored, dtype=np.float32)
        name = show_path(path)
        if shape not in (None, array.shape):
            raise InputError(f"{name}: maps must share one size, got {array.shape[1]} x "
                             f"{array.shape[0]} after {shape[1]} x {shape[0]}; resize them")
        shape = array.shape
        if not math.isfinite(float(array.min())) or not math.isfinite(float(array.max())):
            raise InputError(f"{name}: map must be finite, got NaN or infinity; correct it")
        if key == "normal":
            array = _unit_normals(name, array)
        tensors[key] = torch.from_numpy(array).movedim(-1, 0)[None, : kind.channels].contiguous()
    return tensors


def _unit_normals(name: str, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    if float(length.min()) < 1e-3:
        raise InputError(f"{name}: normals must have a length, got 0; fill them with (0, 0, 1)")
    return np.asarray(array / length, dtype=np.float32)
