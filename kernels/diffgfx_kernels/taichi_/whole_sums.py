"""Sums that thousands of threads add to, the same in every run: what a GPU takes.

Addends become whole numbers of 64 bits, whose order changes nothing, in units of a power of two so
small that all of them together stay below 2^61. The largest addend is found first (`raise_peak`),
by threads that spread over a few peaks lest they wait for one another. What is not finite leaves a
mark in its sum, which then is NaN.

Sums come in groups, such as images, with units of their own. In a group of n addends those below
the largest by more than 2^(61 - 24) / n keep fewer digits than float32 has.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.launch import kernel

__all__ = [
    "PEAKS", "add_whole", "larger", "measure", "raise_peak", "real_sums", "unit_for",
]  # fmt: skip

PEAKS = 64
"""Of each group: whole numbers of 64 bits, zero at first, that keep the largest addend."""

SIGN = 63
EXPONENT = 52
BIAS = 1023
MOST = 61
"""Binary digits of all addends together."""

LEAST = -1000
"""The smallest unit's exponent: its inverse is a number too."""


@ti.func
def larger(size, value):
    """The larger of a size and that of a value, which does not count unless it is finite."""
    return ti.select(value - value == 0.0, ti.max(size, ti.abs(value)), size)


@ti.func
def raise_peak(peaks: ti.template(), group, lane, size):
    """Let a peak of a group be a size at least; kept as bits, which are ordered as sizes are."""
    bits, at = ti.bit_cast(ti.cast(size, ti.f64), ti.i64), group * PEAKS + lane % PEAKS
    if bits > peaks[at]:
        ti.atomic_max(peaks[at], bits)


@ti.func
def add_whole(sums: ti.template(), at, value, per_unit):
    """Add a value, times how many units are one; to add nothing costs nothing."""
    units = per_unit * ti.cast(value, ti.f64)
    if units - units == 0.0:
        if units != 0.0:
            ti.atomic_add(sums[at], ti.cast(ti.round(units), ti.i64))
    else:
        ti.atomic_min(sums[at], ti.cast(1, ti.i64) << SIGN)  # the least: no sum comes back from it


@kernel
def measure(
    values: ti.types.ndarray(ndim=1), peaks: ti.types.ndarray(ndim=1), count: int,
    real: ti.template(),
):  # fmt: skip
    """Let peaks be the largest of values."""
    for i in range(count):
        raise_peak(peaks, 0, i, larger(ti.cast(0.0, real), values[i]))


@kernel
def choose_unit(
    peaks: ti.types.ndarray(ndim=1), unit: ti.types.ndarray(ndim=1), groups: int, digits: int
):  # fmt: skip
    """Find each group's unit for sums of less than 2^digits addends."""
    for group in range(groups):
        most = 0 * peaks[0]
        for i in range(PEAKS):
            most = ti.max(most, peaks[group * PEAKS + i])
        above = ti.cast(most >> EXPONENT, ti.i32) - BIAS + 1  # 2^above is more than any addend
        power = ti.max(above + digits - MOST, LEAST)
        unit[group] = ti.bit_cast(ti.cast(power + BIAS, ti.i64) << EXPONENT, ti.f64)


@kernel
def settle(
    sums: ti.types.ndarray(ndim=1), unit: ti.types.ndarray(ndim=1),
    out: ti.types.ndarray(ndim=1), count: int, share: int, real: ti.template(),
):  # fmt: skip
    """Write sums, so many of each group after those of the one before, as real numbers."""
    edge = ti.cast(1, ti.i64) << (MOST + 1)
    for i in range(count):
        found = unit[i // share] * ti.cast(sums[i], ti.f64)
        inside = sums[i] > -edge and sums[i] < edge
        out[i] = ti.select(inside, ti.cast(found, real), ti.cast(float("nan"), real))


def unit_for(peaks: Tensor, addends: int) -> Tensor:
    """Return the units, doubles, of groups of so many addends no larger than their peaks."""
    groups = len(peaks) // PEAKS
    unit = torch.empty(groups, dtype=torch.float64, device=peaks.device)
    choose_unit(peaks, unit, groups, addends.bit_length())
    return unit


def real_sums(sums: Tensor, unit: Tensor, like: Tensor) -> Tensor:
    """Return sums, those of a group together, as real numbers of the type of a tensor."""
    out = torch.empty(sums.shape, dtype=like.dtype, device=sums.device)
    if out.numel():
        settle(
            sums.view(-1), unit, out.view(-1), out.numel(), out.numel() // len(unit),
            runtime.real_of(like),
        )  # fmt: skip
    return out
