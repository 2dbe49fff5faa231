"""Vertices as the smooth image of unknowns, against a dense matrix."""

import pytest
import torch

from diffgfx.data import make_icosphere
from diffgfx.errors import DivergedError, RangeError, ShapeError
from diffgfx.inverse import LargeSteps


def dense(triangles: torch.Tensor, count: int, smoothness: float) -> torch.Tensor:
    """I + lambda L, entry by entry."""
    edges = {
        tuple(sorted((int(t[a]), int(t[b]))))
        for t in triangles
        for a, b in ((0, 1), (1, 2), (2, 0))
    }
    matrix = torch.eye(count, dtype=torch.float64)
    for i, j in edges:
        matrix[i, i] += smoothness
        matrix[j, j] += smoothness
        matrix[i, j] -= smoothness
        matrix[j, i] -= smoothness
    return matrix


@pytest.fixture(scope="module")
def ball():
    mesh = make_icosphere(1)
    return mesh.positions.double(), mesh.triangles


def test_both_ways_are_those_of_the_dense_matrix(ball):
    positions, triangles = ball
    steps = LargeSteps(triangles, len(positions), 20.0)
    matrix = dense(triangles, len(positions), 20.0)
    u = steps.unknowns(positions)
    assert torch.allclose(u, matrix @ positions, atol=1e-12)
    assert torch.allclose(steps.positions(u), positions, atol=1e-5)
    near = steps.positions(u, first=positions + 1e-3)
    assert torch.allclose(near, positions, atol=1e-5)


def test_gradients_are_those_of_the_inverse(ball):
    positions, triangles = ball
    steps = LargeSteps(triangles, len(positions), 20.0)
    u = steps.unknowns(positions).requires_grad_()
    weight = torch.randn(u.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (steps.positions(u) * weight).sum().backward()
    wanted = torch.linalg.solve(dense(triangles, len(positions), 20.0), weight)
    assert torch.allclose(u.grad, wanted, atol=1e-6 * float(wanted.abs().max()))


def test_a_vertex_of_no_triangle_is_its_own_unknown():
    steps = LargeSteps(torch.tensor([[0, 1, 2]]), 4, 5.0)
    x = torch.arange(12.0).view(4, 3).double()
    assert torch.equal(steps.unknowns(x)[3], x[3])
    assert torch.allclose(steps.positions(steps.unknowns(x)), x, atol=1e-4)


def test_bad_input(ball):
    positions, triangles = ball
    with pytest.raises(RangeError, match="smoothness must be a number of at least 0, got -1"):
        LargeSteps(triangles, len(positions), -1.0)
    with pytest.raises(RangeError, match="triangles must index 3 vertices"):
        LargeSteps(triangles, 3, 1.0)
    with pytest.raises(ShapeError, match="triangles must have shape"):
        LargeSteps(triangles[0], 3, 1.0)
    steps = LargeSteps(triangles, len(positions), 1.0)
    with pytest.raises(DivergedError, match="conjugate gradients must reach"):
        steps.positions(torch.full_like(positions, float("nan")))
