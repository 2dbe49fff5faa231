"""Smooth normals against closed forms and differences."""

import pytest
import torch

from diffgfx.errors import DtypeError, ShapeError
from diffgfx.render import vertex_normals

CUBE = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)


def test_two_triangles_weigh_by_area() -> None:
    points = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 3]], dtype=torch.float64)
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)  # +z of 1, +x of 1.5
    normals = vertex_normals(points, triangles)
    assert torch.allclose(normals[0], torch.tensor([1.5, 0, 1]).double() / (3.25**0.5))
    assert torch.allclose(normals[1], torch.tensor([0.0, 0, 1]).double())
    assert torch.allclose(normals[3], torch.tensor([1.0, 0, 0]).double())


def test_no_area_no_triangle_no_rows() -> None:
    points = torch.zeros(3, 3)
    for triangles in (torch.tensor([[0, 1, 2]]), torch.zeros(0, 3, dtype=torch.long)):
        normals = vertex_normals(points.requires_grad_(), triangles)
        assert normals.tolist() == [[0, 0, 1]] * 3
    assert vertex_normals(torch.zeros(0, 3), torch.zeros(0, 3).int()).shape == (0, 3)


def test_gradients_and_reruns() -> None:
    triangles = torch.tensor([[0, 1, 3], [0, 3, 2], [4, 6, 7], [0, 4, 5]], dtype=torch.int32)
    points = (CUBE + 0.1 * CUBE.flip(1) ** 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: vertex_normals(p, triangles), points)
    assert torch.equal(vertex_normals(points, triangles), vertex_normals(points, triangles))
    flat = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    vertex_normals(flat, triangles[:1] % 3).sum().backward()
    assert flat.grad is not None
    assert (flat.grad == 0).all()


def test_faults() -> None:
    with pytest.raises(ShapeError, match="positions must have shape"):
        vertex_normals(torch.zeros(3, 2), torch.zeros(1, 3).int())
    with pytest.raises(DtypeError, match="triangles must be int32 or int64"):
        vertex_normals(torch.zeros(3, 3), torch.zeros(1, 3))
