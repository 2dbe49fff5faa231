"""Convection against closed forms: its order, and what it conserves."""

import math

import pytest
import torch

from diffgfx import ops
from diffgfx.testing import order_of_accuracy
from tests.physics.staggered import convection_of, faces, random_flow, unique

BACKENDS = ("taichi", "torch")
WALLS = {
    "walls": ("no_slip", "no_slip", "free_slip", "free_slip", "no_slip", "free_slip"),
    "periodic": ("periodic",) * 6,
    "channel": ("periodic", "periodic", "no_slip", "free_slip", "periodic", "periodic"),
}
TAYLOR_GREEN = (
    lambda p: p[..., 0].sin() * p[..., 1].cos(),
    lambda p: -p[..., 0].cos() * p[..., 1].sin(),
)
ROLL = (
    lambda p: (math.pi * p[..., 0]).sin().square() * (2.0 * math.pi * p[..., 1]).sin(),
    lambda p: -(2.0 * math.pi * p[..., 0]).sin() * (math.pi * p[..., 1]).sin().square(),
)
BELTRAMI = (
    lambda p: p[..., 2].sin() + p[..., 1].cos(),
    lambda p: p[..., 0].sin() + p[..., 2].cos(),
    lambda p: p[..., 1].sin() + p[..., 0].cos(),
)
SLANTED = (lambda p: 0.5 + 1.5 * p[..., 1].square(), lambda p: 0.3 + 0.0 * p[..., 0])


def _error(functions, cells: tuple[int, ...], length: float, sides, side_velocity=None) -> float:
    cell = length / cells[-1]
    found = ops.convect(faces(functions, cells, cell), cell, sides, side_velocity=side_velocity)
    exact = faces([convection_of(functions, k) for k in range(len(cells))], cells, cell)
    errors = [(a - b).abs().flatten() for a, b in zip(found, exact, strict=True)]
    return float(torch.cat(errors).mean())


@pytest.mark.parametrize(
    ("functions", "length", "side", "sizes"),
    [
        (TAYLOR_GREEN, 2.0 * math.pi, "periodic", (32, 64, 128)),
        (ROLL, 1.0, "no_slip", (32, 64, 128)),
        (BELTRAMI, 2.0 * math.pi, "periodic", (8, 16, 32)),
    ],
    ids=["periodic", "walls", "3d"],
)
def test_the_scheme_is_second_order(functions, length, side, sizes) -> None:
    dim = len(functions)
    errors = [_error(functions, (n,) * dim, length, [side] * 2 * dim) for n in sizes]
    assert order_of_accuracy([length / n for n in sizes], errors) >= 1.95


def test_what_comes_in_brings_the_velocity_of_its_side() -> None:
    sides = ["periodic", "periodic", "inflow", "inflow"]
    given = torch.zeros((1, 4, 2), dtype=torch.float64)
    given[0, 2, 0], given[0, 3, 0] = 0.5, 2.0
    errors = [_error(SLANTED, (n, 4), 4.0 / n, sides, given) for n in (16, 32, 64)]
    assert order_of_accuracy([1 / 16, 1 / 32, 1 / 64], errors) >= 1.95
    assert _error(SLANTED, (64, 4), 4.0 / 64, sides) > 10.0 * errors[-1]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cells", [(7, 6), (5, 4, 6)], ids=["2d", "3d"])
@pytest.mark.parametrize("name", WALLS)
def test_kinetic_energy_is_conserved(name: str, cells: tuple[int, ...], backend: str) -> None:
    sides = WALLS[name][: 2 * len(cells)]
    velocity = random_flow(cells, 0.3, sides)
    rate = ops.convect(velocity, 0.3, sides, backend=backend)
    pairs = zip(unique(velocity, sides), unique(rate, sides), strict=True)
    powers = torch.cat([(u * r).flatten() for u, r in pairs])
    assert abs(float(powers.sum())) <= 1e-14 * float(powers.abs().sum())
    velocity[0][0, ..., 2, 2] += 10.0  # now it diverges
    rate = ops.convect(velocity, 0.3, sides, backend=backend)
    pairs = zip(unique(velocity, sides), unique(rate, sides), strict=True)
    powers = torch.cat([(u * r).flatten() for u, r in pairs])
    assert abs(float(powers.sum())) > 1e-4 * float(powers.abs().sum())


def test_momentum_is_conserved_whether_or_not_the_flow_diverges() -> None:
    draw = torch.Generator().manual_seed(0)
    shapes = ((1, 5, 4, 7), (1, 5, 5, 6), (1, 6, 4, 6))
    velocity = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    sides = ("periodic",) * 6
    for rate in unique(ops.convect(velocity, 0.3, sides), sides):
        assert abs(float(rate.sum())) <= 1e-14 * float(rate.abs().sum())


def test_twins_are_one() -> None:
    velocity = random_flow((4, 5), 0.3, ("periodic",) * 4)
    rate = ops.convect(velocity, 0.3, ("periodic",) * 4)
    assert torch.equal(rate[0][..., 0], rate[0][..., -1])
    velocity[0][..., -1] = float("nan")  # is not read
    again = ops.convect(velocity, 0.3, ("periodic",) * 4)
    assert all(torch.equal(one, other) for one, other in zip(rate, again, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("high", [True, False])
@pytest.mark.parametrize(("speed", "expected"), [(1.0, -1.0), (-1.0, 0.0)], ids=["out", "back"])
def test_an_outflow_passes_what_leaves_and_adds_nothing_to_what_returns(
    backend: str, high: bool, speed: float, expected: float
) -> None:
    """Beside u = s x, v = -s y: du/dt = -u du/dx at x = 1 where it leaves, zero where it comes."""
    cells, cell = (4, 5), 0.2
    velocity = faces([lambda p: speed * p[..., 0], lambda p: -speed * p[..., 1]], cells, cell)
    sides = ["inflow", "outflow", "inflow", "inflow"]
    wall = torch.zeros((1, 4, 2), dtype=torch.float64)
    if not high:  # seen in a mirror
        velocity = [-velocity[0].flip(-1), velocity[1].flip(-1)]
        sides[:2] = sides[1::-1]
    rate = ops.convect(velocity, cell, sides, side_velocity=wall, backend=backend)[0]
    side = rate[0, 1:-1, -1] if high else -rate[0, 1:-1, 0]
    torch.testing.assert_close(side, torch.full_like(side, expected), rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_uniform_stream_stays(backend: str) -> None:
    velocity = [torch.full((1, 3, 6), 2.0), torch.zeros((1, 4, 5))]
    sides = ("inflow", "outflow", "free_slip", "free_slip")
    for rate in ops.convect(velocity, 0.1, sides, backend=backend):
        assert not rate.any()
