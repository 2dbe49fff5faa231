"""Staggered velocities to test flows with: of functions of space, and free of divergence."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["centres", "convection_of", "faces", "points_of", "random_flow", "unique"]

Function = Callable[[Tensor], Tensor]
"""From points (..., dim), x first, to one number a point."""


def points_of(cells: Sequence[int], cell: float, axis: int | None) -> Tensor:
    """Return the places of the faces across an axis, or of the centres, (*cells, dim)."""
    dim = len(cells)
    lines = []
    for a in range(dim):
        count, shift = cells[dim - 1 - a], 0.5
        if a == axis:
            count, shift = count + 1, 0.0
        lines.append((torch.arange(count, dtype=torch.float64) + shift) * cell)
    grids = torch.meshgrid(*reversed(lines), indexing="ij")
    return torch.stack(list(reversed(grids)), dim=-1)


def faces(functions: Sequence[Function], cells: Sequence[int], cell: float) -> list[Tensor]:
    """Return a velocity, given by a function a component, at its faces, (1, ...)."""
    return [f(points_of(cells, cell, axis))[None] for axis, f in enumerate(functions)]


def centres(function: Function, cells: Sequence[int], cell: float) -> Tensor:
    """Return a function at the cells' centres, (1, 1, ...)."""
    return function(points_of(cells, cell, None))[None, None]


def convection_of(functions: Sequence[Function], axis: int) -> Function:
    """Return the component of -div(u u) along an axis as a function, by differentiation."""

    def rate(points: Tensor) -> Tensor:
        places = points.detach().requires_grad_()
        total = torch.zeros(points.shape[:-1], dtype=points.dtype)
        for a, carrier in enumerate(functions):
            flux = (carrier(places) * functions[axis](places)).sum()
            (slope,) = torch.autograd.grad(flux, places, allow_unused=True)
            total = total - (0.0 if slope is None else slope[..., a])
        return total

    return rate


def random_flow(
    cells: Sequence[int], cell: float, sides: Sequence[str], seed: int = 0
) -> list[Tensor]:
    """Return a random velocity without divergence, of walls (at rest) and periodic sides.

    It is the curl of potentials on the edges that vanish on the walls.
    """
    draw = torch.Generator().manual_seed(seed)
    dim = len(cells)
    shapes = [
        [1, *(n + (place == dim - 1 - axis) for place, n in enumerate(cells))]
        for axis in range(dim)
    ]
    velocity = [torch.zeros(shape, dtype=torch.float64) for shape in shapes]
    for a in range(dim):
        for b in range(a + 1, dim):
            shape = [1, *cells]
            shape[dim - a] += 1
            shape[dim - b] += 1
            potential = torch.randn(shape, generator=draw, dtype=torch.float64)
            for axis in (a, b):
                first = potential.select(dim - axis, 0)
                if sides[2 * axis] != "periodic":
                    first.zero_()
                potential.select(dim - axis, -1).copy_(first)
            velocity[a] += potential.diff(dim=dim - b) / cell
            velocity[b] -= potential.diff(dim=dim - a) / cell
    return velocity


def unique(parts: Sequence[Tensor], sides: Sequence[str]) -> list[Tensor]:
    """Return faces without the second of each pair of twins."""
    dim = len(parts)
    return [
        part.narrow(dim - k, 0, part.shape[dim - k] - (sides[2 * k] == "periodic"))
        for k, part in enumerate(parts)
    ]
