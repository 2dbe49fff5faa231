import math

import pytest
import torch
from torch import Tensor

from diffgfx.errors import RangeError, ShapeError
from diffgfx.ops import normals_from_height
from diffgfx.testing import assert_close, order_of_accuracy
from diffgfx_kernels import available

BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(reason is not None, reason=str(reason)),
    )
    for name, reason in available()["normals_from_height"].items()
    if name != "nvdiffrast"
]
every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_boundary = pytest.mark.parametrize("boundary", ["free", "periodic"])
SIZE = (3.0, 1.0)


def _grid(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    x = ((torch.arange(columns, dtype=torch.float64) + 0.5) / columns - 0.5) * SIZE[0]
    y = (0.5 - (torch.arange(rows, dtype=torch.float64) + 0.5) / rows) * SIZE[1]
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return grid_x[None, None], grid_y[None, None]


def _unit(slope_x: Tensor, slope_y: Tensor) -> Tensor:
    normal = torch.cat([-slope_x, -slope_y, torch.ones_like(slope_x)], dim=1)
    return normal / normal.norm(dim=1, keepdim=True)


@every_backend
@every_boundary
def test_a_flat_field_faces_the_viewer(backend: str, boundary: str) -> None:
    normal = normals_from_height(
        torch.full((1, 1, 3, 4), 7.0), SIZE, boundary=boundary, backend=backend
    )
    assert torch.equal(
        normal, torch.tensor([0.0, 0.0, 1.0])[None, :, None, None].expand(1, 3, 3, 4)
    )


@every_backend
def test_the_signs_of_a_slope(backend: str) -> None:
    x, y = _grid(4, 5)
    right = normals_from_height(x, SIZE, backend=backend)
    up = normals_from_height(y, SIZE, backend=backend)
    half = math.sqrt(0.5)
    assert_close(right[0, :, 2, 2], torch.tensor([-half, 0.0, half], dtype=torch.float64))
    assert_close(up[0, :, 2, 2], torch.tensor([0.0, -half, half], dtype=torch.float64))


@every_backend
@pytest.mark.parametrize("shape", [(3, 3), (4, 7), (16, 5)])
def test_a_quadratic_has_its_exact_normals_to_the_edge(
    backend: str, shape: tuple[int, int]
) -> None:
    x, y = _grid(*shape)
    height = 0.3 * x**2 - 0.8 * y**2 + 0.1 * x - 0.4 * y
    normal = normals_from_height(height, SIZE, backend=backend)
    assert_close(normal, _unit(0.6 * x + 0.1, -1.6 * y - 0.4))


@every_backend
@every_boundary
def test_smooth_waves_converge_to_third_order(backend: str, boundary: str) -> None:
    errors = []
    for count in (16, 32, 64):
        x, y = _grid(count, 3 * count)
        a, b = 2.0 * math.pi / SIZE[0], 2.0 * math.pi / SIZE[1]
        height = 0.1 * (a * x).cos() * (b * y).sin()
        exact = _unit(
            -0.1 * a * (a * x).sin() * (b * y).sin(), 0.1 * b * (a * x).cos() * (b * y).cos()
        )
        found = normals_from_height(height, SIZE, boundary=boundary, backend=backend)
        errors.append(float((found - exact).square().mean().sqrt()))
    expected = 3.0 if boundary == "periodic" else 2.4  # second order in the outermost texels
    assert order_of_accuracy([1 / 16, 1 / 32, 1 / 64], errors) > expected - 0.1


@every_backend
def test_a_periodic_field_may_be_rolled(backend: str) -> None:
    height = torch.randn((1, 1, 5, 4), generator=torch.Generator().manual_seed(0))
    rolled = normals_from_height(
        height.roll((2, 1), (2, 3)), SIZE, boundary="periodic", backend=backend
    )
    there = normals_from_height(height, SIZE, boundary="periodic", backend=backend)
    assert_close(rolled, there.roll((2, 1), (2, 3)))


def test_one_texel_is_flat() -> None:
    assert normals_from_height(torch.full((1, 1, 1, 1), 3.0), SIZE).flatten().tolist() == [0, 0, 1]


def test_an_unknown_boundary_is_named() -> None:
    with pytest.raises(RangeError, match="boundary must be one of free, periodic, got 'open'"):
        normals_from_height(torch.zeros(1, 1, 2, 2), SIZE, boundary="open")  # type: ignore[arg-type]


def test_more_than_one_channel_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"height must have shape \(B, 1, H, W\)"):
        normals_from_height(torch.zeros(1, 2, 2, 2), SIZE)
