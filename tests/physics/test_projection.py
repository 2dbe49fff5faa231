"""Projections against their own laws, and what a solve of them may take."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from benchmarks.projection import SCENES, Scene, count_iterations, make_scene, random_velocity
from diffgfx.errors import RangeError
from diffgfx.ops import project
from diffgfx.testing import assert_directional_gradients

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)
DOUBLE = torch.float64


def _project(velocity: Sequence[Tensor], scene: Scene, backend: str = "auto") -> list[Tensor]:
    return project(velocity, 0.1, scene.sides, openings=scene.openings, backend=backend).velocity


def _weights(scene: Scene) -> list[Tensor]:
    """Openings, halved on outflows, and face n of a periodic axis left out."""
    found = []
    for axis, share in enumerate(scene.openings):
        weight = share.clone()
        for end in (0, 1):
            if scene.sides[2 * axis + end] == "outflow":
                weight.select(-1 - axis, -end).mul_(0.5)
        if scene.sides[2 * axis] == "periodic":
            weight.select(-1 - axis, -1).zero_()
        found.append(weight)
    return found


def _product(one: list[Tensor], other: list[Tensor], scene: Scene) -> float:
    parts = zip(_weights(scene), one, other, strict=True)
    return math.fsum(float((w * a * b).sum()) for w, a, b in parts)


def _largest_divergence(velocity: list[Tensor], scene: Scene) -> float:
    total: Tensor | float = 0.0
    for axis, (face, share) in enumerate(zip(velocity, scene.openings, strict=True)):
        total = total + torch.diff(face * share, dim=-1 - axis)
    assert isinstance(total, Tensor)
    return float(total.abs().max())


def _scenes() -> list[Scene]:
    periodic = make_scene("disc", 2, 12)
    periodic.sides[:] = ["periodic"] * 2 + ["outflow", "no_slip"]
    return [
        make_scene("channel", 2, 13),
        make_scene("nine discs", 2, 24),
        make_scene("channel", 3, 9),
        periodic,
    ]


@every_backend
def test_it_is_symmetric_and_changes_nothing_twice(backend: str) -> None:
    for scene in _scenes():
        u, v = (random_velocity(scene, seed, DOUBLE) for seed in (1, 2))
        pu, pv = _project(u, scene, backend), _project(v, scene, backend)
        size = math.sqrt(_product(u, u, scene) * _product(v, v, scene))
        assert abs(_product(pu, v, scene) - _product(u, pv, scene)) <= 1e-10 * size
        assert _largest_divergence(pu, scene) <= 1e-10
        for once, twice in zip(pu, _project(pu, scene, backend), strict=True):
            torch.testing.assert_close(twice, once, rtol=0.0, atol=1e-10)


def test_single_precision_leaves_little_divergence() -> None:
    for name in ("channel", "free"):
        scene = make_scene(name, 2, 64)
        openings = [share.float() for share in scene.openings]
        faces = [torch.zeros_like(share) for share in openings]
        faces[0][..., 0] = 1.0
        if name == "free":
            scene.sides[:2] = ["inflow", "outflow"]
        found = project(faces, 0.1, scene.sides, openings=None if name == "free" else openings)
        scene = Scene(openings, scene.sides)
        assert _largest_divergence(found.velocity, scene) <= 1e-5


@pytest.mark.parametrize("name", ["plate", "channel"])
@pytest.mark.parametrize(("dim", "size"), [(2, 64), (2, 256), (3, 32)])
@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_no_cell_keeps_more_than_its_share(
    name: str, dim: int, size: int, tolerance: float | None
) -> None:
    """Beside a thin plate most of the divergence stays in few cells, which a norm does not see."""
    scene = make_scene(name, dim, size)
    scene = Scene([share.float() for share in scene.openings], scene.sides)
    faces = random_velocity(scene, 0, torch.float32)
    found = project(faces, 0.1, scene.sides, openings=scene.openings, tolerance=tolerance)
    fastest = max(float(face.abs().max()) for face in found.velocity)
    wanted = 1e-5 if tolerance is None else tolerance
    assert _largest_divergence(found.velocity, scene) <= 1.01 * wanted * fastest  # rounding of sums
    assert float(found.residual) <= wanted


@pytest.mark.parametrize("name", SCENES)
def test_iterations_do_not_grow(name: str) -> None:
    for dim, sizes in ((2, (32, 64, 47)), (3, (16, 32))):
        for size in sizes:
            solve = count_iterations(name, dim, size)
            assert max(solve.random, solve.driven) <= 10, solve
            assert solve.residual <= 1e-6, solve


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_iterations_do_not_grow_in_large_grids(name: str) -> None:
    for dim, size in ((2, 256), (2, 512), (3, 64), (3, 128)):
        solve = count_iterations(name, dim, size)
        assert max(solve.random, solve.driven) <= 10, solve
        assert solve.residual <= 1e-6, solve


SIDES = (
    ("no_slip", "no_slip", "periodic", "periodic"),
    ("outflow", "no_slip", "no_slip", "outflow"),
    ("outflow", "outflow", "periodic", "periodic"),
    ("periodic",) * 4,
)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("cells", [(7, 10), (1, 5), (6, 1)])
def test_the_box_at_once_equals_the_iteration(
    sides: tuple[str, ...], cells: tuple[int, int]
) -> None:
    shapes = [(1, cells[0], cells[1] + 1), (1, cells[0] + 1, cells[1])]
    scene = Scene([torch.ones(shape, dtype=DOUBLE) for shape in shapes], list(sides))
    faces = random_velocity(scene, 3, DOUBLE)
    once = project(faces, 0.1, scene.sides)
    iterated = project(faces, 0.1, scene.sides, openings=scene.openings)
    assert int(once.iterations) == 0
    torch.testing.assert_close(iterated.pressure, once.pressure, rtol=0.0, atol=1e-10)
    for one, other in zip(iterated.velocity, once.velocity, strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=1e-10)


def test_levels_of_all_kinds_agree_with_the_reference() -> None:
    """A grid of parallel levels with a plate, and an odd periodic one, which is serial."""
    for cells, sides in (((22, 20, 18), ["no_slip"] * 6), ((97, 99), ["periodic"] * 4)):
        dim = len(cells)
        shapes = [[n + (place == dim - 1 - a) for place, n in enumerate(cells)] for a in range(dim)]
        openings = [torch.ones((1, *shape), dtype=DOUBLE) for shape in shapes]
        openings[0][..., 2:15, 7] = 0.0
        openings[1][..., 9, 3:12] = 0.0
        scene = Scene(openings, sides)
        faces = random_velocity(scene, 4, DOUBLE)
        found = project(faces, 0.1, sides, openings=openings)
        assert int(found.iterations) <= 25  # to 1e-12
        for one, other in zip(found.velocity, _project(faces, scene, "torch"), strict=True):
            torch.testing.assert_close(one, other, rtol=0.0, atol=1e-9)


def _pocket() -> Scene:
    """A channel with a sealed box of six cells in it."""
    scene = make_scene("free", 2, 8)
    scene.sides[:2] = ["inflow", "outflow"]
    x, y = scene.openings
    x[0, 3:5, 2], x[0, 3:5, 5], y[0, 3, 2:5], y[0, 5, 2:5] = 0.0, 0.0, 0.0, 0.0
    return scene


@every_backend
def test_a_sealed_pocket_has_a_pressure_of_its_own(backend: str) -> None:
    scene = _pocket()
    faces = [face.requires_grad_() for face in random_velocity(scene, 5, DOUBLE)]
    found = project(faces, 0.1, scene.sides, openings=scene.openings, backend=backend)
    potential = found.pressure.detach()
    assert float(found.residual) <= 1e-11
    assert abs(float(potential[..., 3:5, 2:5].mean())) <= 1e-14
    assert float(potential.abs().max()) > 1e-3

    def pressure(*values: Tensor) -> Tensor:
        return project(values, 0.1, scene.sides, openings=scene.openings, backend=backend).pressure

    assert_directional_gradients(pressure, faces)


@every_backend
def test_fluid_with_nowhere_to_go_is_refused(backend: str) -> None:
    scene = make_scene("free", 2, 6)
    faces = [torch.zeros_like(share) for share in scene.openings]
    faces[0][..., 0] = 1.0
    for openings in (None, scene.openings):
        with pytest.raises(RangeError, match="velocity must bring no net flux into a closed"):
            project(faces, 0.1, scene.sides, openings=openings, backend=backend)
    faces[0][..., -1] = 1.0  # what comes in goes out
    project(faces, 0.1, scene.sides, backend=backend)
    pocket = _pocket()
    solid = [torch.zeros_like(share) for share in pocket.openings]
    solid[0][0, 3:5, 2] = 1.0  # its wall moves in
    still = [torch.zeros_like(share) for share in pocket.openings]
    with pytest.raises(RangeError, match="pocket"):
        project(
            still, 0.1, pocket.sides, openings=pocket.openings, solid_velocity=solid,
            backend=backend,
        )  # fmt: skip


@every_backend
@pytest.mark.parametrize("alone", [0, 1])
def test_faces_of_one_axis_may_be_shared_by_a_batch(backend: str, alone: int) -> None:
    scene, other = make_scene("disc", 2, 12), make_scene("nine discs", 2, 12)
    openings = [torch.cat(pair) for pair in zip(scene.openings, other.openings, strict=True)]
    openings[alone] = openings[alone][:1]
    velocity = [torch.cat([face, -face]) for face in random_velocity(scene, 3, DOUBLE)]
    leaves = [face.clone().requires_grad_() for face in openings]
    found = project(velocity, 0.1, scene.sides, openings=leaves, backend=backend)
    whole = [face.expand(2, *face.shape[1:]).clone().requires_grad_() for face in openings]
    wanted = project(velocity, 0.1, scene.sides, openings=whole, backend=backend)
    for one, two in zip(found.velocity, wanted.velocity, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)
    total, same = (sum(face.square().sum() for face in p.velocity) for p in (found, wanted))
    for one, two in zip(
        torch.autograd.grad(total, leaves), torch.autograd.grad(same, whole), strict=True
    ):
        torch.testing.assert_close(one, two.sum_to_size(one.shape), rtol=1e-8, atol=1e-8)


@every_backend
def test_a_moving_piston_drives_the_fluid(backend: str) -> None:
    scene = make_scene("free", 2, 6)
    scene.sides[:2] = ["no_slip", "outflow"]
    scene.openings[0][..., :3] = 0.0
    scene.openings[1][..., :2] = 0.0
    solid = [torch.zeros_like(share) for share in scene.openings]
    solid[0][..., 2] = 0.7
    still = [torch.zeros_like(share) for share in scene.openings]
    found = project(
        still, 0.1, scene.sides, openings=scene.openings, solid_velocity=solid, backend=backend
    )
    torch.testing.assert_close(
        found.velocity[0][..., 2:], torch.full((1, 6, 5), 0.7, dtype=DOUBLE), rtol=0.0, atol=1e-11
    )
    assert float(found.velocity[1].abs().max()) <= 1e-11
    assert bool((found.pressure[..., :2] == 0).all())


@every_backend
def test_the_backward_solve_is_recorded(backend: str) -> None:
    scene = make_scene("disc", 2, 12)
    faces = [face.requires_grad_() for face in random_velocity(scene, 6, DOUBLE)]
    record = torch.full((1, 2), -1.0, dtype=DOUBLE)
    found = project(
        faces, 0.1, scene.sides, openings=scene.openings, record=record, backend=backend
    )
    again = project(
        found.velocity, 0.1, scene.sides, openings=scene.openings, record=record, backend=backend
    )
    loss = again.velocity[0].pow(3).sum()
    assert record.tolist() == [[-1.0, -1.0]]
    torch.autograd.grad(loss, faces)
    iterations, residual = record[0].tolist()
    assert iterations >= 1
    assert 0.0 < residual <= 1e-11
    assert not found.residual.requires_grad


def test_a_batch_stops_item_by_item() -> None:
    scene = make_scene("disc", 2, 16)
    faces = random_velocity(scene, 7, DOUBLE)
    still = [torch.cat([face, 0.0 * face, 1e-3 * face]) for face in faces]
    found = project(still, 0.1, scene.sides, openings=scene.openings)
    alone = project(faces, 0.1, scene.sides, openings=scene.openings)
    assert found.iterations.tolist()[1] == 0
    assert found.residual.tolist()[1] == 0.0
    assert int(found.iterations[0]) == int(alone.iterations)
    assert torch.equal(found.velocity[0][:1], alone.velocity[0])
