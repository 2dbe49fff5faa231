"""Integrate normals to heights: slopes and faces in kernels, the Poisson equation by transforms.

The equation is its own transpose, so that the backward pass is one more solve between transposed
kernels. Why the transforms are torch's is said in `spectral`.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.lines import columns_of, recover, recover_gradient, rows_of
from diffgfx_kernels.taichi_.spectral import slope_symbol, solve_free

__all__ = ["STEEPEST", "backward", "forward"]

STEEPEST = 0.05
"""The least n.z of a unit normal that is taken as it is: 87 degrees from the vertical, slope 20."""


@ti.func
def divisor(x, y, z, frame: ti.template()):
    """What the slopes are divided by, and whether that is n.z itself; the frame: limit, tiny."""
    least = frame[0] * ti.sqrt(x * x + y * y + z * z)
    plain = z > least
    return ti.select(plain, z, ti.max(least, frame[1])), plain


@kernel
def slopes(
    normal: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    slope: ti.types.ndarray(ndim=3),
    width: int,
    rows: int,
    spread: int,
):
    for item in range(normal.shape[0] * rows * spread):
        if item % spread == 0:
            b = item // spread // rows
            start = item // spread % rows * width
            for at in range(start, start + width):
                x, y, z = normal[b, 0, at], normal[b, 1, at], normal[b, 2, at]
                under, _ = divisor(x, y, z, frame)
                slope[0, b, at] = -x / under
                slope[1, b, at] = y / under  # down the rows, against +y


@kernel
def slopes_gradient(
    normal: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    g_slope: ti.types.ndarray(ndim=3),
    g_normal: ti.types.ndarray(ndim=3),
    width: int,
    rows: int,
    spread: int,
):
    for item in range(normal.shape[0] * rows * spread):
        if item % spread == 0:
            b = item // spread // rows
            start = item // spread % rows * width
            for at in range(start, start + width):
                x, y, z = normal[b, 0, at], normal[b, 1, at], normal[b, 2, at]
                under, plain = divisor(x, y, z, frame)
                g_along = ti.select(plain, g_slope[0, b, at] / under, 0.0 * under)
                g_sink = ti.select(plain, g_slope[1, b, at] / under, 0.0 * under)
                g_normal[b, 0, at] = -g_along
                g_normal[b, 1, at] = g_sink
                g_normal[b, 2, at] = (g_along * x - g_sink * y) / under


@kernel
def divergence(
    along: ti.types.ndarray(ndim=2),
    sink: ti.types.ndarray(ndim=2),
    frame: ti.types.ndarray(ndim=1),
    right: ti.types.ndarray(ndim=2),
    width: int,
    rows: int,
    spread: int,
):
    for item in range(along.shape[0] * rows * spread):
        if item % spread == 0:
            b = item // spread // rows
            y = item // spread % rows
            for x in range(width):
                at = y * width + x
                left = ti.select(x > 0, along[b, ti.max(at - 1, 0)], 0.0 * along[b, at])
                upper = ti.select(y > 0, sink[b, ti.max(at - width, 0)], 0.0 * sink[b, at])
                right[b, at] = (left - along[b, at]) * frame[2] + (upper - sink[b, at]) * frame[3]


def _texel(normal: Tensor, size: tuple[float, float]) -> tuple[float, float]:
    return size[0] / normal.shape[3], size[1] / normal.shape[2]


def _frame(normal: Tensor, texel: tuple[float, float]) -> Tensor:
    tiny = torch.finfo(normal.dtype).tiny
    numbers = [STEEPEST, tiny, 1.0 / texel[0], 1.0 / texel[1]]
    return torch.tensor(numbers, dtype=torch.float64).to(normal)


def forward(normal: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the heights, shape (B, 1, H, W), mean zero, in the unit of ``size``."""
    runtime.start(normal.device)
    b, _, h, w = normal.shape
    if normal.numel() == 0:
        return normal.new_empty((b, 1, h, w))
    texel, spread = _texel(normal, size), grid_for(normal.device).spread
    frame = _frame(normal, texel)
    slope = normal.new_empty((2, b, h * w))
    slopes(normal.view(b, 3, -1), frame, slope, w, h, spread)
    if boundary == "periodic":
        modes = torch.fft.rfft2(slope.view(2, b, h, w))
        modes = (modes * slope_symbol(h, w, texel, normal)[:, None]).sum(dim=0)
        height: Tensor = torch.fft.irfft2(modes, s=(h, w))
        return height.view(b, 1, h, w)
    along = recover(slope[0], rows_of(h, w), spread)
    sink = recover(slope[1], columns_of(h, w), spread)
    right = torch.empty_like(along)
    divergence(along, sink, frame, right, w, h, spread)
    return solve_free(right.view(b, h, w), texel).view(b, 1, h, w)


def backward(g_height: Tensor, normal: Tensor, size: tuple[float, float], boundary: str) -> Tensor:
    """Return the gradient to the normals."""
    runtime.start(normal.device)
    b, _, h, w = normal.shape
    g_normal = torch.empty_like(normal)
    if normal.numel() == 0:
        return g_normal
    texel, spread = _texel(normal, size), grid_for(normal.device).spread
    if boundary == "periodic":
        modes = torch.fft.rfft2(g_height.view(b, h, w))
        modes = modes * slope_symbol(h, w, texel, normal).conj_physical()[:, None]
        g_slope = torch.fft.irfft2(modes, s=(h, w)).view(2, b, h * w)
    else:
        field = solve_free(g_height.view(b, h, w), texel).view(b, -1)
        g_along = recover_gradient(field, texel[0], rows_of(h, w), spread)
        g_sink = recover_gradient(field, texel[1], columns_of(h, w), spread)
        g_slope = torch.stack([g_along, g_sink])
    frame = _frame(normal, texel)
    slopes_gradient(
        normal.view(b, 3, -1), frame, g_slope.contiguous(), g_normal.view(b, 3, -1), w, h, spread
    )
    return g_normal
