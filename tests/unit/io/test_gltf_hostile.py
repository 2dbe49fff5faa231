"""glTF that is broken or hostile: one line that names the place, at once, and no memory."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffgfx.errors import InputError
from diffgfx.io import gltf_model, read_gltf
from tests.glb_files import Fields, encode_png
from tests.mesh_files import QUAD, QUAD_UV, GltfFile, quad_file


def _refused(path: Path, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        read_gltf(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def _accessor(number: int, **change: Any) -> Callable[[Fields], None]:
    return lambda root: root["accessors"][number].update(change)


def _view(number: int, **change: Any) -> Callable[[Fields], None]:
    return lambda root: root["bufferViews"][number].update(change)


def _nodes(*nodes: Fields) -> Callable[[Fields], None]:
    return lambda root: root.update(nodes=list(nodes))


def _chain(root: Fields) -> None:
    """Write 20 000 nodes, each the only child of the one before, that scale up."""
    root["nodes"] = [{"children": [k + 1], "scale": [2, 2, 2]} for k in range(20_000)]
    root["nodes"].append({"mesh": 0})


PRIMITIVE = ("meshes", 0, "primitives", 0)


def _primitive(**change: Any) -> Callable[[Fields], None]:
    return lambda root: root["meshes"][0]["primitives"][0].update(change)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_accessor(0, count=10**9), "scene must show at most 16777216 vertices"),
        (_accessor(1, count=10**9), r"accessors\[1\].count must be at most"),
        (_accessor(1, count=10**30), r"accessors\[1\].count must be a whole number"),
        (_accessor(0, count=5), r"accessors\[0\] must lie within the 48 bytes"),
        (_accessor(0, count=-1), r"count must be a whole number >= 1, got -1"),
        (_accessor(0, byteOffset=-12), "byteOffset must be a whole number >= 0, got -12"),
        (_accessor(0, byteOffset=4), r"accessors\[0\] must lie within"),
        (_accessor(0, componentType=5124), "componentType must be one of"),
        (_accessor(0, componentType=[]), "componentType must be one of"),
        (_accessor(0, type="VEC2"), "must have 3 numbers an element"),
        (_accessor(0, type=["VEC3"]), "must have 3 numbers an element"),
        (_accessor(0, normalized=1), "normalized must be true or false"),
        (_accessor(0, bufferView=77), "bufferView must name one of 2 bufferViews"),
        (_accessor(1, componentType=5126, count=1), "must hold unsigned integers as indices"),
        (_accessor(1, count=5), "must hold three indices a triangle, got 5"),
        (_view(0, byteLength=10**12), "must lie within the 60 bytes"),
        (_view(0, byteOffset=-8), "must lie within the 60 bytes"),
        (_view(0, byteStride=0), "byteStride must be a whole number >= 1"),
        (_view(0, byteStride=4), r"accessors\[0\] must lie within"),
        (_view(0, byteStride=2**61), r"accessors\[0\] must lie within"),
        (_view(0, buffer=1), "must name one of 1 buffers"),
        (_nodes({"children": [0]}), "must name a node that has no other parent, got 0"),
        (_nodes({"children": [1]}, {"children": [0]}), "must name a node that has no other"),
        (_nodes({"children": [1, 1]}, {"mesh": 0}), "must name a node that has no other"),
        (_nodes({"children": [7]}), r"nodes\[0\].children must name one of 1 nodes"),
        (_nodes({"children": 3}), "children must be a list"),
        (_nodes({"mesh": 5}), r"nodes\[0\].mesh must name one of 1 meshes"),
        (_nodes({"mesh": 0, "scale": [0, 1]}), "scale must be a list of 3 numbers"),
        (_nodes({"mesh": 0, "matrix": [1e300] * 16}), "must be finite"),
        (_nodes({"mesh": 0, "rotation": [0, 0, 0, 0]}), "must be a quaternion of length 1"),
        (_nodes({"mesh": 0, "translation": [1e39, 0, 0]}), "positions must be finite"),
        (_nodes({"mesh": 0, "scale": [1e200, 1e200, 1e200]}), "positions must be finite"),
        (_nodes({}), "scene must show a mesh of triangles"),
        (_chain, "must have a finite transform"),
        (lambda root: root.update(nodes=7), "nodes must be a list"),
        (lambda root: root.update(scene=4), "scene must name one of 1 scenes"),
        (_primitive(mode=9), "mode must be 0 to 6"),
        (_primitive(mode=[]), "mode must be 0 to 6"),
        (_primitive(attributes={}), "POSITION must name one of 2 accessors, got None"),
        (_primitive(attributes={"POSITION": 0, "NORMAL": 1}), "must have 3 numbers"),
        (_primitive(material=3), "material must name one of 0 materials"),
        (_primitive(extensions={"KHR_draco_mesh_compression": {}}), "must be stored plainly"),
        (lambda root: root.update(extensionsRequired=["EXT_meshopt_compression"]),
         "extensionsRequired must be among"),
        (lambda root: root.update(accessors={"0": 1}), "accessors must be a list"),
        (lambda root: root["meshes"][0].update(primitives=[3]), "must be an object, got 3"),
        (lambda root: root.update(meshes=[{}]), "scene must show a mesh"),
    ],
)  # fmt: skip
def test_each_fault_is_named(tmp_path: Path, change: Any, rule: str) -> None:
    file = quad_file()
    change(file.root)
    _refused(file.write(tmp_path / "m.glb"), rule)


def test_indices_and_numbers_out_of_range(tmp_path: Path) -> None:
    file = GltfFile()
    file.primitive([0, 1, 4], POSITION=QUAD)
    _refused(file.write(tmp_path / "m.glb"), "must index 4 vertices, got 4")
    file = GltfFile()
    file.primitive(POSITION=np.where(QUAD == 1, np.nan, QUAD)[:3])
    _refused(file.write(tmp_path / "m.glb"), "must be finite, got '4 NaN or infinite numbers'|NaN")


def test_many_nodes_of_one_mesh_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = quad_file()
    file.root["nodes"] = [{"mesh": 0} for _ in range(50)]
    file.root["scenes"] = [{"nodes": list(range(50))}]
    path = file.write(tmp_path / "m.glb")
    assert len(read_gltf(path).parts) == 50
    for limit, rule in (("_THING_LIMIT", "must be among 40"), ("TRIANGLE_LIMIT", "most 40 tri"),
                        ("_VERTEX_LIMIT", "at most 40 vertices")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(gltf_model, limit, 40)
            _refused(path, rule)


def test_zeros_that_cost_nothing_are_bounded(tmp_path: Path) -> None:
    file = quad_file()
    del file.root["accessors"][0]["bufferView"]
    file.root["accessors"][0]["count"] = 2**24
    _refused(file.write(tmp_path / "m.glb"), "count must be at most 1048576")


def test_a_json_of_endless_entries_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "m.gltf"
    path.write_bytes(b'{"nodes": [' + b"{}," * 3_000_000 + b"{}]}")
    _refused(path, "JSON of a glTF must hold at most 3000000 entries")
    path.write_bytes(b'{"nodes": ' + b"[" * 100_000)
    _refused(path, "JSON of a glTF must parse")
    path.write_bytes(b"[]")
    _refused(path, "JSON of a glTF must be an object")


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("../secret.bin", "must lie in the folder of the scene"),
        ("a/../../secret.bin", "must lie in the folder of the scene"),
        ("..%2Fsecret.bin", "must lie in the folder of the scene"),
        ("..\\secret.bin", "must lie in the folder of the scene"),
        ("/etc/passwd", "must be a relative path"),
        ("file:///etc/passwd", "must be a relative path"),
        ("https://example.org/a.bin", "must be a relative path"),
        ("C:\\a.bin", "must be a relative path"),
        ("link.bin", "must lie in the folder of the scene"),
        ("loop.bin", "must"),
        ("none.bin", "file must exist"),
        ("", "must be a relative path"),
        ("a\0b", "must be a relative path"),
        ("x" * 5000, "must be"),
        (5, "must be text"),
        ("data:application/octet-stream;base64,###", "must be valid base64"),
        ("data:text/plain,hello", "must be a base64 data URI"),
        ("data:application/octet-stream;base64,AAAA", "must lie within the 3 bytes"),
    ],
)
def test_what_a_file_names_stays_in_its_folder(tmp_path: Path, uri: Any, rule: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret.bin").write_bytes(quad_file().blob)
    os.symlink(tmp_path / "secret.bin", home / "link.bin")
    os.symlink(home / "loop.bin", home / "loop.bin")
    file = quad_file()
    file.root["buffers"][0]["uri"] = uri
    path = file.write(home / "m.glb")
    with pytest.raises(InputError, match=rule) as caught:
        read_gltf(path)
    assert "\n" not in str(caught.value)


def test_textures_that_cannot_be_shown(tmp_path: Path) -> None:
    def textured(change: Callable[[Fields], object], **attributes: Any) -> Path:
        file = quad_file(**attributes)
        index = file.picture(encode_png(np.zeros((2, 2, 3))))
        info = {"index": index}
        file.root["materials"] = [
            {"pbrMetallicRoughness": {"baseColorTexture": info}, "normalTexture": dict(info)}
        ]
        file.root["meshes"][0]["primitives"][0]["material"] = 0
        change(file.root)
        return file.write(tmp_path / "m.glb")

    def move(root: Fields) -> None:
        info = root["materials"][0]["normalTexture"]
        info["extensions"] = {"KHR_texture_transform": {"offset": [0.5, 0]}}

    def second(root: Fields) -> None:
        for info in (root["materials"][0]["normalTexture"],
                     root["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]):  # fmt: skip
            info["texCoord"] = 1

    assert read_gltf(textured(lambda _: 0, TEXCOORD_0=QUAD_UV)).parts[0].mesh.uv is not None
    _refused(textured(lambda _: 0), "must hold TEXCOORD_0, which the textures")
    _refused(textured(move, TEXCOORD_0=QUAD_UV), "normalTexture must lie where .*baseColor")
    _refused(textured(second, TEXCOORD_0=QUAD_UV), "must hold TEXCOORD_1")
    _refused(
        textured(lambda r: r["samplers"][0].update(wrapS=[]), TEXCOORD_0=QUAD_UV), "wrapS must be"
    )
    _refused(
        textured(lambda r: r["textures"][0].update(source=9), TEXCOORD_0=QUAD_UV),
        "must name one of 1 images",
    )


def test_a_huge_picture_is_refused_by_its_header(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    file = quad_file(TEXCOORD_0=QUAD_UV)
    texture = {"index": file.picture(png)}
    file.root["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": texture}}]
    file.root["meshes"][0]["primitives"][0]["material"] = 0
    _refused(file.write(tmp_path / "m.glb"), "must hold at most 16777216 pixels, got 9000 x 9000")


def test_cameras_and_lights_that_make_no_sense(tmp_path: Path) -> None:
    file = quad_file()
    file.root["cameras"] = [{"type": "perspective", "perspective": {"yfov": 0, "znear": 1}}]
    file.root["nodes"][0]["camera"] = 0
    _refused(file.write(tmp_path / "m.glb"), "camera must make a camera, got 'fov_y must lie")
    file = quad_file()
    file.root["nodes"][0]["extensions"] = {"KHR_lights_punctual": {"light": 0}}
    _refused(file.write(tmp_path / "m.glb"), "must name one of 0 lights")
