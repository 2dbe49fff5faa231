"""Antialiased pictures against areas, and their gradients against differences of those."""

import math

import cv2
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from diffgfx import ops
from diffgfx.data import make_icosphere
from diffgfx.testing import assert_close
from tests.contract.silhouettes import rasterise

REAL = torch.float64
every_mode = pytest.mark.parametrize("mode", ["bounded", "nvdiffrast"])


def _mask(pos: Tensor, tri: Tensor, size: int, mode: str) -> Tensor:
    """Return what triangles cover of the pixels of a square picture, shape (1, size, size, 1)."""
    rast = rasterise(pos.detach(), tri, size, size)
    return ops.antialias((rast[..., 3:] > 0).to(pos), rast, pos, tri, mode=mode)


def _clip(place: Tensor, size: int) -> Tensor:
    """Return vertices (1, V, 4) at places [px from the lower left corner]."""
    flat = 2 * place / size - 1
    return torch.cat([flat, torch.zeros_like(flat[:, :1]), torch.ones_like(flat[:, :1])], dim=1)[
        None
    ]


@every_mode
@pytest.mark.parametrize("upward", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_a_half_plane_covers_its_area_and_moves_by_the_length_of_its_edge(
    mode: str, upward: bool, slope: float
) -> None:
    """Left of, or below, a line whose middle is moved in steps of a fraction of a pixel."""
    size = 8
    tri = torch.tensor([(0, 1, 2)], dtype=torch.int32)
    for step in range(12):
        middle = torch.tensor(3.3 + 0.13 * step, dtype=REAL, requires_grad=True)
        far = torch.tensor([-20.0, size + 20.0], dtype=REAL)
        ends = torch.stack([middle + slope * (far - size / 2), far], dim=1)
        place = torch.cat([ends, torch.tensor([[-400.0, size / 2]], dtype=REAL)])
        place = place.flip(1) if upward else place
        area = _mask(_clip(place, size), tri, size, mode).sum()
        assert_close(area, size * middle)
        (moved,) = torch.autograd.grad(area, middle)
        # nvdiffrast divides by the height of the edge and 1e-3 px
        wanted = size * (1.0 if mode == "bounded" else (size + 40) / (size + 40.001))
        assert_close(moved, torch.tensor(wanted, dtype=REAL))


SHIFTS, TURN = 6, 0.04
"""Sub-pixel shifts an axis that are averaged, and half of a difference of angles [rad]."""


def _square(angle: Tensor, pivot: Tensor, side: float) -> Tensor:
    corners = torch.tensor([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=REAL) * side
    c, s = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
    return corners @ turn.T + pivot


@every_mode
@pytest.mark.parametrize("size", [12, 20, 32])
def test_a_turning_square(mode: str, size: int) -> None:
    """A square that turns about a corner carries its middle around it.

    The first moment is that of the closed form: differences over 0.08 rad, averaged over 6 x 6
    shifts within a pixel, are within 1.5 % of its slope. The gradient misses what lies between two
    centres at corners, less than a pixel wide, where no pair sees the edges: less than 1.5 / size.
    """
    tri = torch.tensor([(0, 1, 2), (2, 3, 0)], dtype=torch.int32)
    place = (torch.arange(size, dtype=REAL) + 0.5).view(1, 1, size, 1)
    side = 0.5 * size

    def moment(angle: Tensor) -> Tensor:
        total = torch.zeros((), dtype=REAL)
        for i in range(SHIFTS):
            for j in range(SHIFTS):
                shift = torch.tensor([i + 0.5, j + 0.5], dtype=REAL) / SHIFTS - 0.5
                pivot = shift + torch.tensor([0.4, 0.2]) * size
                mask = _mask(_clip(_square(angle, pivot, side), size), tri, size, mode)
                total = total + ((place - pivot[0]) * mask).sum()
        return total / SHIFTS**2

    for start in (0.2, 0.5):
        angle = torch.tensor(start, dtype=REAL, requires_grad=True)
        (found,) = torch.autograd.grad(moment(angle), angle)
        turned = [moment(angle.detach() + step) for step in (TURN, -TURN)]
        difference = (turned[0] - turned[1]) / (2 * TURN)
        truth = torch.tensor(-0.5 * side**3 * (math.sin(start) + math.cos(start)), dtype=REAL)
        assert_close(difference, truth, rtol=0.015)
        assert_close(found, truth, rtol=1.5 / size)


@st.composite
def _scenes(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Random triangles, one in two with vertices behind the eye, and random colours."""
    seed = draw(st.integers(0, 2**31))
    behind = draw(st.booleans())
    size = draw(st.sampled_from([0.3, 1.0, 2.5]))
    source = torch.Generator().manual_seed(seed)
    count = draw(st.integers(1, 6))
    middle = 2 * torch.rand((count, 1, 2), generator=source, dtype=REAL) - 1
    place = middle + size * (torch.rand((count, 3, 2), generator=source, dtype=REAL) - 0.5)
    w = torch.rand((count, 3, 1), generator=source, dtype=REAL) * 2 - (0.7 if behind else -0.1)
    z = (2 * torch.rand((count, 3, 1), generator=source, dtype=REAL) - 1) * w
    pos = torch.cat([place * w.abs(), z, w], dim=2).view(1, -1, 4)
    color = torch.rand((1, 6, 7, 1), generator=source, dtype=REAL)
    tri = torch.arange(3 * count, dtype=torch.int32).view(-1, 3)
    if draw(st.booleans()):  # let them share vertices, as a strip
        tri = torch.stack([torch.arange(count) + k for k in range(3)], dim=1).int()
    return pos, tri, color


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_scenes())
def test_bounded_pictures_stay_between_a_pixel_and_its_neighbours(
    scene: tuple[Tensor, Tensor, Tensor],
) -> None:
    pos, tri, color = scene
    pos = pos.requires_grad_()
    rast = rasterise(pos.detach(), tri, 6, 7)
    found = ops.antialias(color, rast, pos, tri)
    wide = torch.nn.functional.pad(color[..., 0], (1, 1, 1, 1), value=math.nan)
    around = torch.stack(
        [
            wide[:, 1:-1, 1:-1],
            wide[:, 1:-1, 2:],
            wide[:, 1:-1, :-2],
            wide[:, 2:, 1:-1],
            wide[:, :-2, 1:-1],
        ]
    )
    low = around.nan_to_num(nan=2.0).amin(dim=0)
    high = around.nan_to_num(nan=-1.0).amax(dim=0)
    assert bool((found[..., 0] >= low - 1e-12).all())
    assert bool((found[..., 0] <= high + 1e-12).all())
    (moved,) = torch.autograd.grad(found.square().sum(), pos)
    assert bool(torch.isfinite(moved).all())
    assert bool((moved[..., 2] == 0).all())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(_scenes())
def test_both_modes_agree_where_shares_are_at_most_one(
    scene: tuple[Tensor, Tensor, Tensor],
) -> None:
    """All that is ahead of the eye and of the near plane; no surface goes on over an edge."""
    pos, tri, color = scene
    pos, tri = (
        pos[:, tri.flatten().long()],
        torch.arange(tri.numel(), dtype=torch.int32).view(-1, 3),
    )
    w = pos[..., 3:].abs() + 0.1
    pos = torch.cat([pos[..., :2], pos[..., 2:3].clamp(-0.99, 0.99) * 0.1, w], dim=2)
    rast = rasterise(pos, tri, 6, 7)
    wild = ops.antialias(color, rast, pos, tri, mode="nvdiffrast")
    bounded = ops.antialias(color, rast, pos, tri)
    # what a pixel has of itself: one that is alone in its brightness keeps at least nothing
    ones = torch.zeros((42, 6, 7, 1), dtype=REAL)
    ones[torch.arange(42), torch.arange(42) // 7, torch.arange(42) % 7] = 1.0
    many = ops.antialias(ones, rast.expand(42, -1, -1, -1), pos[0], tri, mode="nvdiffrast")
    kept = many[torch.arange(42), torch.arange(42) // 7, torch.arange(42) % 7, 0].view(1, 6, 7, 1)
    same = kept > 1e-9
    assert torch.equal(wild[same], bounded[same])


@pytest.mark.parametrize("subdivisions", [2, 3, 4])
def test_a_ball_whose_outline_triangles_are_thin(subdivisions: int) -> None:
    """The outline of an icosphere in 64 x 64 pixels: area and its derivative with the radius."""
    mesh = make_icosphere(subdivisions)
    radius = torch.ones((), dtype=REAL, requires_grad=True)
    place = radius * mesh.positions.to(REAL)
    far = torch.tensor([0.0, 0.0, 3.0, 1.0], dtype=REAL)  # orthographic: w = 1
    pos = torch.nn.functional.pad(place / torch.tensor([1.4, 1.4, 8.0]), (0, 1)) + 0.1 * far
    pos = torch.cat([pos[:, :3], torch.ones_like(pos[:, 3:])], dim=1)[None]
    rast, _ = ops.rasterize(pos, mesh.triangles, (64, 64))
    mask = (rast[..., 3:] > 0).to(REAL)
    smooth = ops.antialias(mask, rast, pos, mesh.triangles)
    hull = cv2.convexHull(pos[0, :, :2].detach().float().numpy())
    area = 32.0**2 * cv2.contourArea(hull)
    assert smooth.sum().item() == pytest.approx(area, rel=4e-3)
    (found,) = torch.autograd.grad(smooth.sum(), radius, retain_graph=True)
    assert found.item() == pytest.approx(2.0 * area, rel=0.05)
    plain = ops.antialias(mask, rast, pos, mesh.triangles, mode="nvdiffrast")
    (lost,) = torch.autograd.grad(plain.sum(), radius)
    assert lost.item() < 1.6 * area
