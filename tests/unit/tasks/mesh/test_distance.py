"""Distances of surfaces and of poses that can be told by hand."""

import math

import pytest
import torch

from diffgfx.data import make_cube, make_icosphere
from diffgfx.scene import Mesh
from diffgfx.tasks.mesh import chamfer_distance, pose_error, rotation_matrix
from diffgfx.tasks.mesh.distance import sample_surface


def test_spheres_of_two_sizes_are_their_difference_apart():
    first, second = make_icosphere(4, 1.0), make_icosphere(4, 1.2)
    assert chamfer_distance(first, second) == pytest.approx(0.2, rel=0.02)
    assert chamfer_distance(first, first) < 0.02


def test_samples_lie_on_the_surface_each_part_by_its_area():
    cube = make_cube(2.0)
    points = sample_surface(cube, 6000)
    assert torch.allclose(points.abs().amax(dim=1), torch.ones(6000), atol=1e-6)
    assert abs(int((points[:, 0] > 1 - 1e-6).sum()) - 1000) <= 2
    assert points[points[:, 0] > 1 - 1e-6][:, 1:].mean(dim=0).abs().max() < 0.1
    # a triangle of no area gets no point
    flat = Mesh(cube.positions, torch.cat([cube.triangles, torch.tensor([[0, 0, 7]]).int()]))
    assert torch.equal(sample_surface(flat, 6000), points)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.1), (0.0, 3.0, 0.0)])
def test_a_known_motion_is_measured(turn):
    true = make_cube().positions + torch.tensor([1.0, 2.0, 3.0])
    middle = torch.tensor([1.0, 2.0, 3.0])
    rotation = rotation_matrix(torch.tensor(turn))
    moved = (true - middle) @ rotation.T + middle + torch.tensor([0.0, 0.3, 0.4])
    error = pose_error(moved, true)
    assert error.rotation == pytest.approx(math.dist(turn, (0, 0, 0)), abs=1e-5)
    assert error.translation == pytest.approx(0.5 / math.sqrt(3.0), rel=1e-5)


def test_a_rotation_is_about_its_axis_by_its_length():
    quarter = rotation_matrix(torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64))
    wanted = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    assert torch.allclose(quarter, wanted, atol=1e-12)
