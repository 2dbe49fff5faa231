"""Periodic building blocks of procedural materials: each is a fixed function of the unit square.

Every block draws its random numbers in an order that does not depend on the resolution, and is
evaluated at texel centres. The same seed therefore names the same material at every resolution;
a coarse one only lacks the frequencies that it cannot hold. Arrays are float64 of shape (n, n),
row 0 at the top; u grows to the right and v upward, both in (0, 1) at texel centres.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Cells", "cells", "mix", "smoothstep", "spectral_noise", "texel_centres"]

Array = NDArray[np.float64]


def texel_centres(resolution: int) -> tuple[Array, Array]:
    """Return u (rightward) and v (upward) of every texel centre, each of shape (n, n)."""
    centres = (np.arange(resolution) + 0.5) / resolution
    u, v = np.meshgrid(centres, 1.0 - centres)
    return u, v


def smoothstep(low: float, high: float, value: Array) -> Array:
    """Rise from 0 at ``low`` to 1 at ``high`` with zero slope at both ends."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(
    first: tuple[float, float, float] | Array, second: tuple[float, float, float] | Array, t: Array
) -> Array:
    """Blend two colours (3,) or colour images (n, n, 3) by a weight (n, n); shape (n, n, 3)."""
    a, b, weight = np.asarray(first), np.asarray(second), t[..., None]
    return np.asarray(a * (1.0 - weight) + b * weight, dtype=np.float64)


def spectral_noise(
    rng: np.random.Generator,
    resolution: int,
    *,
    low: int,
    high: int,
    exponent: float = 2.0,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """Draw Gaussian noise with a power-law spectrum, periodic in the unit square.

    The power of a wave with k cycles a side falls as ``|stretch * k|^-exponent`` beyond ``low``,
    where it levels off, and is cut at ``high`` cycles along each axis. Mean 0 and, in expectation
    at full resolution, standard deviation 1; a coarser grid keeps the waves below its Nyquist
    frequency only.

    Args:
        rng: Source of randomness; the numbers drawn depend on ``high`` alone.
        resolution: Texels a side.
        low: Cycles a side below which the spectrum is flat; > 0.
        high: Largest number of cycles a side along either axis.
        exponent: Fall of the power with frequency; 2 is cloudy, 3 smooth, 0 white.
        stretch: Factors on the horizontal and vertical frequency: above 1 draws features out
            along that axis.

    Returns:
        The noise, shape (n, n).
    """
    waves = np.arange(-high, high + 1)
    kx, ky = np.meshgrid(waves, waves)
    draws = rng.standard_normal((2, *kx.shape))
    radius = np.hypot(stretch[0] * kx, stretch[1] * ky)
    amplitude = np.maximum(radius, low) ** (-0.5 * exponent)
    amplitude[high, high] = 0.0
    amplitude /= np.sqrt(np.sum(amplitude**2))
    kept = 2 * np.maximum(np.abs(kx), np.abs(ky)) < resolution
    phase = np.exp(1j * np.pi * (kx + ky) / resolution)
    spectrum = np.zeros((resolution, resolution), dtype=np.complex128)
    values = amplitude * (draws[0] + 1j * draws[1]) * phase
    spectrum[ky[kept] % resolution, kx[kept] % resolution] = values[kept]
    field = np.fft.ifft2(spectrum, norm="forward").real
    return np.ascontiguousarray(field[::-1])


@dataclasses.dataclass(frozen=True)
class Cells:
    """A periodic cellular pattern: distances to the scattered feature points of a jittered lattice.

    Attributes:
        nearest: Distance to the nearest point [lattice cells], shape (n, n).
        second: Distance to the second nearest [lattice cells], shape (n, n).
        value: A random number in [0, 1) of the nearest point's own, shape (n, n).
    """

    nearest: Array
    second: Array
    value: Array


def cells(
    rng: np.random.Generator,
    resolution: int,
    count: int,
    *,
    jitter: float = 1.0,
    warp: tuple[Array, Array] | None = None,
) -> Cells:
    """Scatter count x count points over the unit square, and measure every texel against them.

    Args:
        rng: Source of randomness; the numbers drawn depend on ``count`` alone.
        resolution: Texels a side.
        count: Lattice cells a side, at least 3, one point each.
        jitter: How far a point strays over its cell; 0 is a square lattice, 1 the whole cell.
        warp: Shift of u and of v [lattice cells] before measuring, each of shape (n, n); bends the
            straight borders.

    Returns:
        Distances and the random value of the cell, exact for ``jitter`` <= 1.
    """
    offset = 0.5 + jitter * (rng.random((2, count, count)) - 0.5)
    own = rng.random((count, count))
    u, v = texel_centres(resolution)
    x, y = u * count, v * count
    if warp is not None:
        x, y = x + warp[0], y + warp[1]
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    nearest = np.full(u.shape, np.inf)
    second = np.full(u.shape, np.inf)
    value = np.zeros(u.shape)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            i, j = (row + dy) % count, (column + dx) % count
            distance = np.hypot(column + dx + offset[0, i, j] - x, row + dy + offset[1, i, j] - y)
            closer = distance < nearest
            second = np.minimum(second, np.where(closer, nearest, distance))
            value = np.where(closer, own[i, j], value)
            nearest = np.minimum(nearest, distance)
    return Cells(nearest, second, value)
