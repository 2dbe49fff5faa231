"""Cases whose judge is another program, a published picture or a published equation."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from diffgfx.data import make_material
from diffgfx.io import from_metallic, to_metallic, write_material_glb
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.validation import mitsuba
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.gltf import measure_gltf
from diffgfx.tasks.validation.khronos import validate_gltf, why_no_khronos
from diffgfx.tasks.validation.published import measure_gao, measure_materialgan

__all__ = ["OUTSIDE_CASES", "published_folder", "why_no_data"]

_FLOAT32 = 1e-5
_DERIVATIVES = ("normal", "diffuse", "specular", "roughness", "light_position", "light_intensity")


def why_no_data(context: Context) -> str | None:
    """Say how to get published data; None where they are there."""
    if context.data is not None:
        return None
    return "no published data: set DIFFGFX_DATA to the folder that holds capture/"


def published_folder(context: Context) -> Path:
    """Return the folder of published data, in a case that is skipped without it."""
    assert context.data is not None
    return context.data


def _gao(context: Context) -> Sequence[Measure]:
    return [Measure("RMSE", measure_gao(published_folder(context)), 0.0012)]


def _materialgan(context: Context) -> Sequence[Measure]:
    return [Measure("RMSE", measure_materialgan(published_folder(context)), 0.0025)]


def _metallic(context: Context) -> Sequence[Measure]:
    base, metallic, roughness, normal = _metallic_maps()
    maps = from_metallic(base, metallic, roughness, normal)
    back = to_metallic(maps)
    again = from_metallic(back.base, back.metallic, back.roughness, back.normal)
    return [
        Measure("base colour", _largest(back.base, base), 1e-6),
        Measure("metallic", _largest(back.metallic, metallic), 1e-6),
        Measure("diffuse and F0", _largest(again, maps), 1e-6),
    ]


def _metallic_maps() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random base colours of at least 0.04, metallic values from 0 to 1 with both ends."""
    random = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 8, 64, 64, generator=random, dtype=torch.float64)
    metallic = (1.2 * maps[:, 3:4] - 0.1).clamp(0.0, 0.999)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).view(3, 1, 1)
    normal = torch.nn.functional.normalize(maps[:, 5:] + up)
    return 0.05 + 0.9 * maps[:, :3], metallic, maps[:, 4:5], normal


def _largest(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max())


def _no_mitsuba(context: Context) -> str | None:
    return mitsuba.why_no_mitsuba()


def _mitsuba_image(context: Context) -> Sequence[Measure]:
    found = mitsuba.measure_mitsuba_image()
    return [
        Measure("relative RMSE", found["rms"], _FLOAT32),
        Measure("worst pixel", found["worst"], 1e-4),
    ]


def _mitsuba_derivatives(context: Context) -> Sequence[Measure]:
    found = mitsuba.measure_mitsuba_derivatives()
    return [Measure(f"d/d {name}", found[name], _FLOAT32, "relative") for name in _DERIVATIVES]


def _roughconductor(context: Context) -> Sequence[Measure]:
    found = mitsuba.measure_roughconductor()
    return [
        Measure("r <= 0.5, <= 60 degrees", found["near"], 3e-3, "relative"),
        Measure("its masking put in", found["unmasked"], _FLOAT32, "relative"),
        Measure("beyond", found["beyond"], None, "its masking is separable"),
    ]


def _gltf(context: Context) -> Sequence[Measure]:
    evaluation, quantisation = 0.0, 0.0
    light = torch.tensor([[-0.3, 0.2, 1.2], [0.9, 0.1, 0.8], [0.1, -1.4, 0.5]])
    eye = torch.tensor([[0.1, 0.1, 2.0], [-0.7, 0.3, 1.0], [0.2, 1.2, 0.6]])
    for maps in _exported():
        error = measure_gltf(maps, light, torch.ones(3, 3), eye)
        evaluation = max(evaluation, error.evaluation)
        quantisation = max(quantisation, error.quantisation)
    return [
        Measure("evaluation", evaluation, 1e-5, "of the peak"),
        Measure("quantisation", quantisation, None, "of the peak; 16-bit textures"),
    ]


def _exported() -> tuple[MaterialMaps, MaterialMaps]:
    return tuple(make_material(name, 64, size=1.0) for name in ("leather", "brushed_brass"))  # type: ignore[return-value]


def _no_khronos(context: Context) -> str | None:
    return why_no_khronos()


def _khronos(context: Context) -> Sequence[Measure]:
    errors = warnings = 0
    with tempfile.TemporaryDirectory() as folder:
        for index, maps in enumerate(_exported()):
            path = Path(folder) / f"{index}.glb"
            write_material_glb(path, maps, metres_per_unit=0.01)
            issues = validate_gltf(path)["issues"]
            errors += issues["numErrors"]
            warnings += issues["numWarnings"]
    return [Measure("errors", errors, 0), Measure("warnings", warnings, 0)]


OUTSIDE_CASES: tuple[Case, ...] = (
    Case("gao", "Gao's maps by Gao's equations against the 20 published pictures",
         _gao, why_no_data),
    Case("materialgan", "MaterialGAN's maps by its equations against the 9 published pictures",
         _materialgan, why_no_data),
    Case("metallic", "base colour and metallic, to diffuse and F0, and back", _metallic),
    Case("mitsuba_image", "our picture against Mitsuba 3 with our BRDF written in Python",
         _mitsuba_image, _no_mitsuba),
    Case("mitsuba_derivatives", "our derivative images against Mitsuba's forward mode",
         _mitsuba_derivatives, _no_mitsuba),
    Case("roughconductor", "our D V against Mitsuba's own GGX conductor",
         _roughconductor, _no_mitsuba),
    Case("gltf", "exported files by glTF's equations against our op", _gltf),
    Case("khronos", "exported files under Khronos' validator", _khronos, _no_khronos),
)  # fmt: skip
"""In the order in which they are run."""
