"""Blender opens our GLB as it is, and its renderer shows what we show.

Blender is a Python module that wants an environment of its own: make one with the Python that the
module asks for (3.11 for bpy 5.0), ``pip install bpy`` there, and name its interpreter in the
environment variable DIFFGFX_BLENDER. It runs as a subprocess and is no dependency.
"""

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diffgfx.data import make_material
from diffgfx.io import read_image, read_material_glb, write_material_glb, write_material_gltf
from diffgfx.ops import shade_svbrdf

SCRIPT = Path(__file__).with_name("blender_child.py")
LIGHT, WATTS, DISTANCE = (0.03, 0.02, 0.12), 1.0, 1.0  # [m], [W]
TEXELS, SIDE = 64, 10.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def blender() -> str:
    """The interpreter that has bpy."""
    python = os.environ.get("DIFFGFX_BLENDER")
    if not python:
        pytest.skip("no Blender: set DIFFGFX_BLENDER to a Python that can import bpy")
    try:
        done = subprocess.run([python, "-c", "import bpy"], capture_output=True, timeout=300)
    except OSError as error:
        pytest.skip(f"DIFFGFX_BLENDER does not run: {error}")
    if done.returncode:
        pytest.skip(f"no bpy in {python}: {done.stderr.decode(errors='replace')[-200:]}")
    return python


def _render(python: str, folder: Path, file: Path, **settings: Any) -> tuple[Any, np.ndarray]:
    """Return what the importer made of a file, and Blender's picture of it, linear."""
    fields = {
        "file": str(file), "size": [0.01 * SIDE] * 2, "distance": DISTANCE, "light": LIGHT,
        "watts": WATTS, "samples": 1, "pixels": [TEXELS, TEXELS], "out": str(folder / "out.exr"),
    } | settings  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(fields))
    done = subprocess.run(
        [python, str(SCRIPT), str(folder / "settings.json")],
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("RESULT ")), read_image(folder / "out.exr")


def _ours(file: Path) -> np.ndarray:
    """The same view by our op; a point light of P watts has the radiant intensity P / (4 pi)."""
    maps = read_material_glb(file, dtype=torch.float64)
    light = torch.tensor(LIGHT, dtype=torch.float64).view(1, 1, 3)
    power = torch.full_like(light, WATTS / (4.0 * math.pi))
    up = torch.tensor([[[0.0, 0.0, 1.0]]], dtype=torch.float64)
    image = shade_svbrdf(
        maps.to_tensor(), light, power, up, maps.size, orthographic=True, backend="torch"
    )
    return image[0, 0].permute(1, 2, 0).numpy()


def _errors(found: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Root mean square difference, over the root mean square and over the mean of the picture."""
    rmse = float(np.sqrt(np.mean((found - wanted) ** 2)))
    return rmse / float(np.sqrt(np.mean(wanted**2))), rmse / float(wanted.mean())


@pytest.mark.parametrize("name", ["leather", "brushed_brass"])
def test_blender_shows_what_we_show(blender: str, tmp_path: Path, name: str) -> None:
    """As imported within 3 % of the mean; without Blender's second scattering far below."""
    file = tmp_path / "material.glb"
    write_material_glb(file, make_material(name, TEXELS, size=SIDE), metres_per_unit=0.01)
    wanted = _ours(file)
    facts, picture = _render(blender, tmp_path, file)
    names = ["diffuse", "metallic_roughness", "normal", "specular"]
    assert [entry[0] for entry in facts["images"]] == names
    assert all(entry[1] == [TEXELS, TEXELS] and entry[3] for entry in facts["images"])
    assert [entry[2] for entry in facts["images"]] == ["sRGB", "Non-Color", "Non-Color", "sRGB"]
    assert {"Base Color", "Normal", "Roughness", "Specular Tint"} <= set(facts["linked"])
    relative, of_mean = _errors(picture, wanted)
    print(f"{name}: Blender {facts['version']} as imported ({facts['distribution']}): "
          f"{relative:.4f} of the rms, {of_mean:.4f} of the mean")
    assert of_mean <= 0.03
    _, single = _render(blender, tmp_path, file, distribution="GGX")
    relative, of_mean = _errors(single, wanted)
    print(f"{name}: without scattering between microfacets: {relative:.4f}, {of_mean:.4f}")
    assert of_mean <= 0.003


def test_blender_reads_textures_as_files_too(blender: str, tmp_path: Path) -> None:
    file = tmp_path / "material.gltf"
    write_material_gltf(file, make_material("leather", TEXELS, size=SIDE), metres_per_unit=0.01)
    facts, picture = _render(blender, tmp_path, file)
    assert len(facts["images"]) == 4
    assert all(entry[3] for entry in facts["images"])
    assert _errors(picture, _ours(file))[1] <= 0.03
