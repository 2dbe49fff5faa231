"""Transport by the ops against what is known of it: translation, order, bounds, conservation."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffgfx.ops import advect, advect_tvd, advect_velocity
from diffgfx.testing import assert_close, order_of_accuracy

PERIODIC = ("periodic",) * 4
WALLS = ("no_slip",) * 4
SCHEMES = ("semi_lagrangian", "maccormack")


def _centres(n: int) -> tuple[Tensor, Tensor]:
    at = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return at[None, :].expand(n, n), at[:, None].expand(n, n)


def _stream_velocity(psi: Callable[[Tensor, Tensor], Tensor], n: int) -> list[Tensor]:
    """Faces of the flow (d psi/dy, -d psi/dx) in the unit square, free of divergence."""
    at = torch.arange(n + 1, dtype=torch.float64) / n
    corner = psi(at[None, :].expand(n + 1, n + 1), at[:, None].expand(n + 1, n + 1))
    u = (corner[1:, :] - corner[:-1, :]) * n
    v = -(corner[:, 1:] - corner[:, :-1]) * n
    return [u[None], v[None]]


def _uniform(n: int, u: float, v: float) -> list[Tensor]:
    shape = (1, n, n + 1)
    return [
        torch.full(shape, u, dtype=torch.float64),
        torch.full((1, n + 1, n), v, dtype=torch.float64),
    ]


def _translation_error(scheme: str, n: int) -> float:
    """RMS error after a third of a period across the diagonal, at a fixed Courant number."""
    x, y = _centres(n)
    velocity, steps = _uniform(n, 1.0, 0.5), n // 2
    dt = 0.3 / steps

    def wave(shift: float) -> Tensor:
        along, across = 2 * math.pi * (x - shift), 2 * math.pi * (y - 0.5 * shift)
        return along.sin() * across.cos()

    field = wave(0.0)[None, None]
    for _ in range(steps):
        field = advect(field, velocity, dt, 1.0 / n, PERIODIC, scheme=scheme)
    return float((field - wave(0.3)).square().mean().sqrt())


def test_semi_lagrangian_is_of_first_order() -> None:
    sizes = (32, 64, 128)
    errors = [_translation_error("semi_lagrangian", n) for n in sizes]
    assert 0.8 < order_of_accuracy([1 / n for n in sizes], errors) < 1.2


def test_maccormack_is_of_second_order() -> None:
    sizes = (32, 64, 128)
    errors = [_translation_error("maccormack", n) for n in sizes]
    order = order_of_accuracy([1 / n for n in sizes], errors)
    print(f"maccormack: order {order:.2f}, errors {errors}")
    assert order > 1.9


@pytest.mark.parametrize("scheme", SCHEMES)
def test_whole_cells_are_moved_exactly(scheme: str) -> None:
    draw = torch.Generator().manual_seed(0)
    field = torch.randn((1, 2, 8, 8), generator=draw, dtype=torch.float64)
    velocity = _uniform(8, 2.0, -3.0)
    moved = advect(field, velocity, 0.5, 0.5, PERIODIC, scheme=scheme)
    assert_close(moved, field.roll((-3, 2), dims=(2, 3)))
    faces = [torch.randn(face.shape, generator=draw, dtype=torch.float64) for face in velocity]
    faces[0][..., -1] = faces[0][..., 0]
    faces[1][:, -1] = faces[1][:, 0]
    u, v = advect_velocity(faces, velocity, 0.5, 0.5, PERIODIC, scheme=scheme)
    assert_close(u[..., :-1], faces[0][..., :-1].roll((-3, 2), dims=(1, 2)))
    assert_close(v[:, :-1], faces[1][:, :-1].roll((-3, 2), dims=(1, 2)))
    assert torch.equal(u[..., -1], u[..., 0])
    assert torch.equal(v[:, -1], v[:, 0])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sides", [PERIODIC, WALLS])
def test_a_constant_stays_and_no_extremum_grows(scheme: str, sides: tuple[str, ...]) -> None:
    draw = torch.Generator().manual_seed(1)
    velocity = [
        3 * torch.randn(face.shape, generator=draw, dtype=torch.float64)
        for face in _uniform(12, 1.0, 1.0)
    ]
    constant = torch.full((1, 1, 12, 12), 0.7, dtype=torch.float64)
    assert torch.equal(advect(constant, velocity, 0.1, 0.1, sides, scheme=scheme), constant)
    field = torch.rand((1, 1, 12, 12), generator=draw, dtype=torch.float64)
    for _ in range(5):
        new = advect(field, velocity, 0.1, 0.1, sides, scheme=scheme)
        assert float(new.min()) >= float(field.min()) - 1e-15
        assert float(new.max()) <= float(field.max()) + 1e-15
        field = new


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_inflow_brings_its_value(scheme: str) -> None:
    sides = ("inflow", "outflow", "free_slip", "free_slip")
    rules = ("fixed", "zero_gradient", "zero_gradient", "zero_gradient")
    given = torch.tensor([[[5.0, 0.0, 0.0, 0.0]]], dtype=torch.float64)
    field = torch.zeros((1, 1, 3, 6), dtype=torch.float64)
    velocity = [
        torch.ones((1, 3, 7), dtype=torch.float64),
        torch.zeros((1, 4, 6), dtype=torch.float64),
    ]
    moved = advect(
        field, velocity, 2.0, 1.0, sides, scheme=scheme, scalar_sides=rules, side_value=given
    )
    assert_close(moved[0, 0, 1], torch.tensor([5.0, 5.0, 0, 0, 0, 0], dtype=torch.float64))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("backend", ["taichi", "torch"])
def test_a_wave_leaves_through_an_outflow_as_it_came(scheme: str, backend: str) -> None:
    """The last cell is a half behind the side; a value made up there would hold the wave back."""
    n, steps, speed = 32, 20, 0.4
    x, _ = _centres(n)

    def wave(shift: float) -> Tensor:
        return torch.sin(0.25 * (x * n - shift))[None, None]

    sides = ("outflow", "outflow", "free_slip", "free_slip")
    field, velocity = wave(0.0), _uniform(n, speed, 0.0)
    for _ in range(steps):
        field = advect(field, velocity, 1.0, 1.0, sides, scheme=scheme, backend=backend)
    off = (field - wave(speed * steps))[..., n // 2 :].abs()
    assert float(off[..., -1].max()) < 0.08
    assert float(off.max()) < (0.15 if scheme == "semi_lagrangian" else 0.08)


def test_walls_keep_their_normal_velocity() -> None:
    draw = torch.Generator().manual_seed(2)
    velocity = [
        torch.randn(face.shape, generator=draw, dtype=torch.float64)
        for face in _uniform(6, 1.0, 1.0)
    ]
    sides = ("no_slip", "inflow", "free_slip", "outflow")
    u, v = advect_velocity(None, velocity, 0.3, 1.0, sides)
    assert torch.equal(u[..., 0], velocity[0][..., 0])
    assert torch.equal(u[..., -1], velocity[0][..., -1])
    assert torch.equal(v[:, 0], velocity[1][:, 0])
    assert not torch.equal(v[:, -1], velocity[1][:, -1])


def test_nan_in_the_velocity_is_seen_in_the_field() -> None:
    velocity = _uniform(6, 0.5, 0.5)
    velocity[0][0, 2, 3] = math.nan
    velocity[1][0, 5, 5] = math.inf
    field = torch.ones((1, 1, 6, 6), dtype=torch.float64)
    for scheme in SCHEMES:
        for sides in (PERIODIC, WALLS):
            moved = advect(field, velocity, 0.5, 1.0, sides, scheme=scheme)
            assert bool(moved.isnan().any())


def _runge_kutta(field: Tensor, velocity: list[Tensor], dt: float, n: int, limiter: str) -> Tensor:
    def step(value: Tensor) -> Tensor:
        return advect_tvd(value, velocity, dt, 1.0 / n, PERIODIC, limiter=limiter)

    return 0.5 * (field + step(step(field)))


@pytest.mark.parametrize("limiter", ["van_leer", "central", "superbee"])
def test_fluxes_conserve_mass_and_bounds(limiter: str) -> None:
    n = 16
    velocity = _stream_velocity(
        lambda x, y: (2 * math.pi * x).sin() * (2 * math.pi * y).sin() / (2 * math.pi), n
    )
    draw = torch.Generator().manual_seed(3)
    field = torch.rand((1, 1, n, n), generator=draw, dtype=torch.float64)
    mass, least, most = float(field.sum()), float(field.min()), float(field.max())
    for _ in range(20):
        field = _runge_kutta(field, velocity, 0.2 / n, n, limiter)
    assert abs(float(field.sum()) / mass - 1) < 1e-14
    assert least - 1e-12 <= float(field.min())
    assert float(field.max()) <= most + 1e-12


def test_fluxes_are_of_second_order() -> None:
    """In the mean: limiters flatten smooth extrema to first order in a few cells."""
    errors, sizes = [], (32, 64, 128)
    for n in sizes:
        x, y = _centres(n)
        field = (2 * math.pi * x).sin()[None, None] + (2 * math.pi * y).sin()[None, None]
        wanted = (2 * math.pi * (x - 0.25)).sin() + (2 * math.pi * (y - 0.125)).sin()
        steps = n
        for _ in range(steps):
            field = _runge_kutta(field, _uniform(n, 1.0, 0.5), 0.25 / steps, n, "van_leer")
        errors.append(float((field - wanted).abs().mean()))
    assert order_of_accuracy([1 / n for n in sizes], errors) > 1.8


def _zalesak(n: int, kind: str) -> tuple[float, float, float]:
    """What one turn does to a slotted disc, of shares of cells.

    Returns the relative loss of area, the L1 error over the area, and the relative loss of the area
    in which more than half is left.
    """
    fine = 8
    x, y = _centres(n * fine)
    disc = ((x - 0.5).square() + (y - 0.75).square()).sqrt() < 0.15
    slot = ((x - 0.5).abs() < 0.025) & (y < 0.85)
    shares = (disc & ~slot).double().reshape(n, fine, n, fine).mean(dim=(1, 3))
    start = field = shares[None, None]
    velocity = _stream_velocity(
        lambda x, y: -math.pi * ((x - 0.5).square() + (y - 0.5).square()), n
    )
    sides = ("free_slip",) * 4
    steps = math.ceil(2 * math.pi * n)
    dt, cell = 1.0 / steps, 1.0 / n
    for _ in range(steps):
        if kind == "maccormack":
            field = advect(field, velocity, dt, cell, sides)
        else:
            half = advect_tvd(field, velocity, dt, cell, sides, limiter=kind)
            half = advect_tvd(half, velocity, dt, cell, sides, limiter=kind)
            field = 0.5 * (field + half)
    area = float(start.sum())
    error = float((field - start).abs().sum()) / area
    return 1 - float(field.sum()) / area, error, 1 - float((field > 0.5).sum()) / area


@pytest.mark.parametrize(
    ("kind", "loss", "error"), [("maccormack", 0.2, 1.0), ("superbee", 1e-7, 0.5)]
)
def test_a_slotted_disc_turns_once(kind: str, loss: float, error: float) -> None:
    found = _zalesak(50, kind)
    print(f"Zalesak 50^2, {kind}: area loss, L1, loss above a half {found}")
    assert abs(found[0]) < loss
    assert found[1] < error
    assert abs(found[2]) < 0.15


@pytest.mark.slow
def test_a_slotted_disc_keeps_its_area_on_a_fine_grid() -> None:
    results = {kind: _zalesak(100, kind) for kind in ("maccormack", "central", "superbee")}
    print(f"Zalesak 100^2, (area loss, L1, loss above a half): {results}")
    assert abs(results["central"][0]) < 1e-9
    assert abs(results["central"][2]) < 0.01
    assert abs(results["maccormack"][2]) < 0.01
    assert results["superbee"][1] < 0.2
