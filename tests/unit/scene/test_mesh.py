"""Meshes and parts say what is wrong with them."""

import math
from typing import Any

import pytest
import torch

from diffgfx.errors import DiffgfxError, DtypeError, RangeError, ShapeError
from diffgfx.scene import MaterialMaps, Mesh, Part

POINTS = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 3, -1]])
TRIANGLE = torch.tensor([[0, 1, 2]], dtype=torch.int32)


def test_bounds_and_gradients() -> None:
    points = POINTS.clone().requires_grad_()
    low, high = Mesh(points, TRIANGLE).bounds
    assert low.tolist() == [0, 0, -1]
    assert high.tolist() == [2, 3, 0]
    high.sum().backward()
    assert points.grad is not None
    with pytest.raises(RangeError, match="must hold a vertex"):
        _ = Mesh(POINTS[:0], TRIANGLE[:0]).bounds


@pytest.mark.parametrize(
    ("change", "error", "rule"),
    [
        ({"positions": POINTS[:, :2]}, ShapeError, r"positions must have shape \(rows, 3\)"),
        ({"positions": POINTS.int()}, DtypeError, "positions must be float32 or float64"),
        ({"positions": POINTS * math.nan}, RangeError, "positions must be finite"),
        ({"triangles": TRIANGLE.long()}, DtypeError, "triangles must be an int32 tensor"),
        ({"triangles": TRIANGLE[0]}, ShapeError, r"triangles must have shape \(F, 3\)"),
        ({"triangles": TRIANGLE + 1}, RangeError, "must index the 3 rows of positions, got 1 to 3"),
        ({"triangles": TRIANGLE - 1}, RangeError, "got -1 to 1"),
        ({"uv": POINTS[:, :2]}, ShapeError, "uv_triangles must be given with uv, got None"),
        ({"uv_triangles": TRIANGLE}, ShapeError, "uv must be given with uv_triangles"),
        ({"uv": POINTS, "uv_triangles": TRIANGLE}, ShapeError, r"uv must have shape \(rows, 2\)"),
        ({"normals": POINTS.double(), "normal_triangles": TRIANGLE}, DtypeError,
         "normals must have the dtype of positions"),
        ({"normals": POINTS, "normal_triangles": TRIANGLE.repeat(2, 1)}, ShapeError,
         r"normal_triangles must have shape \(1, 3\), got \(2, 3\)"),
        ({"tangents": POINTS, "tangent_triangles": TRIANGLE}, ShapeError, "tangents must have"),
    ],
)  # fmt: skip
def test_faults(change: dict[str, Any], error: type[DiffgfxError], rule: str) -> None:
    with pytest.raises(error, match=rule):
        Mesh(**{"positions": POINTS, "triangles": TRIANGLE, **change})


def test_parts() -> None:
    mesh, maps = Mesh(POINTS, TRIANGLE), MaterialMaps.from_tensor(torch.ones(1, 10, 2, 2))
    with pytest.raises(ShapeError, match=r"mesh.uv must be given to place maps, .* \(2, 2\)"):
        Part(mesh, maps)
    with pytest.raises(ShapeError, match=r"material.normal must have shape \(1, 3, h, w\)"):
        Part(mesh, MaterialMaps.from_tensor(torch.ones(2, 10, 1, 1)))
    grey = MaterialMaps.from_tensor(torch.ones(1, 10, 1, 1))
    assert Part(mesh, grey).two_sided
