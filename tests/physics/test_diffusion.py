"""Diffusion against closed forms: exact profiles, decay, order, and what is conserved."""

import math

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.testing import assert_close, assert_directional_gradients, order_of_accuracy
from tests.physics.staggered import centres, faces, points_of

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)
CHANNEL = ("periodic", "periodic", "no_slip", "no_slip")
F64 = torch.float64


def _lid(speed: float) -> Tensor:
    given = torch.zeros((1, 4, 2), dtype=F64)
    given[0, 3, 0] = speed
    return given


@every_backend
@pytest.mark.parametrize("amount", [1e-3, 1.0, 1e3])
def test_couette_stays(backend: str, amount: float) -> None:
    velocity = faces([lambda p: 2.0 * p[..., 1], lambda p: 0.0 * p[..., 0]], (10, 6), 0.1)
    found = ops.diffuse(
        velocity, torch.tensor([amount], dtype=F64), 0.1, CHANNEL,
        side_velocity=_lid(2.0), backend=backend,
    )  # fmt: skip
    for one, other in zip(found, velocity, strict=True):
        assert_close(one, other, rtol=0.0, atol=1e-13)


@every_backend
def test_poiseuille_is_exact(backend: str) -> None:
    """The parabola through walls half a cell away, h^2 / 4 above the exact one, bends evenly."""
    cell, amount = 0.1, torch.tensor([0.7], dtype=F64)
    parabola = faces(
        [lambda p: p[..., 1] * (1.0 - p[..., 1]) + cell**2 / 4.0, lambda p: 0.0 * p[..., 0]],
        (10, 6), cell,
    )  # fmt: skip
    bend = ops.laplacian(parabola, cell, CHANNEL, backend=backend)
    assert_close(bend[0], torch.full_like(bend[0], -2.0), rtol=0.0, atol=1e-11)
    assert not bend[1].any()
    driven = [parabola[0] + 2.0 * amount, parabola[1]]
    found = ops.diffuse(driven, amount, cell, CHANNEL, backend=backend)
    assert_close(found[0], parabola[0], rtol=0.0, atol=1e-12)


@every_backend
@pytest.mark.parametrize("theta", [1.0, 0.5])
def test_a_mode_decays_by_its_discrete_eigenvalue(backend: str, theta: float) -> None:
    cells, cell, amount = (9, 12), 1.0 / 12.0, torch.tensor([0.3], dtype=F64)
    kinds = ("fixed", "fixed", "zero_gradient", "zero_gradient")
    mode = centres(
        lambda p: (3.0 * math.pi * p[..., 0]).sin() * (2.0 * math.pi * p[..., 1] / 0.75).cos(),
        cells, cell,
    )  # fmt: skip
    value = sum((2.0 / cell * math.sin(0.5 * math.pi * k / n)) ** 2 for k, n in ((3, 12), (2, 9)))
    explicit = ops.laplacian_scalar(mode, cell, kinds, backend=backend)
    assert_close(explicit, -value * mode, rtol=1e-10, atol=1e-9)
    start = mode + (1.0 - theta) * amount * explicit
    found = ops.diffuse_scalar(start, theta * amount, cell, kinds, backend=backend)
    factor = (1.0 - (1.0 - theta) * 0.3 * value) / (1.0 + theta * 0.3 * value)
    assert_close(found, factor * mode, rtol=1e-10, atol=1e-12)


def _solved_error(size: int) -> float:
    """Solve for x from x - a lap(x), walls moving as x does there: no-slip, free and periodic."""
    cells, cell, amount = (size, size), 1.0 / size, 0.05
    given = torch.zeros((1, 4, 2), dtype=F64)
    given[0, 2, 0], given[0, 3, 0] = 0.0, 1.0

    def along(p: Tensor) -> Tensor:
        return (0.5 * math.pi * p[..., 1]).sin() + 0.0 * p[..., 0]

    def bent(p: Tensor) -> Tensor:
        return (math.pi * p[..., 1]).sin() * (2.0 * math.pi * p[..., 0]).cos()

    exact = faces([along, bent], cells, cell)
    factors = (1.0 + amount * (0.5 * math.pi) ** 2, 1.0 + amount * 5.0 * math.pi**2)
    start = [f * x for f, x in zip(factors, exact, strict=True)]
    found = ops.diffuse(
        start, torch.tensor([amount], dtype=F64), cell, CHANNEL, side_velocity=given
    )
    return max(float((a - b).abs().max()) for a, b in zip(found, exact, strict=True))


def test_velocities_converge_at_second_order() -> None:
    sizes = (8, 16, 32)
    assert order_of_accuracy([1 / n for n in sizes], [_solved_error(n) for n in sizes]) >= 1.95


@pytest.mark.parametrize("dim", [2, 3])
def test_scalars_converge_at_second_order(dim: int) -> None:
    """Fixed at x = 0, a flux at x = 1, none at y = 0 and 1."""
    kinds = ["fixed", "flux", "zero_gradient", "zero_gradient", "periodic", "periodic"][: 2 * dim]
    side_value = torch.zeros((1, 1, 2 * dim), dtype=F64)
    side_value[0, 0, 1] = math.cosh(1.0)
    value = math.pi**2 * (1.25 + 4.0 * (dim == 3))

    def wave(p: Tensor) -> Tensor:
        deep = (2.0 * math.pi * p[..., -1]).cos() if dim == 3 else 1.0
        return (0.5 * math.pi * p[..., 0]).sin() * (math.pi * p[..., 1]).cos() * deep

    errors, sizes = [], (12, 24, 48)
    for size in sizes:
        cells, cell, amount = (size,) * dim, 1.0 / size, torch.tensor([0.2], dtype=F64)
        field, line = (centres(f, cells, cell) for f in (wave, lambda p: p[..., 0].sinh()))
        start = (1.0 + 0.2 * value) * field + (1.0 - 0.2) * line
        found = ops.diffuse_scalar(start, amount, cell, kinds, side_value=side_value)
        errors.append(float((found - field - line).abs().max()))
    assert order_of_accuracy([1 / n for n in sizes], errors) >= 1.95


@every_backend
def test_what_is_inside_changes_by_what_comes_through_the_sides(backend: str) -> None:
    field = centres(lambda p: p[..., 0].exp() * p[..., 1].sin(), (5, 7), 0.2)
    kinds = ("flux", "zero_gradient", "zero_gradient", "flux")
    side_value = torch.tensor([[[3.0, 9.0, 9.0, -2.0]]], dtype=F64)
    found = ops.diffuse_scalar(
        field, torch.tensor([0.5], dtype=F64), 0.2, kinds, side_value=side_value, backend=backend
    )
    gained = (found - field).sum() * 0.2**2
    assert float(gained) == pytest.approx(0.5 * (3.0 * 5 * 0.2 - 2.0 * 7 * 0.2), rel=1e-12)


@every_backend
@pytest.mark.parametrize("share", [0.1, 10.0, 1000.0])
def test_the_solve_is_exact_to_rounding_whatever_the_amount(share: float, backend: str) -> None:
    """A rounding of x, times the operator's norm 1 + 8 a / h^2, is the least residual there is."""
    draw = torch.Generator().manual_seed(0)
    sides = ("outflow", "no_slip", "inflow", "free_slip")
    shapes = ((2, 64, 48 + 1), (2, 64 + 1, 48))
    velocity = [torch.randn(shape, generator=draw, dtype=F64) for shape in shapes]
    amount = torch.tensor([share, 0.5 * share], dtype=F64)
    found = ops.diffuse(velocity, amount, 1.0, sides, backend=backend)
    rates = ops.laplacian(found, 1.0, sides, backend="torch")
    single = ops.diffuse([v.float() for v in velocity], amount.float(), 1.0, sides, backend=backend)
    for before, after, rate, rough in zip(velocity, found, rates, single, strict=True):
        left = (after - amount[:, None, None] * rate - before).flatten(1).norm(dim=1)
        bar = 8.0 * torch.finfo(F64).eps * (1.0 + 8.0 * amount)
        assert bool((left <= bar * before.flatten(1).norm(dim=1)).all())
        assert float((rough.double() - after).abs().max()) <= 5e-6 * float(before.abs().max())


@every_backend
def test_given_faces_stay_to_the_bit(backend: str) -> None:
    draw = torch.Generator().manual_seed(0)
    velocity = [torch.randn(shape, generator=draw) for shape in ((1, 4, 6), (1, 5, 5))]
    sides = ("inflow", "outflow", "no_slip", "free_slip")
    found = ops.diffuse(velocity, torch.tensor([2.0]), 0.5, sides, backend=backend)
    assert torch.equal(found[0][..., 0], velocity[0][..., 0])
    assert not torch.equal(found[0][..., -1], velocity[0][..., -1])
    assert torch.equal(found[1][:, (0, -1)], velocity[1][:, (0, -1)])


@pytest.mark.parametrize("dim", [2, 3])
def test_viscosity_has_the_slope_of_differences(dim: int) -> None:
    cells, cell = (4, 6, 8)[-dim:], 0.25
    draw = torch.Generator().manual_seed(0)
    velocity = [
        torch.randn((2, *points_of(cells, cell, k).shape[:-1]), generator=draw, dtype=F64)
        for k in range(dim)
    ]
    viscosity = torch.tensor([0.3, 1.2], dtype=F64, requires_grad=True)
    sides = ("no_slip", "outflow", "periodic", "periodic", "free_slip", "inflow")[: 2 * dim]

    def two_steps(amount: Tensor) -> list[Tensor]:
        first = ops.diffuse(velocity, 0.1 * amount, cell, sides)
        return ops.diffuse(first, 0.1 * amount, cell, sides)

    assert_directional_gradients(two_steps, [viscosity], rtol=1e-7)
