"""Normals of height fields: slopes gathered by a table of weights, then unit vectors.

The backward pass gathers as well: first the gradients of both slopes, then their transposes.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.slope_scheme import slope_weights
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.lines import slope_along, slope_along_gradient

__all__ = ["backward", "forward"]


@kernel
def normals(
    height: ti.types.ndarray(ndim=2),
    across: ti.types.ndarray(ndim=2),
    down: ti.types.ndarray(ndim=2),
    normal: ti.types.ndarray(ndim=3),
    spread: int,
    wrap: ti.template(),
):
    width = across.shape[0]
    rows = down.shape[0]
    for item in range(height.shape[0] * rows * spread):
        if item % spread == 0:
            b = item // spread // rows
            y = item // spread % rows
            for x in range(width):
                along = slope_along(height, b, y * width, 1, x, across, wrap)
                sink = slope_along(height, b, x, width, y, down, wrap)
                inverse = 1.0 / ti.sqrt(1.0 + along * along + sink * sink)
                normal[b, 0, y * width + x] = -along * inverse
                normal[b, 1, y * width + x] = sink * inverse
                normal[b, 2, y * width + x] = inverse


@kernel
def slope_gradients(
    height: ti.types.ndarray(ndim=2),
    across: ti.types.ndarray(ndim=2),
    down: ti.types.ndarray(ndim=2),
    g_normal: ti.types.ndarray(ndim=3),
    g_slope: ti.types.ndarray(ndim=3),
    spread: int,
    wrap: ti.template(),
):
    width = across.shape[0]
    rows = down.shape[0]
    for item in range(height.shape[0] * rows * spread):
        if item % spread == 0:
            b = item // spread // rows
            y = item // spread % rows
            for x in range(width):
                at = y * width + x
                along = slope_along(height, b, y * width, 1, x, across, wrap)
                sink = slope_along(height, b, x, width, y, down, wrap)
                inverse = 1.0 / ti.sqrt(1.0 + along * along + sink * sink)
                g_x, g_y, g_z = g_normal[b, 0, at], g_normal[b, 1, at], g_normal[b, 2, at]
                # the part of the gradient along the unit normal (-along, sink, 1) * inverse is lost
                lost = (g_z - g_x * along + g_y * sink) * inverse * inverse
                g_slope[0, b, at] = (-g_x - lost * along) * inverse
                g_slope[1, b, at] = (g_y - lost * sink) * inverse


@kernel
def height_gradients(
    g_slope: ti.types.ndarray(ndim=2),
    across: ti.types.ndarray(ndim=2),
    down: ti.types.ndarray(ndim=2),
    g_height: ti.types.ndarray(ndim=2),
    spread: int,
    wrap: ti.template(),
):
    width = across.shape[0]
    rows = down.shape[0]
    batch = g_height.shape[0]
    for item in range(batch * rows * spread):
        if item % spread == 0:
            b = item // spread // rows
            y = item // spread % rows
            for x in range(width):
                g_along = slope_along_gradient(g_slope, b, y * width, 1, x, across, wrap)
                g_sink = slope_along_gradient(g_slope, batch + b, x, width, y, down, wrap)
                g_height[b, y * width + x] = g_along + g_sink


def _weights(height: Tensor, size: tuple[float, float], boundary: str) -> tuple[Tensor, Tensor]:
    rows, columns = height.shape[-2:]
    periodic = boundary == "periodic"
    across = slope_weights(columns, size[0] / columns, periodic)
    down = slope_weights(rows, size[1] / rows, periodic)
    return across.to(height), down.to(height)


def forward(height: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the unit normals, shape (B, 3, H, W)."""
    runtime.start(height.device)
    b, _, h, w = height.shape
    normal = height.new_empty((b, 3, h, w))
    if height.numel():
        normals(
            height.view(b, -1), *_weights(height, size, boundary), normal.view(b, 3, -1),
            grid_for(height.device).spread, boundary == "periodic",
        )  # fmt: skip
    return normal


def backward(g_normal: Tensor, height: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the gradient to the heights."""
    runtime.start(height.device)
    b, _, h, w = height.shape
    g_height = torch.empty_like(height)
    if height.numel():
        weights = _weights(height, size, boundary)
        spread, wrap = grid_for(height.device).spread, boundary == "periodic"
        g_slope = height.new_empty((2, b, h * w))
        slope_gradients(
            height.view(b, -1), *weights, g_normal.view(b, 3, -1), g_slope, spread, wrap
        )
        height_gradients(g_slope.view(2 * b, -1), *weights, g_height.view(b, -1), spread, wrap)
    return g_height
