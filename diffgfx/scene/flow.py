"""A flow: its setting as numbers (what a file holds) and as tensors (what a step takes), its state.

Vectors are x first; lengths are metres, times seconds. `FlowSetting` is what ``SCENE.toml`` says;
`FluidScene` is the same as tensors, batched and differentiable; `FluidState` is all that a step
reads and all that a restart needs.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from diffgfx.types import ScalarSide, Side

__all__ = [
    "FlowSetting",
    "FluidScene",
    "FluidState",
    "Inflow",
    "Obstacle",
    "Region",
    "Scheme",
    "Source",
]

Scheme = Literal["smoke", "ns"]
"""Film-maker's smoke (MacCormack, semi-Lagrangian), or second-order Navier-Stokes."""

Vector = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Region:
    """A disc or sphere, or a box.

    Attributes:
        shape: ``"sphere"`` (a disc in 2-D) or ``"box"``.
        centre: Its centre [m].
        size: Radius of a sphere, one number; half of each edge of a box [m].
    """

    shape: Literal["sphere", "box"]
    centre: Vector
    size: Vector


@dataclasses.dataclass(frozen=True)
class Inflow:
    """A region that feeds smoke and heat.

    Attributes:
        region: Where.
        density: Smoke it adds in a second [1/s].
        temperature: Heat it adds in a second [K/s].
    """

    region: Region
    density: float
    temperature: float


@dataclasses.dataclass(frozen=True)
class Obstacle:
    """A solid.

    Attributes:
        region: Where.
        velocity: At what velocity it pushes the fluid [m/s]; the solid itself stays.
    """

    region: Region
    velocity: Vector


@dataclasses.dataclass(frozen=True)
class FlowSetting:
    """What a scene file says.

    Attributes:
        cells: Cells, x first.
        cell: Side of a cell [m].
        dt: Time of a step [s].
        steps_per_frame: Steps between two frames.
        frames: Frames that ``simulate`` makes by default.
        scheme: How a step is taken.
        sides: Two an axis, x low first.
        side_velocity: Velocity of each side's wall or inflow [m/s].
        temperature_sides: Temperature of each side [K]; None where no heat passes.
        viscosity: Kinematic viscosity [m^2/s].
        diffusivity: Of heat and smoke [m^2/s].
        density_force: Acceleration by one unit of density [m/s^2].
        temperature_force: Acceleration by one kelvin [m/s^2].
        confinement: Strength of the vorticity confinement [dimensionless].
        inflows: What feeds it.
        obstacles: What stands in it.
        max_courant: Cells that the fluid may move at once, added over the axes; a step in which
            it would move farther is taken in parts. None: in one, whatever it takes.
    """

    cells: tuple[int, ...]
    cell: float
    dt: float
    steps_per_frame: int
    frames: int
    scheme: Scheme
    sides: tuple[Side, ...]
    side_velocity: tuple[Vector, ...]
    temperature_sides: tuple[float | None, ...]
    viscosity: float
    diffusivity: float
    density_force: Vector
    temperature_force: Vector
    confinement: float
    inflows: tuple[Inflow, ...]
    obstacles: tuple[Obstacle, ...]
    max_courant: float | None = None

    @property
    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.cells)


@dataclasses.dataclass(frozen=True)
class Source:
    """What is added to the cells of a mask.

    Attributes:
        mask: Share of each cell, shape (B|1, 1, [D,] H, W).
        density: Rate of smoke [1/s], shape (B|1, 1).
        temperature: Rate of heat [K/s], shape (B|1, 1).
    """

    mask: Tensor
    density: Tensor
    temperature: Tensor


@dataclasses.dataclass(frozen=True)
class FluidScene:
    """The setting of a flow as tensors; a gradient flows to each of them. None: not there.

    Attributes:
        cell: Side of a cell [m].
        dt: Time of a step [s].
        scheme: How a step is taken.
        sides: Two an axis, x low first.
        side_velocity: Tangential velocity of the sides [m/s], shape (B|1, 2 dim, dim).
        temperature_kinds: What holds for the temperature at each side; None: no heat passes.
        temperature_values: Its value there, shape (B|1, 1, 2 dim).
        viscosity: Kinematic viscosity [m^2/s], shape (B|1,).
        diffusivity: Of heat and smoke [m^2/s], shape (B|1,).
        density_force: Acceleration by one unit of density [m/s^2], shape (B|1, dim).
        temperature_force: Acceleration by one kelvin [m/s^2], shape (B|1, dim).
        force: Acceleration at the faces [m/s^2], as faces.
        confinement: Strength of the vorticity confinement, shape (B|1,).
        sources: What feeds it.
        openings: Share of each face that is open, as faces.
        distance: Signed distance of each face's centre to the solid [m], positive in the fluid, as
            faces; with a viscosity, the fluid sticks to it.
        solid_velocity: Velocity of the solid at each face [m/s], as faces.
        tolerance: Relative residual at which a solve stops; None: that of the dtype.
        scalars: Whether smoke and heat are carried; without, they stay as they are.
        max_courant: Cells that the fluid may move at once, added over the axes; a step in which
            it would move farther is taken in equal parts. None: in one, whatever it takes.
    """

    cell: float
    dt: float
    scheme: Scheme
    sides: tuple[Side, ...]
    side_velocity: Tensor | None = None
    temperature_kinds: tuple[ScalarSide, ...] | None = None
    temperature_values: Tensor | None = None
    viscosity: Tensor | None = None
    diffusivity: Tensor | None = None
    density_force: Tensor | None = None
    temperature_force: Tensor | None = None
    force: Sequence[Tensor] | None = None
    confinement: Tensor | None = None
    sources: tuple[Source, ...] = ()
    openings: Sequence[Tensor] | None = None
    distance: Sequence[Tensor] | None = None
    solid_velocity: Sequence[Tensor] | None = None
    tolerance: float | None = None
    scalars: bool = True
    max_courant: float | None = None

    @property
    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.sides) // 2


@dataclasses.dataclass(frozen=True)
class FluidState:
    """All that a step reads, and all that a restart needs.

    Attributes:
        velocity: Staggered velocity [m/s]; see `diffgfx.types.Faces`.
        density: Smoke, shape (B, 1, [D,] H, W).
        temperature: Above that of the surroundings [K], likewise.
        pressure: Kinematic pressure of the last step [m^2/s^2], likewise.
        time: Seconds since the start.
        step: Steps since the start.
        iterations: Of the last pressure solve, shape (B,); None before the first.
        parts: In how many parts the last step was taken; 0 before the first.
    """

    velocity: tuple[Tensor, ...]
    density: Tensor
    temperature: Tensor
    pressure: Tensor
    time: float = 0.0
    step: int = 0
    iterations: Tensor | None = None
    parts: int = 0

    @classmethod
    def at_rest(
        cls,
        cells: Sequence[int],
        *,
        batch: int = 1,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> "FluidState":
        """Return still, clear fluid.

        Args:
            cells: Cells, x first.
            batch: Flows side by side.
            dtype: Of the tensors.
            device: Of the tensors.
        """
        shape = tuple(reversed(cells))
        dim = len(shape)

        def zeros(*sizes: int) -> Tensor:
            return torch.zeros(sizes, dtype=dtype, device=device)

        velocity = tuple(
            zeros(batch, *(n + (place == dim - 1 - axis) for place, n in enumerate(shape)))
            for axis in range(dim)
        )
        density, temperature, pressure = (zeros(batch, 1, *shape) for _ in range(3))
        return cls(velocity, density, temperature, pressure)

    def moment(self) -> "FluidState":
        """Return the same moment with empty tensors: for closures, which keep what they hold."""
        return self.with_tensors([t.new_empty(0) for t in self.tensors()])

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all tensors: faces, density, temperature, pressure."""
        return (*self.velocity, self.density, self.temperature, self.pressure)

    def with_tensors(self, tensors: Sequence[Tensor]) -> "FluidState":
        """Return the same moment with other tensors, in the order of `tensors`."""
        count = len(self.velocity)
        density, temperature, pressure = tensors[count:]
        return dataclasses.replace(
            self,
            velocity=tuple(tensors[:count]),
            density=density,
            temperature=temperature,
            pressure=pressure,
        )
