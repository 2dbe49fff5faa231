"""Carry a staggered velocity along a staggered velocity, each component at its own faces."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.packed import Carrier, pack, unpack
from diffgfx_kernels.transport import Transport

__all__ = ["backward", "forward"]


def _carrier(carried: Sequence[Tensor], step: Transport) -> Carrier:
    dim, x_faces = len(carried), tuple(carried[0].shape[1:])
    cells = (*x_faces[:-1], x_faces[-1] - 1)
    return Carrier(cells, 1, False, 2 * dim * dim, step)


def forward(
    carried: Sequence[Tensor], velocity: Sequence[Tensor], side_velocity: Tensor, step: Transport
) -> list[Tensor]:
    """Return the carried faces one step later."""
    runtime.start(carried[0].device)
    if carried[0].numel() == 0:
        return [face.clone() for face in carried]
    along, old = pack(velocity, side_velocity), pack(carried, side_velocity)
    return unpack(_carrier(carried, step).forward(along, old), carried, side_velocity)[:-1]


def backward(
    g_carried: Sequence[Tensor],
    carried: Sequence[Tensor],
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    step: Transport,
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return the gradients to the carried faces, the velocity, and the velocity of the sides."""
    runtime.start(carried[0].device)
    if carried[0].numel() == 0:
        still = [[torch.zeros_like(face) for face in faces] for faces in (carried, velocity)]
        return still[0], still[1], torch.zeros_like(side_velocity)
    along, old = pack(velocity, side_velocity), pack(carried, side_velocity)
    g_out = pack(g_carried, side_velocity)
    g_packed, g_along = _carrier(carried, step).backward(g_out, along, old)
    *g_old, g_side_old = unpack(g_packed, carried, side_velocity)
    *g_velocity, g_side = unpack(g_along, velocity, side_velocity)
    return g_old, g_velocity, g_side + g_side_old
