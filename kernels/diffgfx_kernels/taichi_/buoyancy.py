"""Buoyancy: means of a scalar at the faces whose velocity is not fixed, times a force."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.taichi_.staggered import (
    cells_to_faces,
    faces_to_cells,
    force_weights,
    own_gradient,
    push,
    totals,
)

__all__ = ["backward", "forward"]


def forward(
    velocity: Sequence[Tensor], field: Tensor, force: Tensor, dt: float, sides: Sequence[str]
) -> list[Tensor]:
    """Return the velocity plus ``dt`` times force (B, dim) times field (B, 1, [D,] H, W)."""
    means = cells_to_faces(field, force_weights(sides, field), shared=True)
    return push(velocity, means, (dt * force).unbind(dim=1), sides)


def backward(
    g_faces: Sequence[Tensor],
    field: Tensor,
    force: Tensor,
    dt: float,
    sides: Sequence[str],
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the gradients to the velocity, the field and the force."""
    weights = force_weights(sides, field)
    g_push = faces_to_cells(g_faces, weights, shared=False)
    scale = (dt * force).view(*force.shape, *[1] * (field.ndim - 2))
    g_field = (scale * g_push).sum(dim=1, keepdim=True)
    return own_gradient(g_faces, sides), g_field, dt * totals(field * g_push)
