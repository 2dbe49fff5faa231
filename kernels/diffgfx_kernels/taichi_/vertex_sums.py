"""What pixels send to the attributes of vertices, by a thread a pixel, in whole numbers."""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.batch_item import item_of
from diffgfx_kernels.taichi_.few import few_of, number_of
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.pixels_by_triangle import triangle_of
from diffgfx_kernels.taichi_.whole_sums import (
    PEAKS,
    add_whole,
    larger,
    raise_peak,
    real_sums,
    unit_for,
)

__all__ = ["add_everywhere"]


@kernel
def add_at_corners(
    rast: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    db: ti.types.ndarray(ndim=1),
    diff: ti.types.ndarray(ndim=1),
    g_out: ti.types.ndarray(ndim=1),
    g_da: ti.types.ndarray(ndim=1),
    peaks: ti.types.ndarray(ndim=1),
    unit: ti.types.ndarray(ndim=1),
    sums: ti.types.ndarray(ndim=1),
    count: int,
    pixels: int,
    triangles: int,
    vertices: int,
    meshes: int,
    channels: int,
    slopes: int,
    measuring: ti.template(),
    few: ti.template(),
    few_slopes: ti.template(),
):
    """Add what pixels send to the corners of their triangles, or find how large that is."""
    for p in range(count):
        numbers, steps = number_of(channels, few), number_of(slopes, few_slopes)
        t = triangle_of(rast, p, triangles)
        if t >= 0:
            u, v = rast[4 * p], rast[4 * p + 1]
            group = item_of(p, pixels, meshes)
            base = group * vertices
            at = ti.Vector([(base + tri[3 * t + k]) * numbers for k in ti.static(range(3))])
            size = 0.0 * unit[group]
            for c in range(numbers):
                shares = ti.Vector([u, v, (1.0 - u) - v]) * g_out[p * numbers + c]
                for k in ti.static(range(3)):
                    if ti.static(measuring):
                        size = larger(size, shares[k])
                    else:
                        add_whole(sums, at[k] + c, shares[k], 1.0 / unit[group])
            for n in range(steps):
                g_x, g_y = g_da[2 * (p * steps + n)], g_da[2 * (p * steps + n) + 1]
                s0 = g_x * db[4 * p] + g_y * db[4 * p + 1]
                s1 = g_x * db[4 * p + 2] + g_y * db[4 * p + 3]
                shares = ti.Vector([s0, s1, -(s0 + s1)])
                for k in ti.static(range(3)):
                    if ti.static(measuring):
                        size = larger(size, shares[k])
                    else:
                        add_whole(sums, at[k] + diff[n], shares[k], 1.0 / unit[group])
            if ti.static(measuring):
                raise_peak(peaks, group, p, size)


def add_everywhere(
    g_out: Tensor, g_da: Tensor, attr: Tensor, rast: Tensor, tri: Tensor, db: Tensor, diff: Tensor
) -> Tensor:
    """Return the gradient to attributes.

    Args:
        g_out: Upstream gradient, (B, H, W, A).
        g_da: That of derivatives, (B, H, W, 2 len(diff)).
        attr: Attributes, (B|1, V, A).
        rast: What was drawn, (B, H, W, 4).
        tri: Triangles, (T, 3).
        db: Derivatives of u and v, (B, H, W, 4).
        diff: Channels that have derivatives, int32.
    """
    meshes, vertices, channels = attr.shape
    pixels, count, slopes = rast.shape[1] * rast.shape[2], rast.numel() // 4, len(diff)
    peaks = rast.new_zeros(PEAKS * meshes, dtype=torch.int64)
    unit = rast.new_ones(meshes, dtype=torch.float64)
    sums = attr.new_zeros(attr.shape, dtype=torch.int64)
    for measuring in (True, False):
        add_at_corners(
            rast.view(-1), tri.view(-1), db.view(-1), diff, g_out.view(-1), g_da.view(-1), peaks,
            unit, sums.view(-1), count, pixels, len(tri), vertices, meshes, channels, slopes,
            measuring, few_of(channels), few_of(slopes),
        )  # fmt: skip
        if measuring:
            unit = unit_for(peaks, 3 * count // meshes * (1 + slopes))
    return real_sums(sums, unit, attr)
