import json
import math
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from diffgfx.errors import OutputError, RangeError, ShapeError
from diffgfx.io.gltf import read_material_glb, write_material_glb, write_material_gltf
from diffgfx.scene import MaterialMaps
from tests.glb_files import build_glb, edit_glb, encode_png, random_maps, split_glb


@pytest.fixture
def glb(tmp_path: Path) -> Path:
    path = tmp_path / "material.glb"
    write_material_glb(path, random_maps(), metres_per_unit=0.01)
    return path


@pytest.mark.parametrize(("bits", "tolerance"), [(16, 2e-5), (8, 5e-3)])
def test_round_trip(tmp_path: Path, bits: Any, tolerance: float) -> None:
    maps = random_maps()
    path = tmp_path / "m.glb"
    write_material_glb(path, maps, metres_per_unit=0.01, color_bits=bits)
    found = read_material_glb(path)
    assert found.resolution == (5, 7)
    assert found.size == pytest.approx((0.06848, 0.04), rel=1e-6)
    for name, most in (
        ("diffuse", tolerance), ("specular", tolerance), ("roughness", 8e-6), ("normal", 2.5e-5)
    ):
        difference = getattr(found, name) - getattr(maps, name)
        assert float(difference.abs().max()) <= most, name
        assert getattr(found, name).dtype == torch.float32


@pytest.mark.parametrize("bits", [8, 16])
def test_textures_as_files_hold_the_same_to_the_bit(tmp_path: Path, bits: Any) -> None:
    glb, gltf = tmp_path / "m.glb", tmp_path / "m.gltf"
    for write, path in ((write_material_glb, glb), (write_material_gltf, gltf)):
        write(path, random_maps(), metres_per_unit=0.01, name="brass", color_bits=bits)
    embedded, beside = read_material_glb(glb), read_material_glb(gltf)
    assert torch.equal(embedded.to_tensor(), beside.to_tensor())
    assert embedded.size == beside.size
    root = json.loads(gltf.read_text())
    assert [image["uri"] for image in root["images"]] == [
        f"textures/{key}.png" for key in ("diffuse", "metallic_roughness", "normal", "specular")
    ]
    assert root["materials"] == split_glb(glb.read_bytes())[0]["materials"]
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"m.glb", "m.gltf", *(image["uri"] for image in root["images"])}


def test_no_folder_for_textures_no_file(tmp_path: Path) -> None:
    (tmp_path / "textures").write_text("a file of the user's")
    with pytest.raises(OutputError, match=r"m.gltf: file must be writable"):
        write_material_gltf(tmp_path / "m.gltf", random_maps(), metres_per_unit=1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["textures"]


def test_black_white_and_mirror_survive_exactly(tmp_path: Path) -> None:
    one, up = torch.ones(1, 3, 2, 2), torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    maps = MaterialMaps(up.expand(1, 3, 2, 2), 0.0 * one, one, 0.0 * one[:, :1])
    write_material_glb(tmp_path / "m.glb", maps, metres_per_unit=1.0)
    found = read_material_glb(tmp_path / "m.glb")
    assert torch.equal(found.diffuse, maps.diffuse)
    assert torch.equal(found.specular, maps.specular)
    assert torch.equal(found.roughness, maps.roughness)
    assert float((found.normal - maps.normal).abs().max()) <= 2e-5


def test_the_material_is_a_non_metal_with_coloured_f0(glb: Path) -> None:
    root, _ = split_glb(glb.read_bytes())
    material = root["materials"][0]
    assert root["extensionsUsed"] == ["KHR_materials_specular"]
    assert root["asset"]["generator"].startswith("diffgfx ")
    extension = material["extensions"]["KHR_materials_specular"]
    assert extension["specularColorFactor"] == [25.0, 25.0, 25.0]
    assert extension["specularFactor"] == 1.0
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0.0
    assert root["samplers"][0] == {
        "magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497
    }


def _pictures(path: Path) -> dict[str, np.ndarray]:
    root, blob = split_glb(path.read_bytes())
    found = {}
    for image in root["images"]:
        view = root["bufferViews"][image["bufferView"]]
        data = blob[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        rows = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert rows is not None
        found[image["name"]] = rows[..., ::-1]
    return found


def test_textures_hold_the_codes_gltf_asks_for(tmp_path: Path) -> None:
    up = torch.tensor([2.8, 0.0, 9.6]).view(1, 3, 1, 1)  # of length 10
    colour = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1)
    maps = MaterialMaps(up, colour, 0.04 * torch.ones(1, 3, 1, 1), torch.full((1, 1, 1, 1), 0.25))
    write_material_glb(tmp_path / "m.glb", maps, metres_per_unit=1.0)
    found = _pictures(tmp_path / "m.glb")
    assert all(rows.dtype == np.uint16 for rows in found.values())
    assert found["diffuse"].ravel().tolist() == [0, 48192, 65535]  # sRGB(0.5) = 0.735357
    assert found["specular"].ravel().tolist() == [14478] * 3  # sRGB(0.04) = 0.220916
    assert found["metallic_roughness"].ravel().tolist() == [65535, 16384, 0]
    assert found["normal"].ravel().tolist() == [41942, 32768, 64224]


def test_eight_bit_colours_leave_normal_and_roughness_at_sixteen(tmp_path: Path) -> None:
    write_material_glb(tmp_path / "m.glb", random_maps(), metres_per_unit=1.0, color_bits=8)
    kinds = {name: rows.dtype for name, rows in _pictures(tmp_path / "m.glb").items()}
    assert kinds == {
        "diffuse": np.uint8, "specular": np.uint8, "normal": np.uint16,
        "metallic_roughness": np.uint16,
    }


def test_the_quad_has_its_real_size_and_an_upright_picture(glb: Path) -> None:
    root, blob = split_glb(glb.read_bytes())

    def read(index: int) -> np.ndarray:
        accessor = root["accessors"][index]
        view = root["bufferViews"][accessor["bufferView"]]
        kind = {5126: np.float32, 5123: np.uint16}[accessor["componentType"]]
        part = blob[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        return np.frombuffer(part, kind).reshape(accessor["count"], -1)

    primitive = root["meshes"][0]["primitives"][0]
    attributes = {key: read(index) for key, index in primitive["attributes"].items()}
    corners = {
        tuple(uv): tuple(place)
        for uv, place in zip(
            attributes["TEXCOORD_0"].tolist(), attributes["POSITION"].tolist(), strict=True
        )
    }
    x, y = pytest.approx(0.03424), pytest.approx(0.02)
    assert corners[0.0, 0.0] == (-corners[1.0, 1.0][0], -corners[1.0, 1.0][1], 0.0)
    assert corners[1.0, 0.0] == (x, y, 0.0)
    assert (attributes["NORMAL"] == [0, 0, 1]).all()
    assert (attributes["TANGENT"] == [1, 0, 0, 1]).all()
    places = attributes["POSITION"][read(primitive["indices"]).ravel()].reshape(2, 3, 3)
    turns = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    assert (turns[:, 2] > 0).all()
    assert turns[:, 2].sum() / 2 == pytest.approx(0.06848 * 0.04)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.glb", "b.glb"):
        write_material_glb(tmp_path / name, random_maps(), metres_per_unit=0.01)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.glb", "b.glb"]


def test_float32_rounding_just_outside_is_clipped(tmp_path: Path) -> None:
    maps = random_maps()
    maps.diffuse[0, 0, 0, 0] = 1.0 + 5e-7
    write_material_glb(tmp_path / "m.glb", maps, metres_per_unit=1.0)
    assert float(read_material_glb(tmp_path / "m.glb").diffuse[0, 0, 0, 0]) == 1.0


@pytest.mark.parametrize(
    ("part", "value", "rule"),
    [
        ("diffuse", 1.5, r"diffuse must lie in \[0, 1\] .* to 1.5; clamp"),
        ("specular", -0.1, r"specular must lie in \[0, 1\] .* got -0.1 to"),
        ("roughness", math.nan, r"roughness must lie in \[0, 1\]"),
        ("normal", -0.5, r"normal must point to \+z everywhere .* z = -0.5; flip"),
        ("normal", math.nan, r"normal must point to \+z"),
    ],
)
def test_what_gltf_cannot_store_is_refused(
    tmp_path: Path, part: str, value: float, rule: str
) -> None:
    maps = random_maps()
    getattr(maps, part)[0, -1, 2, 3] = value
    with pytest.raises(RangeError, match=rule):
        write_material_glb(tmp_path / "m.glb", maps, metres_per_unit=1.0)
    assert os.listdir(tmp_path) == []


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    path, maps = tmp_path / "m.glb", random_maps()
    with pytest.raises(RangeError, match="metres_per_unit must be a finite number above zero"):
        write_material_glb(path, maps, metres_per_unit=0.0)
    twice = MaterialMaps.from_tensor(maps.to_tensor().repeat(2, 1, 1, 1))
    with pytest.raises(ShapeError, match="maps must hold one material, got 2"):
        write_material_glb(path, twice, metres_per_unit=1.0)
    flat = MaterialMaps.from_tensor(maps.to_tensor(), (1.0, 0.0))
    with pytest.raises(RangeError, match=r"maps.size\[1\] must be"):
        write_material_glb(path, flat, metres_per_unit=1.0)


def test_a_folder_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="file must be writable") as caught:
        write_material_glb(tmp_path / "none" / "m.glb", random_maps(), metres_per_unit=1.0)
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_older_file(glb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = glb.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        write_material_glb(glb, random_maps(seed=1), metres_per_unit=1.0)
    assert glb.read_bytes() == before
    assert os.listdir(glb.parent) == ["material.glb"]


def test_a_material_of_factors_alone(tmp_path: Path) -> None:
    path = build_glb(
        tmp_path / "m.glb",
        {"pbrMetallicRoughness": {"baseColorFactor": [0.9, 0.5, 0.1, 1.0], "metallicFactor": 0.0,
                                  "roughnessFactor": 0.4}},
        [],
    )
    maps = read_material_glb(path).to_tensor().flatten().tolist()
    assert maps == pytest.approx([0, 0, 1, 0.9, 0.5, 0.1, 0.04, 0.04, 0.04, 0.4])


def test_gltfs_default_material_is_a_rough_white_metal(tmp_path: Path) -> None:
    found = read_material_glb(build_glb(tmp_path / "m.glb", {}, []))
    assert found.to_tensor().flatten().tolist() == [0, 0, 1, 0, 0, 0, 1, 1, 1, 1]
    assert found.size == (1.0, 1.0)


def test_eight_bit_textures_and_factors_multiply(tmp_path: Path) -> None:
    path = build_glb(
        tmp_path / "m.glb",
        {
            "pbrMetallicRoughness": {
                "baseColorTexture": {"index": 0}, "baseColorFactor": [0.5, 1.0, 1.0, 1.0],
                "metallicRoughnessTexture": {"index": 1}, "metallicFactor": 1.0,
                "roughnessFactor": 0.5,
            },
            "normalTexture": {"index": 2, "scale": 0.5},
        },
        [encode_png([[colour]]) for colour in ((255, 188, 0), (9, 102, 255), (255, 128, 255))],
    )
    n, d, s, r = torch.split(read_material_glb(path).to_tensor().flatten(), [3, 3, 3, 1])
    assert s.tolist() == pytest.approx([0.5, 0.502886, 0.0], abs=1e-6)  # sRGB 188 is 0.502886
    assert d.tolist() == [0, 0, 0]
    assert r.tolist() == pytest.approx([0.2])
    bent = torch.tensor([0.5, 0.5 * (256 / 255 - 1), 1.0])
    assert n.tolist() == pytest.approx((bent / bent.norm()).tolist())


def test_ior_and_specular_colour_set_f0(tmp_path: Path) -> None:
    material = {
        "pbrMetallicRoughness": {"metallicFactor": 0.0},
        "extensions": {
            "KHR_materials_ior": {"ior": 2.0},
            "KHR_materials_specular": {"specularColorFactor": [1.0, 2.0, 30.0]},
        },
    }
    found = read_material_glb(build_glb(tmp_path / "m.glb", material, []))
    assert found.specular.flatten().tolist() == pytest.approx([1 / 9, 2 / 9, 1.0])
    material["extensions"]["KHR_materials_ior"] = {"ior": 0}
    found = read_material_glb(build_glb(tmp_path / "m.glb", material, []))
    assert found.specular.flatten().tolist() == [1.0, 1.0, 1.0]


def test_specular_strength_does_not_matter_to_a_metal(tmp_path: Path) -> None:
    material = {"extensions": {"KHR_materials_specular": {"specularFactor": 0.3}}}
    found = read_material_glb(build_glb(tmp_path / "m.glb", material, []))
    assert found.specular.flatten().tolist() == [1.0, 1.0, 1.0]


def test_jpeg_grey_and_alpha_pictures(tmp_path: Path) -> None:
    done, jpeg = cv2.imencode(".jpg", np.full((8, 8, 3), 128, np.uint8))
    assert done
    surface = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0}
    for name, data in (
        ("jpeg", jpeg.tobytes()),
        ("grey", encode_png(np.full((8, 8), 128))),
        ("alpha", encode_png(np.full((8, 8, 4), 128))),
        ("deep", encode_png(np.full((8, 8, 3), 128 * 257), np.uint16)),
    ):
        path = build_glb(tmp_path / f"{name}.glb", {"pbrMetallicRoughness": surface}, [data])
        found = read_material_glb(path)
        assert found.resolution == (8, 8)
        assert float((found.diffuse - 0.2158605).abs().max()) <= 1e-6, name


def test_smaller_textures_are_enlarged(tmp_path: Path) -> None:
    path = build_glb(
        tmp_path / "m.glb",
        {"pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1},
            "metallicFactor": 0.0}},
        [encode_png(np.zeros((2, 4, 3))), encode_png([[[0, 0, 0], [0, 255, 0]]])],
    )
    found = read_material_glb(path)
    assert found.resolution == (2, 4)
    assert found.roughness[0, 0, 0].tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0])


def test_double_precision_and_the_second_material(glb: Path) -> None:
    edit_glb(glb, lambda root: root["materials"].insert(0, {"name": "other"}))
    maps = read_material_glb(glb, material=1, dtype=torch.float64)
    assert maps.diffuse.dtype == torch.float64
    assert float((maps.diffuse - random_maps().diffuse).abs().max()) <= 2e-5
    assert read_material_glb(glb, material=0).resolution == (1, 1)


def test_a_solid_mesh_says_nothing_of_the_samples_size(glb: Path) -> None:
    edit_glb(glb, lambda root: root["accessors"][0]["max"].__setitem__(2, 1.0))
    assert read_material_glb(glb).size == (1.0, 1.0)
