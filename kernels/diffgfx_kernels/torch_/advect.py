"""Carry scalars along a staggered velocity: semi-Lagrangian, or MacCormack with a clamp."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull_all import pull_groups
from diffgfx_kernels.torch_.transport import Quantity, carry, velocity_quantities
from diffgfx_kernels.transport import Transport, scalar_rules, velocity_rules

__all__ = ["backward", "forward"]


def forward(
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    side_velocity: Tensor,
    step: Transport,
) -> Tensor:
    """Return the field one step later, shape (B, C, [D,] H, W).

    Args:
        field: Values at the centres, (B, C, [D,] H, W).
        velocity: Faces, x first.
        side_value: Given on the sides, (B, C, 2 dim).
        side_velocity: Of the sides, (B, 2 dim, dim).
        step: The step.
    """
    if field.numel() == 0:
        return field.clone()
    rules = scalar_rules(step.scalar_sides, step.cell)
    carried = Quantity(field, side_value, rules, step.periodic, -1)
    along = velocity_quantities(velocity, side_velocity, step, velocity_rules(step.sides))
    return carry(carried, along, step)


def backward(
    g_field: Tensor,
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    side_velocity: Tensor,
    step: Transport,
) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
    """Return the gradients to field, velocity, values on the sides, velocity of the sides."""
    if field.numel() == 0:
        still = [torch.zeros_like(face) for face in velocity]
        rest = [torch.zeros_like(side) for side in (side_value, side_velocity)]
        return torch.zeros_like(field), still, rest[0], rest[1]

    def job(fields: list[Tensor], faces: list[Tensor], sides: list[Tensor]) -> Tensor:
        return forward(fields[0], faces, sides[0], sides[1], step)

    groups = ([field], velocity, [side_value, side_velocity])
    (g_old,), g_velocity, (g_value, g_side) = pull_groups(job, groups, g_field)
    return g_old, g_velocity, g_value, g_side
