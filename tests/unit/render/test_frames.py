"""Tangents against surfaces whose direction of +u is known in closed form."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from diffgfx.render import vertex_tangents
from diffgfx.testing import assert_gradients

Surface = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def _grid(columns: int, rows: int) -> tuple[Tensor, Tensor]:
    """Return uv in the unit square and two triangles a cell, counter-clockwise in uv."""
    u, v = torch.meshgrid(
        torch.linspace(0.0, 1.0, columns + 1, dtype=torch.float64),
        torch.linspace(0.0, 1.0, rows + 1, dtype=torch.float64),
        indexing="xy",
    )
    corner = (torch.arange(rows)[:, None] * (columns + 1) + torch.arange(columns)).flatten()
    a, b, c, d = corner, corner + 1, corner + columns + 2, corner + columns + 1
    tri = torch.cat([torch.stack([a, b, c], dim=1), torch.stack([a, c, d], dim=1)])
    return torch.stack([u.flatten(), v.flatten()], dim=1), tri.int()


def _sphere(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return points and normals, and the direction of +u, of the belt within 60 degrees."""
    turn, rise = 2.0 * math.pi * u, math.pi * (v - 0.5) / 1.5
    up = torch.stack([turn.sin() * rise.cos(), rise.sin(), turn.cos() * rise.cos()], dim=1)
    return 1.7 * up, up, torch.stack([turn.cos(), 0.0 * u, -turn.sin()], dim=1)


def _cylinder(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same of a cylinder about y, wound by a uv turned by 30 degrees and sheared."""
    turn = u + 0.5 * v  # at constant v, +u goes round
    out = torch.stack([turn.sin(), 0.0 * u, turn.cos()], dim=1)
    point = out + torch.stack([0.0 * u, v, 0.0 * u], dim=1)
    return point, out, torch.stack([turn.cos(), 0.0 * u, -turn.sin()], dim=1)


@pytest.mark.parametrize("surface", [_sphere, _cylinder])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_tangent_is_the_derivative_to_u(surface: Surface, mirrored: bool) -> None:
    uv, tri = _grid(24, 12)
    point, normal, expected = surface(*uv.T)
    if mirrored:
        uv, expected = uv * torch.tensor([-1.0, 1.0]), -expected
    errors = []
    for turned in (tri, tri.flip(1)):
        found = vertex_tangents(point, 3.0 * normal, uv, turned)
        assert bool((found[:, 3] == (-1.0 if mirrored else 1.0)).all())
        torch.testing.assert_close((found[:, :3] * normal).sum(1), torch.zeros(len(uv)).double())
        errors.append(float((found[:, :3] - expected).norm(dim=1).max()))
    assert max(errors) < 0.15  # at the ends of the strip the triangles lie on one side


@pytest.mark.parametrize("surface", [_sphere, _cylinder])
def test_inside_it_is_found_to_second_order(surface: Surface) -> None:
    errors = []
    for columns in (24, 48):
        uv, tri = _grid(columns, columns // 2)
        point, normal, expected = surface(*uv.T)
        found = vertex_tangents(point, normal, uv, tri)
        inner = (uv.min(dim=1).values > 0.01) & (uv.max(dim=1).values < 0.99)
        errors.append(float((found[:, :3] - expected)[inner].norm(dim=1).max()))
    assert errors[1] < errors[0] / 3.5 or errors[0] < 1e-12


def test_the_bitangent_of_a_plane_is_plus_v() -> None:
    uv, tri = _grid(2, 2)
    turn = torch.tensor([[0.6, 0.8], [-0.8, 0.6]], dtype=torch.float64)
    plane = torch.cat([uv @ turn, torch.zeros(len(uv), 1).double()], dim=1)
    normal = torch.tensor([[0.0, 0.0, 2.0]], dtype=torch.float64).expand(len(uv), 3)
    found = vertex_tangents(plane, normal, uv, tri)
    expected = torch.tensor([0.6, 0.8, 0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(found, expected.expand(len(uv), 4))


def test_without_uv_area_there_is_still_a_frame() -> None:
    uv, tri = _grid(3, 2)
    point, normal, _ = _sphere(*uv.T)
    point, normal = point.requires_grad_(), normal.requires_grad_()
    flat = (uv * torch.tensor([1.0, 0.0])).requires_grad_()  # a line in uv
    found = vertex_tangents(point, normal, flat, tri)
    torch.testing.assert_close(found[:, :3].norm(dim=1), torch.ones(len(uv)).double())
    torch.testing.assert_close((found[:, :3] * normal).sum(1), torch.zeros(len(uv)).double())
    assert bool((found[:, 3] == 1.0).all())
    for gradient in torch.autograd.grad(found.sum(), [point, normal, flat]):
        assert bool(gradient.isfinite().all())


def test_what_has_no_area_does_not_count() -> None:
    uv, tri = _grid(4, 3)
    point, normal, _ = _sphere(*uv.T)
    clean = vertex_tangents(point, normal, uv, tri)
    broken = torch.tensor([[0, 0, 7], [5, 5, 5], [9, 2, 2]], dtype=torch.int32)
    places = [value.clone().requires_grad_() for value in (point, normal, uv)]
    found = vertex_tangents(*places, torch.cat([broken, tri]))
    torch.testing.assert_close(found, clean, rtol=1e-12, atol=1e-12)
    for gradient in torch.autograd.grad(found.sum(), places):
        assert bool(gradient.isfinite().all())


def test_gradients_are_central_differences() -> None:
    draw = torch.Generator().manual_seed(5)
    uv, tri = _grid(2, 2)
    point, normal, _ = _cylinder(*uv.T)
    given = [
        (value + 0.05 * torch.randn(value.shape, generator=draw, dtype=torch.float64))
        .detach()
        .requires_grad_()
        for value in (point, normal, uv)
    ]
    assert_gradients(lambda *values: vertex_tangents(*values, tri), given)


@pytest.mark.parametrize("count", [0, 3])
def test_no_triangles_are_fine(count: int) -> None:
    zero = torch.zeros(count, 3)
    found = vertex_tangents(zero, zero, zero[:, :2], torch.zeros(0, 3, dtype=torch.int64))
    assert found.shape == (count, 4)
    assert bool(found.isfinite().all())


@pytest.mark.parametrize(
    ("name", "change", "error"),
    [
        ("position", lambda x: x[:, :2], ShapeError),
        ("normal", lambda x: x[1:], ShapeError),
        ("uv", lambda x: x.float(), DtypeError),
        ("tri", lambda x: x.float(), DtypeError),
        ("tri", lambda x: x.to("meta"), DeviceError),
        ("tri", lambda x: x[:, :2], ShapeError),
        ("tri", lambda x: x + 1, RangeError),
        ("tri", lambda x: x - 1, RangeError),
    ],
)
def test_wrong_arguments_are_named(name, change, error) -> None:
    uv, tri = _grid(1, 1)
    point, normal, _ = _sphere(*uv.T)
    given = {"position": point, "normal": normal, "uv": uv, "tri": tri}
    given[name] = change(given[name])
    with pytest.raises(error, match=f"^{name} must"):
        vertex_tangents(**given)
