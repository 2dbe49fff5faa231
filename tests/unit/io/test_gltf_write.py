"""Meshes written as GLB come back as they were."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from diffgfx.errors import RangeError
from diffgfx.io import read_gltf, write_glb
from diffgfx.scene import MaterialMaps, Mesh, Part
from tests.glb_files import random_maps, split_glb

TRIANGLES = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)


def _mesh(dtype: torch.dtype = torch.float32) -> Mesh:
    random = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=dtype)

    normals = torch.nn.functional.normalize(draw(5, 3), dim=1)
    tangents = torch.nn.functional.normalize(draw(2, 3), dim=1)
    return Mesh(
        draw(4, 3), TRIANGLES,
        normals, torch.tensor([[0, 1, 2], [3, 4, 0]], dtype=torch.int32),
        torch.rand(6, 2, generator=random, dtype=dtype),
        torch.tensor([[0, 1, 2], [3, 4, 5]], dtype=torch.int32),
        torch.cat([tangents, torch.tensor([[1.0], [-1.0]], dtype=dtype)], dim=1),
        torch.tensor([[0, 0, 0], [1, 1, 1]], dtype=torch.int32),
    )  # fmt: skip


def _corner(mesh: Mesh, name: str) -> Tensor:
    values = getattr(mesh, name)
    indices = {"positions": "triangles", "uv": "uv_triangles"}.get(name, f"{name[:-1]}_triangles")
    found: Tensor = values[getattr(mesh, indices).long()]
    return found


def test_round_trip(tmp_path: Path) -> None:
    mesh, maps = _mesh(), random_maps()
    write_glb(tmp_path / "m.glb", [Part(mesh, maps, "thing", "clamp", two_sided=False)])
    model = read_gltf(tmp_path / "m.glb")
    (part,) = model.parts
    assert (part.name, part.wrap, part.two_sided) == ("thing", "clamp", False)
    assert model.notes == ()
    assert torch.equal(part.mesh.positions, mesh.positions)
    assert torch.equal(part.mesh.triangles, mesh.triangles)
    for name in ("uv", "normals", "tangents"):
        difference = _corner(part.mesh, name) - _corner(mesh, name)
        assert float(difference.abs().max()) <= 2e-7, name
    for name, most in (("diffuse", 2e-5), ("specular", 2e-5), ("roughness", 8e-6),
                       ("normal", 2.5e-5)):  # fmt: skip
        difference = getattr(part.material, name) - getattr(maps, name)
        assert float(difference.abs().max()) <= most, name


def test_constant_materials_become_factors(tmp_path: Path) -> None:
    values = torch.tensor([0.0, 0, 1, 0.1, 0.2, 0.3, 0.9, 0.04, 0.5, 0.25]).view(1, 10, 1, 1)
    maps = MaterialMaps.from_tensor(values)
    bare = Mesh(torch.rand(4, 3, generator=torch.Generator().manual_seed(0)), TRIANGLES)
    write_glb(tmp_path / "m.glb", [Part(bare, maps), Part(_mesh(), maps), Part(bare, maps)])
    root, _ = split_glb((tmp_path / "m.glb").read_bytes())
    assert len(root["materials"]) == 2  # with coordinates and without
    assert "images" not in root
    for part in read_gltf(tmp_path / "m.glb").parts:
        found = part.material.to_tensor().flatten().tolist()
        assert found == pytest.approx(values.flatten().tolist(), abs=1e-7)


def test_bent_constant_normals_become_textures(tmp_path: Path) -> None:
    values = torch.tensor([0.6, 0, 0.8, 0.1, 0.2, 0.3, 0.9, 0.04, 0.5, 0.25]).view(1, 10, 1, 1)
    write_glb(tmp_path / "m.glb", [Part(_mesh(), MaterialMaps.from_tensor(values))])
    found = read_gltf(tmp_path / "m.glb").parts[0].material.to_tensor()
    assert float((found - values).abs().max()) <= 3e-5


def test_many_vertices_take_wide_indices(tmp_path: Path) -> None:
    count = 70_000
    points = torch.rand(count, 3, generator=torch.Generator().manual_seed(0))
    triangles = torch.arange(count - 1).int()[: 3 * (count // 3)].view(-1, 3)
    mesh = Mesh(points, triangles)
    write_glb(tmp_path / "m.glb", [Part(mesh, _grey())])
    found = read_gltf(tmp_path / "m.glb").parts[0].mesh
    assert torch.equal(_corner(found, "positions"), _corner(mesh, "positions"))


def _grey() -> MaterialMaps:
    return MaterialMaps.from_tensor(torch.full((1, 10, 1, 1), 0.5))


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_glb(tmp_path / name, [Part(_mesh(), random_maps())])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def _with(**change: Any) -> Part:
    fields = {**vars(_mesh(torch.float64)), **change}
    return Part(Mesh(**fields), random_maps())


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ([], "parts must hold triangles"),
        ([_with(normals=torch.zeros(5, 3).double())], r"parts\[0\] NORMAL must have a length"),
        ([_with(positions=torch.full((4, 3), 1e200, dtype=torch.float64))],
         "POSITION must fit in float32"),
        ([Part(_mesh(), MaterialMaps.from_tensor(2 * random_maps().to_tensor()))],
         r"must lie in \[0, 1\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(tmp_path: Path, parts: list[Part], rule: str) -> None:
    with pytest.raises(RangeError, match=rule):
        write_glb(tmp_path / "m.glb", parts)
    assert not np.any([*tmp_path.iterdir()])
