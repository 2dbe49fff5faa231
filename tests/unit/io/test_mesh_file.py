"""Meshes that others made, counted; pygltflib reads the same numbers of one of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from diffgfx.errors import InputError
from diffgfx.io import read_mesh, write_glb
from diffgfx.scene import Mesh
from tests.mesh_files import quad_file


def test_the_ending_decides(tmp_path: Path) -> None:
    file = quad_file()
    for path in (file.write(tmp_path / "m.GLB"), file.write(tmp_path / "wrong.gltf"),
                 file.write_gltf(tmp_path / "m.gltf", inside=True)):  # fmt: skip
        if path.stem == "wrong":
            with pytest.raises(InputError, match="JSON of a glTF must"):
                read_mesh(path)
        else:
            assert len(read_mesh(path).parts) == 1
    for name, found in (("m.stl", "'.stl'"), ("m", "'no ending'")):
        with pytest.raises(InputError, match=rf"must end in .glb, .gltf, .obj, .ply, got {found}"):
            read_mesh(tmp_path / name)
    with pytest.raises(InputError, match="file must exist, found none"):
        read_mesh(tmp_path / "none.obj")


def _edges(mesh: Mesh) -> tuple[int, int]:
    """Return how many edges there are, and how many belong to one triangle alone."""
    pairs = np.concatenate([mesh.triangles[:, [a, b]].numpy() for a, b in ((0, 1), (1, 2), (2, 0))])
    _, counts = np.unique(np.sort(pairs, axis=1), axis=0, return_counts=True)
    return len(counts), int((counts == 1).sum())


@pytest.mark.parametrize(
    ("name", "vertices", "triangles", "uv"),
    [
        ("spot/spot.obj", 2930, 5856, 3225),
        pytest.param("bob/bob_tri.obj", 5344, 10688, 5647, marks=pytest.mark.slow),
        ("LeePerrySmith/LeePerrySmith_decoded.obj", 9223, 17684, 9223),
        ("mediapipe_face/canonical_face_model.obj", 468, 898, 468),
        ("mitsuba/bunny.ply", 35947, 69451, None),
        ("mitsuba/teapot.ply", 1177, 2256, None),
        ("boombox/boombox.glb", 3133, 6036, 3644),
    ],
)
def test_counts(
    data_folder: Path, name: str, vertices: int, triangles: int, uv: int | None
) -> None:
    path = data_folder / "meshes" / name
    if not path.exists():
        pytest.skip(f"no {path}: DIFFGFX_DATA lacks it")
    mesh = read_mesh(path).parts[0].mesh
    assert mesh.positions.shape == (vertices, 3)
    assert mesh.triangles.shape == (triangles, 3)
    assert (None if mesh.uv is None else len(mesh.uv)) == uv
    if name.startswith("spot"):  # closed, of genus 0: V - E + F = 2
        edges, border = _edges(mesh)
        assert (vertices - edges + triangles, border) == (2, 0)


def test_spot_survives_a_trip_through_glb(data_folder: Path, tmp_path: Path) -> None:
    part = read_mesh(data_folder / "meshes/spot/spot.obj").parts[0]
    assert part.material.resolution == (1024, 1024)
    small = type(part.material).from_tensor(part.material.to_tensor()[..., ::64, ::64])
    write_glb(tmp_path / "m.glb", [type(part)(part.mesh, small, "spot")])
    found = read_mesh(tmp_path / "m.glb").parts[0].mesh
    assert torch.equal(found.positions[found.triangles.long()],
                       part.mesh.positions[part.mesh.triangles.long()])  # fmt: skip
    assert len(found.positions) == 2930


def test_boombox_against_another_reader(data_folder: Path) -> None:
    """Its node turns by half about y and scales by 100: (x, y, z) -> 100 (-x, y, -z)."""
    import pygltflib

    path = data_folder / "meshes/boombox/boombox.glb"
    asset = pygltflib.GLTF2().load_binary(str(path))
    blob = asset.binary_blob()

    def raw(index: int, kind: str, width: int) -> np.ndarray:
        view = asset.bufferViews[asset.accessors[index].bufferView]
        part = blob[view.byteOffset : view.byteOffset + view.byteLength]
        return np.frombuffer(part, kind).reshape(-1, width)

    primitive = asset.meshes[0].primitives[0]
    order = raw(primitive.indices, "<u2", 1)[:, 0]
    model = read_mesh(path, dtype=torch.float64)
    mesh = model.parts[0].mesh
    turn = 100.0 * np.array([-1.0, 1.0, -1.0])
    place = raw(primitive.attributes.POSITION, "<f4", 3)[order] * turn
    found = mesh.positions[mesh.triangles.long()].reshape(-1, 3)
    assert np.allclose(found, place, rtol=0, atol=1e-12)
    assert mesh.uv is not None
    assert mesh.uv_triangles is not None
    uv = raw(primitive.attributes.TEXCOORD_0, "<f4", 2)[order]
    assert np.allclose(
        mesh.uv[mesh.uv_triangles.long()].reshape(-1, 2), uv * [1, -1] + [0, 1], atol=1e-12
    )
    assert mesh.normals is not None
    assert mesh.normal_triangles is not None
    normals = raw(primitive.attributes.NORMAL, "<f4", 3)[order] * [-1, 1, -1]
    found = mesh.normals[mesh.normal_triangles.long()].reshape(-1, 3)
    assert np.allclose(found, normals, atol=1e-6)
    low, high = model.bounds
    assert np.allclose(high, place.max(axis=0), atol=1e-12)
    assert np.allclose(low, place.min(axis=0), atol=1e-12)
