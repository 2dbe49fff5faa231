"""Coverage against whole numbers, points against rays, slopes and gradients against differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from diffgfx import ops
from diffgfx.testing import assert_close, assert_directional_gradients

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def _each_alone(pos: Tensor, tri: Tensor, size: tuple[int, int], backend: str) -> Tensor:
    """Return which triangle covers which pixels, whatever lies before it, (T, H, W)."""
    start = torch.arange(len(tri), dtype=torch.int32)
    ranges = torch.stack([start, torch.ones_like(start)], dim=1)
    rast, _ = ops.rasterize(pos, tri, size, ranges=ranges, backend=backend, grad_db=False)
    assert bool(((rast[..., 3] == 0) | (rast[..., 3] == start[:, None, None] + 1)).all())
    return rast[..., 3] > 0


def _side(a: tuple[int, int], b: tuple[int, int], p: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _expected(corners: list[tuple[int, int]], px: int, py: int) -> bool | None:
    """Say whether a centre lies inside, None on a side; corners in 1/16 of a pixel."""
    centre = (16 * px + 8, 16 * py + 8)
    values = [_side(corners[k], corners[(k + 1) % 3], centre) for k in range(3)]
    if _side(*corners) == 0 or (min(values) < 0 < max(values)):
        return False
    return None if 0 in values else True


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_coverage_is_that_of_whole_numbers(seed: int) -> None:
    draw = np.random.default_rng(seed)
    width, height, count = 13, 9, 12
    corners = draw.integers(-40, 16 * 13 + 40, size=(count, 3, 2))
    corners[:4] = corners[:4] // 8 * 8  # so that centres lie on sides and corners
    corners[0] = corners[0] // 64 * 64 + 8
    w = draw.uniform(0.3, 3.0, size=(count, 3, 1))
    flat = 2.0 * (corners + draw.uniform(-0.4, 0.4, corners.shape)) / (16.0 * np.array([13, 9]))
    pos = np.concatenate([(flat - 1.0) * w, 0.0 * w, w], axis=2).reshape(-1, 4)
    tri = torch.arange(3 * count, dtype=torch.int32).reshape(-1, 3)
    found = _each_alone(torch.tensor(pos), tri, (height, width), "taichi").tolist()
    reference = _each_alone(torch.tensor(pos), tri, (height, width), "torch").tolist()
    assert found == reference
    for t in range(count):
        places = [tuple(corner) for corner in corners[t].tolist()]
        for py in range(height):
            for px in range(width):
                wanted = _expected(places, px, py)
                assert wanted is None or found[t][py][px] == wanted, (t, px, py)


def _grid(draw: np.random.Generator, rows: int, columns: int) -> tuple[np.ndarray, Tensor]:
    """Return places (rows + 1, columns + 1, 2) of a grid, and two triangles a cell."""
    x, y = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0))
    faces = []
    for r in range(rows):
        for c in range(columns):
            i, j = r * (columns + 1) + c, (r + 1) * (columns + 1) + c
            pair = [(i, i + 1, j), (i + 1, j + 1, j)]
            if draw.integers(2):
                pair = [(i, i + 1, j + 1), (i, j + 1, j)]
            faces += [tuple(np.roll(face, draw.integers(3))[:: draw.choice([1, -1])])
                      for face in pair]  # fmt: skip
    return np.stack([x, y], axis=2), torch.tensor(np.array(faces), dtype=torch.int32)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_mesh_covers_every_centre_once(seed: int) -> None:
    draw = np.random.default_rng(seed)
    places, tri = _grid(draw, 4, 5)
    step = draw.choice([1, 8])  # on a coarse lattice centres lie on sides and on corners
    jitter = step * draw.integers(-16 // step, 16 // step + 1, places.shape)
    at = 64 * places - 72 + jitter  # a margin of 4.5 pixels around 11 x 7
    flat = 2.0 * at / (16.0 * np.array([11, 7])) - 1.0
    w = draw.uniform(0.4, 2.5, (*at.shape[:2], 1))
    pos = torch.tensor(np.concatenate([flat * w, 0 * w, w], axis=2).reshape(-1, 4))
    counts = [_each_alone(pos, tri, (7, 11), backend).sum(dim=0) for backend in BACKENDS]
    assert torch.equal(*counts)
    assert bool((counts[0] == 1).all())


def _camera(yaw: float, pitch: float, height: float) -> np.ndarray:
    """Return a matrix from the world to clip space: an eye above y = 0, z/w from 0.1 to 1000."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    turn = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array(
        [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]
    )
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = turn, turn @ np.array([0.0, -height, 0.0])
    near, far = 0.1, 1000.0
    depth = [[0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)], [0, 0, -1, 0]]
    projection = np.array([[1.2, 0, 0, 0], [0, 1.5, 0, 0], *depth], dtype=float)
    return projection @ view


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_ground_under_the_eye_is_covered_once_and_seen_where_rays_meet_it(seed: int) -> None:
    draw = np.random.default_rng(seed)
    places, tri = _grid(draw, 5, 5)
    spread = draw.choice([2.0, 40.0, 1e6])
    ground = (places - 2.5 + draw.uniform(-0.2, 0.2, places.shape)).reshape(-1, 2) * spread
    world = np.stack([ground[:, 0], 0 * ground[:, 0], ground[:, 1], 1 + 0 * ground[:, 0]])
    matrix = _camera(draw.uniform(0, 6.3), draw.uniform(0.4, 1.2), draw.uniform(0.2, 1.0))
    pos = torch.tensor((matrix @ world).T.copy())
    size = (9, 11)
    counts = [_each_alone(pos, tri, size, backend).sum(dim=0).numpy() for backend in BACKENDS]
    assert np.array_equal(*counts)
    rast = ops.rasterize(pos[None], tri, size)[0][0].numpy()
    inverse = np.linalg.inv(matrix)
    looked = 0
    for py, px in np.ndindex(*size):
        shifts = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))  # rounding may move what is near
        around = [_meet(inverse, (px + i, py + j), size) for i, j in shifts]
        _, hit = around[0]
        kinds = {
            "off" if not 0 < s < 1 else "on" if np.abs(place).max() < 2 * spread else "unknown"
            for s, place in around
        }
        if kinds == {"off"}:
            assert counts[0][py, px] == 0, (px, py)
        if kinds == {"on"}:
            looked += 1
            assert counts[0][py, px] == 1, (px, py)
            rounding = 1e-14 * float(np.abs(world).max())
            _check_point(rast[py, px], world[:3, tri.numpy()], hit, matrix, rounding)
    assert looked > 5


def _meet(
    inverse: np.ndarray, pixel: tuple[int, int], size: tuple[int, int]
) -> tuple[float, np.ndarray]:
    """Return where on its way from near to far a pixel's ray meets y = 0, and at which point."""
    fx, fy = (2 * pixel[0] + 1) / size[1] - 1, (2 * pixel[1] + 1) / size[0] - 1
    near, far = (inverse @ [fx, fy, z, 1] for z in (-1.0, 1.0))
    near, far = near[:3] / near[3], far[:3] / far[3]
    share = near[1] / (near[1] - far[1])
    return float(share), near + share * (far - near)


def _check_point(
    seen: np.ndarray, world: np.ndarray, hit: np.ndarray, matrix: np.ndarray, rounding: float
) -> None:
    """Assert that a pixel sees the point that its ray hits, unless a clamp moved it."""
    u, v, depth, label = seen
    corners = world[:, int(label) - 1]
    clip = matrix @ [*(corners @ [u, v, 1 - u - v]), 1.0]
    assert depth == pytest.approx(clip[2] / clip[3], rel=1e-9, abs=rounding)
    sides = (corners[:, :2] - corners[:, 2:])[[0, 2]]
    exact = np.linalg.solve(sides, (hit - corners[:, 2])[[0, 2]])
    if min(*exact, 1 - exact.sum()) > 1e-9:
        assert np.allclose([u, v], exact, rtol=1e-7, atol=1e-7)


def _weights(corners: np.ndarray, fx: float, fy: float) -> np.ndarray:
    """Return u and v at a point: the combination of x, y, w that lies on its ray."""
    b = np.linalg.solve(corners[:, [0, 1, 3]].T, [fx, fy, 1.0])
    return b[:2] / b.sum()


@every_backend
def test_slopes_are_those_between_neighbouring_points(backend: str) -> None:
    draw = np.random.default_rng(11)
    pos = draw.uniform(-1, 1, (1, 12, 4)) * [1.5, 1.5, 0.3, 0.5] + [0, 0, 0, 0.6]
    tri = torch.arange(12, dtype=torch.int32).reshape(4, 3)
    assert (pos[..., 3] < 0.2).any()
    size = (7, 10)
    rast, slopes = ops.rasterize(torch.tensor(pos), tri, size, backend=backend)
    seen = 0
    for py, px in np.argwhere(rast[0, ..., 3].numpy() > 0):
        corners = pos[0, 3 * (int(rast[0, py, px, 3]) - 1) :][:3]
        fx, fy = (2 * px + 1) / size[1] - 1, (2 * py + 1) / size[0] - 1
        step = 1e-6
        across = _weights(corners, fx + step, fy) - _weights(corners, fx - step, fy)
        up = _weights(corners, fx, fy + step) - _weights(corners, fx, fy - step)
        wanted = np.stack([across / (step * size[1]), up / (step * size[0])], axis=1).ravel()
        assert_close(slopes[0, py, px], torch.tensor(wanted), rtol=1e-6, atol=1e-6)
        seen += 1
    assert seen > 30


@every_backend
@pytest.mark.parametrize("part", ["uv", "depth", "slopes"])
def test_gradients_are_those_of_differences(backend: str, part: str) -> None:
    draw = torch.Generator().manual_seed(2)
    pos = torch.randn((2, 12, 4), generator=draw, dtype=torch.float64)
    pos[..., 2] *= 0.3
    pos[..., 3] = pos[..., 3].abs() + 0.5
    pos[0, ::4, 3] *= -0.6
    tri = torch.arange(12, dtype=torch.int32).reshape(4, 3)

    def call(vertices: Tensor) -> Tensor:
        rast, slopes = ops.rasterize(vertices, tri, (9, 8), backend=backend)
        return {"uv": rast[..., :2], "depth": rast[..., 2], "slopes": slopes}[part]

    assert_directional_gradients(
        call, [pos.requires_grad_()], directions=6, step=1e-8, rtol=1e-4, atol=1e-4
    )


def test_depth_may_be_left_out_of_the_gradient() -> None:
    draw = torch.Generator().manual_seed(4)
    pos = torch.randn((1, 9, 4), generator=draw, dtype=torch.float64)
    pos[..., 3] = pos[..., 3].abs() + 0.5
    tri = torch.arange(9, dtype=torch.int32).reshape(3, 3)
    found = []
    for grad_z, weight in ((True, 0.0), (False, 1.0)):
        leaf = pos.clone().requires_grad_()
        rast, slopes = ops.rasterize(leaf, tri, (9, 8), grad_z=grad_z)
        total = rast[..., :2].sum() + slopes.square().sum() + weight * rast[..., 2].sum()
        found.append(torch.autograd.grad(total, leaf)[0])
    assert_close(*found)
    assert bool(found[0].any())
    assert not bool(found[1][..., 2].any())
