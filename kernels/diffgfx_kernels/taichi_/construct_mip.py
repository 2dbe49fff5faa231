"""Mip levels of a texture: means of two by two texels, a launch a level."""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sampling import level_sizes, level_starts
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.few import few_of, number_of
from diffgfx_kernels.taichi_.grid import many_threads, take
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["add_halved", "backward", "forward", "pull_down"]


@kernel
def halve(
    fine: ti.types.ndarray(ndim=1),
    coarse: ti.types.ndarray(ndim=1),
    items: int,
    rows: int,
    width: int,
    channels: int,
    twice_y: int,
    twice_x: int,
    fine_start: int,
    fine_stride: int,
    coarse_start: int,
    coarse_stride: int,
    runs: int,
    spread: int,
    few: ti.template(),
):
    """Fill a level from the one before; starts and strides count texels, runs those of a row."""
    for job in range(items * rows * runs * spread):
        if job % spread == 0:
            numbers = number_of(channels, few)
            n, row = job // spread // runs // rows, job // spread // runs % rows
            at = (n * coarse_stride + coarse_start + row * width) * numbers
            wide = twice_x * width * numbers
            below = (n * fine_stride + fine_start) * numbers + row * twice_y * wide
            above = below + (twice_y - 1) * wide
            right = (twice_x - 1) * numbers
            first, last = take(job // spread % runs, runs, width)
            for x in range(first, last):
                left = x * twice_x * numbers
                for c in range(numbers):
                    low = fine[below + left + c] + fine[above + left + c]
                    high = fine[below + left + right + c] + fine[above + left + right + c]
                    coarse[at + x * numbers + c] = 0.25 * (low + high)


@kernel
def add_halves(
    coarse: ti.types.ndarray(ndim=1),
    fine: ti.types.ndarray(ndim=1),
    items: int,
    rows: int,
    width: int,
    channels: int,
    twice_y: int,
    twice_x: int,
    fine_start: int,
    fine_stride: int,
    coarse_start: int,
    coarse_stride: int,
    runs: int,
    spread: int,
    few: ti.template(),
):
    """The transpose of `halve`, on top of what is there; rows and width are the finer level's."""
    for job in range(items * rows * runs * spread):
        if job % spread == 0:
            numbers = number_of(channels, few)
            n, row = job // spread // runs // rows, job // spread // runs % rows
            at = (n * fine_stride + fine_start + row * width) * numbers
            half = width // twice_x
            above = (n * coarse_stride + coarse_start + (row >> (twice_y - 1)) * half) * numbers
            share = 0.0 * coarse[above] + 1.0 / (twice_x * twice_y)
            first, last = take(job // spread % runs, runs, half)
            for x in range(first, last):
                for c in range(numbers):
                    value = share * coarse[above + x * numbers + c]
                    for k in range(twice_x):
                        fine[at + (x * twice_x + k) * numbers + c] = (
                            fine[at + (x * twice_x + k) * numbers + c] + value
                        )


def _deal(tensor: Tensor, width: int) -> tuple[int, int]:
    """Return runs of a row, and loop items a run: a CPU deals out rows by 64 (see `grid`)."""
    return (width, 1) if many_threads(tensor.device) else (1, 8)


def forward(tex: Tensor, top: int) -> Tensor:
    """Return levels 1 to ``top`` of textures (N, F, H, W, C), packed: (N, texels, C)."""
    runtime.start(tex.device)
    n, faces, height, width, channels = tex.shape
    sizes = level_sizes(height, width, top)
    starts = level_starts(faces, sizes)
    mips = tex.new_empty((n, starts[-1], channels))
    if mips.numel() == 0:
        return mips
    for level in range(1, top + 1):
        (fine_h, fine_w), (h, w) = sizes[level - 1], sizes[level]
        source = tex if level == 1 else mips
        halve(
            source.view(-1), mips.view(-1), n, faces * h, w, channels, fine_h // h, fine_w // w,
            0 if level == 1 else starts[level - 2],
            faces * height * width if level == 1 else starts[-1], starts[level - 1], starts[-1],
            *_deal(tex, w), few_of(channels),
        )  # fmt: skip
    return mips


def pull_down(g_mips: Tensor, faces: int, sizes: list[tuple[int, int]]) -> None:
    """Add to each of levels 1, 2, ... the gradients of the coarser ones, in place."""
    starts = level_starts(faces, sizes)
    n, _, channels = g_mips.shape
    for level in range(len(sizes) - 1, 1, -1):
        (fine_h, fine_w), (h, w) = sizes[level - 1], sizes[level]
        add_halves(
            g_mips.view(-1), g_mips.view(-1), n, faces * fine_h, fine_w, channels, fine_h // h,
            fine_w // w, starts[level - 2], starts[-1], starts[level - 1], starts[-1],
            *_deal(g_mips, w), few_of(channels),
        )  # fmt: skip


def add_halved(g_mips: Tensor, g_tex: Tensor, sizes: list[tuple[int, int]]) -> None:
    """Add the gradient of level 1, with all that is pulled down to it, to the texture's."""
    n, faces, height, width, channels = g_tex.shape
    add_halves(
        g_mips.view(-1), g_tex.view(-1), n, faces * height, width, channels,
        height // sizes[1][0], width // sizes[1][1], 0, faces * height * width, 0,
        level_starts(faces, sizes)[-1], *_deal(g_tex, sizes[1][1]), few_of(channels),
    )  # fmt: skip


def backward(g_mips: Tensor, tex: Tensor, top: int) -> Tensor:
    """Return the gradient to the texture."""
    runtime.start(tex.device)
    g_tex = torch.zeros_like(tex)
    if g_mips.numel() == 0:
        return g_tex
    sizes = level_sizes(tex.shape[2], tex.shape[3], top)
    pulled = g_mips.clone()
    pull_down(pulled, tex.shape[1], sizes)
    add_halved(pulled, g_tex, sizes)
    return g_tex
