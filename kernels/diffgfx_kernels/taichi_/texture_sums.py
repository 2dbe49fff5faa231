"""Gradients of textures: what pixels add to the texels that they read, the same in every run.

On a CPU pixels are dealt out to a few parts, each with sums of its own, which are then added in
order. Each part is two jobs, of the even and of the odd mip levels: a pixel reads one of each, and
no texel belongs to both. Neighbours that look at one place, such as empty ones, are added up first.
On a GPU thousands of threads add to the same texels: there sums are whole numbers (`whole_sums`).
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sampling import Sampling, level_sizes
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.batch_item import item_of
from diffgfx_kernels.taichi_.construct_mip import add_halved, pull_down
from diffgfx_kernels.taichi_.few import few_of, number_of
from diffgfx_kernels.taichi_.footprint import place_of
from diffgfx_kernels.taichi_.grid import grid_for, many_threads, run_start
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.texels import taps_of
from diffgfx_kernels.taichi_.texture_call import HEIGHT, START, WIDTH, Call, lanes_for
from diffgfx_kernels.taichi_.texture_lanes import (
    LEVEL,
    NUMBER,
    SCALES,
    TAPS,
    half_lanes,
    place_lanes,
    tap_lanes,
)
from diffgfx_kernels.taichi_.whole_sums import (
    PEAKS,
    add_whole,
    measure,
    real_sums,
    unit_for,
)

__all__ = ["sum_texels"]

_LINE = 16
"""Numbers that keep what two threads write out of one line of a cache."""

BLOCK = 2048
"""Pixels that a part of a CPU takes at a time."""

FEW = 16
"""Pixels that a thread of a GPU takes: empty ones would all add to the same texels, one by one."""

MOST_PARTS = 16
MOST_FLOATS = 8
"""Numbers a pixel that all parts' sums together may take, if there is more than one part."""

MOST_NUMBERS = 2**31 - 8192
"""What a kernel can count in 32 bits."""


@ti.func
def looks_like_next(
    uv: ti.template(), levels: ti.template(), p, pixels, several, cube: ti.template()
):  # fmt: skip
    """Whether the next pixel adds to the same texels as this one, with the same weights."""
    alike = levels[p] == levels[p + 1]
    if several:
        alike &= (p + 1) % pixels != 0
    axes = ti.static(3 if cube else 2)
    for k in ti.static(range(axes)):
        alike &= uv[axes * p + k] == uv[axes * (p + 1) + k]
    return alike


@ti.func
def add_to(
    sums: ti.template(), base, number, weights, source: ti.template(), at, channels, scale,
    whole: ti.template(),
):  # fmt: skip
    """Add weighted numbers, ``source`` from ``at`` on, to four texels, given where these start."""
    for k in ti.static(range(4)):
        if weights[k] != 0.0:
            texel = base + number[k]
            for c in range(channels):
                if ti.static(whole):
                    add_whole(sums, texel + c, weights[k] * source[at + c], scale)
                else:
                    sums[texel + c] = sums[texel + c] + weights[k] * source[at + c]


@ti.func
def add_levels(
    uv: ti.template(), levels: ti.template(), plan: ti.template(), fine: ti.template(),
    coarse: ti.template(), source: ti.template(), at, p, half, halves, base, mip_base, channels,
    scale, boundary: ti.template(), nearest: ti.template(), cube: ti.template(),
    whole: ti.template(),
):  # fmt: skip
    """Add to the one or two levels that a pixel reads, those of a job, among the sums of a part."""
    good, face, u, v, _inverse = place_of(uv, p, boundary, cube)
    if good:
        low = ti.cast(levels[p], ti.i32)
        share = levels[p] - low
        for second in range(ti.select(share > 0.0, 2, 1)):
            level = low + second
            if level % halves == half:
                part = ti.select(second == 1, share, 1.0 - share)
                number, weights, _by_x, _by_y = taps_of(
                    face, u, v, plan[level, HEIGHT], plan[level, WIDTH], boundary, nearest, cube
                )
                for k in ti.static(range(4)):
                    weights[k] *= part
                    number[k] = (plan[level, START] + number[k]) * channels
                if level == 0:
                    add_to(fine, base, number, weights, source, at, channels, scale, whole)
                else:
                    add_to(coarse, mip_base, number, weights, source, at, channels, scale, whole)


@ti.func
def are_some(values: ti.template(), start, count):
    """Whether any of consecutive numbers is not zero."""
    some = 0
    for i in range(count):
        some |= ti.select(values[start + i] != 0.0, 1, 0)
    return some == 1


@ti.func
def last_alike(
    uv: ti.template(), levels: ti.template(), p, last, pixels, several, cube: ti.template()
):  # fmt: skip
    """The last pixel, before another one, of those from one on that all look alike."""
    end, alike = p, True
    while alike:
        alike = False
        if end + 1 < last:  # Taichi's `and` would ask beyond the last pixel too
            alike = looks_like_next(uv, levels, end, pixels, several, cube)
            end += ti.cast(alike, ti.i32)
    return end


@ti.func
def add_together(
    g_out: ti.template(), together: ti.template(), at, first, end, channels
):  # fmt: skip
    """Add pixels up to an end, in their order, to those that wait; whether that is something."""
    some = 0
    for c in range(channels):
        total = together[at + c]
        for p in range(first, end + 1):
            total += g_out[p * channels + c]
        together[at + c] = total
        some |= ti.select(total != 0.0, 1, 0)
    return some == 1


@ti.func
def clear(together: ti.template(), at, channels):
    """Let nothing wait."""
    for c in range(channels):
        together[at + c] = 0.0


@ti.func
def look_lanes(
    spot: ti.template(), depth: ti.template(), scale: ti.template(), part: ti.template(),
    number: ti.template(), taps: ti.template(), uv: ti.template(), levels: ti.template(),
    plan: ti.template(), first, lanes, top, half, halves, channels, boundary: ti.template(),
):  # fmt: skip
    """Fill the texels that pixels read in the level of a job, and their weights."""
    place_lanes(spot, uv, first, lanes, boundary)
    at = run_start(0, 0, first)
    for j in range(lanes):
        depth[LEVEL, j] = levels[at + j]
    half_lanes(spot, depth, scale, part, plan, lanes, top, half, halves)
    tap_lanes(spot, scale, part, number, taps, lanes, channels, False, False, boundary)


@ti.func
def add_lane(
    part, level, number: ti.template(), taps: ti.template(), fine: ti.template(),
    coarse: ti.template(), source: ti.template(), at, j, base, mip_base, channels,
):  # fmt: skip
    """Add to the level of a lane that `half_lanes` chose."""
    if part > 0.0:
        texels = ti.Vector([number[k, j] for k in ti.static(range(TAPS))])
        weights = ti.Vector([taps[k, j] for k in ti.static(range(TAPS))])
        if level == 0:
            add_to(fine, base, texels, weights, source, at, channels, 1.0, False)
        else:
            add_to(coarse, mip_base, texels, weights, source, at, channels, 1.0, False)


@kernel
def add_pixels(
    uv: ti.types.ndarray(ndim=1), levels: ti.types.ndarray(ndim=1),
    g_out: ti.types.ndarray(ndim=1), plan: ti.types.ndarray(ndim=2),
    unit: ti.types.ndarray(ndim=1), fine: ti.types.ndarray(ndim=1),
    coarse: ti.types.ndarray(ndim=1), together: ti.types.ndarray(ndim=1),
    count: int, pixels: int, textures: int, mipped: int, stride: int, mip_stride: int,
    channels: int, top: int, parts: int, halves: int, block: int, room: int, spread: int,
    boundary: ti.template(), nearest: ti.template(), cube: ti.template(), whole: ti.template(),
    few: ti.template(), real: ti.template(), lanes: ti.template(),
):  # fmt: skip
    """Add all pixels' gradients, blocks of pixels dealt out in turn; `together` starts at zero."""
    for job in range(parts * halves * spread):
        if job % spread == 0:
            part, half = job // spread // halves, job // spread % halves
            n, mine = number_of(channels, few), job // spread * room
            several = textures + mipped > 2
            slab, per_unit = ti.static(0 if whole else 1) * part, 1.0 / unit[0]
            spot, depth = ti.Matrix.zero(real, 3, lanes), ti.Matrix.zero(real, 2, lanes)
            scale, part_of = ti.Matrix.zero(ti.i32, SCALES, lanes), ti.Matrix.zero(real, 2, lanes)
            number, taps = ti.Matrix.zero(ti.i32, TAPS, lanes), ti.Matrix.zero(real, TAPS, lanes)
            blocks = (count + block - 1) // block
            for turn in range((blocks - part + parts - 1) // parts):
                first = (turn * parts + part) * block
                last = ti.min(first + block, count)
                waiting = False
                for tile in range((last - first + lanes - 1) // lanes):
                    begin = first + tile * lanes
                    m = ti.min(last - begin, lanes)
                    if waiting or are_some(g_out, begin * n, m * n):
                        looked, j = False, 0  # no need to where all look at one place, as if empty
                        while j < m:
                            p = last_alike(uv, levels, begin + j, begin + m, pixels, several, cube)
                            waiting = False
                            some = add_together(g_out, together, mine, begin + j, p, n)
                            j = p - begin
                            if some and p + 1 < last:
                                waiting = looks_like_next(uv, levels, p, pixels, several, cube)
                            if some and not waiting:
                                base = (slab * textures + item_of(p, pixels, textures)) * stride
                                coarser = (slab * mipped + item_of(p, pixels, mipped)) * mip_stride
                                if ti.static(lanes > 1):
                                    if not looked:
                                        look_lanes(
                                            spot, depth, scale, part_of, number, taps, uv, levels,
                                            plan, begin, m, top, half, halves, n, boundary,
                                        )  # fmt: skip
                                    looked = True
                                    add_lane(
                                        part_of[0, j], scale[NUMBER, j], number, taps, fine,
                                        coarse, together, mine, j, base * n, coarser * n, n,
                                    )  # fmt: skip
                                else:
                                    add_levels(
                                        uv, levels, plan, fine, coarse, together, mine, p, half,
                                        halves, base * n, coarser * n, n, per_unit, boundary,
                                        nearest, cube, whole,
                                    )  # fmt: skip
                            if not waiting:
                                clear(together, mine, n)
                            j += 1


class _Deal(NamedTuple):
    """How pixels are dealt out.

    Attributes:
        parts: Parts of pixels.
        slabs: Sums of their own.
        block: Pixels at a time.
        whole: Whether sums are whole numbers.
    """

    parts: int
    slabs: int
    block: int
    whole: bool


def _deal_for(device: torch.device, call: Call) -> _Deal:
    if many_threads(device):
        return _Deal(-(-call.total // FEW), 1, FEW, True)
    numbers = (call.textures * call.stride + call.mipped * call.mip_stride) * call.channels
    fitting = min(MOST_FLOATS * call.total, MOST_NUMBERS) // max(numbers, 1)
    parts = max(1, min(fitting, MOST_PARTS, -(-call.total // BLOCK)))
    return _Deal(parts, parts, BLOCK, False)


def _unit_of(g_out: Tensor, count: int) -> Tensor:
    """Return the unit of sums over pixels, each of which adds no more than it got."""
    peaks = g_out.new_zeros(PEAKS, dtype=torch.int64)
    measure(g_out.view(-1), peaks, g_out.numel(), runtime.real_of(g_out))
    return unit_for(peaks, count)


def _total(slabs: Tensor) -> Tensor:
    """Return the sum of slabs, added in order."""
    total = slabs[0] if len(slabs) == 1 else slabs[0] + slabs[1]
    for slab in slabs[2:]:
        total += slab
    return total


def sum_texels(
    g_out: Tensor, tex: Tensor, mips: Tensor, uv: Tensor, levels: Tensor, sampling: Sampling,
    call: Call, plan: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the gradients to tex and to coarser levels, which are all tex's if derived."""
    deal, device = _deal_for(uv.device, call), uv.device
    halves = 1 if deal.whole or call.top == 0 else 2
    room = call.channels if deal.whole else call.channels + _LINE
    unit = _unit_of(g_out, call.total) if deal.whole else plan.new_ones(1, dtype=torch.float64)
    kind = torch.int64 if deal.whole else uv.dtype
    sums = [uv.new_zeros((deal.slabs, *like.shape), dtype=kind) for like in (tex, mips)]
    coarse = sums[1] if mips.numel() else sums[1].new_zeros(1)
    add_pixels(
        uv.view(-1), levels, g_out.view(-1), plan, unit, sums[0].view(-1), coarse.view(-1),
        uv.new_zeros(deal.parts * halves * room), call.total, call.pixels, call.textures,
        call.mipped, call.stride, call.mip_stride, call.channels, call.top, deal.parts, halves,
        deal.block, room, grid_for(device).spread, call.boundary, sampling.filter == "nearest",
        sampling.boundary == "cube", deal.whole, few_of(call.channels), runtime.real_of(uv),
        1 if deal.whole else lanes_for(device, sampling),
    )  # fmt: skip
    g_tex, g_mips = (_total(part) for part in sums)
    if deal.whole:
        g_tex, g_mips = (real_sums(part, unit, uv) for part in (g_tex, g_mips))
    if sampling.derived and call.top > 0:
        sizes = level_sizes(tex.shape[2], tex.shape[3], call.top)
        pull_down(g_mips, tex.shape[1], sizes)
        add_halved(g_mips, g_tex, sizes)
    return g_tex, g_mips
