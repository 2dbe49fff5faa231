"""A finished material as the files of another system, in a folder of its own."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from diffgfx.check import check_choice
from diffgfx.errors import OutputError, RangeError
from diffgfx.io import (
    ENCODINGS,
    metres_per_unit,
    output_folder,
    read_encoded_maps,
    show_path,
    write_encoded_maps,
    write_maps,
    write_material_glb,
    write_material_gltf,
    write_materialx,
)
from diffgfx.io.encoded_maps import SIDECAR, NormalSense
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.material import StoredMaterial, load_material
from diffgfx.tasks.material_export import conversion_error, write_unreal

__all__ = ["TARGETS", "Conversion", "convert_material"]

_MARKERS = {"maps": "maps.json", "gltf": "material.gltf", "materialx": "material.mtlx"}
_CAPTURED = "metrics.json"
TARGETS = (*ENCODINGS, *_MARKERS)
"""What a material can be converted to: `diffgfx.io.ENCODINGS`, maps, gltf and materialx."""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What became of a material.

    Attributes:
        files: The files that were written, relative to the folder.
        error: Relative error of the conversion, see `conversion_error`; None where the files hold
            the material itself, but for their bits.
        warnings: What could not be kept, a line each.
    """

    files: list[str]
    error: float | None
    warnings: list[str]


def convert_material(
    source: Path | str,
    folder: Path | str,
    target: str,
    *,
    encoding: str | None = None,
    normal: NormalSense | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Write a material as another system stores it, into a folder that appears whole or not at all.

    Args:
        source: A material, see `load_material`; with ``encoding`` a folder of another system.
        folder: The folder to be; see `io.output_folder`.
        target: One of `TARGETS`.
        encoding: What ``source`` is encoded as, one of `diffgfx.io.ENCODINGS`; None where it says
            so itself.
        normal: Which way green points in the normal map: up (gl) or down (dx); None for what the
            target expects. Only metallic, specular and unreal leave a choice.
        overwrite: Whether an earlier conversion may be replaced.

    Returns:
        The files, the error and what could not be kept.

    Raises:
        RangeError: If target, encoding or normal is not among those named, or the target has no
            such normals, or glTF cannot hold the maps.
        InputError: If there is no such material, or it is damaged.
        OutputError: If the folder cannot be written.
    """
    check_choice("target", target, TARGETS)
    if target in _MARKERS and normal == "dx":
        raise RangeError(
            f"normal must be gl for {target}, got dx; convert to metallic, specular or unreal"
        )
    told: list[str] = []
    if encoding is None:
        material = load_material(source)
    else:
        files = read_encoded_maps(source, encoding)
        material = StoredMaterial(files.maps, None, files.units)
        if not (Path(source) / SIDECAR).exists():
            told.append(
                "the files say no size: the longer side was taken for 1 m; correct size in what "
                "was written, or scale the object"
            )
    marker = _MARKERS.get(target, SIDECAR)
    if overwrite and (Path(folder) / _CAPTURED).exists():
        raise OutputError(
            f"{folder}: a folder to overwrite must be an earlier conversion, got the result of a "
            f"capture with {_CAPTURED}; name another folder"
        )
    with output_folder(folder, overwrite, [source], marker=marker) as staging:
        try:
            error, warnings = _write(staging, material, target, normal)
        except RangeError as failure:
            raise RangeError(f"{show_path(Path(source))}: {failure}") from failure
        paths = sorted(path for path in staging.rglob("*") if path.is_file())
        written = [path.relative_to(staging).as_posix() for path in paths]
    return Conversion(written, error, [*told, *warnings])


Written = tuple[float | None, list[str]]


def _write(
    folder: Path, material: StoredMaterial, target: str, normal: NormalSense | None
) -> Written:
    maps, units = material.maps, material.units
    if target == "unreal":
        return write_unreal(folder, maps, units=units, normal=normal)
    if target in _WRITERS:
        return _WRITERS[target](folder, material)
    warnings = write_encoded_maps(folder, maps, target, normal=normal, units=units)
    return conversion_error(maps, target) if target == "metallic" else None, warnings


def _write_maps(folder: Path, material: StoredMaterial) -> Written:
    write_maps(folder, material.maps, material.height, units=material.units)
    return None, [f"{line} in its PNG; its EXR is whole" for line in _clipped(material.maps)[1]]


def _write_gltf(folder: Path, material: StoredMaterial) -> Written:
    maps, warnings = _clipped(material.maps)
    scale = metres_per_unit(material.units)
    if scale is None:
        warnings.append(
            f"units {material.units!r} have no length in metres: 1 m was taken for each"
        )
    write_material_glb(folder / "material.glb", maps, metres_per_unit=scale or 1.0)
    write_material_gltf(folder / "material.gltf", maps, metres_per_unit=scale or 1.0)
    return None, warnings


def _write_materialx(folder: Path, material: StoredMaterial) -> Written:
    maps, warnings = _clipped(material.maps)
    (folder / "maps").mkdir()
    write_maps(folder / "maps", maps, material.height, units=material.units)
    error = conversion_error(maps, "openpbr")
    write_materialx(folder / "material.mtlx", openpbr_error=error)
    return error, warnings


_WRITERS: dict[str, Callable[[Path, StoredMaterial], Written]] = {
    "maps": _write_maps,
    "gltf": _write_gltf,
    "materialx": _write_materialx,
}


def _clipped(maps: MaterialMaps) -> tuple[MaterialMaps, list[str]]:
    """Return maps that textures can hold, and a line for each map that was clipped."""
    values, warnings = {}, []
    for name in ("diffuse", "specular", "roughness"):
        value = getattr(maps, name)
        values[name] = value.clamp(0.0, 1.0)
        outside = ((value - values[name]).abs() > 1e-6).any(dim=1)
        if bool(outside.any()):
            share = float(outside.double().mean())
            warnings.append(f"{name} was clipped to [0, 1] on {share:.1%} of texels")
    return dataclasses.replace(maps, **values), warnings
