"""Divergence of a staggered velocity: the transpose of a difference between cells."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.taichi_.staggered import cells_to_faces, divergence_weights, faces_to_cells

__all__ = ["backward", "forward"]


def forward(
    velocity: Sequence[Tensor], openings: Sequence[Tensor], cell: float, sides: Sequence[str]
) -> Tensor:
    """Return the divergence [1/s], shape (B, 1, [D,] H, W); no openings: all is open."""
    flux = velocity
    if openings:
        flux = [face * opening for face, opening in zip(velocity, openings, strict=True)]
    weights = divergence_weights(sides, cell, velocity[0])
    return faces_to_cells(flux, weights, shared=True)


def backward(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    openings: Sequence[Tensor],
    cell: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the gradients to the velocity and the openings."""
    weights = divergence_weights(sides, cell, g_value)
    g_flux = cells_to_faces(g_value, weights, shared=True)
    if not openings:
        return g_flux, []
    g_openings = []
    for face, opening, g in zip(velocity, openings, g_flux, strict=True):
        apart = face * g
        g_openings.append(apart if len(opening) == len(face) else apart.sum(dim=0, keepdim=True))
    return [opening * g for opening, g in zip(openings, g_flux, strict=True)], g_openings
