"""Inflow: a source that adds to a field inside a shape, or sets it; one pass over the cells."""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for, take
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["backward", "forward"]


@kernel
def _gradients(
    g_out: ti.types.ndarray(ndim=3),
    field: ti.types.ndarray(ndim=3),
    mask: ti.types.ndarray(ndim=3),
    rate: ti.types.ndarray(ndim=2),
    g_field: ti.types.ndarray(ndim=3),
    g_mask: ti.types.ndarray(ndim=3),
    g_rate: ti.types.ndarray(ndim=3),
    chunks: int,
    spread: int,
    replace: ti.template(),
):
    batch = field.shape[0]
    channels = field.shape[1]
    cells = field.shape[2]
    for item in range(batch * chunks * spread):
        if item % spread == 0:
            chunk = item // spread % chunks
            b = item // spread // chunks
            first, last = take(chunk, chunks, cells)
            for at in range(first, last):
                g_mask[b, 0, at] = 0.0 * mask[b, 0, at]
            for c in range(channels):
                value = rate[b, c]
                total = 0.0 * value
                for at in range(first, last):
                    g, share = g_out[b, c, at], mask[b, 0, at]
                    g_in, added = g, value
                    if ti.static(replace):
                        g_in -= share * g
                        added -= field[b, c, at]
                    g_field[b, c, at] = g_in
                    g_mask[b, 0, at] = g_mask[b, 0, at] + g * added
                    total += g * share
                g_rate[b, c, chunk] = total


def forward(field: Tensor, mask: Tensor, rate: Tensor, scale: float, replace: bool) -> Tensor:
    """Return field (B, C, [D,] H, W) with ``scale`` times rate (B, C) added, or set, in a mask.

    One call of torch's: on small grids the launch of a kernel would take longer than all of it.
    """
    wide = (scale * rate).view(*rate.shape, *[1] * (field.ndim - 2))
    if replace:
        return torch.lerp(field, wide, mask)
    return torch.addcmul(field, mask, wide)


def backward(
    g_value: Tensor, field: Tensor, mask: Tensor, rate: Tensor, scale: float, replace: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to the field, the mask and the rate."""
    runtime.start(field.device)
    grid = grid_for(field.device)
    g_field, g_mask = field.new_empty(field.shape), mask.new_zeros(mask.shape)
    g_rate = rate.new_zeros((*rate.shape, grid.chunks))
    if field.numel():
        _gradients(
            g_value.flatten(2), field.flatten(2), mask.flatten(2), scale * rate,
            g_field.flatten(2), g_mask.flatten(2), g_rate, grid.chunks, grid.spread, replace,
        )  # fmt: skip
    return g_field, g_mask, scale * g_rate.sum(dim=2)
