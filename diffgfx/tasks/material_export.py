"""A finished material into other programs: their files, and how far each is from the truth."""

import dataclasses
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from diffgfx.errors import RangeError
from diffgfx.io import (
    from_metallic,
    to_metallic,
    to_unreal,
    write_encoded_maps,
    write_material_gltf,
    write_materialx,
)
from diffgfx.io.encoded_maps import NormalSense
from diffgfx.ops import shade_svbrdf
from diffgfx.render import lobe_pairs, shade_openpbr, shade_unreal
from diffgfx.scene import MaterialMaps

__all__ = ["Exports", "conversion_error", "export_to_programs", "write_unreal"]

# Texels along each axis on which an approximation is measured.
_MEASURED = 48
# Share of the sample on which a loss is more than noise in the maps.
_WORTH_A_WARNING = 0.01
Lobe = Callable[[Tensor, Tensor], Tensor]

_UNREAL_NOTES = """How to import this folder into Unreal Engine 5

  BaseColor.png                   sRGB on,  compression Default
  OcclusionRoughnessMetallic.png  sRGB off, compression Masks
  Specular.png                    sRGB off, compression Grayscale
  Normal_{sense}.png                   sRGB off, compression Normalmap, Flip Green Channel {flip}

In a material of shading model Default Lit connect
  BaseColor RGB                    -> Base Color
  OcclusionRoughnessMetallic R     -> Ambient Occlusion (1 everywhere: nothing was baked)
  OcclusionRoughnessMetallic G     -> Roughness
  OcclusionRoughnessMetallic B     -> Metallic
  Specular R                       -> Specular
  Normal RGB                       -> Normal

The sample measures {width:.4g} x {height:.4g} {units}.
Measured over nine pairs of light and view, its shading differs from the captured material
by {error:.1%} (root mean square, relative).
"""


@dataclasses.dataclass(frozen=True)
class Exports:
    """What the files for other programs are worth.

    Attributes:
        errors: Relative error of each approximation, see `conversion_error`.
        warnings: What could not be kept, a line each.
    """

    errors: dict[str, float]
    warnings: list[str]


def export_to_programs(
    folder: Path, maps: MaterialMaps, *, metres_per_unit: float, units: str
) -> Exports:
    """Write a material for other programs, beside what `export_capture` or a conversion wrote.

    ``material.gltf`` with ``textures``; ``material.mtlx`` over the PNG files of ``maps``;
    ``unreal``; and ``blender``, with ``material.glb`` under a second name where the disk allows it.

    Args:
        folder: An existing folder that holds ``maps`` and ``material.glb``.
        maps: The material, b = 1, all values in [0, 1].
        metres_per_unit: Metres in one unit of ``maps.size``.
        units: Name of that unit.

    Returns:
        Errors of the approximations openpbr and unreal, and what is lost on a hundredth of the
        sample or more; ``unreal/material.json`` says what is lost on less.

    Raises:
        RangeError: If glTF cannot hold the maps, see `diffgfx.io.write_material_glb`.
        OutputError: If a file cannot be written.
    """
    write_material_gltf(folder / "material.gltf", maps, metres_per_unit=metres_per_unit)
    openpbr = conversion_error(maps, "openpbr")
    write_materialx(folder / "material.mtlx", openpbr_error=openpbr)
    (folder / "unreal").mkdir()
    unreal, losses = write_unreal(folder / "unreal", maps, units=units)
    clipped = float(to_unreal(maps.to_tensor().detach()).clipped.double().mean())
    (folder / "blender").mkdir()
    _second_name(folder / "material.glb", folder / "blender" / "material.glb")
    return Exports(
        {"openpbr": openpbr, "unreal": unreal}, losses if clipped >= _WORTH_A_WARNING else []
    )


def write_unreal(
    folder: Path, maps: MaterialMaps, *, units: str, normal: NormalSense | None = None
) -> tuple[float, list[str]]:
    """Write Unreal's textures, and in ``README.txt`` how to import them.

    Args:
        folder: An existing folder.
        maps: The material, b = 1.
        units: Unit of ``maps.size``.
        normal: Which way green points in the normal map; None for down, as Unreal has it.

    Returns:
        The relative error of Unreal's shading, and what could not be kept, a line each.

    Raises:
        OutputError: If a map cannot be written.
    """
    warnings = write_encoded_maps(folder, maps, "unreal", normal=normal, units=units)
    error = conversion_error(maps, "unreal")
    width, height = maps.size
    text = _UNREAL_NOTES.format(
        width=width, height=height, units=units, error=error, sense=(normal or "dx").upper(),
        flip="on" if normal == "gl" else "off",
    )  # fmt: skip
    (folder / "README.txt").write_text(text, encoding="utf-8")
    return error, warnings


def conversion_error(maps: MaterialMaps, target: str) -> float:
    """Measure how far a material is from the truth once another program has it.

    Root mean square of the difference of f (n.l) over nine pairs of light and view up to 65
    degrees, all channels and a regular grid of at most 48 x 48 texels, divided by the root mean
    square of f (n.l). Highlights count most. Rounding to the bits of the files is not in it.

    Args:
        maps: The material, b = 1.
        target: openpbr, unreal, or metallic, which is shaded by this library's own BRDF.

    Returns:
        The relative error; 0 where the material is black.

    Raises:
        RangeError: If the target is none of the three.
    """
    rows, columns = maps.resolution
    steps = (math.ceil(rows / _MEASURED), math.ceil(columns / _MEASURED))
    texels = maps.to_tensor().detach().cpu().double()[..., :: steps[0], :: steps[1]]
    if target == "openpbr":
        return _relative(texels, lambda light, view: shade_openpbr(texels, light, view))
    if target == "unreal":
        found = to_unreal(texels)
        parts = (found.base, found.metallic, found.specular)
        return _relative(texels, lambda light, view: shade_unreal(texels, *parts, light, view))
    if target == "metallic":
        again = from_metallic(*to_metallic(texels))
        return _relative(texels, lambda light, view: _shade(again, light, view))
    raise RangeError(f"target must be openpbr, unreal or metallic, got {target}")


def _relative(maps: Tensor, theirs: Lobe) -> float:
    difference = truth = 0.0
    for light, view in lobe_pairs():
        ours = _shade(maps, light, view)
        difference += float((theirs(light, view) - ours).square().mean())
        truth += float(ours.square().mean())
    return math.sqrt(difference / truth) if truth > 0.0 else 0.0


def _shade(maps: Tensor, light: Tensor, view: Tensor) -> Tensor:
    """Return f (n.l) of this library's BRDF."""
    place = light.view(1, 1, 3)
    return shade_svbrdf(
        maps.contiguous(), place, torch.ones_like(place), view.view(1, 1, 3), (1.0, 1.0),
        directional=True, orthographic=True, backend="torch",
    )[:, 0]  # fmt: skip


def _second_name(path: Path, other: Path) -> None:
    """Give a file a second name, or copy it where the disk knows no such thing."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)
