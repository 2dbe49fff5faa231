"""Small scenes worked out by hand, and what bad input does."""

from typing import Any

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from diffgfx.testing import assert_close

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)

SQUARE = ((-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0))
FULL = ((-1.0, -1.0), (3.0, -1.0), (-1.0, 3.0))


def _vertices(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None]


def _faces(*rows: tuple[int, int, int]) -> Tensor:
    return torch.tensor(rows, dtype=torch.int32).reshape(-1, 3)


def _stack(*depths: float) -> tuple[Tensor, Tensor]:
    """Return triangles that fill the screen at the given depths, w = 1."""
    pos = _vertices(*((x, y, z, 1.0) for z in depths for x, y in FULL))
    return pos, torch.arange(3 * len(depths), dtype=torch.int32).reshape(-1, 3)


@every_backend
def test_a_square_of_two_triangles(backend: str) -> None:
    pos = _vertices(*((x, y, 0.25, 1.0) for x, y in SQUARE))
    rast, slopes = ops.rasterize(pos, _faces((0, 1, 2), (3, 1, 2)), (4, 4), backend=backend)
    # the diagonal x + y = 0 goes through four centres, which belong to one triangle
    assert rast[0, ..., 3].tolist() == [[1, 1, 1, 2], [1, 1, 2, 2], [1, 2, 2, 2], [2, 2, 2, 2]]
    u = [[0.75, 0.5, 0.25, 0.0], [0.5, 0.25, 0, 0.25], [0.25, 0, 0.25, 0.5], [0, 0.25, 0.5, 0.75]]
    v = [
        [0.125, 0.375, 0.625, 0.875], [0.125, 0.375, 0.625, 0.625],
        [0.125, 0.375, 0.375, 0.375], [0.125, 0.125, 0.125, 0.125],
    ]  # fmt: skip
    assert rast[0, ..., 0].tolist() == u
    assert rast[0, ..., 1].tolist() == v
    assert bool((rast[..., 2] == 0.25).all())
    assert slopes[0, 0, 0].tolist() == [-0.25, -0.25, 0.25, 0.0]
    assert slopes[0, 3, 3].tolist() == [0.25, 0.25, 0.0, -0.25]


@every_backend
def test_a_triangle_in_perspective(backend: str) -> None:
    pos = _vertices((-1, -1, -0.5, 1), (2, -2, 1, 2), (-1, 1, -0.5, 1))
    rast, slopes = ops.rasterize(pos, _faces((0, 1, 2)), (4, 4), backend=backend)
    # at (-3/4, -3/4) the flat weights are 3/4, 1/8, 1/8; divided by w: 12/15, 1/15, 2/15
    assert_close(rast[0, 0, 0], torch.tensor([0.8, 1 / 15, -0.375, 1.0], dtype=torch.float64))
    expected = torch.tensor([-0.16, -4 / 15, 32 / 225, 0.0], dtype=torch.float64)
    assert_close(slopes[0, 0, 0], expected)


@every_backend
def test_a_triangle_that_reaches_behind_the_eye(backend: str) -> None:
    # with weight t of the last vertex y/w = (3 t - 1) / (1 - 2 t), and it widens without bound
    pos = _vertices((-1, -1, 0, 1), (1, -1, 0, 1), (0, 2, 0, -1))
    rast, _ = ops.rasterize(pos, _faces((0, 1, 2)), (2, 2), backend=backend)
    expected = [
        [[0.5, 0.25, 0, 1], [0.25, 0.5, 0, 1]],
        [[0.375, 0.25, 0, 1], [0.25, 0.375, 0, 1]],
    ]
    assert_close(rast[0], torch.tensor(expected, dtype=torch.float64))


@every_backend
def test_the_nearest_wins_and_of_equal_ones_the_lowest_index(backend: str) -> None:
    rast, _ = ops.rasterize(*_stack(0.5, 0.2, 0.2, 0.9), (2, 3), backend=backend)
    assert bool((rast[..., 3] == 2).all())
    assert_close(rast[..., 2], torch.full((1, 2, 3), 0.2, dtype=torch.float64))


@every_backend
def test_what_is_seen_lies_between_the_near_and_the_far_plane(backend: str) -> None:
    pos, tri = _stack(-1.25, 1.25, 1.0)
    assert bool((ops.rasterize(pos, tri, (2, 2), backend=backend)[0][..., 3] == 3).all())
    pos, tri = _stack(0.0, -1.0)
    assert bool((ops.rasterize(pos, tri, (2, 2), backend=backend)[0][..., 3] == 2).all())
    # z/w runs from -2 to 2 across the screen: the outer columns are beyond the planes
    pos = _vertices((-1, -1, -2, 1), (3, -1, 6, 1), (-1, 3, -2, 1))
    rast, _ = ops.rasterize(pos, _faces((0, 1, 2)), (1, 8), backend=backend)
    assert rast[0, 0, :, 3].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert rast[0, 0, :, 2].tolist() == [0, 0, -0.75, -0.25, 0.25, 0.75, 0, 0]


@every_backend
def test_images_of_ranges_share_their_vertices(backend: str) -> None:
    pos, tri = _stack(0.5, 0.2, -0.3)
    pos = pos[0].requires_grad_()
    ranges = torch.tensor([[1, 2], [0, 2], [2, 0], [0, 1]], dtype=torch.int32)
    rast, _ = ops.rasterize(pos, tri, (2, 2), ranges=ranges, backend=backend)
    assert rast[:, 0, 0, 3].tolist() == [3, 2, 0, 1]
    gradient = torch.autograd.grad(rast[..., 2].sum(), pos)[0]
    assert_close(gradient.view(3, 3, 4)[..., 2].sum(dim=1), torch.full((3,), 4.0).double())


@every_backend
def test_what_vertices_do_not_change(backend: str) -> None:
    draw = torch.Generator().manual_seed(3)
    pos = torch.randn((1, 30, 4), generator=draw, dtype=torch.float64)
    pos[..., 3] = pos[..., 3].abs() + 0.3
    tri = torch.arange(30, dtype=torch.int32).reshape(10, 3)
    rast, slopes = ops.rasterize(pos, tri, (19, 23), backend=backend)
    assert len(rast[..., 3].unique()) > 4
    turned, _ = ops.rasterize(pos, tri.flip(1), (19, 23), backend=backend)  # the other way round
    assert torch.equal(turned[..., 3], rast[..., 3])
    assert_close(turned[..., 2], rast[..., 2])
    order = torch.randperm(10, generator=draw)
    mixed, other = ops.rasterize(pos, tri[order], (19, 23), backend=backend)
    named = torch.cat([torch.zeros(1).double(), order.double() + 1])[mixed[..., 3].long()]
    assert torch.equal(named, rast[..., 3])
    assert torch.equal(mixed[..., :3], rast[..., :3])
    assert torch.equal(other, slopes)


@every_backend
def test_a_clamped_centre_has_no_gradient_along_the_clamp(backend: str) -> None:
    # the left side lies 1/50 pixel right of a centre, onto which it is rounded
    left = -0.25 + 0.02 * 0.5
    pos = _vertices((left, -9, 0, 1), (left, 9, 0, 1), (9, 0, 0, 1)).requires_grad_()
    rast, _ = ops.rasterize(pos, _faces((0, 1, 2)), (4, 4), backend=backend)
    u, v = rast[0, 1, 1, :2]
    assert rast[0, 1, 1, 3].item() == 1.0
    assert (u + v).item() == pytest.approx(1.0)
    across = torch.autograd.grad(u + v, pos, retain_graph=True)[0]
    along = torch.autograd.grad(u, pos)[0]
    assert float(across.abs().max()) < 1e-12
    assert float(along.abs().max()) > 1e-2


@every_backend
def test_thin_and_flat_triangles_are_harmless(backend: str) -> None:
    pos = _vertices(
        (-0.9, -0.9, 0, 1), (0.9, 0.9, 0, 1), (0, 0, 0, 1), (0.3, 0.2, 0, 1),
        (1e-9, 0, 0, 1), (0, 1e-9, 0, 1), (0.9, 0.9 + 1e-12, 0, 1),
    ).requires_grad_()  # fmt: skip
    tri = _faces((0, 1, 2), (3, 3, 3), (2, 4, 5), (0, 1, 6), (0, 0, 1))
    for dtype in (torch.float32, torch.float64):
        rast, slopes = ops.rasterize(pos.to(dtype), tri, (64, 64), backend=backend)
        assert bool(rast.isfinite().all())
        assert bool(slopes.isfinite().all())
        total = rast.sum() + slopes.sum()
        assert bool(torch.autograd.grad(total, pos)[0].isfinite().all())


@every_backend
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e12])
def test_nothing_behind_the_eye_is_seen(backend: str, scale: float) -> None:
    draw = torch.Generator().manual_seed(5)
    pos = torch.randn((1, 60, 4), generator=draw, dtype=torch.float64) * scale
    pos[..., 3] = -pos[..., 3].abs()
    pos[:, ::2, 3] = 0.0
    pos.requires_grad_()
    tri = torch.arange(60, dtype=torch.int32).reshape(20, 3)
    rast, slopes = ops.rasterize(pos, tri, (9, 9), backend=backend)
    assert not bool(rast.any() | slopes.any())
    assert not bool(torch.autograd.grad(rast.sum() + slopes.sum(), pos)[0].any())


@every_backend
def test_empty_batches_meshes_and_ranges(backend: str) -> None:
    pos, tri = _stack(0.0)
    none = torch.empty((0, 3), dtype=torch.int32)
    for vertices, faces, more in (
        (pos[:0], tri, {}),
        (pos, none, {}),
        (pos[:, :0], none, {}),
        (pos[0], tri, {"ranges": torch.empty((0, 2), dtype=torch.int32)}),
        (pos[0], none, {"ranges": torch.zeros((2, 2), dtype=torch.int32)}),
    ):
        leaf = vertices.clone().requires_grad_()
        rast, slopes = ops.rasterize(leaf, faces, (3, 5), backend=backend, **more)
        batch = len(more["ranges"]) if more else len(vertices)
        assert rast.shape == slopes.shape == (batch, 3, 5, 4)
        assert not bool(rast.any())
        assert not bool(torch.autograd.grad(rast.sum(), leaf)[0].any())


@every_backend
def test_sizes_that_no_tile_divides(backend: str) -> None:
    pos, tri = _stack(0.1)
    for size in ((1, 1), (1, 37), (17, 1), (33, 31)):
        rast, _ = ops.rasterize(pos.float(), tri, size, backend=backend)
        assert bool((rast[..., 3] == 1).all())


def test_long_lists_are_drawn_in_parts() -> None:
    count = 20_000  # in four tiles: more entries than a list may have
    draw = torch.Generator().manual_seed(1)
    depth = torch.randint(-900, 900, (count,), generator=draw) / 1000.0
    pos = torch.tensor([(x, y, 0.0, 1.0) for x, y in FULL]).repeat(count, 1)
    pos[:, 2] = depth.repeat_interleave(3)
    tri = torch.arange(3 * count, dtype=torch.int32).reshape(-1, 3)
    above = torch.full((1, 40, 40, 4), 1.0)
    above[..., 2] = 0.25
    rast, _ = ops.rasterize(pos[None], tri, (40, 40))
    assert bool((rast[..., 3] == int(depth.argmin()) + 1).all())
    rast, _ = ops.rasterize(pos[None], tri, (40, 40), below=above)
    behind = torch.where(depth > 0.2501, depth, 1.0)
    assert float(rast[0, 0, 0, 2]) == pytest.approx(float(behind.min()))


RANGES = torch.tensor([[0, 1]], dtype=torch.int32)
BAD_RANGES: tuple[tuple[Any, type[Exception], str], ...] = (
    (RANGES.long(), DtypeError, "ranges must be int32"),
    (RANGES.tolist(), DtypeError, "ranges must be a torch.Tensor"),
    (RANGES[0], ShapeError, r"ranges must have shape \(N, 2\)"),
    (RANGES.to("meta"), DeviceError, "ranges must be on the CPU"),
    (RANGES + 1, RangeError, r"ranges\[0\] must lie within the 1 triangles, got start 1 and"),
    (RANGES - 1, RangeError, r"ranges\[0\] must lie within"),
    (torch.tensor([[0, -1]], dtype=torch.int32), RangeError, "columns are start and count"),
)


@pytest.mark.parametrize(("ranges", "error", "message"), BAD_RANGES)
def test_bad_ranges_are_named(ranges: Any, error: type[Exception], message: str) -> None:
    pos, tri = _stack(0.0)
    with pytest.raises(error, match=message):
        ops.rasterize(pos[0], tri, (2, 2), ranges=ranges)


def test_bad_vertices_indices_and_layers_are_named() -> None:
    pos, tri = _stack(0.0)
    with pytest.raises(ShapeError, match=r"pos must have shape \(V, 4\)"):
        ops.rasterize(pos, tri, (2, 2), ranges=RANGES)
    with pytest.raises(RangeError, match="tri must hold indices from 0 to 1"):
        ops.rasterize(pos[:, :2], tri, (2, 2))
    pos[0, 1, 2] = torch.nan
    with pytest.raises(RangeError, match="pos must be finite, got 1 NaN"):
        ops.rasterize(pos, tri, (2, 2))
    pos, _ = _stack(0.0)
    layer, _ = ops.rasterize(pos, tri, (2, 2))
    with pytest.raises(ShapeError, match=r"below must have shape \(1, 2, 3, 4\)"):
        ops.rasterize(pos, tri, (2, 3), below=layer)
    with pytest.raises(DtypeError, match="below must have the dtype of pos"):
        ops.rasterize(pos, tri, (2, 2), below=layer.float())
