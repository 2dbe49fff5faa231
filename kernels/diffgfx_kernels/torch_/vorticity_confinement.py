"""Vorticity confinement: a push around ridges of vorticity, which diffusion wears down."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.curl import turned
from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.staggered import centres, flat, force_faces, slope

__all__ = ["FLATTEST", "backward", "confine", "forward"]

FLATTEST = 0.01
"""Vorticity that changes by less than this share a cell has no direction to be pushed in."""


def _slope(field: Tensor, axis: int, cell: float, sides: Sequence[str]) -> Tensor:
    dim = -1 - axis
    low, high = field.narrow(dim, 0, 1), field.narrow(dim, field.shape[dim] - 1, 1)
    if sides[2 * axis] == "periodic":
        low, high = high, low
    return slope(field, axis, cell, low, high)


def _length(vectors: Tensor) -> Tensor:
    """Return the length of vectors, (B, ...), with a gradient of zero where it is zero."""
    square = vectors.square().sum(dim=1)
    some = square > 0
    return torch.where(some, torch.where(some, square, 1.0).sqrt(), 0.0)


def confine(
    velocity: Sequence[Tensor], strength: Tensor, dt: float, cell: float, sides: Sequence[str]
) -> list[Tensor]:
    """Return the velocity after a step under the force, differentiable."""
    dim, middle = len(velocity), centres(velocity, sides)
    vorticity = turned(
        [[_slope(middle[:, k], axis, cell, sides) for axis in range(dim)] for k in range(dim)]
    )
    length = _length(vorticity)
    ridge = torch.stack([_slope(length, axis, cell, sides) for axis in range(dim)], dim=1)
    scaled = torch.cat([ridge, (FLATTEST / cell) * length[:, None]], dim=1)
    steep = _length(scaled)[:, None]
    normal = ridge / torch.where(steep > 0, steep, 1.0)
    if dim == 2:
        force = torch.stack([normal[:, 1], -normal[:, 0]], dim=1) * vorticity
    else:
        force = torch.linalg.cross(normal, vorticity, dim=1)
    pushes = dt * cell * strength.view(-1, *[1] * (dim + 1)) * force
    return force_faces(velocity, pushes.unbind(dim=1), sides)


def forward(
    velocity: Sequence[Tensor], strength: Tensor, dt: float, cell: float, sides: Sequence[str]
) -> list[Tensor]:
    """Return the velocity plus ``dt`` times the confining force; strength (B,)."""
    return confine(velocity, strength, dt, cell, sides)


def backward(
    g_faces: Sequence[Tensor],
    velocity: Sequence[Tensor],
    strength: Tensor,
    dt: float,
    cell: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the velocity and the strength."""
    dim = len(velocity)
    _, found = pull(
        lambda *parts: flat(confine(parts[:dim], parts[dim], dt, cell, sides)),
        (*velocity, strength),
        flat(g_faces),
    )
    return found[:dim], found[dim]
