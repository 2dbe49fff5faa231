"""Flows whose solution is known: where they start, and where they must be.

Each has the discrete form that the staggered grid asks for: velocities are point values at faces.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx.scene import FluidScene, FluidState
from diffgfx.types import Side

__all__ = [
    "channel",
    "face_points",
    "lid_driven_cavity",
    "sample_faces",
    "taylor_green_2d",
    "taylor_green_3d",
]

Velocity = Callable[[Tensor], Sequence[Tensor]]
"""The components at points (..., dim), x first."""


def face_points(cells: Sequence[int], cell: float, axis: int, like: Tensor) -> Tensor:
    """Return the centres of the faces across an axis [m], shape (..., dim), x first."""
    lines = [
        (torch.arange(n + (k == axis)).to(like) + 0.5 * (k != axis)) * cell
        for k, n in enumerate(cells)
    ]
    grids = torch.meshgrid(*reversed(lines), indexing="ij")
    return torch.stack(grids[::-1], dim=-1)


def sample_faces(
    velocity: Velocity, cells: Sequence[int], cell: float, like: Tensor
) -> tuple[Tensor, ...]:
    """Return the values of a velocity at the faces, a batch of one."""
    return tuple(
        velocity(face_points(cells, cell, axis, like))[axis][None] for axis in range(len(cells))
    )


def _periodic(
    cells: Sequence[int], velocity: Velocity, viscosity: float, dt: float
) -> tuple[FluidState, FluidScene]:
    like = torch.zeros((), dtype=torch.float64)
    cell = 2.0 * math.pi / cells[0]
    state = FluidState.at_rest(cells, dtype=torch.float64)
    state = dataclasses.replace(state, velocity=sample_faces(velocity, cells, cell, like))
    nu = like.new_tensor([viscosity]) if viscosity else None
    around: Side = "periodic"
    sides = (around,) * (2 * len(cells))
    return state, FluidScene(cell, dt, "ns", sides, viscosity=nu, scalars=False)


def taylor_green_2d(
    n: int, viscosity: float, dt: float
) -> tuple[FluidState, FluidScene, Callable[[float], tuple[Tensor, ...]]]:
    """Return state, scene and exact faces of decaying vortices on a periodic square of side 2 pi.

    u = cos x sin y exp(-2 nu t), v = -sin x cos y exp(-2 nu t) (G. I. Taylor and A. E. Green,
    "Mechanism of the Production of Small Eddies from Large Ones", 1937).
    """

    def velocity(point: Tensor) -> Sequence[Tensor]:
        x, y = point.unbind(-1)
        return x.cos() * y.sin(), -x.sin() * y.cos()

    state, scene = _periodic((n, n), velocity, viscosity, dt)

    def exact(time: float) -> tuple[Tensor, ...]:
        return tuple(u * math.exp(-2.0 * viscosity * time) for u in state.velocity)

    point = torch.stack(
        torch.meshgrid(*[(torch.arange(n, dtype=torch.float64) + 0.5) * scene.cell] * 2,
                       indexing="ij")[::-1], dim=-1,
    )  # fmt: skip
    x, y = point.unbind(-1)
    pressure = -0.25 * ((2 * x).cos() + (2 * y).cos())
    return dataclasses.replace(state, pressure=pressure[None, None]), scene, exact


def taylor_green_3d(n: int, viscosity: float, dt: float) -> tuple[FluidState, FluidScene]:
    """Return state and scene of the vortices that break up, on a periodic cube of side 2 pi.

    u = sin x cos y cos z, v = -cos x sin y cos z, w = 0 (M. E. Brachet et al., JFM 130, 1983).
    """

    def velocity(point: Tensor) -> Sequence[Tensor]:
        x, y, z = point.unbind(-1)
        return x.sin() * y.cos() * z.cos(), -x.cos() * y.sin() * z.cos(), 0.0 * x

    return _periodic((n, n, n), velocity, viscosity, dt)


def channel(
    n: int, viscosity: float, force: float, lid: float, dt: float
) -> tuple[FluidState, FluidScene]:
    """Return fluid at rest between two plates a metre apart, pushed by a force or a moving plate.

    Args:
        n: Cells from plate to plate.
        viscosity: Kinematic viscosity [m^2/s].
        force: Acceleration along x [m/s^2].
        lid: Velocity of the upper plate along x [m/s].
        dt: Time of a step [s].
    """
    cells = (4, n)
    state = FluidState.at_rest(cells, dtype=torch.float64)
    like = state.density
    sides: tuple[Side, ...] = ("periodic", "periodic", "no_slip", "no_slip")
    walls = like.new_zeros(1, 4, 2)
    walls[0, 3, 0] = lid
    push = [torch.full_like(state.velocity[0], force), torch.zeros_like(state.velocity[1])]
    return state, FluidScene(
        1.0 / n, dt, "ns", sides, side_velocity=walls, force=push,
        viscosity=like.new_tensor([viscosity]), scalars=False,
    )  # fmt: skip


def lid_driven_cavity(n: int, reynolds: float, dt: float) -> tuple[FluidState, FluidScene]:
    """Return fluid at rest in a unit square whose lid moves at 1 m/s."""
    state = FluidState.at_rest((n, n), dtype=torch.float64)
    walls = state.density.new_zeros(1, 4, 2)
    walls[0, 3, 0] = 1.0
    return state, FluidScene(
        1.0 / n, dt, "ns", ("no_slip",) * 4, side_velocity=walls,
        viscosity=state.density.new_tensor([1.0 / reynolds]), scalars=False,
    )  # fmt: skip
