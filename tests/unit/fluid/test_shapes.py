"""Shapes on a staggered grid: exact where closed forms are, and differentiable."""

import math

import pytest
import torch

from diffgfx.fluid.shapes import (
    cell_centres,
    coverage,
    face_openings,
    nodes,
    region_distance,
)
from diffgfx.scene import Region
from diffgfx.testing import assert_gradients

DOUBLE = torch.zeros((), dtype=torch.float64)


def test_points_grow_with_the_index():
    centres = cell_centres((3, 2), 0.5, DOUBLE)
    assert centres.shape == (2, 3, 2)
    assert centres[0, 0].tolist() == [0.25, 0.25]
    assert centres[1, 2].tolist() == [1.25, 0.75]
    corners = nodes((3, 2, 1), 0.5, DOUBLE)
    assert corners.shape == (2, 3, 4, 3)
    assert corners[1, 2, 3].tolist() == [1.5, 1.0, 0.5]


def test_distances():
    points = torch.tensor([[3.0, 4.0], [0.5, 0.0], [2.0, 0.25]], dtype=torch.float64)
    sphere = region_distance(Region("sphere", (0.0, 0.0), (2.0,)), points)
    assert sphere.tolist() == pytest.approx([3.0, -1.5, math.hypot(2.0, 0.25) - 2.0])
    box = region_distance(Region("box", (0.0, 0.0), (1.0, 0.5)), points)
    assert box.tolist() == pytest.approx([math.hypot(2.0, 3.5), -0.5, 1.0])


def test_a_straight_edge_opens_the_right_share_of_each_face_2d():
    corner = nodes((4, 3), 1.0, DOUBLE)
    distance = (corner[..., 0] - 1.25)[None]   # solid where x < 1.25
    across, up = face_openings(distance)
    assert across.shape == (1, 3, 5)
    assert up.shape == (1, 4, 4)
    assert across[0, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert up[0, 0].tolist() == pytest.approx([0.0, 0.75, 1.0, 1.0])


@pytest.mark.parametrize("normal", [(1.0, 0.0, 0.0), (0.6, 0.8, 0.0), (0.48, 0.6, 0.64)])
def test_the_openings_of_a_half_space_close_every_cell(normal):
    """The open parts of a cut cell's faces sum to minus the cut, a vector along its normal."""
    corner = nodes((3, 3, 3), 1.0, DOUBLE)
    towards = torch.tensor(normal, dtype=torch.float64)
    faces = face_openings(((corner * towards).sum(-1) - 1.93)[None])
    net = torch.stack([faces[a].diff(dim=3 - a)[0] for a in range(3)])
    lengths = net.norm(dim=0)
    cut = lengths > 1e-9
    assert cut.any()
    aligned = (net * towards[:, None, None, None]).sum(0)
    assert torch.allclose(aligned[cut], lengths[cut], atol=1e-12)


def test_gradients_of_the_openings():
    draw = torch.Generator().manual_seed(3)
    for shape in ((1, 4, 5), (1, 3, 3, 4)):
        distance = torch.randn(shape, generator=draw, dtype=torch.float64).requires_grad_()
        assert_gradients(lambda d: face_openings(d), [distance])


@pytest.mark.parametrize("middle", [(1.5, 1.5, 1.5), (1.5, 1.5, 1.3), (1.0, 1.0, 1.0)])
def test_gradients_where_corners_are_equally_far(middle):
    """A sphere in the middle of a grid: by its symmetry many faces have ties."""
    corner = nodes((3, 3, 3), 1.0, DOUBLE)

    def openings(radius):
        apart = torch.linalg.vector_norm(corner - torch.tensor(middle).double(), dim=-1)
        return face_openings((apart - radius)[None])

    radius = torch.tensor(0.93, dtype=torch.float64, requires_grad=True)
    assert_gradients(openings, [radius])
    box = region_distance(Region("box", middle, (0.83, 0.7, 0.9)), corner)[None]
    (found,) = torch.autograd.grad(
        sum(face.sum() for face in face_openings(box.requires_grad_())), box
    )
    assert bool(found.isfinite().all())


def test_the_area_of_a_disc():
    centres = cell_centres((64, 64), 1 / 64, DOUBLE)
    distance = region_distance(Region("sphere", (0.5, 0.5), (0.3,)), centres)
    area = coverage(distance, 1 / 64).sum() / 64**2
    assert float(area) == pytest.approx(math.pi * 0.09, rel=1e-3)
