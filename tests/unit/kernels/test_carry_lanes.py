"""Places carried side by side are what they are one by one, and most of them go so."""

import pytest
import taichi as ti
import torch

from diffgfx import ops
from diffgfx_kernels.taichi_ import packed, runtime
from diffgfx_kernels.taichi_.carry import size_of
from diffgfx_kernels.taichi_.carry_lanes import lanes_for, next_run, trace_lanes
from diffgfx_kernels.taichi_.launch import kernel

runtime.start(torch.device("cpu"))
WALLS = ("no_slip",) * 6
ROUND = ("periodic",) * 6
THROUGH = ("inflow", "outflow", "periodic", "periodic", "free_slip", "outflow")


@kernel
def count_together(
    velocity: ti.types.ndarray(ndim=2), found: ti.types.ndarray(ndim=1), w: int, h: int, d: int,
    step: ti.f64, lanes: ti.template(),
):  # fmt: skip
    """Count the cells of a middle line that go together, and those that all paths leave to it."""
    for _ in range(1):
        size = size_of(w, h, d, 3)
        place, room = ti.Matrix.zero(ti.f32, 3, lanes), ti.Matrix.zero(ti.f32, 3, lanes)
        at = ti.Vector([0, h // 2, d // 2])
        i = 0
        while i < w:
            first, count, together = next_run(i, at, size, w, lanes, 3)
            if together == 1:
                at[0] = first
                found[0] = found[0] + first + count - i
                inner = trace_lanes(
                    velocity, place, room, 0, at, size, ti.cast(step, ti.f32), -1, lanes, 3
                )
                found[1] = found[1] + inner * (first + count - i)
            i = first + count


def flow(cells: tuple[int, ...], sides: tuple[str, ...], speed: float) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(3)
    dim = len(cells)
    faces = []
    for axis in range(dim):
        shape = [n + (dim - 1 - axis == place) for place, n in enumerate(cells)]
        face = speed * torch.randn(2, *shape, generator=draw)
        if sides[2 * axis] == "periodic":
            place = dim - axis
            face.narrow(place, shape[place - 1] - 1, 1).copy_(face.narrow(place, 0, 1))
        faces.append(face)
    return faces


@pytest.mark.parametrize("width", [2, 9, 10, 17, 18, 40])
@pytest.mark.parametrize(("speed", "share"), [(0.3, 1.0), (200.0, 0.0)])
def test_the_inner_places_of_a_line_go_together(width: int, speed: float, share: float) -> None:
    velocity = torch.cat([f.flatten() for f in flow((9, 8, width), WALLS, 0.0)])[None]
    velocity[:] = speed
    found = torch.zeros(2, dtype=torch.int32)
    lanes = lanes_for(torch.device("cpu"))
    count_together(velocity, found, width, 8, 9, 1.0, lanes)
    inner = width - 2 if width - 2 >= lanes else 0
    assert found.tolist() == [inner, share * inner]


@pytest.mark.parametrize("cells", [(7, 9, 21), (16, 30), (5, 4, 6)])
@pytest.mark.parametrize("sides", [WALLS, ROUND, THROUGH])
@pytest.mark.parametrize("speed", [0.3, 2.0])
def test_they_are_what_they_are_one_by_one(cells, sides, speed, monkeypatch) -> None:
    sides = sides[: 2 * len(cells)]
    velocity = flow(cells, sides, speed)
    field = torch.randn(2, 2, *cells, generator=torch.Generator().manual_seed(4))

    def carried() -> list[torch.Tensor]:
        found = []
        for scheme in ("maccormack", "semi_lagrangian"):
            found.append(ops.advect(field, velocity, 0.7, 1.0, sides, scheme=scheme))
            found += ops.advect_velocity(velocity, velocity, 0.7, 1.0, sides, scheme=scheme)
        return found

    together = carried()
    monkeypatch.setattr(packed, "lanes_for", lambda device: 1)
    for one, other in zip(together, carried(), strict=True):
        assert torch.equal(one, other)
