"""Buoyancy: a force in proportion to a scalar, at the faces whose velocity is not fixed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.staggered import flat, force_faces

__all__ = ["backward", "buoyancy", "forward"]


def buoyancy(
    velocity: Sequence[Tensor], field: Tensor, force: Tensor, dt: float, sides: Sequence[str]
) -> list[Tensor]:
    """Return the velocity after a step under the force, differentiable."""
    shape = (-1, *[1] * (field.ndim - 2))
    pushes = [dt * force[:, axis].view(shape) * field[:, 0] for axis in range(len(velocity))]
    return force_faces(velocity, pushes, sides)


def forward(
    velocity: Sequence[Tensor], field: Tensor, force: Tensor, dt: float, sides: Sequence[str]
) -> list[Tensor]:
    """Return the velocity plus ``dt`` times force (B, dim) times field (B, 1, [D,] H, W)."""
    return buoyancy(velocity, field, force, dt, sides)


def backward(
    g_faces: Sequence[Tensor],
    field: Tensor,
    force: Tensor,
    dt: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the gradients to the velocity, the field and the force."""
    dim = len(g_faces)
    still = [torch.zeros_like(face) for face in g_faces]  # of any velocity: it is linear in it
    _, found = pull(
        lambda *parts: flat(buoyancy(parts[:dim], parts[dim], parts[dim + 1], dt, sides)),
        (*still, field, force),
        flat(g_faces),
    )
    apart = [gradient.clone() for gradient in found[:dim]]  # they may be views of one tensor
    return apart, found[dim], found[dim + 1]
