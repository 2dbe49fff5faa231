"""Take gradients of an image of triangles back to the vertices.

Slab by slab: a slab is a run of rows with vertices of its own; what neighbouring pixels of a row
send to the same triangle is added up first, and then to the slab. Or everywhere at once, on a GPU,
in whole numbers.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.barycentric import centre, seen_gradient
from diffgfx_kernels.taichi_.cover import corners_of
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.whole_sums import (
    PEAKS,
    add_whole,
    larger,
    raise_peak,
    real_sums,
    unit_for,
)

__all__ = ["add_everywhere", "pull_back"]


@ti.func
def add_run(partial: ti.template(), tri: ti.template(), first, t, sums):
    """Add the gradients of a run of pixels to the corners of the triangle that they see."""
    if t >= 0:
        for k in ti.static(range(3)):
            at = first + 4 * tri[3 * t + k]
            for c in ti.static(range(4)):
                partial[at + c] = partial[at + c] + sums[c, k]


@ti.func
def share_of(rows, slab, slabs):
    """The first row of a slab."""
    return ti.cast(ti.cast(rows, ti.i64) * slab // slabs, ti.i32)


@kernel
def pull_back(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    g_rast: ti.types.ndarray(ndim=1),
    g_slopes: ti.types.ndarray(ndim=1),
    partial: ti.types.ndarray(ndim=1),
    rows: int,
    width: int,
    height: int,
    slabs: int,
    vertices: int,
    step: int,
    spread: int,
    with_z: ti.template(),
    sloped: ti.template(),
    real: ti.template(),
):
    """Add what every row of images sends back to its slab; step: vertices from image to image."""
    for item in range(slabs * spread):
        if item % spread == 0:
            slab = item // spread
            across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
            for line in range(share_of(rows, slab, slabs), share_of(rows, slab + 1, slabs)):
                base = line // height * step
                fy = centre(line % height, height, real)
                last = -1
                sums = ti.Matrix.zero(real, 4, 3)
                x, y = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                z, w = ti.Vector.zero(real, 3), ti.Vector.zero(real, 3)
                for px in range(width):
                    at = 4 * (line * width + px)
                    t = ti.cast(rast[at + 3], ti.i32) - 1
                    if t != last:
                        add_run(partial, tri, 4 * vertices * slab, last, sums)
                        last = t
                        sums = ti.Matrix.zero(real, 4, 3)
                        if t >= 0:
                            x, y, z, w = corners_of(pos, tri, base, t)
                    if t >= 0:
                        g = ti.Vector([g_rast[at], g_rast[at + 1], g_rast[at + 2]])
                        g_more = ti.Vector.zero(real, 4)
                        if ti.static(sloped):
                            for c in ti.static(range(4)):
                                g_more[c] = g_slopes[at + c]
                        g_x, g_y, g_z, g_w = seen_gradient(
                            x, y, z, w, centre(px, width, real), fy, across, up, g, g_more,
                            with_z, sloped, real,
                        )  # fmt: skip
                        for k in ti.static(range(3)):
                            sums[0, k] += g_x[k]
                            sums[1, k] += g_y[k]
                            sums[2, k] += g_z[k]
                            sums[3, k] += g_w[k]
                add_run(partial, tri, 4 * vertices * slab, last, sums)


@kernel
def pull_each(
    pos: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    g_rast: ti.types.ndarray(ndim=1),
    g_slopes: ti.types.ndarray(ndim=1),
    peaks: ti.types.ndarray(ndim=1),
    unit: ti.types.ndarray(ndim=1),
    sums: ti.types.ndarray(ndim=1),
    pixels: int,
    width: int,
    height: int,
    step: int,
    measuring: ti.template(),
    with_z: ti.template(),
    sloped: ti.template(),
    real: ti.template(),
):
    """Add what every pixel sends back in whole numbers, or find how large that is."""
    for p in range(pixels):
        t = ti.cast(rast[4 * p + 3], ti.i32) - 1
        if t >= 0:
            across, up = 2.0 / ti.cast(width, real), 2.0 / ti.cast(height, real)
            image = p // width // height
            base, group = image * step, ti.select(step > 0, image, 0)
            x, y, z, w = corners_of(pos, tri, base, t)
            g = ti.Vector([g_rast[4 * p], g_rast[4 * p + 1], g_rast[4 * p + 2]])
            g_more = ti.Vector.zero(real, 4)
            if ti.static(sloped):
                for c in ti.static(range(4)):
                    g_more[c] = g_slopes[4 * p + c]
            fx, fy = centre(p % width, width, real), centre(p // width % height, height, real)
            g_x, g_y, g_z, g_w = seen_gradient(
                x, y, z, w, fx, fy, across, up, g, g_more, with_z, sloped, real
            )
            rows = ti.Matrix.rows([g_x, g_y, g_z, g_w])
            if ti.static(measuring):
                size = 0.0 * unit[group]
                for c, k in ti.static(ti.ndrange(4, 3)):
                    size = larger(size, rows[c, k])
                raise_peak(peaks, group, p, size)
            else:
                for c, k in ti.static(ti.ndrange(4, 3)):
                    at = 4 * (base + tri[3 * t + k]) + c
                    add_whole(sums, at, rows[c, k], 1.0 / unit[group])


def add_everywhere(
    g_rast: Tensor, g_slopes: Tensor, pos: Tensor, tri: Tensor, rast: Tensor, shared: bool,
    with_z: bool,
) -> Tensor:  # fmt: skip
    """Return the gradient to pos, as `rasterize.backward` does, by a thread a pixel.

    Args:
        g_rast: Upstream gradient, (B, H, W, 4).
        g_slopes: That of slopes, (B, H, W, 4), or of no channels.
        pos: Vertices, (B, V, 4), or (V, 4) if shared.
        tri: Triangles, (T, 3).
        rast: What was drawn, (B, H, W, 4).
        shared: Whether all images have the same vertices.
        with_z: Whether depth has a gradient.
    """
    groups = 1 if shared else len(pos)
    peaks = pos.new_zeros(PEAKS * groups, dtype=torch.int64)
    unit = pos.new_ones(groups, dtype=torch.float64)
    sums = pos.new_zeros(pos.shape, dtype=torch.int64)
    pixels = rast.numel() // 4
    for measuring in (True, False):
        pull_each(
            pos.view(-1), tri.view(-1), rast.view(-1), g_rast.view(-1), g_slopes.view(-1), peaks,
            unit, sums.view(-1), pixels, rast.shape[2], rast.shape[1],
            0 if shared else pos.shape[1], measuring, with_z, g_slopes.shape[-1] == 4,
            runtime.real_of(pos),
        )  # fmt: skip
        if measuring:
            unit = unit_for(peaks, 3 * pixels // groups)
    return real_sums(sums, unit, pos)
