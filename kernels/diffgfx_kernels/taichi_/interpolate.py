"""Interpolate attributes of vertices over the triangles that pixels see.

The backward pass runs over pixels in the order of their triangles, in chunks of equal length. A
chunk adds up the gradients at the corners of one triangle after the other. The triangle that began
in a chunk before goes to a row of the chunk's own, added in the order of the chunks, so that a
triangle may fill the image and no sum depends on threads. On a GPU every pixel adds to its
vertices, in whole numbers.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.batch_item import item_of
from diffgfx_kernels.taichi_.corners import sum_corners
from diffgfx_kernels.taichi_.few import few_of, number_of
from diffgfx_kernels.taichi_.grid import grid_for, many_threads
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.pixels_by_triangle import pixels_by_triangle, triangle_of
from diffgfx_kernels.taichi_.vertex_sums import add_everywhere

__all__ = ["backward", "forward"]


@kernel
def interpolate_pixels(
    attr: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    db: ti.types.ndarray(ndim=1),
    diff: ti.types.ndarray(ndim=1),
    out: ti.types.ndarray(ndim=1),
    da: ti.types.ndarray(ndim=1),
    wrong: ti.types.ndarray(ndim=1),
    count: int,
    pixels: int,
    triangles: int,
    vertices: int,
    meshes: int,
    channels: int,
    slopes: int,
    few: ti.template(),
    few_slopes: ti.template(),
):
    for p in range(count):
        numbers, steps = number_of(channels, few), number_of(slopes, few_slopes)
        t = triangle_of(rast, p, triangles)
        if t >= 0:
            u, v = rast[4 * p], rast[4 * p + 1]
            base = item_of(p, pixels, meshes) * vertices
            at0 = (base + tri[3 * t]) * numbers
            at1 = (base + tri[3 * t + 1]) * numbers
            at2 = (base + tri[3 * t + 2]) * numbers
            for c in range(numbers):
                s2 = attr[at2 + c]
                out[p * numbers + c] = u * attr[at0 + c] + v * attr[at1 + c] + ((1.0 - u) - v) * s2
            for k in range(steps):
                c = diff[k]
                s2 = attr[at2 + c]
                along_u, along_v = attr[at0 + c] - s2, attr[at1 + c] - s2
                at = 2 * (p * steps + k)
                da[at] = along_u * db[4 * p] + along_v * db[4 * p + 2]
                da[at + 1] = along_u * db[4 * p + 1] + along_v * db[4 * p + 3]
        else:
            if not (rast[4 * p + 3] >= -0.5 and rast[4 * p + 3] < 0.5):
                wrong[0] = rast[4 * p + 3]
            for c in range(numbers):
                out[p * numbers + c] = 0.0
            for k in range(2 * steps):
                da[2 * p * steps + k] = 0.0


@ti.func
def pixel_gradient(
    attr: ti.template(), tri: ti.template(), db: ti.template(), diff: ti.template(),
    g_out: ti.template(), g_da: ti.template(), g_rast: ti.template(), g_db: ti.template(),
    p, t, base, channels, slopes,
):  # fmt: skip
    """The gradients of one pixel to its u and v, and to their derivatives."""
    at0 = (base + tri[3 * t]) * channels
    at1 = (base + tri[3 * t + 1]) * channels
    at2 = (base + tri[3 * t + 2]) * channels
    g_u, g_v = 0.0 * attr[at0], 0.0 * attr[at0]
    for c in range(channels):
        g = g_out[p * channels + c]
        g_u += g * (attr[at0 + c] - attr[at2 + c])
        g_v += g * (attr[at1 + c] - attr[at2 + c])
    g_rast[4 * p] = g_u
    g_rast[4 * p + 1] = g_v
    if slopes > 0:
        g_d = ti.Vector([0.0 * g_u, 0.0 * g_u, 0.0 * g_u, 0.0 * g_u])
        for k in range(slopes):
            c = diff[k]
            g_x, g_y = g_da[2 * (p * slopes + k)], g_da[2 * (p * slopes + k) + 1]
            along_u, along_v = attr[at0 + c] - attr[at2 + c], attr[at1 + c] - attr[at2 + c]
            g_d += ti.Vector([along_u * g_x, along_u * g_y, along_v * g_x, along_v * g_y])
        for i in ti.static(range(4)):
            g_db[4 * p + i] = g_d[i]


@kernel
def differentiate_pixels(
    attr: ti.types.ndarray(ndim=1),
    rast: ti.types.ndarray(ndim=1),
    tri: ti.types.ndarray(ndim=1),
    db: ti.types.ndarray(ndim=1),
    diff: ti.types.ndarray(ndim=1),
    g_out: ti.types.ndarray(ndim=1),
    g_da: ti.types.ndarray(ndim=1),
    g_rast: ti.types.ndarray(ndim=1),
    g_db: ti.types.ndarray(ndim=1),
    count: int,
    pixels: int,
    triangles: int,
    vertices: int,
    meshes: int,
    channels: int,
    slopes: int,
    few: ti.template(),
    few_slopes: ti.template(),
):
    for p in range(count):
        numbers, steps = number_of(channels, few), number_of(slopes, few_slopes)
        t = triangle_of(rast, p, triangles)
        for i in ti.static(range(4)):
            g_rast[4 * p + i] = 0.0
        if steps > 0:
            for i in ti.static(range(4)):
                g_db[4 * p + i] = 0.0
        if t >= 0:
            base = item_of(p, pixels, meshes) * vertices
            pixel_gradient(
                attr, tri, db, diff, g_out, g_da, g_rast, g_db, p, t, base, numbers, steps
            )


@ti.func
def add_triangle(
    rast: ti.template(), db: ti.template(), diff: ti.template(), g_out: ti.template(),
    g_da: ti.template(), items: ti.template(), sums: ti.template(), base, begin, end, channels,
    slopes,
):  # fmt: skip
    """Add up what items ``begin`` to ``end`` send to the corners of their triangle.

    They are all that one thread has of it, and nothing was written there before.
    """
    for c in range(channels):
        s0, s1, s2 = 0.0 * rast[0], 0.0 * rast[0], 0.0 * rast[0]
        for i in range(begin, end):
            p = items[i]
            u, v, g = rast[4 * p], rast[4 * p + 1], g_out[p * channels + c]
            s0 += u * g
            s1 += v * g
            s2 += ((1.0 - u) - v) * g
        sums[base + c] = s0
        sums[base + channels + c] = s1
        sums[base + 2 * channels + c] = s2
    for k in range(slopes):
        s0, s1 = 0.0 * rast[0], 0.0 * rast[0]
        for i in range(begin, end):
            p = items[i]
            g_x, g_y = g_da[2 * (p * slopes + k)], g_da[2 * (p * slopes + k) + 1]
            s0 += g_x * db[4 * p] + g_y * db[4 * p + 1]
            s1 += g_x * db[4 * p + 2] + g_y * db[4 * p + 3]
        sums[base + diff[k]] = sums[base + diff[k]] + s0
        sums[base + channels + diff[k]] = sums[base + channels + diff[k]] + s1
        sums[base + 2 * channels + diff[k]] = sums[base + 2 * channels + diff[k]] - (s0 + s1)


@kernel
def sum_at_corners(
    rast: ti.types.ndarray(ndim=1),
    db: ti.types.ndarray(ndim=1),
    diff: ti.types.ndarray(ndim=1),
    g_out: ti.types.ndarray(ndim=1),
    g_da: ti.types.ndarray(ndim=1),
    items: ti.types.ndarray(ndim=1),
    first: ti.types.ndarray(ndim=1),
    corner: ti.types.ndarray(ndim=1),
    early: ti.types.ndarray(ndim=1),
    count: int,
    pixels: int,
    triangles: int,
    meshes: int,
    channels: int,
    slopes: int,
    chunks: int,
    spread: int,
):
    """Add up what pixels send to the corners of their triangles; `early` holds broken sums."""
    for item in range(chunks * spread):
        if item % spread == 0:
            chunk = item // spread
            share = (count + chunks - 1) // chunks
            i, end = chunk * share, ti.min(chunk * share + share, count)
            while i < end:
                p = items[i]
                key = triangle_of(rast, p, triangles) + item_of(p, pixels, meshes) * triangles
                stop = ti.min(first[key + 1], end)
                if first[key] < chunk * share:
                    add_triangle(
                        rast, db, diff, g_out, g_da, items, early, 3 * channels * chunk, i, stop,
                        channels, slopes,
                    )  # fmt: skip
                else:
                    add_triangle(
                        rast, db, diff, g_out, g_da, items, corner, 3 * channels * key, i, stop,
                        channels, slopes,
                    )  # fmt: skip
                i = stop


@kernel
def join_broken(
    rast: ti.types.ndarray(ndim=1),
    items: ti.types.ndarray(ndim=1),
    corner: ti.types.ndarray(ndim=1),
    early: ti.types.ndarray(ndim=1),
    count: int,
    pixels: int,
    triangles: int,
    meshes: int,
    numbers: int,
    chunks: int,
):
    """Add the sums of triangles that began in a chunk before, chunk after chunk."""
    for n in range(numbers):
        share = (count + chunks - 1) // chunks
        for chunk in range(chunks):
            if chunk * share < count:
                p = items[chunk * share]
                key = triangle_of(rast, p, triangles) + item_of(p, pixels, meshes) * triangles
                corner[key * numbers + n] = corner[key * numbers + n] + early[chunk * numbers + n]


def _sum_at_vertices(
    g_out: Tensor, g_da: Tensor, attr: Tensor, rast: Tensor, tri: Tensor, db: Tensor, diff: Tensor
) -> Tensor:
    meshes, vertices, channels = attr.shape
    _, height, width, _ = rast.shape
    triangles, pixels, slopes = len(tri), height * width, len(diff)
    order = pixels_by_triangle(rast, triangles, meshes)
    count = len(order.items)
    grid = grid_for(rast.device)
    corner = attr.new_zeros((meshes, 3 * triangles, channels))
    early = attr.new_zeros((grid.chunks, 3, channels))
    if count:
        sum_at_corners(
            rast.view(-1), db.view(-1), diff, g_out.view(-1), g_da.view(-1), order.items,
            order.starts, corner.view(-1), early.view(-1), count, pixels, triangles, meshes,
            channels, slopes, grid.chunks, grid.spread,
        )  # fmt: skip
        join_broken(
            rast.view(-1), order.items, corner.view(-1), early.view(-1), count, pixels, triangles,
            meshes, 3 * channels, grid.chunks,
        )  # fmt: skip
    return sum_corners(corner, tri, vertices)


def _slopes(rast: Tensor, rast_db: Tensor | None, diff: list[int]) -> tuple[Tensor, Tensor]:
    """Return derivatives and wanted channels as tensors, of which nothing is read where none."""
    db = rast if rast_db is None else rast_db
    return db, torch.tensor(diff or [0], dtype=torch.int32, device=rast.device)[: len(diff)]


def forward(
    attr: Tensor, rast: Tensor, tri: Tensor, rast_db: Tensor | None, diff: list[int]
) -> tuple[Tensor, Tensor, float]:
    """Return attributes (B, H, W, A), derivatives (B, H, W, 2 len(diff)), and a wrong number.

    That is the number of a triangle that there is not, by a pixel of rast; 0 if there is none.
    """
    runtime.start(rast.device)
    batch, height, width, _ = rast.shape
    meshes, vertices, channels = attr.shape
    out = rast.new_empty((batch, height, width, channels))
    da = rast.new_empty((batch, height, width, 2 * len(diff)))
    wrong = rast.new_zeros(1)
    count = batch * height * width
    if count:
        db, wanted = _slopes(rast, rast_db, diff)
        interpolate_pixels(
            attr.view(-1), rast.view(-1), tri.view(-1), db.view(-1), wanted, out.view(-1),
            da.view(-1), wrong, count, height * width, len(tri), vertices, max(meshes, 1),
            channels, len(diff), few_of(channels), few_of(len(diff)),
        )  # fmt: skip
    return out, da, float(wrong)


def backward(
    g_out: Tensor,
    g_da: Tensor,
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    rast_db: Tensor | None,
    diff: list[int],
    wanted: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to the attributes, rast and rast_db; the first is there if wanted."""
    runtime.start(rast.device)
    batch, height, width, _ = rast.shape
    meshes, vertices, channels = attr.shape
    g_rast = torch.empty_like(rast)
    g_db = torch.empty_like(rast) if diff else torch.zeros_like(rast)
    count = batch * height * width
    if count == 0 or channels == 0:
        return torch.zeros_like(attr), torch.zeros_like(rast), torch.zeros_like(rast)
    db, channels_wanted = _slopes(rast, rast_db, diff)
    differentiate_pixels(
        attr.view(-1), rast.view(-1), tri.view(-1), db.view(-1), channels_wanted, g_out.view(-1),
        g_da.view(-1), g_rast.view(-1), g_db.view(-1), count, height * width, len(tri), vertices,
        meshes, channels, len(diff), few_of(channels), few_of(len(diff)),
    )  # fmt: skip
    if not wanted:
        return torch.zeros_like(attr), g_rast, g_db
    summed = add_everywhere if many_threads(rast.device) else _sum_at_vertices
    g_attr = summed(g_out, g_da, attr, rast, tri, db, channels_wanted)
    return g_attr, g_rast, g_db
