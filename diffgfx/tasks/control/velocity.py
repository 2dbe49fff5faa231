"""The velocity at the start, as the curl of a potential: free of divergence whatever is sought."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.fluid import first_state
from diffgfx.inverse import Level, Unknowns
from diffgfx.scene import FlowSetting, FluidScene, FluidState
from diffgfx.types import Side

__all__ = ["VelocityUnknown", "curl_of_potential"]

_FINEST = 1          # halvings of the grid to the finest potential
_COARSEST = 4        # cells of the coarsest along the shorter side, at least
_SMOOTH = 3e-3       # weight of the bends: enough to settle what no smoke shows


def curl_of_potential(potential: Sequence[Tensor], cell: float) -> list[Tensor]:
    """Return the staggered velocity whose divergence vanishes cell by cell.

    Args:
        potential: One stream function at the nodes, shape (b, h+1, w+1); or three components of a
            vector potential at the middles of edges: (b, d+1, h+1, w), (b, d+1, h, w+1) and (b, d,
            h+1, w+1).
        cell: Side of a cell.

    Returns:
        Faces: u = d psi/dy, v = -d psi/dx; or the curl.
    """
    if len(potential) == 1:
        psi = potential[0]
        return [psi.diff(dim=1) / cell, -psi.diff(dim=2) / cell]
    along_x, along_y, along_z = potential
    return [
        (along_z.diff(dim=2) - along_y.diff(dim=1)) / cell,
        (along_x.diff(dim=1) - along_z.diff(dim=3)) / cell,
        (along_y.diff(dim=3) - along_x.diff(dim=2)) / cell,
    ]


class VelocityUnknown:
    """The velocity at the start, beside what flows in through the sides.

    It is the curl of a stream function (2-D) or vector potential (3-D) that is given at the nodes
    of a coarser grid, interpolated linearly, and zero along closed sides, so that nothing passes
    them. With obstacles the velocity is projected once, which turns it around them. A mean flow
    through a periodic box has no such potential and is not found.
    """

    probes = 0
    unit = "m/s, root mean square over the faces"

    def __init__(self, setting: FlowSetting, seconds: float, device: str = "cpu") -> None:
        """Start from rest.

        Args:
            setting: The scene.
            seconds: Time to the last frame: z = 1 is a potential that crosses the box in it.
            device: Of the tensors.
        """
        self._cells, self._cell, self._sides = setting.cells, setting.cell, setting.sides
        self._device = device
        self._still = first_state(setting, device=device)
        shortest = min(setting.cells)
        self._scale = (shortest * setting.cell) ** 2 / seconds
        most = max(_FINEST, int(math.log2(max(shortest / _COARSEST, 1.0))))
        self._nodes = [
            tuple(max(2, -(-n // 2**k)) + 1 for n in reversed(setting.cells))
            for k in range(most, _FINEST - 1, -1)
        ]

    def levels(self, steps: int) -> tuple[Level, ...]:
        """Return the ladder, each level with twice the nodes along an axis."""
        return tuple(
            Level(k, (nodes[-2], nodes[-1]), steps, 0) for k, nodes in enumerate(self._nodes)
        )

    def start(self) -> Unknowns:
        """Return a potential of zero."""
        components = 1 if len(self._cells) == 2 else 3
        return {"z": torch.zeros(1, components, *self._nodes[0], device=self._device)}

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Return the same potential at more nodes."""
        return {"z": _at_nodes(self._closed(unknowns["z"]), self._nodes[level.index])}

    def step_lengths(self) -> Mapping[str, float]:
        """Return the step length of each part of z."""
        return {"z": 1.0}

    def prior(self, unknowns: Unknowns) -> Tensor:
        """Return the mean square of the second derivatives of the potential, weighted little."""
        z = self._closed(unknowns["z"])
        total = z.new_zeros(())
        for place, count in enumerate(reversed(self._cells), start=2):
            apart = count / min(self._cells) / (z.shape[place] - 1)   # in shorter sides of the box
            total = total + (z.diff(n=2, dim=place) / apart**2).square().mean()
        return _SMOOTH * total

    def posed(
        self, unknowns: Unknowns, state: FluidState, scene: FluidScene
    ) -> tuple[FluidState, FluidScene]:
        """Return the state's smoke and heat, moving at that velocity instead of its own."""
        added = curl_of_potential(self._potential(unknowns["z"]), self._cell)
        velocity = [u + v for u, v in zip(self._still.velocity, added, strict=True)]
        if scene.openings is not None:
            velocity = list(ops.project(
                velocity, scene.cell, scene.sides, openings=scene.openings,
                solid_velocity=scene.solid_velocity, tolerance=scene.tolerance,
            ).velocity)  # fmt: skip
        found = dataclasses.replace(
            state, velocity=tuple(velocity), pressure=self._still.pressure
        )
        return found, scene

    def _components(self) -> list[list[int]]:
        """Return the axes along which each component of the potential lies on nodes."""
        if len(self._cells) == 2:
            return [[0, 1]]
        return [[axis for axis in range(3) if axis != along] for along in range(3)]

    def _closed(self, z: Tensor) -> Tensor:
        parts = [
            _bordered(z[:, k], nodal, self._sides) for k, nodal in enumerate(self._components())
        ]
        return torch.stack(parts, dim=1)

    def _potential(self, z: Tensor) -> list[Tensor]:
        shape = tuple(reversed(self._cells))
        coarse = self._closed(z)
        found = []
        for k, nodal in enumerate(self._components()):
            size = [n + (len(shape) - 1 - place in nodal) for place, n in enumerate(shape)]
            fine = _at_nodes(coarse[:, k : k + 1], size)[:, 0]
            found.append(self._scale * _bordered(fine, nodal, self._sides))
        return found

    def numbers(self, unknowns: Unknowns) -> list[float]:
        """Return how fast the fluid is that the potential adds."""
        with torch.no_grad():
            faces = curl_of_potential(self._potential(unknowns["z"]), self._cell)
        squares = torch.cat([face.flatten() for face in faces]).double().square()
        return [float(squares.mean().sqrt())]

    def deviations(self, unknowns: Unknowns, deviation: Unknowns) -> None:
        """Return None: the deviation of a potential at a node says little of the velocity."""

    def setting(self, unknowns: Unknowns, setting: FlowSetting) -> FlowSetting:
        """Return what is given: a scene file does not say how the fluid moves at the start."""
        return setting


def _at_nodes(field: Tensor, size: Sequence[int]) -> Tensor:
    """Return a field of nodes at other nodes of the same box, the outermost coinciding."""
    mode = "bilinear" if field.ndim == 4 else "trilinear"
    return torch.nn.functional.interpolate(field, size=tuple(size), mode=mode, align_corners=True)


def _bordered(field: Tensor, nodal: Sequence[int], sides: Sequence[Side]) -> Tensor:
    """Return a component that is zero along closed sides, and alike at both ends of a period."""
    dim = field.ndim - 1
    for axis in nodal:
        place = dim - axis
        count = field.shape[place]
        low, high = sides[2 * axis : 2 * axis + 2]
        if low == "periodic":
            field = torch.cat([field.narrow(place, 0, count - 1), field.narrow(place, 0, 1)], place)
            continue
        mask = field.new_ones(count)
        mask[0] = low == "outflow"
        mask[-1] = high == "outflow"
        field = field * mask.view(-1, *[1] * (dim - place))
    return field
