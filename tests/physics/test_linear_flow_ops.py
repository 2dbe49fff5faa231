"""The small flow ops against transposes, closed forms, orders of accuracy and vector identities."""

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.testing import assert_close, order_of_accuracy
from tests.contract.flows import draw_field, draw_velocity, flattened

Function = Callable[..., Tensor | list[Tensor]]
BACKENDS = ("taichi", "torch")
CELL = 0.37
CELLS = ((5, 4), (3, 4, 5), (1, 1), (2, 1), (1, 3, 2))
OPEN = ("outflow", "no_slip", "free_slip", "inflow", "outflow", "outflow")
AROUND = ("periodic", "periodic", "no_slip", "outflow", "periodic", "periodic")

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_box = pytest.mark.parametrize("cells", CELLS, ids=str)
every_side = pytest.mark.parametrize("kinds", [OPEN, AROUND], ids=["open", "around"])


def _faces(cells: Sequence[int], draw: torch.Generator) -> list[Tensor]:
    return list(draw_velocity(cells, torch.float64, "cpu", 2, draw).values())


def _linear_ops(
    cells: Sequence[int], sides: Sequence[str], backend: str, draw: torch.Generator
) -> dict[str, tuple[Function, list[Tensor]]]:
    """Return each op as a linear function of what it is given, and an input."""
    dim = len(cells)
    draw_cells = partial(draw_field, cells, torch.float64, "cpu", 2, draw)
    faces, zero = partial(_faces, cells, draw), [torch.zeros_like(f) for f in _faces(cells, draw)]
    openings, force = [face.sigmoid() for face in faces()], torch.randn((2, dim), generator=draw)
    mask, walls = draw_cells().sigmoid(), torch.randn((2, 2 * dim, dim), generator=draw)
    field, still = draw_cells(), torch.zeros((2, 2), dtype=torch.float64)
    return {
        "divergence": (
            lambda *v: ops.divergence(v, CELL, openings=openings, sides=sides, backend=backend),
            faces(),
        ),
        "gradient": (lambda f: ops.gradient(f, CELL, sides, backend=backend), [draw_cells()]),
        "curl": (
            lambda *v: ops.curl(v[:-1], CELL, sides, side_velocity=v[-1], backend=backend),
            [*faces(), walls.double()],
        ),
        "to_centres": (lambda *v: ops.to_centres(v, sides=sides, backend=backend), faces()),
        "to_faces": (lambda f: ops.to_faces(f, sides, backend=backend), [draw_cells(dim)]),
        "buoyancy of the velocity and the field": (
            lambda *v: ops.buoyancy(v[:-1], v[-1], force.double(), 0.2, sides, backend=backend),
            [*faces(), draw_cells()],
        ),
        "buoyancy of the force": (
            lambda f: ops.buoyancy(zero, field, f, 0.2, sides, backend=backend),
            [force.double()],
        ),
        "inflow of the field and the rate": (
            lambda f, r: ops.inflow(f, mask, r, 0.2, backend=backend),
            [draw_cells(2), torch.randn((2, 2), generator=draw).double()],
        ),
        "inflow that sets": (
            lambda f: ops.inflow(f, mask, still, replace=True, backend=backend),
            [draw_cells(2)],
        ),
    }


@every_backend
@every_side
@every_box
def test_backward_is_the_transpose(
    cells: tuple[int, ...], kinds: tuple[str, ...], backend: str
) -> None:
    draw = torch.Generator().manual_seed(3)
    linear = _linear_ops(cells, kinds[: 2 * len(cells)], backend, draw)
    for name, (function, inputs) in linear.items():
        leaves = [value.requires_grad_() for value in inputs]
        image = flattened(function(*leaves))
        other = torch.randn(image.shape, generator=draw, dtype=torch.float64)
        found = torch.autograd.grad(image, leaves, other)
        left = float((image.detach() * other).sum())
        terms = [(x.detach() * g).flatten() for x, g in zip(leaves, found, strict=True)]
        size = float(torch.cat(terms).abs().sum()) + float((image.detach() * other).abs().sum())
        assert size > 0 or math.prod(cells) == 1, name
        assert abs(left - float(torch.cat(terms).sum())) <= 1e-12 * size, name


def _sample(function: Callable[..., Tensor], count: int, dim: int, shifted: int = -1) -> Tensor:
    """Return values of a function on the unit box: at centres, or at the faces of an axis."""
    places = []
    for axis in range(dim):
        if axis == shifted:
            places.append(torch.arange(count + 1, dtype=torch.float64) / count)
        else:
            places.append((torch.arange(count, dtype=torch.float64) + 0.5) / count)
    grid = torch.meshgrid(*reversed(places), indexing="ij")
    return function(*reversed(grid)).expand(grid[0].shape)[None]


Fields = Sequence[Callable[..., Tensor]]


def _orders(measure: Callable[[int], Sequence[float]], dim: int) -> list[float]:
    counts = (16, 32, 64) if dim == 2 else (32, 64)
    errors = list(zip(*(measure(count) for count in counts), strict=True))
    return [order_of_accuracy([1.0 / n for n in counts], list(error)) for error in errors]


TURN = 2.0 * math.pi
VELOCITY: dict[int, Fields] = {  # of period one
    2: (
        lambda x, y: (TURN * (x + y)).sin() * (TURN * y).cos().exp(),
        lambda x, y: (TURN * (x - y)).cos() + (TURN * x).sin().exp(),
    ),
    3: (
        lambda x, y, z: (TURN * (x + y)).sin() * (TURN * z).cos().exp(),
        lambda x, y, z: (TURN * (x - y + z)).cos() + (TURN * x).sin().exp(),
        lambda x, y, z: (TURN * (y - z)).cos() * (TURN * (x + z)).sin(),
    ),
}


def _derivative(function: Callable[..., Tensor], axis: int) -> Callable[..., Tensor]:
    """Return a partial derivative, by autograd."""

    def derived(*places: Tensor) -> Tensor:
        leaves = [place.clone().requires_grad_() for place in places]
        found: Tensor = torch.autograd.grad(function(*leaves).sum(), leaves[axis])[0]
        return found

    return derived


def _vorticity(fields: Fields) -> list[Callable[..., Tensor]]:
    pairs = ((0, 1),) if len(fields) == 2 else ((1, 2), (2, 0), (0, 1))

    def component(i: int, j: int) -> Callable[..., Tensor]:
        first, second = _derivative(fields[j], i), _derivative(fields[i], j)
        return lambda *places: first(*places) - second(*places)

    return [component(i, j) for i, j in pairs]


@every_backend
@pytest.mark.parametrize("dim", [2, 3])
def test_differences_and_means_are_of_second_order(dim: int, backend: str) -> None:
    fields, around = VELOCITY[dim], ["periodic"] * (2 * dim)

    def measure(count: int) -> list[float]:
        velocity = [_sample(f, count, dim, axis) for axis, f in enumerate(fields)]
        spread = sum(_sample(_derivative(f, axis), count, dim) for axis, f in enumerate(fields))
        div = ops.divergence(velocity, 1.0 / count, backend=backend)
        exact = torch.stack([_sample(f, count, dim) for f in fields], dim=1)
        middle = ops.to_centres(velocity, sides=around, backend=backend)
        spin = torch.stack([_sample(f, count, dim) for f in _vorticity(fields)], dim=1)
        turned = ops.curl(velocity, 1.0 / count, around, backend=backend)
        errors = [div[:, 0] - spread, middle - exact, turned - spin]
        slopes = ops.gradient(exact[:, :1], 1.0 / count, around, backend=backend)
        means = ops.to_faces(exact, around, backend=backend)
        for axis in range(dim):
            steep = _sample(_derivative(fields[0], axis), count, dim, axis)
            errors += [slopes[axis] - steep, means[axis] - velocity[axis]]
        return [float(error.abs().max()) for error in errors]

    assert min(_orders(measure, dim)) >= 1.95


@every_backend
@pytest.mark.parametrize("pair", [("no_slip", "inflow"), ("free_slip", "outflow")])
@pytest.mark.parametrize(("dim", "axis"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_curl_is_of_second_order_at_sides(
    dim: int, axis: int, pair: tuple[str, str], backend: str
) -> None:
    """A flow that changes along one axis only, between sides that move as it does."""

    def speed(component: int, place: Tensor) -> Tensor:
        if component == axis:
            return 0.3 + 0.0 * place
        if pair[0] == "free_slip":
            return (1 + component) * (math.pi * place).cos()
        return ((1 + component) * place + 1.0).sin().exp()

    fields = [lambda *p, k=component: speed(k, p[axis]) for component in range(dim)]
    kinds = [pair[k % 2] if k // 2 == axis else "periodic" for k in range(2 * dim)]
    walls = torch.zeros((1, 2 * dim, dim), dtype=torch.float64)
    for high, component in itertools.product(range(2), range(dim)):
        end = torch.tensor(float(high), dtype=torch.float64)
        walls[0, 2 * axis + high, component] = speed(component, end)

    def measure(count: int) -> list[float]:
        velocity = [_sample(f, count, dim, k) for k, f in enumerate(fields)]
        found = ops.curl(velocity, 1.0 / count, kinds, side_velocity=walls, backend=backend)
        for k, turned in enumerate(_vorticity_along(axis, speed, count, dim)):
            found[:, k] -= turned
        return [float(found.abs().max())]

    assert min(_orders(measure, dim)) >= 1.95


def _vorticity_along(
    axis: int, speed: Callable[[int, Tensor], Tensor], count: int, dim: int
) -> list[Tensor]:
    """Return the vorticity's components, broadcastable, of a flow that changes along one axis."""
    place = ((torch.arange(count, dtype=torch.float64) + 0.5) / count).requires_grad_()
    shape = [count if k == dim - 1 - axis else 1 for k in range(dim)]
    found = []
    for k in range(3 if dim == 3 else 1):
        turned = k if dim == 3 else 2
        total = torch.zeros(shape, dtype=torch.float64)
        for component, sign in ((axis + 1) % 3, 1.0), ((axis + 2) % 3, -1.0):
            if component < dim and {axis, component, turned} == {0, 1, 2}:
                slope = torch.autograd.grad(speed(component, place).sum(), place)[0]
                total = total + sign * slope.view(shape)
        found.append(total)
    return found


@every_backend
def test_a_curl_has_no_divergence(backend: str) -> None:
    """Faces as differences of a potential on edges, in 2-D on corners."""
    draw = torch.Generator().manual_seed(0)
    stream = torch.randn((2, 6, 8), generator=draw, dtype=torch.float64)
    plane = [stream.diff(dim=1) / CELL, -stream.diff(dim=2) / CELL]
    assert ops.divergence(plane, CELL, backend=backend).abs().max() < 1e-12
    d, h, w = 4, 5, 6
    along_x, along_y, along_z = (
        torch.randn((2, *shape), generator=draw, dtype=torch.float64)
        for shape in ((d + 1, h + 1, w), (d + 1, h, w + 1), (d, h + 1, w + 1))
    )
    box = [
        along_z.diff(dim=2) - along_y.diff(dim=1),
        along_x.diff(dim=1) - along_z.diff(dim=3),
        along_y.diff(dim=3) - along_x.diff(dim=2),
    ]
    assert ops.divergence(box, CELL, backend=backend).abs().max() < 1e-12


@every_backend
@every_box
def test_the_gradient_is_minus_the_transpose_of_the_divergence(
    cells: tuple[int, ...], backend: str
) -> None:
    """In a closed box, and around: <grad p, u> = -<p, div u>."""
    draw = torch.Generator().manual_seed(1)
    sides = ["no_slip", "free_slip", "periodic", "periodic", "inflow", "no_slip"][: 2 * len(cells)]
    pressure = draw_field(cells, torch.float64, "cpu", 2, draw)
    velocity = ops.gradient(draw_field(cells, torch.float64, "cpu", 2, draw), CELL, sides)
    velocity = [face * (1.0 + 0.1 * k) for k, face in enumerate(velocity)]
    slopes = ops.gradient(pressure, CELL, sides, backend=backend)
    slopes[1] = slopes[1].clone()
    slopes[1].select(-2, -1).zero_()  # around, both ends are one face
    left = (flattened(slopes) * flattened(velocity)).sum()
    right = (pressure * ops.divergence(velocity, CELL, sides=sides, backend=backend)).sum()
    assert_close(left, -right)


@every_backend
@every_box
def test_constant_fields(cells: tuple[int, ...], backend: str) -> None:
    dim = len(cells)
    still, sides = ["free_slip"] * (2 * dim), ["periodic"] * (2 * dim)
    field = torch.full((1, dim, *cells), 1.5, dtype=torch.float64)
    velocity = ops.to_faces(field, sides, backend=backend)
    assert all(bool((face == 1.5).all()) for face in velocity)
    assert torch.equal(ops.to_centres(velocity, sides=sides, backend=backend), field)
    assert bool((ops.divergence(velocity, CELL, backend=backend) == 0).all())
    assert all(bool((s == 0).all()) for s in ops.gradient(field[:, :1], CELL, sides))
    for kinds in (still, sides):
        assert bool((ops.curl(velocity, CELL, kinds, backend=backend) == 0).all())
        same = ops.vorticity_confinement(velocity, 0.1, CELL, kinds, 3.0, backend=backend)
        assert all(torch.equal(one, other) for one, other in zip(same, velocity, strict=True))


@every_backend
def test_a_field_is_zero_on_an_outflow(backend: str) -> None:
    field = torch.tensor([[[[1.0, 4.0]]]], dtype=torch.float64)
    sides = ["outflow", "outflow", "no_slip", "inflow"]
    x, y = ops.gradient(field, 0.5, sides, backend=backend)
    assert x.tolist() == [[[4.0, 6.0, -16.0]]]
    assert y.tolist() == [[[0.0, 0.0], [0.0, 0.0]]]


@every_backend
def test_openings_count_by_their_share(backend: str) -> None:
    x = torch.tensor([[[1.0, 2.0, 4.0]]], dtype=torch.float64)
    y = torch.tensor([[[3.0, 5.0], [7.0, 6.0]]], dtype=torch.float64)
    open_x = torch.tensor([[[1.0, 0.5, 0.25]]], dtype=torch.float64)
    open_y = torch.tensor([[[0.0, 1.0], [1.0, 0.5]]], dtype=torch.float64)
    found = ops.divergence([x, y], 0.5, openings=[open_x, open_y], backend=backend)
    assert found.tolist() == [[[[14.0, -4.0]]]]  # (1 - 1 + 7 - 0) / 0.5, (1 - 1 + 3 - 5) / 0.5


@every_backend
def test_buoyancy_pushes_what_is_not_fixed(backend: str) -> None:
    velocity = [torch.full((1, 2, 2), 0.5).double(), torch.full((1, 3, 1), 0.5).double()]
    field = torch.tensor([[[[1.0], [3.0]]]], dtype=torch.float64)
    force = torch.tensor([[10.0, 1.0]], dtype=torch.float64)
    sides = ["no_slip", "inflow", "free_slip", "outflow"]
    x, y = ops.buoyancy(velocity, field, force, 0.5, sides, backend=backend)
    assert torch.equal(x, velocity[0])
    assert y.flatten().tolist() == [0.5, 0.5 + 0.5 * 2.0, 0.5 + 0.5 * 3.0]


@every_backend
@pytest.mark.parametrize("dim", [2, 3])
def test_confinement_is_homogeneous_and_linear_in_its_strength(dim: int, backend: str) -> None:
    """The force of a velocity twice as large is twice as large, so that J u = f(u)."""
    draw = torch.Generator().manual_seed(5)
    cells, sides = (5, 6, 7)[:dim], [*AROUND[:4], "no_slip", "outflow"][: 2 * dim]
    velocity = [v.requires_grad_() for v in _faces(cells, draw)]
    weight = [torch.randn(v.shape, generator=draw).double() for v in velocity]
    strength = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    call = partial(ops.vorticity_confinement, dt=0.3, cell=CELL, sides=sides, backend=backend)
    value = flattened(call(velocity, strength=strength))
    *g_velocity, g_strength = torch.autograd.grad(
        value, [*velocity, strength], flattened(weight).clone()
    )
    total = (value.detach() * flattened(weight)).sum()
    assert_close(
        sum((g * v.detach()).sum() for g, v in zip(g_velocity, velocity, strict=True)), total
    )
    plain = flattened(call(velocity, strength=0.0)).detach()
    assert_close(0.7 * g_strength.sum(), ((value.detach() - plain) * flattened(weight)).sum())


@every_backend
def test_confinement_pushes_around_a_vortex(backend: str) -> None:
    """Around a vortex the force turns with it, perpendicular to the way in, by strength * cell."""
    count, cell = 65, 1.0 / 65
    swirl: Fields = (
        lambda x, y: -(y - 0.5) * (-30.0 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)).exp(),
        lambda x, y: (x - 0.5) * (-30.0 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)).exp(),
    )
    velocity = [_sample(f, count, 2, axis) for axis, f in enumerate(swirl)]
    sides = ["no_slip"] * 4
    pushed = ops.vorticity_confinement(velocity, 0.5, cell, sides, 2.0, backend=backend)
    push = [(a - b) / 0.5 for a, b in zip(pushed, velocity, strict=True)]
    force = ops.to_centres(push, backend=backend)[0]
    spin = ops.curl(velocity, cell, sides, backend=backend)[0, 0]
    at = force[:, count // 2, count // 2 + 6]  # on the x axis, right of the centre
    assert abs(float(at[0])) < 1e-3 * float(at[1])
    expected = 2.0 * cell * float(spin[count // 2, count // 2 + 6])
    assert float(at[1]) == pytest.approx(expected, rel=0.02)


@every_backend
def test_inflow_adds_to_what_is_there_or_sets_it(backend: str) -> None:
    field = torch.tensor([[[[1.0, 2.0, 3.0]]]], dtype=torch.float64)
    mask = torch.tensor([[[[0.0, 0.5, 1.0]]]], dtype=torch.float64)
    rate = torch.tensor([[4.0]], dtype=torch.float64)
    added = ops.inflow(field, mask, rate, 0.5, backend=backend)
    assert added.flatten().tolist() == [1.0, 3.0, 5.0]
    replaced = ops.inflow(field, mask, rate, replace=True, backend=backend)
    assert replaced.flatten().tolist() == [1.0, 3.0, 4.0]
