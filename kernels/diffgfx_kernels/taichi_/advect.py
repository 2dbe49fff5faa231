"""Carry scalars along a staggered velocity: semi-Lagrangian, or MacCormack with a clamp."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.packed import Carrier, pack, unpack
from diffgfx_kernels.transport import Transport

__all__ = ["backward", "forward"]


def _carrier(field: Tensor, step: Transport) -> Carrier:
    cells, channels = tuple(field.shape[2:]), field.shape[1]
    return Carrier(cells, channels, True, 2 * len(cells) * channels, step)


def forward(
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    side_velocity: Tensor,
    step: Transport,
) -> Tensor:
    """Return the field one step later, shape (B, C, [D,] H, W)."""
    runtime.start(field.device)
    if field.numel() == 0:
        return field.clone()
    along, carried = pack(velocity, side_velocity), pack([field], side_value)
    found = _carrier(field, step).forward(along, carried)
    return unpack(found, [field], side_value)[0]


def backward(
    g_field: Tensor,
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    side_velocity: Tensor,
    step: Transport,
) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
    """Return the gradients to field, velocity, values on the sides, velocity of the sides."""
    runtime.start(field.device)
    if field.numel() == 0:
        still = [torch.zeros_like(face) for face in velocity]
        rest = [torch.zeros_like(side) for side in (side_value, side_velocity)]
        return torch.zeros_like(field), still, rest[0], rest[1]
    along, carried = pack(velocity, side_velocity), pack([field], side_value)
    g_out = pack([g_field], side_value)
    g_carried, g_along = _carrier(field, step).backward(g_out, along, carried)
    g_old, g_value = unpack(g_carried, [field], side_value)
    *g_velocity, g_side = unpack(g_along, velocity, side_velocity)
    return g_old, g_velocity, g_value, g_side
