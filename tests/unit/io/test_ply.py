"""PLY of each kind, and what is wrong with some."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from diffgfx.errors import InputError
from diffgfx.io import read_ply, write_ply
from diffgfx.scene import Mesh, Model
from tests.mesh_files import QUAD

HEAD = (
    "ply\nformat {} 1.0\ncomment x\nelement vertex 4\nproperty float x\nproperty float y\n"
    "property float z\nelement face {}\nproperty list uchar int vertex_indices\nend_header\n"
)
POINTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"


def _read(tmp_path: Path, data: bytes | str) -> Model:
    path = tmp_path / "m.ply"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_ply(path)


def _binary(order: str, faces: list[list[int]]) -> bytes:
    kind = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    data = HEAD.format(kind, len(faces)).encode() + QUAD.astype(order + "f4").tobytes()
    return data + b"".join(struct.pack(f"{order}B{len(f)}i", len(f), *f) for f in faces)


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary(tmp_path: Path, order: str) -> None:
    mesh = _read(tmp_path, _binary(order, [[0, 1, 2], [0, 2, 3]])).parts[0].mesh
    assert mesh.positions.tolist() == QUAD.tolist()
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    mixed = _read(tmp_path, _binary(order, [[0, 1, 2, 3], [0, 2, 3]])).parts[0].mesh
    assert mixed.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 3]]
    quads = _read(tmp_path, _binary(order, [[0, 1, 2, 3], [3, 2, 1, 0]])).parts[0].mesh
    assert quads.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 1], [3, 1, 0]]


def test_ascii(tmp_path: Path) -> None:
    text = HEAD.format("ascii", 2) + POINTS + "4 0 1 2 3\n3 0 2 3\n"
    mesh = _read(tmp_path, text).parts[0].mesh
    assert mesh.positions.tolist() == QUAD.tolist()
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 3]]
    assert _read(tmp_path, text.replace("\n", "\r\n")).parts[0].mesh.triangles.shape == (3, 3)


def test_properties_in_any_order_and_seams(tmp_path: Path) -> None:
    text = (
        "ply\nformat ascii 1.0\nelement face 2\nproperty uchar flag\n"
        "property list uint8 uint32 vertex_index\nelement vertex 6\nproperty double z\n"
        "property float nx\nproperty float ny\nproperty float nz\nproperty double x\n"
        "property double y\nproperty uchar red\nproperty float s\nproperty float t\nend_header\n"
        "7 3 0 1 2\n7 3 3 4 5\n"
    )
    corners = (0, 1, 2, 0, 2, 3)
    for k, corner in enumerate(corners):
        x, y, z = QUAD[corner]
        text += f"{z} 0 0 1 {x} {y} 9 {k / 8} 0.25\n"
    found = _read(tmp_path, text)
    mesh = found.parts[0].mesh
    assert mesh.positions.tolist() == QUAD.tolist()
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.normals is not None
    assert (mesh.normals == torch.tensor([0.0, 0, 1])).all()
    assert mesh.uv is not None
    assert mesh.uv[:, 0].tolist() == [k / 8 for k in range(6)]
    assert (mesh.uv[:, 1] == 0.25).all()
    assert found.notes == (
        "'vertex property red' is left out", "'face property flag' is left out"
    )  # fmt: skip


GOOD = HEAD.format("ascii", 1) + POINTS + "3 0 1 2\n"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (GOOD.replace("3 0 1 2", "5 0 1 2"), "lines of 'face' must hold the numbers"),
        (GOOD.replace("3 0 1 2", "3 0 1 2 3"), "lines of 'face' must hold the numbers"),
        (GOOD.replace("3 0 1 2", "2 0 1"), "faces must have three corners"),
        (GOOD.replace("3 0 1 2", "-1"), "must have a length, got -1"),
        (GOOD.replace("3 0 1 2", "3 0 1 4"), "must index the 4 vertices, got 0 to 4"),
        (GOOD.replace("3 0 1 2", "3 0 1 -1"), "must index the 4 vertices"),
        (GOOD.replace("3 0 1 2", "3 0 1 1.5"), "must index the 4 vertices"),
        (GOOD.replace("3 0 1 2\n", ""), "element 'face' must have 1 lines, got 0"),
        (GOOD + "3 0 1 2\n", "must end after 5 lines of data, got 6"),
        (GOOD.replace("1 1 0", "1 nan 0"), "must be finite"),
        (GOOD.replace("1 1 0", "1 1"), "lines of 'vertex' must hold the numbers"),
        (GOOD.replace("1 1 0", "1 one 0"), "lines of 'vertex' must hold numbers"),
        (GOOD.replace("1 1 0", "1 1" + "0" * 100 + " 0"), "got a word of 101 letters"),
        (GOOD.replace("vertex 4", "vertex 4000000000"), "must fit in the"),
        (GOOD.replace("vertex 4", f"vertex {10**30}"), "header must consist of"),
        (GOOD.replace("vertex 4", "vertex -4"), "header must consist of"),
        (GOOD.replace("float y", "float x"), "header must consist of"),
        (GOOD.replace("float y", "quad y"), "header must consist of"),
        (GOOD.replace("float y", "float yy"), "vertex must have x, y and z"),
        (GOOD.replace("vertex_indices", "corners"), "must hold faces with a list"),
        (GOOD.replace("list uchar int", "int"), "lines of 'face' must hold"),
        (GOOD.replace("format ascii 1.0\n", ""), "must name its format"),
        (GOOD.replace("ascii", "morse"), "header must consist of"),
        (GOOD.replace("end_header", "end"), "must begin with a PLY header"),
        (GOOD.replace("comment", "remark"), "header must consist of"),
        ("ply", "must begin with a PLY header"),
        ("ply\nproperty float x\nend_header\n", "header must consist of"),
        (HEAD.format("ascii", 0) + POINTS, "must hold faces with a list"),
    ],
)
def test_faults_of_text(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        _read(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "m.ply" in str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda d: d[:-1], "PLY must be complete"),
        (lambda d: d[:-14], "PLY must be complete"),
        (lambda d: d[:-40], "must fit in the|PLY must be complete"),
        (lambda d: d.replace(b"vertex 4", b"vertex 999999999999"), "must fit in the"),
        (lambda d: d.replace(b"face 2", b"face 9999999999"), "must fit in the"),
        (lambda d: d.replace(b"list uchar int", b"list uint int"), "PLY must be complete"),
        (lambda d: d.replace(b"list uchar", b"list float"), "must have a length|be complete"),
        (lambda d: d.replace(b"list uchar", b"list char"), "must|faces"),
        (lambda d: d[:-13] + b"\xff" + d[-12:], "PLY must be complete"),
    ],
)
def test_faults_of_binary(tmp_path: Path, order: str, change: object, rule: str) -> None:
    data = change(_binary(order, [[0, 1, 2], [0, 2, 3]]))  # type: ignore[operator]
    if data.count(b"list char"):  # as good as uchar for such lengths
        assert len(_read(tmp_path, data).parts[0].mesh.triangles) == 2
        return
    with pytest.raises(InputError, match=rule) as caught:
        _read(tmp_path, data)
    assert "\n" not in str(caught.value)


def test_nan_in_binary(tmp_path: Path) -> None:
    data = _binary("<", [[0, 1, 2]])
    start = data.index(b"end_header\n") + len(b"end_header\n")
    data = data[:start] + struct.pack("<f", np.nan) + data[start + 4 :]
    with pytest.raises(InputError, match="'vertex' 'x' must be finite"):
        _read(tmp_path, data)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip_to_the_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=dtype)
    triangles = torch.tensor([[0, 1, 2], [0, 2, 4]], dtype=torch.int32)
    write_ply(tmp_path / "m.ply", Mesh(points, triangles))
    found = read_ply(tmp_path / "m.ply", dtype=dtype).parts[0].mesh
    assert torch.equal(found.positions, points)
    assert torch.equal(found.triangles, triangles)
