"""Carry a staggered velocity along a staggered velocity, each component at its own faces."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull_all import pull_groups
from diffgfx_kernels.torch_.transport import carry, velocity_quantities
from diffgfx_kernels.transport import Transport, velocity_rules

__all__ = ["backward", "forward"]


def forward(
    carried: Sequence[Tensor], velocity: Sequence[Tensor], side_velocity: Tensor, step: Transport
) -> list[Tensor]:
    """Return the carried faces one step later.

    Args:
        carried: Faces, x first.
        velocity: Faces of what carries them.
        side_velocity: Of the sides, for both, (B, 2 dim, dim).
        step: The step.
    """
    if carried[0].numel() == 0:
        return [face.clone() for face in carried]
    rules = velocity_rules(step.sides)
    along = velocity_quantities(velocity, side_velocity, step, rules)
    parts = velocity_quantities(carried, side_velocity, step, rules)
    return [carry(part, along, step)[:, 0] for part in parts]


def backward(
    g_carried: Sequence[Tensor],
    carried: Sequence[Tensor],
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    step: Transport,
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return the gradients to the carried faces, the velocity, and the velocity of the sides."""
    if carried[0].numel() == 0:
        still = [[torch.zeros_like(face) for face in faces] for faces in (carried, velocity)]
        return still[0], still[1], torch.zeros_like(side_velocity)

    def job(old: list[Tensor], faces: list[Tensor], sides: list[Tensor]) -> Tensor:
        new = forward(old, faces, sides[0], step)
        return torch.cat([face.flatten(1) for face in new], dim=1)

    upstream = torch.cat([face.flatten(1) for face in g_carried], dim=1)
    g_old, g_velocity, (g_side,) = pull_groups(job, (carried, velocity, [side_velocity]), upstream)
    return g_old, g_velocity, g_side
