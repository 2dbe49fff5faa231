"""Gradients of textures: bands of texels, each filled by one task, with no atomics.

Pixels are brought in the order of the bands that their squares of texels begin in, a pixel twice if
it reads two levels. A task adds up a band in the order of the pixels; what falls into the row after
its own goes to a row apart, and is added when all bands are done. Squares across the edges of a
cube's face lie anywhere: they are added last, one after the other.
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sampling import Sampling, level_sizes, level_starts
from diffgfx_kernels.taichi_.batch_item import item_of
from diffgfx_kernels.taichi_.construct_mip import pull_down
from diffgfx_kernels.taichi_.few import few_of, number_of
from diffgfx_kernels.taichi_.footprint import place_of
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.stable_order import Order
from diffgfx_kernels.taichi_.texels import square_of, taps_of
from diffgfx_kernels.taichi_.texture_call import Call, flat

__all__ = ["Bands", "bands_for", "scatter_texels"]

BAND_TEXELS = 8192
FEWEST_BANDS = 16
HEIGHT, WIDTH, START, SHARE, FIRST, ROWS = range(6)


class Bands(NamedTuple):
    """How the rows of all levels are dealt out.

    Attributes:
        plan: A row a level: height, width, start among packed texels, rows a band, first band,
            rows of all faces; int32.
        number: Bands of one texture.
        fine: Bands of level 0, which are the first.
        widest: The longest row [texels].
    """

    plan: Tensor
    number: int
    fine: int
    widest: int


def bands_for(faces: int, height: int, width: int, top: int, device: torch.device) -> Bands:
    """Return the bands of a texture."""
    sizes = level_sizes(height, width, top)
    starts = [0, *level_starts(faces, sizes)]
    rows, first = [], 0
    least = 1 if device.type == "cuda" else BAND_TEXELS
    for (h, w), start in zip(sizes, starts, strict=False):
        share = max(1, min(least // w, -(-faces * h // FEWEST_BANDS)))
        rows.append([h, w, start, share, first, faces * h])
        first += -(-faces * h // share)
    plan = torch.tensor(rows, dtype=torch.int32, device=device)
    fine = rows[1][FIRST] if top else first
    return Bands(plan, first, fine, width)


@ti.func
def level_of_band(plan: ti.template(), band, top):
    level = 0
    for k in range(1, top + 1):
        if band >= plan[k, FIRST]:
            level = k
    return level


@ti.func
def fill_band(
    target: ti.template(), coarse: ti.template(), plan: ti.template(), n, start, level, row, end,
    width, channels, coarse_stride, pulled,
):  # fmt: skip
    """Set rows of a band to zero or, if `pulled`, to their share of the next level's gradient."""
    if pulled == 0:
        for at in range((start + row * width) * channels, (start + end * width) * channels):
            target[at] = 0.0
    else:
        twice_y, twice_x = plan[0, HEIGHT] // plan[1, HEIGHT], width // plan[1, WIDTH]
        share = 0.0 * coarse[0] + 1.0 / (twice_x * twice_y)
        half = width // twice_x
        for y in range(row, end):
            at = (start + y * width) * channels
            above = (n * coarse_stride + (y >> (twice_y - 1)) * half) * channels
            for x in range(half):
                for c in range(channels):
                    value = share * coarse[above + x * channels + c]
                    target[at + x * twice_x * channels + c] = value
                    target[at + ((x + 1) * twice_x - 1) * channels + c] = value


@ti.func
def add_line(
    target: ti.template(), line, columns, along, g_out: ti.template(), p, weight, channels
):
    """Add a pixel's gradient to two texels of a line."""
    left, right = (line + columns[0]) * channels, (line + columns[1]) * channels
    for c in range(channels):
        g = weight * g_out[p * channels + c]
        target[left + c] = target[left + c] + along[0] * g
        target[right + c] = target[right + c] + along[1] * g


@kernel
def scatter_bands(
    uv: ti.types.ndarray(ndim=1),
    levels: ti.types.ndarray(ndim=1),
    g_out: ti.types.ndarray(ndim=1),
    plan: ti.types.ndarray(ndim=2),
    items: ti.types.ndarray(ndim=1),
    starts: ti.types.ndarray(ndim=1),
    target: ti.types.ndarray(ndim=1),
    coarse: ti.types.ndarray(ndim=1),
    spill: ti.types.ndarray(ndim=1),
    textures: int,
    begin: int,
    end: int,
    bands: int,
    top: int,
    stride: int,
    coarse_stride: int,
    channels: int,
    widest: int,
    pulled: int,
    spread: int,
    nearest: ti.template(),
    cube: ti.template(),
    boundary: ti.template(),
    few: ti.template(),
):
    """Fill bands ``begin`` to ``end`` of each texture of one tensor, and the rows after them."""
    for job in range(textures * (end - begin) * spread):
        if job % spread == 0:
            numbers = number_of(channels, few)
            n, band = job // spread // (end - begin), job // spread % (end - begin) + begin
            level = level_of_band(plan, band, top)
            height, width = plan[level, HEIGHT], plan[level, WIDTH]
            row = (band - plan[level, FIRST]) * plan[level, SHARE]
            last = ti.min(row + plan[level, SHARE], plan[level, ROWS])
            start = n * stride + plan[level, START]
            fill_band(
                target, coarse, plan, n, start, level, row, last, width, numbers, coarse_stride,
                pulled,
            )  # fmt: skip
            base = (n * bands + band) * widest
            for at in range(base * numbers, (base + width) * numbers):
                spill[at] = 0.0
            for i in range(starts[n * bands + band], starts[n * bands + band + 1]):
                p, second = items[i] >> 1, items[i] & 1
                share = levels[p] - ti.floor(levels[p])
                share = ti.select(second == 1, share, 1.0 - share)
                _good, face, u, v, _inverse = place_of(uv, p, boundary, cube)
                columns, rows, along, up, _sx, _sy, _seam, _at = square_of(
                    face, u, v, height, width, boundary, nearest
                )
                for k in ti.static(range(2)):
                    weight = share * up[k]
                    if weight != 0.0:
                        if row <= rows[k] < last:
                            line = start + rows[k] * width
                            add_line(target, line, columns, along, g_out, p, weight, numbers)
                        else:
                            add_line(spill, base, columns, along, g_out, p, weight, numbers)


@kernel
def join_bands(
    plan: ti.types.ndarray(ndim=2),
    target: ti.types.ndarray(ndim=1),
    spill: ti.types.ndarray(ndim=1),
    textures: int,
    begin: int,
    end: int,
    bands: int,
    top: int,
    stride: int,
    channels: int,
    widest: int,
    spread: int,
):
    """Add the rows after bands to those that they belong to, which is the first after the last."""
    for job in range(textures * (end - begin) * spread):
        if job % spread == 0:
            n, band = job // spread // (end - begin), job // spread % (end - begin) + begin
            level = level_of_band(plan, band, top)
            local, width = band - plan[level, FIRST], plan[level, WIDTH]
            before = band - 1
            if local == 0:
                before = plan[level, FIRST] + (plan[level, ROWS] - 1) // plan[level, SHARE]
            row = local * plan[level, SHARE]
            at = (n * stride + plan[level, START] + row * width) * channels
            base = (n * bands + before) * widest * channels
            for k in range(width * channels):
                target[at + k] = target[at + k] + spill[base + k]


@kernel
def scatter_seams(
    uv: ti.types.ndarray(ndim=1),
    levels: ti.types.ndarray(ndim=1),
    g_out: ti.types.ndarray(ndim=1),
    plan: ti.types.ndarray(ndim=2),
    items: ti.types.ndarray(ndim=1),
    target: ti.types.ndarray(ndim=1),
    textures: int,
    begin: int,
    end: int,
    stride: int,
    channels: int,
    top: int,
    pixels: int,
    boundary: ti.template(),
):
    """Add the squares that reach past the edges of a cube's faces, items ``begin`` to ``end``."""
    for _job in range(1):
        for i in range(begin, end):
            p, second = items[i] >> 1, items[i] & 1
            low = ti.floor(levels[p])
            share = levels[p] - low
            share = ti.select(second == 1, share, 1.0 - share)
            level = ti.cast(low, ti.i32) + second
            height, width = plan[level, HEIGHT], plan[level, WIDTH]
            _good, face, u, v, _inverse = place_of(uv, p, boundary, True)
            number, weights, _x, _y = taps_of(face, u, v, height, width, boundary, False, True)
            start = item_of(p, pixels, textures) * stride + plan[level, START]
            for c in range(channels):
                g = share * g_out[p * channels + c]
                for k in ti.static(range(4)):
                    target[(start + number[k]) * channels + c] = (
                        target[(start + number[k]) * channels + c] + weights[k] * g
                    )


def scatter_texels(
    g_out: Tensor, tex: Tensor, mips: Tensor, uv: Tensor, levels: Tensor, sampling: Sampling,
    call: Call, bands: Bands, order: Order,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the gradients to tex and to coarser levels, which are all tex's if derived."""
    spread = grid_for(uv.device).spread
    g_tex, g_mips = torch.empty_like(tex), torch.empty_like(mips)
    groups = len(order.starts) - 3
    spill = uv.new_empty(
        max(call.textures, call.mipped) * bands.number * bands.widest * call.channels
    )
    pulled = sampling.derived and call.top > 0
    kinds = (sampling.filter == "nearest", sampling.boundary == "cube")
    ends = order.starts[groups:].tolist() if sampling.boundary == "cube" else [0, 0, 0]

    def fill(target: Tensor, fine: bool) -> None:
        begin, end = (0, bands.fine) if fine else (bands.fine, bands.number)
        n, stride = (call.textures, call.stride) if fine else (call.mipped, call.mip_stride)
        if begin == end or target.numel() == 0:
            return
        scatter_bands(
            uv.view(-1), levels, g_out.view(-1), bands.plan, order.items, order.starts,
            target.view(-1), flat(g_mips, uv), spill, n, begin, end, bands.number, call.top,
            stride, call.mip_stride, call.channels, bands.widest, int(fine and pulled), spread,
            *kinds, call.boundary, few_of(call.channels),
        )  # fmt: skip
        join_bands(
            bands.plan, target.view(-1), spill, n, begin, end, bands.number, call.top, stride,
            call.channels, bands.widest, spread,
        )  # fmt: skip
        first, last = ends[1 - fine], ends[2 - fine]
        if last > first:
            scatter_seams(
                uv.view(-1), levels, g_out.view(-1), bands.plan, order.items, target.view(-1), n,
                first, last, stride, call.channels, call.top, call.pixels, call.boundary,
            )  # fmt: skip

    fill(g_mips, False)
    if pulled:
        pull_down(g_mips, tex.shape[1], level_sizes(tex.shape[2], tex.shape[3], call.top))
    fill(g_tex, True)
    return g_tex, g_mips
