"""OBJ and its material library, line by line."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diffgfx.errors import InputError
from diffgfx.io import read_obj, write_obj
from diffgfx.scene import Mesh
from tests.glb_files import encode_png

POINTS = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt .5 .5\nvn 0 0 1\n"


def _write(tmp_path: Path, text: str | bytes, **others: Any) -> Path:
    for name, value in others.items():
        path = tmp_path / name.replace("__", ".")
        path.write_bytes(value if isinstance(value, bytes) else value.encode())
    path = tmp_path / "m.obj"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _mesh(tmp_path: Path, faces: str) -> Mesh:
    return read_obj(_write(tmp_path, POINTS + faces)).parts[0].mesh


def test_separate_indices(tmp_path: Path) -> None:
    mesh = _mesh(tmp_path, "f 1/1/1 2/2/1 3/3/1\nf 1/4/1 3/3/1 4/2/1\n")
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.uv_triangles is not None
    assert mesh.uv is not None
    assert mesh.uv[mesh.uv_triangles.long()][:, 0].tolist() == [[0, 0], [0.5, 0.5]]
    assert mesh.normals is not None
    assert mesh.normals.tolist() == [[0, 0, 1]]


def test_polygons_become_fans_and_negative_indices_count_back(tmp_path: Path) -> None:
    mesh = _mesh(tmp_path, "f -4 -3 -2 -1\n")
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    mesh = _mesh(tmp_path, "f 1 2 3\nv 9 9 9\nf 1 -1 2\n")
    assert mesh.positions.tolist()[-1] == [9, 9, 9]
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 3, 1]]
    mesh = _mesh(tmp_path, "f 1 2 3\nf 4 3 2 1 2\nf 1 2 3\n")
    assert mesh.triangles.tolist() == [[0, 1, 2], [3, 2, 1], [3, 1, 0], [3, 0, 1], [0, 1, 2]]


def test_odd_spelling(tmp_path: Path) -> None:
    text = "# head\r\nv 0 0 0 1.0 # w\r\nv 1 0\\\r\n 0\r\nv\t0 1 0\r\ng a\r\ns off\r\nf 1 2 3\r\n"
    found = read_obj(_write(tmp_path, text))
    assert found.parts[0].mesh.positions.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert found.notes == ()


def test_a_byte_order_mark_belongs_to_no_word(tmp_path: Path) -> None:
    text = "mtllib m.mtl\nusemtl red\n" + POINTS + "f 1 2 3\n"
    plain = read_obj(_write(tmp_path, text, m__mtl=MTL))
    marked = read_obj(_write(tmp_path, "\ufeff" + text, m__mtl="\ufeff" + MTL))
    assert marked.notes == plain.notes
    assert marked.parts[0].material.diffuse.tolist() == plain.parts[0].material.diffuse.tolist()
    marked = read_obj(_write(tmp_path, "\ufeff" + POINTS + "f 1 2 3\n"))
    assert torch.equal(marked.parts[0].mesh.positions, plain.parts[0].mesh.positions)


@pytest.mark.parametrize("end", ["\\", "\\\n", " \\\r\n"])
def test_a_last_line_that_asks_for_one_more_counts(tmp_path: Path, end: str) -> None:
    mesh = _mesh(tmp_path, f"f 1 2 3\nf 1 3 4{end}")
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("faces", "rule"),
    [
        ("f 0 1 2\n", "line 10 must index the 4 rows of v before it, .* got '0'; correct"),
        ("f 1 2 5\n", "line 10 must index the 4 rows of v"),
        ("f 1 2 -5\n", "must index the 4 rows of v"),
        ("f 1/9 2/1 3/1\n", "must index the 4 rows of vt"),
        ("f 1//2 2//1 3//1\n", "must index the 1 rows of vn"),
        ("f 1 2 99999999999999999999999\n", "must index the 4 rows"),
        ("f 1 2 x\n", "must index the 4 rows of v"),
        ("f 1/1/1/1 2 3\n", "must have corners v/vt/vn"),
        ("f 1 2\n", "must hold three corners"),
        ("f " + "1 2 3 " * 200_000 + "\n", "must hold at most 1048576 letters"),
        ("v 1 2\nf 1 2 3\n", "must hold 3 finite numbers after v"),
        ("v nan 0 0\n", "must hold 3 finite numbers"),
        ("v 0 1e999 0\n", "must hold 3 finite numbers"),
        ("v 0 abc 0\n", "must hold 3 finite numbers"),
        ("vt\n", "must hold 2 finite numbers after vt"),
        ("", "file must hold faces, got none"),
        ("v 1e300 0 0\nf 1 2 5\n", "positions must be finite"),
        ("mtllib ../m.mtl\nf 1 2 3\n", "mtllib must lie in the folder"),
        ("mtllib /etc/passwd\nf 1 2 3\n", "mtllib must be a relative path"),
        ("".join(f"usemtl {k}\n" for k in range(5000)), "must keep to 4096 materials"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, faces: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        _mesh(tmp_path, faces)
    assert "\n" not in str(caught.value)
    assert "m.obj" in str(caught.value)


def test_a_large_polygon_is_quick(tmp_path: Path) -> None:
    mesh = _mesh(tmp_path, "f " + "1 2 3 " * 5_000 + "\n")
    assert len(mesh.triangles) == 14_998


def test_binary_junk(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must hold faces"):
        read_obj(_write(tmp_path, bytes(range(256)) * 40))


MTL = """newmtl red
Kd 1 0.5 0
Ks 0.5 0.5 0.5
Ns 30
newmtl cow
bsdf pbr
Ks 0 0.25 0
map_Kd pic.png
newmtl metal
Kd 1 0.5 0.25
Pm 1
Pr 0.3
newmtl relief
norm -clamp on pic.png
map_Bump pic.png
Ke 1 1 1
"""


def test_materials(tmp_path: Path) -> None:
    text = POINTS + "mtllib m.mtl\n" + "".join(
        f"usemtl {name}\nf 1/1 2/2 3/3\n" for name in ("red", "cow", "metal", "relief", "absent")
    )
    picture = encode_png([[[188, 0, 0], [0, 0, 255]], [[0, 0, 0], [255, 255, 255]]])
    found = read_obj(_write(tmp_path, text, m__mtl=MTL, pic__png=picture))
    red, cow, metal, relief, absent = (part.material for part in found.parts)
    assert [part.name for part in found.parts] == ["red", "cow", "metal", "relief", "absent"]
    assert red.diffuse.flatten().tolist() == pytest.approx([1, 0.5, 0])
    assert red.specular.flatten().tolist() == pytest.approx([0.04] * 3)
    assert red.roughness.item() == pytest.approx((2 / 32) ** 0.25)
    assert cow.resolution == (2, 2)
    assert cow.diffuse[0, :, 0, 0].tolist() == pytest.approx([0.502886, 0, 0], abs=1e-6)
    assert (cow.roughness == 0.25).all()
    assert torch.allclose(cow.specular, torch.tensor(0.04))
    assert metal.specular.flatten().tolist() == pytest.approx([1, 0.5, 0.25])
    assert metal.diffuse.flatten().tolist() == [0, 0, 0]
    assert metal.roughness.item() == pytest.approx(0.3)
    up = torch.tensor([1.0, 1.0, 1.0]) / 3**0.5
    assert torch.allclose(relief.normal[0, :, 1, 1], up, atol=1e-6)
    assert found.parts[3].wrap == "clamp"
    assert absent.diffuse.flatten().tolist() == [0.5] * 3
    text = "; ".join(found.notes)
    for word in ("map_bump", "emission", "'absent' is not defined"):
        assert word in text, word


@pytest.mark.parametrize("words", ["-s 2", "-o 1 .5", "-t 0 0 0", "-s 2 2 -o 1 -clamp on"])
@pytest.mark.parametrize("name", ["pic.png", "2"])
def test_options_of_one_to_three_numbers(tmp_path: Path, words: str, name: str) -> None:
    library = f"newmtl a\nmap_Kd {words} {name}\n"
    path = _write(tmp_path, POINTS + "mtllib m.mtl\nusemtl a\nf 1/1 2/2 3/3\n", m__mtl=library)
    (tmp_path / name).write_bytes(encode_png(np.zeros((2, 2, 3))))
    found = read_obj(path)
    assert found.parts[0].material.resolution == (2, 2)
    assert f"map_kd {words[:2]} is left out" in "; ".join(found.notes)


@pytest.mark.parametrize(
    ("library", "rule"),
    [
        ("newmtl a\nKd 1 x 0\n", r"'a' kd must be 3 numbers in \[0, 1\]"),
        ("newmtl a\nKd 1 0\n", "kd must be 3 numbers"),
        ("newmtl a\nKd nan nan nan\n", "kd must be 3 numbers"),
        ("newmtl a\nNs -3\n", r"ns must be 1 numbers in \[0, inf\]"),
        ("newmtl a\nNs inf\n", "ns must be"),
        ("newmtl a\nmap_Kd none.png\n", "none.png: file must exist"),
        ("newmtl a\nmap_Kd ../pic.png\n", "map_kd must lie in the folder"),
        ("newmtl a\nmap_Kd link.png\n", "map_kd must lie in the folder"),
        ("newmtl a\nmap_Kd m.obj\n", "must be a JPEG, PNG or EXR"),
        ("newmtl a\nmap_Kd\n", "map_kd must be a relative path"),
    ],
)
def test_faults_of_a_library(tmp_path: Path, library: str, rule: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "pic.png").write_bytes(encode_png(np.zeros((2, 2, 3))))
    os.symlink(tmp_path / "pic.png", home / "link.png")
    path = _write(home, POINTS + "mtllib m.mtl\nusemtl a\nf 1/1 2/2 3/3\n", m__mtl=library)
    with pytest.raises(InputError, match=rule) as caught:
        read_obj(path)
    assert "\n" not in str(caught.value)


def test_a_missing_library_and_partly_missing_layers_are_noted(tmp_path: Path) -> None:
    path = _write(tmp_path, POINTS + "mtllib n.mtl\nf 1//1 2//1 3//1\nf 1/1 3/2 4/3\nl 1 2\n")
    found = read_obj(path)
    assert found.parts[0].mesh.normals is None
    assert found.parts[0].mesh.uv is None
    text = "; ".join(found.notes)
    for word in ("'n.mtl' is missing", "normals are left out", "uv are left out", "'l' statements"):
        assert word in text, word


def test_a_texture_needs_coordinates(tmp_path: Path) -> None:
    text = POINTS + "mtllib m.mtl\nusemtl a\nf 1 2 3\n"
    path = _write(tmp_path, text, m__mtl="newmtl a\nmap_Kd p.png\n",
                  p__png=encode_png(np.zeros((2, 2, 3))))  # fmt: skip
    with pytest.raises(InputError, match="must lie on faces with texture coordinates"):
        read_obj(path)
    path.write_text(text + "f 1/1 3/3 4/2\n")
    found = read_obj(path)
    mesh = found.parts[0].mesh
    assert mesh.uv is not None
    assert mesh.uv_triangles is not None
    assert (mesh.uv[mesh.uv_triangles[0].long()] == 0).all()
    assert "take those of (0, 0)" in found.notes[0]


def test_round_trip_to_the_bit(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    mesh = Mesh(
        torch.randn(4, 3, generator=random), triangles, torch.randn(2, 3, generator=random),
        torch.tensor([[0, 0, 0], [1, 1, 1]], dtype=torch.int32), torch.rand(4, 2, generator=random),
        triangles.flip(1),
    )  # fmt: skip
    write_obj(tmp_path / "m.obj", mesh)
    found = read_obj(tmp_path / "m.obj").parts[0].mesh
    for name, value in vars(mesh).items():
        assert (value is None and getattr(found, name) is None) or torch.equal(
            getattr(found, name), value
        ), name
    bare = Mesh(mesh.positions, triangles, mesh.normals, mesh.normal_triangles)
    write_obj(tmp_path / "n.obj", bare)
    assert "f 1//1 2//1 3//1" in (tmp_path / "n.obj").read_text()
    assert read_obj(tmp_path / "n.obj").parts[0].mesh.uv is None
