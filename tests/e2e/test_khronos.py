"""Khronos' own validator finds nothing to say against what we write.

It comes from npm: ``npm install --prefix FOLDER gltf-validator``, with FOLDER in the environment
variable DIFFGFX_GLTF_VALIDATOR, or in the repository itself.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from diffgfx.io import write_glb
from diffgfx.io.gltf import write_material_glb, write_material_gltf
from diffgfx.scene import MaterialMaps, Mesh, Part

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("khronos.js")


@pytest.fixture(scope="module")
def validator() -> list[str]:
    """The command that validates a file, up to the file's name."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: install it to run Khronos' validator")
    folder = Path(os.environ.get("DIFFGFX_GLTF_VALIDATOR", ROOT)).resolve()
    if not (folder / "node_modules" / "gltf-validator").is_dir():
        pytest.skip(
            f"no gltf-validator in {folder}/node_modules: npm install --prefix FOLDER "
            "gltf-validator, and set DIFFGFX_GLTF_VALIDATOR to FOLDER"
        )
    return [node, str(SCRIPT), str(folder)]


def _validate(command: list[str], path: Path) -> Any:
    done = subprocess.run(
        [*command, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def _maps(height: int, width: int) -> MaterialMaps:
    maps = torch.rand(1, 10, height, width, generator=torch.Generator().manual_seed(0))
    maps[:, :2] -= 0.5
    maps[:, 2] = 1.0
    return MaterialMaps.from_tensor(maps, (6.848, 3.424))


@pytest.mark.parametrize("bits", [8, 16])
def test_nothing_to_report(validator: list[str], tmp_path: Path, bits: Any) -> None:
    path = tmp_path / "material.glb"
    maps = _maps(16, 32)
    write_material_glb(path, maps, metres_per_unit=0.01, name="cards", color_bits=bits)
    report = _validate(validator, path)
    assert report["issues"]["messages"] == []
    assert report["info"]["extensionsUsed"] == ["KHR_materials_specular"]
    kinds = [resource["image"]["bits"] for resource in report["info"]["resources"][1:]]
    assert kinds == [bits, 16, 16, bits]
    assert report["info"]["totalTriangleCount"] == 2


@pytest.mark.parametrize("bits", [8, 16])
def test_nothing_to_report_of_textures_as_files(
    validator: list[str], tmp_path: Path, bits: Any
) -> None:
    path = tmp_path / "material.gltf"
    write_material_gltf(path, _maps(16, 32), metres_per_unit=0.01, color_bits=bits)
    report = _validate(validator, path)
    assert report["issues"]["messages"] == []
    found = {resource["pointer"]: resource for resource in report["info"]["resources"]}
    assert found["/buffers/0"]["storage"] == "data-uri"
    pictures = {key: entry for key, entry in found.items() if key.startswith("/images")}
    assert {entry["uri"] for entry in pictures.values()} == {
        f"textures/{key}.png" for key in ("diffuse", "metallic_roughness", "normal", "specular")
    }
    assert [entry["image"]["bits"] for entry in pictures.values()] == [bits, 16, 16, bits]
    (tmp_path / "textures" / "normal.png").write_bytes(b"no picture")
    assert [message["pointer"] for message in _validate(validator, path)["issues"]["messages"]] == [
        next(key for key, entry in pictures.items() if entry["uri"] == "textures/normal.png")
    ]


def test_odd_sizes_are_no_more_than_noted(validator: list[str], tmp_path: Path) -> None:
    path = tmp_path / "material.glb"
    write_material_glb(path, _maps(5, 7), metres_per_unit=0.01)
    issues = _validate(validator, path)["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0)
    assert {message["code"] for message in issues["messages"]} == {"IMAGE_NPOT_DIMENSIONS"}


def test_nothing_to_report_of_meshes(validator: list[str], tmp_path: Path) -> None:
    """A tetrahedron with a seam: textured, with tangents; and bare, of one colour."""
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    triangles = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=torch.int32)
    each = torch.arange(4, dtype=torch.int32)[:, None].expand(4, 3)
    normals = torch.tensor([[0.0, 0, -1], [0, -1, 0], [-1, 0, 0], [1, 1, 1]])
    tangents = torch.tensor([[1.0, 0, 0, 1], [1, 0, 0, -1], [0, 1, 0, 1], [1, -1, 0, 1]])
    uv = torch.rand(12, 2, generator=torch.Generator().manual_seed(0))
    corners = torch.arange(12, dtype=torch.int32).view(4, 3)
    rich = Mesh(points, triangles, normals, each, uv, corners, tangents, each)
    flat = MaterialMaps.from_tensor(torch.tensor([0, 0, 1.0, *[0.5] * 7]).view(1, 10, 1, 1))
    parts = [
        Part(rich, _maps(16, 32), "rich"),
        Part(Mesh(points + 2.0, triangles), flat, "bare", two_sided=False),
    ]
    write_glb(tmp_path / "m.glb", parts)
    report = _validate(validator, tmp_path / "m.glb")
    assert report["issues"]["messages"] == []
    assert report["info"]["totalTriangleCount"] == 8
    assert report["info"]["materialCount"] == 2


def test_the_validator_is_awake(validator: list[str], tmp_path: Path) -> None:
    path = tmp_path / "material.glb"
    write_material_glb(path, _maps(4, 4), metres_per_unit=0.01)
    good = path.read_bytes()
    assert good.count(b'"specularFactor":1.0') == 1
    path.write_bytes(good.replace(b'"specularFactor":1.0', b'"specularFactor":9.0'))
    issues = _validate(validator, path)["issues"]
    assert [message["code"] for message in issues["messages"]] == ["VALUE_NOT_IN_RANGE"]
