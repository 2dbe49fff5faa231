"""Files that are broken, hostile or of a kind that ten maps cannot hold: one line each."""

import copy
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffgfx.errors import InputError
from diffgfx.io.gltf import read_material_glb, write_material_glb
from tests.glb_files import Fields, edit_glb, join_glb, random_maps, split_glb


@pytest.fixture
def glb(tmp_path: Path) -> Path:
    path = tmp_path / "material.glb"
    write_material_glb(path, random_maps(), metres_per_unit=0.01)
    return path


def _set(*steps: Any) -> Callable[[Fields], None]:
    *path, key, value = steps

    def change(root: Fields) -> None:
        for step in path:
            root = root[step]
        root[key] = value

    return change


MATERIAL = ("materials", 0)
SURFACE = (*MATERIAL, "pbrMetallicRoughness")
SPECULAR = (*MATERIAL, "extensions", "KHR_materials_specular")
TRANSFORM = {"KHR_texture_transform": {"scale": [2, 2]}}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (
            _set(*SURFACE, "baseColorTexture", {"index": 0, "extensions": TRANSFORM}),
            r"baseColorTexture must be placed by texture coordinates alone, got \['KHR_texture",
        ),
        (
            _set(*MATERIAL, "extensions", {"KHR_materials_clearcoat": {}}),
            r"must use no extension that ten maps lack, got \['KHR_materials_clearcoat'\]; bake",
        ),
        (_set(*MATERIAL, "alphaMode", "BLEND"), "alphaMode must be OPAQUE, got 'BLEND'"),
        (_set(*MATERIAL, "emissiveFactor", [0, 1, 0]), "emissiveFactor must be 0"),
        (_set(*SPECULAR, "specularFactor", 0.5), "specular must be 1 on a non-metal, got 0.5"),
        (_set(*SPECULAR, "specularFactor", 1.5), r"specularFactor must be a number in \[0.0, 1.0"),
        (_set(*SPECULAR, "specularColorFactor", [25, 25]), "ColorFactor must be a list of 3"),
        (_set(*SPECULAR, "specularColorFactor", [25, 25, -1]), "specularColorFactor must be"),
        (_set(*SURFACE, "roughnessFactor", "rough"), "roughnessFactor must be a number"),
        (_set(*SURFACE, "roughnessFactor", True), "roughnessFactor must be a number"),
        (_set(*SURFACE, "roughnessFactor", 10**400), "roughnessFactor must be a number"),
        (_set(*SURFACE, "baseColorFactor", [2, 1, 1, 1]), "baseColorFactor must be a list of 4"),
        (_set(*SURFACE, "baseColorTexture", {"index": 9}), "index must name one of 4 textures"),
        (_set(*SURFACE, "baseColorTexture", {}), "index must name one of 4 textures, got None"),
        (_set(*SURFACE, "baseColorTexture", []), "baseColorTexture must be an object"),
        (_set(*SURFACE, "baseColorTexture", {"index": 0, "texCoord": 1}), "texCoord must be 0"),
        (_set(*MATERIAL, "pbrMetallicRoughness", 3), "pbrMetallicRoughness must be an object"),
        (_set("materials", []), r"material must name one of 0 materials"),
        (_set("materials", 0, "x"), r"materials\[0\] must be an object"),
        (_set("materials", {}), "materials must be a list"),
        (
            _set("textures", 0, {"extensions": {"KHR_texture_basisu": {"source": 0}}}),
            r"textures\[0\] must hold a PNG or JPEG, got \['KHR_texture_basisu'\]",
        ),
        (_set("textures", 0, "source", -1), "source must name one of 4 images"),
        (_set("images", 0, {"uri": "../../etc/passwd"}), "must be embedded in a buffer view"),
        (_set("buffers", 0, {"uri": "far.bin", "byteLength": 4}), "must be the binary part"),
        (_set("bufferViews", 5, "byteLength", 10**9), "must lie within the"),
        (_set("bufferViews", 5, "byteOffset", -4), "must lie within the"),
        (_set("bufferViews", 5, "byteLength", "12"), "must lie within the"),
        (_set("bufferViews", 5, "byteLength", 100), r"images\[0\]: image must be complete"),
        (_set("bufferViews", 5, "byteOffset", 0), r"images\[0\]: image must be a JPEG, PNG"),
        (_set("accessors", 0, "max", "wide"), r"accessors\[0\].max must be a list of 3"),
        (_set("meshes", [3]), r"meshes\[0\] must be an object"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    glb: Path, change: Callable[[Fields], None], rule: str
) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        read_material_glb(edit_glb(glb, change))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(glb))


def test_containers_that_are_broken(glb: Path) -> None:
    good = glb.read_bytes()
    root, blob = split_glb(good)
    for data, rule in (
        (b"", "file must hold data"),
        (b"glTF", "must be a binary glTF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "must be a binary glTF"),
        (struct.pack("<4sII", b"glTF", 1, 12), "must be of version 2, got 1"),
        (good[:-100], "must be complete, got"),
        (struct.pack("<4sII", b"glTF", 2, 12), "must hold a JSON chunk"),
        (good[:12] + struct.pack("<I", 2**31) + good[16:], "chunk must lie within the file"),
        (join_glb(b"{", blob), "JSON of a GLB must parse"),
        (join_glb(b"\xff\xfe", blob), "JSON of a GLB must parse"),
        (join_glb(b"[" * 200_000, blob), "JSON of a GLB must parse"),
        (join_glb([root], blob), "JSON of a GLB must be an object"),
    ):
        glb.write_bytes(data)
        with pytest.raises(InputError, match=rule) as caught:
            read_material_glb(glb)
        assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file must exist, found none"):
        read_material_glb(tmp_path / "none.glb")


def _read_or_refuse(path: Path) -> None:
    try:
        maps = read_material_glb(path)
    except InputError as error:
        fault = str(error)
    else:
        fault = ""
        assert maps.to_tensor().shape[1] == 10
    assert "\n" not in fault


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("glb") / "m.glb"
    write_material_glb(path, random_maps(2, 2), metres_per_unit=1.0)
    return path


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_damaged_bytes_are_read_or_refused(
    small: Path, hits: list[tuple[float, int]], kept: float
) -> None:
    good = small.read_bytes()
    damaged = bytearray(good)
    for place, value in hits:
        damaged[int(place * len(good))] = value
    path = small.with_name("damaged.glb")
    path.write_bytes(damaged[: round(kept * len(good))])
    _read_or_refuse(path)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    below = [
        entry
        for key, child in pairs
        if isinstance(child, dict | list)
        for entry in _leaves(child, (*path, key))
    ]
    keys = value if isinstance(value, dict) else range(len(value))
    return below + [(*path, key) for key in keys]


JUNK = [None, True, -1, 0, 1, 99, 2.5, 1e308, 10**400, "", "x", [], [1], {}, {"index": 0}]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(JUNK)), min_size=1, max_size=3
    )
)
def test_junk_in_the_json_is_read_or_refused(small: Path, hits: list[tuple[float, Any]]) -> None:
    root, blob = split_glb(small.read_bytes())
    for place, value in hits:
        paths = _leaves(root)
        *steps, key = paths[int(place * len(paths))]
        owner = root
        for step in steps:
            owner = owner[step]
        owner[key] = copy.deepcopy(value)
    path = small.with_name("junk.glb")
    path.write_bytes(join_glb(root, blob))
    _read_or_refuse(path)
