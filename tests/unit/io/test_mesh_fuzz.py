"""Files of meshes that were changed at random: read, or refused in one line; nothing else."""

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffgfx.errors import InputError
from diffgfx.io import read_mesh
from tests.glb_files import encode_png, join_glb, split_glb
from tests.mesh_files import QUAD, QUAD_UV, quad_file

JUNK = [None, True, -1, 0, 1, 3, 99, 2.5, 1e308, 10**400, 2**31, "", "../x", "data:,", [], [0], {},
        {"index": 0}, [1e308] * 16]  # fmt: skip
WORDS = [b"0", b"-1", b"999999999999", b"nan", b"1e999", b"\n", b" ", b"/", b"-", b"\x00", b"f",
         b"list", b"uint", b"255", b"usemtl a", b"4 0 1 2 3", b"\\"]  # fmt: skip
OBJ = b"""mtllib m.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vn 0 0 1
usemtl a
f 1/1/1 2/2/1 3/3/1
usemtl b
f -4//1 -3//1 -2//1 -1//1
"""
MTL = b"newmtl a\nKd 1 0.5 0\nPr 0.5\nmap_Kd p.png\nnewmtl b\nKs 1 1 1\nNs 9\n"
PLY = (
    b"ply\nformat %s 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
    b"property float z\nproperty float s\nproperty float t\nelement face 2\n"
    b"property list uchar int vertex_indices\nend_header\n"
)


def _seeds() -> dict[str, bytes]:
    normals = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    file = quad_file(NORMAL=normals, TEXCOORD_0=QUAD_UV)
    info = {"index": file.picture(encode_png(np.zeros((2, 2, 3))), wrapS=33648)}
    file.root["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": info, "roughnessFactor": 0.5},
         "extensions": {"KHR_materials_specular": {"specularFactor": 0.5}}}
    ]  # fmt: skip
    file.root["meshes"][0]["primitives"][0]["material"] = 0
    file.root["cameras"] = [{"type": "perspective", "perspective": {"yfov": 0.5, "znear": 0.1}}]
    file.root["nodes"] = [{"children": [1, 2], "scale": [1, -1, 1]}, {"mesh": 0}, {"camera": 0}]
    vertices = np.concatenate([QUAD, QUAD_UV], axis=1)
    text = b"\n".join(b" ".join(b"%g" % value for value in row) for row in vertices)
    faces = b"\x03" + np.array([0, 1, 2], "<i4").tobytes() + b"\x04"
    return {
        "m.glb": join_glb(file.root, file.blob),
        "m.obj": OBJ,
        "m.ply": PLY % b"ascii" + text + b"\n3 0 1 2\n4 0 1 2 3\n",
        "n.ply": PLY % b"binary_little_endian" + vertices.astype("<f4").tobytes() + faces
        + np.arange(4, dtype="<i4").tobytes(),
    }  # fmt: skip


def _spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    below = [spot for key, child in pairs if isinstance(child, dict | list)
             for spot in _spots(child, (*path, key))]  # fmt: skip
    return below + [(*path, key) for key, _ in pairs]


def _change_json(data: bytes, draw: random.Random) -> bytes:
    root, blob = split_glb(data)
    for _ in range(draw.randint(1, 3)):
        *steps, key = draw.choice(_spots(root))
        owner = root
        for step in steps:
            owner = owner[step]
        owner[key] = copy.deepcopy(draw.choice(JUNK))
    return join_glb(root, blob)


def _change_bytes(data: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(damaged))
        match draw.randint(0, 3):
            case 0:
                damaged[place] = draw.randrange(256)
            case 1:
                damaged[place:place] = draw.choice(WORDS)
            case 2:
                del damaged[place : place + draw.randint(1, 12)]
            case _:
                damaged[place : place + 1] = damaged[place : place + draw.randint(1, 40)] * 2
        if not damaged:
            return b"x"
    return bytes(damaged)


def _read_or_refuse(path: Path) -> int:
    """Return 1 if the file was read."""
    try:
        model = read_mesh(path)
    except InputError as error:
        fault = str(error)
    else:
        for part in model.parts:
            assert part.mesh.positions.isfinite().all()
            assert part.material.resolution[0] >= 1
        return 1
    assert "\n" not in fault
    assert fault.startswith(str(path.parent))
    return 0


def _fuzz(folder: Path, count: int) -> None:
    (folder / "m.mtl").write_bytes(MTL)
    (folder / "p.png").write_bytes(encode_png(np.zeros((2, 2, 3))))
    for name, data in _seeds().items():
        (folder / name).write_bytes(data)
        assert _read_or_refuse(folder / name) == 1, name  # what is changed was good
        changes: list[Callable[[bytes, random.Random], bytes]] = [_change_bytes]
        if name.endswith(".glb"):
            changes += [_change_json] * 3
        read = 0
        for seed in range(count // 4):
            draw = random.Random(f"{name}{seed}")
            changed = draw.choice(changes)(data, draw)
            (folder / name).write_bytes(changed)
            read += _read_or_refuse(folder / name)
        assert 0 < read < count // 4, name  # both happened


def test_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    _fuzz(tmp_path, 320)


@pytest.mark.slow
def test_a_hundred_thousand_changed_files(tmp_path: Path) -> None:
    _fuzz(tmp_path, 100_000)
