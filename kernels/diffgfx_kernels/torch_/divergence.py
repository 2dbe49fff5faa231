"""Divergence of a staggered velocity: what flows out of a cell through its open faces."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.staggered import read

__all__ = ["backward", "divergence", "forward"]


def divergence(
    velocity: Sequence[Tensor], openings: Sequence[Tensor], cell: float, sides: Sequence[str]
) -> Tensor:
    """Return the divergence (B, 1, [D,] H, W), differentiable."""
    total = torch.zeros(())
    for axis, face in enumerate(velocity):
        flux = face * openings[axis] if openings else face
        total = total.to(face) + read(flux, axis, sides).diff(dim=-1 - axis) / cell
    return total[:, None]


def forward(
    velocity: Sequence[Tensor], openings: Sequence[Tensor], cell: float, sides: Sequence[str]
) -> Tensor:
    """Return the divergence [1/s], shape (B, 1, [D,] H, W); no openings: all is open."""
    return divergence(velocity, openings, cell, sides)


def backward(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    openings: Sequence[Tensor],
    cell: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the gradients to the velocity and the openings."""
    dim = len(velocity)
    _, found = pull(
        lambda *parts: divergence(parts[:dim], parts[dim:], cell, sides),
        (*velocity, *openings),
        g_value,
    )
    return found[:dim], found[dim:]
