"""Shading of meshes against flat samples, closed forms, quadrature and symmetry."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import lpmv
from torch import Tensor

from diffgfx import ops
from diffgfx.testing import assert_close

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)
SIZE, SHAPE = (1.6, 1.2), (5, 7)


def _draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _rand(draw: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=draw, dtype=torch.float64)


def _maps(draw: torch.Generator, *shape: int) -> Tensor:
    maps = 0.1 + 0.8 * _rand(draw, 1, 10, *shape)
    maps[:, :2] -= 0.5
    maps[:, 2] += 0.5
    return maps


def _plane(height: int, width: int) -> dict[str, Tensor]:
    """Return the pixels of a flat sample as `ops.shade_svbrdf` places its texels."""
    x = ((torch.arange(width, dtype=torch.float64) + 0.5) / width - 0.5) * SIZE[0]
    y = (0.5 - (torch.arange(height, dtype=torch.float64) + 0.5) / height) * SIZE[1]
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    zero, one = 0.0 * grid_x, 1.0 + 0.0 * grid_x
    return {
        "position": torch.stack([grid_x, grid_y, zero])[None],
        "normal": torch.stack([zero, zero, one])[None],
        "tangent": torch.stack([one, zero, zero, one])[None],
    }


@every_backend
@pytest.mark.parametrize("distant", [False, True])
def test_a_plane_is_a_flat_sample(distant: bool, backend: str) -> None:
    draw = _draw(1)
    maps = _maps(draw, *SHAPE).requires_grad_()
    places = torch.tensor([[[0.3, 0.4, 1.2], [-1.1, 0.5, 0.9]]], dtype=torch.float64)
    places.requires_grad_()
    radiance = (0.5 + _rand(draw, 1, 2, 3)).requires_grad_()
    eye = torch.tensor([[0.4, -0.3, 1.5]], dtype=torch.float64).requires_grad_()
    flat = ops.shade_svbrdf(
        maps, places, radiance, eye[:, None].expand(1, 2, 3), SIZE, directional=distant,
        backend="torch",
    ).sum(dim=1)  # fmt: skip
    w = torch.full((1, 2, 1), 0.0 if distant else 1.0, dtype=torch.float64)
    lights = torch.cat([places, w], dim=2)
    mesh = ops.shade_mesh(
        maps=maps, lights=lights, radiance=radiance, camera_position=eye, backend=backend,
        **_plane(*SHAPE),
    )  # fmt: skip
    weight = torch.randn(flat.shape, generator=draw, dtype=torch.float64)
    leaves = [maps, places, radiance, eye]
    assert_close(mesh, flat, name="image", rtol=1e-12, atol=1e-13)
    found = torch.autograd.grad(mesh, leaves, weight)
    for one, other in zip(found, torch.autograd.grad(flat, leaves, weight), strict=True):
        assert_close(one, other, rtol=1e-9, atol=1e-11)


def _facing(normals: Tensor, harmonics: Tensor, backend: str) -> Tensor:
    """Return the irradiance on planes with unit normals (N, 3), shape (N, 3): white, no F0."""
    normal = normals.T[None, :, None]
    maps = torch.zeros(1, 10, 1, len(normals), dtype=torch.float64)
    maps[:, 3:6], maps[:, 9] = 1.0, 1.0
    image = ops.shade_mesh(
        position=-normal, normal=normal, maps=maps,
        lights=torch.zeros(1, 0, 4).double(), radiance=torch.zeros(1, 0, 3).double(),
        camera_position=torch.zeros(1, 3).double(), harmonics=harmonics[None],
        mask=torch.ones(1, 1, 1, len(normals)), backend=backend,
    )  # fmt: skip
    return math.pi * image[0, :, 0].T


def _sphere(count: int) -> tuple[Tensor, Tensor]:
    """Return directions (N, 3) and solid angles for Gauss-Legendre x uniform quadrature."""
    z, weight = np.polynomial.legendre.leggauss(count)
    turn = 2.0 * math.pi * (torch.arange(2 * count, dtype=torch.float64) + 0.5) / (2 * count)
    z = torch.from_numpy(z)[:, None].expand(count, 2 * count)
    side = (1.0 - z.square()).sqrt()
    way = torch.stack([side * turn.cos(), side * turn.sin(), z], dim=-1).reshape(-1, 3)
    share = torch.from_numpy(weight)[:, None].expand(count, 2 * count) * math.pi / count
    return way, share.reshape(-1)


def _real_harmonics(way: Tensor) -> Tensor:
    """Return the nine real harmonics (N, 9) from SciPy's Legendre functions, without their sign."""
    turn = torch.atan2(way[:, 1], way[:, 0])
    rows = []
    for degree in range(3):
        for order in range(-degree, degree + 1):
            m = abs(order)
            legendre = (-1) ** m * torch.from_numpy(lpmv(m, degree, way[:, 2].numpy()))
            ratio = math.factorial(degree - m) / math.factorial(degree + m)
            size = math.sqrt((2 * degree + 1) * (2 if m else 1) * ratio / (4.0 * math.pi))
            rows.append(size * legendre * ((m * turn).sin() if order < 0 else (m * turn).cos()))
    return torch.stack(rows, dim=1)


@every_backend
def test_a_constant_surrounding_sends_pi_times_its_radiance(backend: str) -> None:
    normals = torch.nn.functional.normalize(torch.randn(6, 3, generator=_draw(2)).double(), dim=1)
    harmonics = torch.zeros(9, 3, dtype=torch.float64)
    radiance = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    harmonics[0] = radiance * math.sqrt(4.0 * math.pi)
    expected = (math.pi * radiance).expand(6, 3)
    assert_close(_facing(normals, harmonics, backend), expected, rtol=1e-12)


@every_backend
def test_a_linear_surrounding_sends_two_thirds_of_its_slope(backend: str) -> None:
    normals = torch.nn.functional.normalize(torch.randn(6, 3, generator=_draw(2)).double(), dim=1)
    slope = torch.tensor([0.3, -0.7, 0.4], dtype=torch.float64)  # of x, y, z, in red only
    harmonics = torch.zeros(9, 3, dtype=torch.float64)
    harmonics[1:4, 0] = slope[[1, 2, 0]] * math.sqrt(4.0 * math.pi / 3.0)
    expected = torch.zeros(6, 3, dtype=torch.float64)
    expected[:, 0] = 2.0 * math.pi / 3.0 * normals @ slope
    assert_close(_facing(normals, harmonics, backend), expected, rtol=1e-12, atol=1e-15)


@every_backend
def test_irradiance_is_the_integral_of_the_radiance(backend: str) -> None:
    draw = _draw(4)
    harmonics = torch.randn(9, 3, generator=draw, dtype=torch.float64)
    normals = torch.nn.functional.normalize(torch.randn(5, 3, generator=draw).double(), dim=1)
    way, share = _sphere(400)
    radiance = _real_harmonics(way) @ harmonics
    cosine = (normals @ way.T).clamp(min=0.0)
    expected = (cosine * share) @ radiance
    assert_close(_facing(normals, harmonics, backend), expected, rtol=1e-4, atol=1e-4)


@every_backend
def test_f0_takes_its_share_of_the_surroundings(backend: str) -> None:
    plane = _plane(1, 1) | {"tangent": None}
    maps = torch.tensor([0, 0, 1, 0.5, 0.4, 0.3, 0.1, 0.6, 0.2, 0.5], dtype=torch.float64)
    harmonics = torch.zeros(1, 9, 3, dtype=torch.float64)
    harmonics[:, 0] = math.sqrt(4.0 * math.pi)
    image = ops.shade_mesh(
        **plane, maps=maps.view(1, 10, 1, 1), lights=torch.zeros(1, 0, 4).double(),
        radiance=torch.zeros(1, 0, 3).double(), mask=torch.ones(1, 1, 1, 1), harmonics=harmonics,
        camera_position=torch.tensor([[0.0, 0.0, 1.0]]).double(), backend=backend,
    )  # fmt: skip
    assert_close(image[0, :, 0, 0], 0.4 * maps[3:6], rtol=1e-12)


def _turn(draw: torch.Generator) -> Tensor:
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=draw, dtype=torch.float64))
    q = q * r.diagonal().sign()
    return q * torch.linalg.det(q)  # no mirror


@every_backend
def test_the_scene_may_be_moved_and_turned(backend: str) -> None:
    draw = _draw(6)
    lights = torch.tensor([[[0.3, 0.4, 1.2, 1.0], [-1.1, 0.5, 0.9, 0.0]]], dtype=torch.float64)
    given: dict[str, Any] = _plane(*SHAPE) | {
        "maps": _maps(draw, *SHAPE),
        "lights": lights,
        "radiance": 0.5 + _rand(draw, 1, 2, 3),
        "camera_position": torch.tensor([[0.4, -0.3, 1.5]], dtype=torch.float64),
    }
    given["normal"] = given["normal"] + 0.3 * _rand(draw, 1, 3, *SHAPE)
    image = ops.shade_mesh(**given, backend=backend)
    q, shift = _turn(draw), torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64)
    moved = dict(given)
    for name in ("position", "normal", "tangent"):
        value = given[name]
        turned = torch.einsum("ij,bjhw->bihw", q, value[:, :3])
        turned = turned + shift[:, None, None] * (name == "position")
        moved[name] = torch.cat([turned, value[:, 3:]], dim=1)
    moved["camera_position"] = given["camera_position"] @ q.T + shift
    turned = lights[..., :3] @ q.T + shift * lights[..., 3:]
    moved["lights"] = torch.cat([turned, lights[..., 3:]], dim=-1)
    assert_close(ops.shade_mesh(**moved, backend=backend), image, rtol=1e-9, atol=1e-12)
