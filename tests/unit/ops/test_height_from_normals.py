import math

import pytest
import torch
from torch import Tensor

from diffgfx.errors import ShapeError
from diffgfx.ops import height_from_normals, normals_from_height
from diffgfx.testing import assert_close, order_of_accuracy
from diffgfx_kernels import available

BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(reason is not None, reason=str(reason)))
    for name, reason in available()["height_from_normals"].items()
    if name != "nvdiffrast"
]
every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_boundary = pytest.mark.parametrize("boundary", ["free", "periodic"])
SIZE = (1.5, 1.0)


def _grid(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    x = ((torch.arange(columns, dtype=torch.float64) + 0.5) / columns - 0.5) * SIZE[0]
    y = (0.5 - (torch.arange(rows, dtype=torch.float64) + 0.5) / rows) * SIZE[1]
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return grid_x[None, None], grid_y[None, None]


def _centred(height: Tensor) -> Tensor:
    return height - height.mean(dim=(2, 3), keepdim=True)


def _rough(rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    height = torch.randn((2, 1, rows, columns), generator=draw, dtype=torch.float64)
    return _centred(0.3 * height / max(rows, columns)).to(dtype)


@every_backend
@every_boundary
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 2), (3, 2), (5, 8), (64, 33), (96, 128)])
def test_a_rough_height_comes_back_from_its_normals(
    backend: str, boundary: str, dtype: torch.dtype, shape: tuple[int, int]
) -> None:
    height = _rough(*shape, dtype)
    normal = normals_from_height(height, SIZE, boundary=boundary, backend=backend)
    found = height_from_normals(1.7 * normal, SIZE, boundary=boundary, backend=backend)
    scale = float(height.abs().max())
    atol = scale * (1e-4 if dtype == torch.float32 else 1e-11)
    assert_close(found, height, rtol=0.0, atol=atol)


@every_backend
@pytest.mark.parametrize("shape", [(3, 3), (6, 9), (17, 4)])
def test_a_paraboloid_is_exact(backend: str, shape: tuple[int, int]) -> None:
    x, y = _grid(*shape)
    height = 0.7 * x**2 - 0.4 * y**2 + 0.2 * x - 0.3 * y
    normal = torch.cat([-(1.4 * x + 0.2), 0.8 * y + 0.3, torch.ones_like(x)], dim=1)
    assert_close(height_from_normals(normal, SIZE, backend=backend), _centred(height))


@every_backend
@every_boundary
def test_a_cosine_converges_to_third_order(backend: str, boundary: str) -> None:
    a, b = 2.0 * math.pi / SIZE[0], 2.0 * math.pi / SIZE[1]
    errors = []
    for count in (16, 32, 64):
        x, y = _grid(count, count)
        height = 0.1 * (a * x + 0.3).cos() * (b * y).cos()
        slope_x = -0.1 * a * (a * x + 0.3).sin() * (b * y).cos()
        slope_y = -0.1 * b * (a * x + 0.3).cos() * (b * y).sin()
        normal = torch.cat([-slope_x, -slope_y, torch.ones_like(x)], dim=1)
        found = height_from_normals(normal, SIZE, boundary=boundary, backend=backend)
        errors.append(float((found - _centred(height)).square().mean().sqrt()))
    assert errors[-1] < 1e-5
    assert order_of_accuracy([1 / 16, 1 / 32, 1 / 64], errors) > 2.7


@every_backend
def test_a_sphere_cap_is_met(backend: str) -> None:
    x, y = _grid(96, 144)
    z = (1.5**2 - x**2 - y**2).sqrt()
    found = height_from_normals(torch.cat([x, y, z], dim=1).float(), SIZE, backend=backend)
    off = (found - _centred(z).float()).abs().max() / (z.max() - z.min())
    assert float(off) < 1e-4


@every_backend
def test_noise_leaves_no_checkerboard(backend: str) -> None:
    normal = torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(3))
    normal = torch.cat([0.1 * normal[:, :2], torch.ones((1, 1, 64, 64))], dim=1)
    height = height_from_normals(normal, (64.0, 64.0), boundary="periodic", backend=backend)
    neighbours = sum(height.roll(s, d) for s in (1, -1) for d in (2, 3)) / 4.0
    assert float((height - neighbours).square().mean().sqrt()) < 0.1  # in texels; noise of 0.1


@every_backend
@every_boundary
def test_the_mean_is_zero(backend: str, boundary: str) -> None:
    normal = torch.rand((2, 3, 9, 7), generator=torch.Generator().manual_seed(0)) + 0.2
    height = height_from_normals(normal, SIZE, boundary=boundary, backend=backend)
    assert float(height.mean(dim=(2, 3)).abs().max()) < 1e-6


@every_backend
def test_a_mean_slope_cannot_be_tiled(backend: str) -> None:
    tilted = torch.tensor([-0.5, 0.2, 1.0])[None, :, None, None].expand(1, 3, 4, 6)
    found = height_from_normals(tilted, SIZE, boundary="periodic", backend=backend)
    assert_close(found, torch.zeros(1, 1, 4, 6))


@every_backend
def test_slopes_are_limited_and_then_carry_no_gradient(backend: str) -> None:
    # of a line of two texels, the height's step is the mean of the two slopes
    def step(*normals: tuple[float, float, float]) -> tuple[float, Tensor]:
        normal = torch.tensor(normals, dtype=torch.float64).T[None, :, None, :].requires_grad_()
        height = height_from_normals(normal, (2.0, 1.0), backend=backend)
        rise = height[0, 0, 0, 1] - height[0, 0, 0, 0]
        gradient = torch.autograd.grad(rise, normal)[0]
        return float(rise.detach()), gradient[0, :, 0, :].T

    steep, flat = (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0)
    rise, gradient = step(steep, flat)
    assert rise == pytest.approx(0.5 * 0.8 / 0.05)
    assert gradient[0].tolist() == [0.0, 0.0, 0.0]
    assert gradient[1].tolist() == pytest.approx([-0.5, 0.0, 0.0])
    assert step((-0.8, 0.6, -3.0), flat)[0] == pytest.approx(0.5 * 0.8 / 0.05 / math.sqrt(10.0))
    assert step((0.0, 0.0, 0.0), flat)[0] == 0.0


def test_two_channels_are_refused() -> None:
    with pytest.raises(ShapeError, match="the channels are x, y and z"):
        height_from_normals(torch.zeros(1, 2, 2, 2), SIZE)
