"""Scenes of glTF against what the specification says of them, worked out by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diffgfx.io import read_gltf
from diffgfx.scene import DistantLight, Mesh, Model, PointLight
from tests.glb_files import encode_png
from tests.mesh_files import QUAD, QUAD_UV, GltfFile, quad_file


def _corners(mesh: Mesh, values: Any, indices: Any) -> np.ndarray:
    return values[indices.long()].numpy().reshape(-1, values.shape[1])


def _turned(mesh: Mesh) -> torch.Tensor:
    a, b, c = (mesh.positions[mesh.triangles[:, k].long()] for k in range(3))
    return torch.linalg.cross(b - a, c - a)


def _read(file: GltfFile, tmp_path: Path, **more: Any) -> Model:
    return read_gltf(file.write(tmp_path / "m.glb"), **more)


def test_a_quad(tmp_path: Path) -> None:
    normals = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    model = _read(quad_file(NORMAL=normals, TEXCOORD_0=QUAD_UV), tmp_path)
    (part,) = model.parts
    assert part.mesh.positions.tolist() == QUAD.tolist()
    assert part.mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert part.mesh.uv is not None
    assert part.mesh.uv.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]  # v up
    assert part.mesh.normals is not None
    assert part.mesh.normals.tolist() == normals.tolist()
    assert part.material.to_tensor().flatten().tolist() == [0, 0, 1, 0, 0, 0, 1, 1, 1, 1]
    assert not part.two_sided
    assert model.notes == ()
    assert part.mesh.positions.dtype == torch.float32


def test_equal_positions_become_one_vertex_and_seams_stay(tmp_path: Path) -> None:
    """Two triangles that share no index, as exporters write them at a seam."""
    file = GltfFile()
    place = QUAD[[0, 1, 2, 0, 2, 3]].copy()
    place[3, 0] = -0.0
    uv = np.arange(12, dtype=np.float32).reshape(6, 2)
    file.primitive(POSITION=place, TEXCOORD_0=uv)  # without indices
    mesh = _read(file, tmp_path).parts[0].mesh
    assert mesh.positions.shape == (4, 3)
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.uv is not None
    assert mesh.uv_triangles is not None
    assert mesh.uv_triangles.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert mesh.uv.tolist() == [[u, 1 - v] for u, v in uv.tolist()]


def test_strips_and_fans(tmp_path: Path) -> None:
    for mode, wanted in ((5, [[0, 1, 2], [2, 1, 3]]), (6, [[0, 1, 2], [0, 2, 3]])):
        file = GltfFile()
        place = QUAD[[0, 1, 3, 2]] if mode == 5 else QUAD
        file.primitive([0, 1, 2, 3], POSITION=place)["mode"] = mode
        mesh = _read(file, tmp_path).parts[0].mesh
        assert mesh.triangles.tolist() == wanted
        assert (_turned(mesh)[:, 2] > 0).all()


def test_nodes_multiply_from_the_root(tmp_path: Path) -> None:
    """Move(1,2,3) . turn 90 deg about y . scale(2,1,1), against the product worked by hand."""
    file = quad_file(NORMAL=np.tile(np.array([0, 0, 1], np.float32), (4, 1)))
    half = math.sqrt(0.5)
    file.root["nodes"] = [
        {"translation": [1, 2, 3], "children": [1]},
        {"rotation": [0, half, 0, half], "scale": [2, 1, 1], "children": [2]},
        {"mesh": 0},
    ]
    mesh = _read(file, tmp_path).parts[0].mesh
    # x -> -2 z: (x, y, 0) -> (1, 2 + y, 3 - 2 x)
    assert np.allclose(mesh.positions, [[1, 2 + y, 3 - 2 * x] for x, y, _ in QUAD], atol=1e-6)
    assert mesh.normals is not None
    assert np.allclose(mesh.normals, [1, 0, 0], atol=1e-6)
    columns = [0, 0, -2, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 2, 3, 1]
    file.root["nodes"] = [{"mesh": 0, "matrix": columns}]
    again = _read(file, tmp_path).parts[0].mesh
    assert np.allclose(again.positions, mesh.positions, atol=1e-6)


def test_a_mirror_keeps_outside_outside(tmp_path: Path) -> None:
    """The mirrored normal, tangent and bitangent are the mirror images of those before."""
    normals = np.tile(np.array([0.6, 0, 0.8], np.float32), (4, 1))
    tangents = np.tile(np.array([0.8, 0, -0.6, 1], np.float32), (4, 1))
    file = quad_file(NORMAL=normals, TANGENT=tangents)
    file.root["nodes"] = [{"mesh": 0, "scale": [-2, 1, 1]}]
    mesh = _read(file, tmp_path).parts[0].mesh
    assert (_turned(mesh)[:, 2] > 0).all()
    assert mesh.normals is not None
    assert mesh.tangents is not None
    slant = np.array([-0.6, 0, 2 * 0.8]) / np.hypot(0.6, 1.6)  # inverse transpose
    assert np.allclose(mesh.normals, slant, atol=1e-6)
    turned = np.array([-1.6, 0, -0.6]) / np.hypot(0.6, 1.6)
    assert np.allclose(mesh.tangents[:, :3], turned, atol=1e-6)
    assert (mesh.tangents[:, 3] == -1).all()
    # n x t w of the file is +y, which the mirror leaves; so must the result's be
    assert np.allclose(-np.cross(slant, turned), [0, 1, 0], atol=1e-6)


def test_the_shown_scene_and_files_without_one(tmp_path: Path) -> None:
    file = quad_file()
    file.root["nodes"] = [{"mesh": 0}, {"mesh": 0, "translation": [5, 0, 0]}]
    file.root["scenes"] = [{"nodes": [0]}, {"nodes": [1]}]
    file.root["scene"] = 1
    low, _ = _read(file, tmp_path).bounds
    assert low.tolist() == [5, 0, 0]
    del file.root["scene"], file.root["scenes"]
    assert len(_read(file, tmp_path).parts) == 2


def test_quantised_strided_and_sparse_accessors(tmp_path: Path) -> None:
    file = GltfFile()
    file.root["extensionsRequired"] = ["KHR_mesh_quantization"]
    rows = np.zeros((4, 4), np.int16)  # six bytes a position, two of padding
    rows[:, :3] = QUAD * 32767
    view = file.view(rows.tobytes(), byteStride=8)
    file.root["accessors"].append(
        {"bufferView": view, "componentType": 5122, "count": 4, "type": "VEC3", "normalized": True}
    )
    sparse = {
        "count": 1,
        "indices": {"bufferView": file.view(np.array([2], np.uint8).tobytes()),
                    "componentType": 5121},
        "values": {"bufferView": file.view(np.array([[0.25, 0.5]], "<f4").tobytes())},
    }  # fmt: skip
    file.root["accessors"].append(
        {"componentType": 5126, "count": 4, "type": "VEC2", "sparse": sparse}
    )
    entry = file.primitive([0, 1, 2, 0, 2, 3])
    entry["attributes"] = {"POSITION": 0, "TEXCOORD_0": 1}
    mesh = _read(file, tmp_path).parts[0].mesh
    assert mesh.positions.tolist() == QUAD.tolist()
    assert mesh.uv is not None
    assert mesh.uv.tolist() == [[0, 1], [0, 1], [0.25, 0.5], [0, 1]]


@pytest.mark.parametrize("inside", [True, False])
def test_gltf_beside_its_buffer(tmp_path: Path, inside: bool) -> None:
    model = read_gltf(quad_file().write_gltf(tmp_path / "m.gltf", inside=inside))
    assert model.parts[0].mesh.positions.tolist() == QUAD.tolist()


def _textured(transform: dict[str, Any], **sampler: Any) -> GltfFile:
    file = quad_file(TEXCOORD_0=QUAD_UV)
    picture = file.picture(encode_png([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]]),
                           **sampler)  # fmt: skip
    texture: dict[str, Any] = {"index": picture}
    if transform:
        texture["extensions"] = {"KHR_texture_transform": transform}
    file.root["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": texture, "metallicFactor": 0.0}}
    ]
    file.root["meshes"][0]["primitives"][0]["material"] = 0
    return file


def test_a_textured_quad(tmp_path: Path) -> None:
    (part,) = _read(_textured({}), tmp_path).parts
    assert part.material.resolution == (2, 2)
    assert part.material.diffuse[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0])
    assert part.material.diffuse[0, :, 1, 0].tolist() == pytest.approx([0, 0, 1])
    assert part.wrap == "wrap"
    assert _read(_textured({}, wrapS=33071, wrapT=33071), tmp_path).parts[0].wrap == "clamp"


def test_texture_transform(tmp_path: Path) -> None:
    """The extension's own example: the lower left quarter, turned clockwise by 90 degrees."""
    moved = {"offset": [0, 1], "rotation": math.pi / 2, "scale": [0.5, 0.5]}
    uv = _read(_textured(moved), tmp_path).parts[0].mesh.uv
    assert uv is not None
    # top left of the quad (file: (0, 0)) -> file (0, 1), the lower left corner: v up 0
    assert np.allclose(uv[3], [0, 0], atol=1e-6)
    # top right (1, 0) -> (0, 1/2): the quarter's upper left
    assert np.allclose(uv[2], [0, 0.5], atol=1e-6)
    # bottom left (0, 1) -> (1/2, 1)
    assert np.allclose(uv[0], [0.5, 0], atol=1e-6)


def test_a_mirrored_texture_is_written_out(tmp_path: Path) -> None:
    file = _textured({}, wrapS=33648)
    (part,) = _read(file, tmp_path).parts
    assert part.material.resolution == (2, 4)
    red = part.material.diffuse[0, 0, 0].tolist()
    assert red == pytest.approx([1, 0, 0, 1])
    assert part.mesh.uv is not None
    assert part.mesh.uv[:, 0].tolist() == [0, 0.5, 0.5, 0]
    assert part.mesh.uv[:, 1].tolist() == [0, 0, 1, 1]


def test_camera_and_lights(tmp_path: Path) -> None:
    file = quad_file()
    half = math.sqrt(0.5)
    file.root["cameras"] = [
        {"type": "perspective", "perspective": {"yfov": 0.5, "znear": 0.1, "zfar": 9.0}},
        {"type": "orthographic"},
    ]
    file.root["extensions"] = {"KHR_lights_punctual": {"lights": [
        {"type": "point", "color": [1, 0.5, 0], "intensity": 4.0},
        {"type": "directional", "intensity": 3.0},
        {"type": "spot"},
    ]}}  # fmt: skip
    lights = [{"extensions": {"KHR_lights_punctual": {"light": k}}} for k in range(3)]
    turn = {"translation": [1, 2, 3], "rotation": [0, half, 0, half]}  # -z looks along -x
    file.root["nodes"] += [
        {"camera": 0, **turn}, {"camera": 1}, *({**light, **turn} for light in lights)
    ]  # fmt: skip
    file.root["scenes"][0]["nodes"] = [0, 1, 2, 3, 4, 5]
    model = _read(file, tmp_path, dtype=torch.float64)
    (camera,) = model.cameras
    assert camera.position.tolist() == [[1, 2, 3]]
    assert np.allclose(camera.target - camera.position, [[-1, 0, 0]])
    assert (camera.near, camera.far, float(camera.fov_y)) == (0.1, 9.0, 0.5)
    point, sun = model.lights
    assert isinstance(point, PointLight)
    assert point.intensity.tolist() == [[4, 2, 0]]
    assert point.position.tolist() == [[1, 2, 3]]
    assert isinstance(sun, DistantLight)
    assert np.allclose(sun.direction, [[1, 0, 0]])
    assert sun.irradiance.tolist() == [[3, 3, 3]]
    assert len(model.notes) == 2


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    file = quad_file(COLOR_0=QUAD)
    file.root["animations"] = [{}]
    file.root["materials"] = [
        {"emissiveFactor": [1, 0, 0], "alphaMode": "BLEND", "doubleSided": True,
         "occlusionTexture": {"index": 0}, "extensions": {"KHR_materials_clearcoat": {},
         "KHR_materials_specular": {"specularFactor": 0.5}},
         "pbrMetallicRoughness": {"metallicFactor": 0.0}}
    ]  # fmt: skip
    primitive = file.root["meshes"][0]["primitives"][0]
    primitive |= {"material": 0, "targets": [{}]}
    file.root["nodes"][0]["skin"] = 0
    file.primitive(POSITION=QUAD)["mode"] = 1
    model = _read(file, tmp_path)
    text = "; ".join(model.notes)
    for word in ("animations", "skin", "morph", "colours", "points and lines", "emission",
                 "occlusion", "opaque", "clearcoat", "dim the rim"):  # fmt: skip
        assert word in text, word
    (part,) = model.parts
    assert part.two_sided
    assert part.material.specular.flatten().tolist() == pytest.approx([0.02] * 3)
