"""A ray through a padded volume: its samples, what they absorb, and the adjoint of reading one.

A padded volume has one more cell at each side; places are counted in cells from the centre of the
first of those.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.scalar import exponential

__all__ = [
    "TERMS",
    "absorb",
    "corner_of",
    "make_frame",
    "ray_of",
    "sample",
    "sample_gradient",
]

FIXED = 5
"""Numbers of the frame before the series: cell, step [cells], step [m], 1 / width, 1 / height."""

TERMS = {torch.float32: 6, torch.float64: 11}
"""Of the series of `absorb`, to rounding for thicknesses up to a quarter."""


@ti.func
def absorb(x, frame: ti.template(), terms: ti.template()):
    """Return exp(-x), its mean over [0, x], and the mean's slope; no difference of near numbers."""
    left, mean, rest = 0.0 * x, 0.0 * x, 0.0 * x
    if ti.abs(x) < 0.25:
        for k in ti.static(range(terms)):
            rest = rest * x + frame[FIXED + k]
        mean = 1.0 - x * rest
        left = 1.0 - x * mean
    else:
        left = exponential(-x)
        mean = (1.0 - left) / x
        rest = (1.0 - mean) / x
    return left, mean, rest - mean


@ti.func
def ray_of(camera: ti.template(), view, row, column, grid, pixels, frame: ti.template()):
    """First sample, way from one to the next, and their number; in cells of the padded volume."""
    s = (2 * column + 1 - pixels[0]) * frame[3]
    t = (pixels[1] - 1 - 2 * row) * frame[4]
    start = ti.Vector([0.0 * s, 0.0 * s, 0.0 * s])
    along = ti.Vector([0.0 * s, 0.0 * s, 0.0 * s])
    for c in ti.static(range(3)):
        start[c] = camera[view, 0, c] + s * camera[view, 1, c] + t * camera[view, 2, c]
        along[c] = camera[view, 3, c] + s * camera[view, 4, c] + t * camera[view, 5, c]
    start = start / frame[0] + 0.5
    along = along / along.norm()
    near, far = 0.0 * s, 0.0 * s + 1e30
    for c in ti.static(range(3)):
        slope = ti.select(ti.abs(along[c]) < 1e-20, 0.0 * s + 1e-20, along[c])
        first, second = -start[c] / slope, (grid[c] + 1 - start[c]) / slope
        near, far = ti.max(near, ti.min(first, second)), ti.min(far, ti.max(first, second))
    count = ti.cast(ti.max(ti.ceil((far - near) / frame[1] - 0.5), 0.0), ti.i32)
    return start + along * (near + 0.5 * frame[1]), along * frame[1], count


@ti.func
def corner_of(place, grid):
    """Number of the cell below a place, and how far beyond its centre the place is."""
    x = ti.min(ti.max(ti.cast(place[0], ti.i32), 0), grid[0])
    y = ti.min(ti.max(ti.cast(place[1], ti.i32), 0), grid[1])
    z = ti.min(ti.max(ti.cast(place[2], ti.i32), 0), grid[2])
    at = (z * (grid[1] + 2) + y) * (grid[0] + 2) + x
    return at, ti.Vector([place[0] - x, place[1] - y, place[2] - z])


@ti.func
def sample(pairs: ti.template(), a, part, line, plane):
    """The number at a place, linearly, from the eight that start with number ``a``."""
    b, c, d = a + 2 * line, a + 2 * plane, a + 2 * (line + plane)
    low, high = pairs[a], pairs[c]
    low += part[0] * (pairs[a + 2] - low)
    high += part[0] * (pairs[c + 2] - high)
    low_up, high_up = pairs[b], pairs[d]
    low_up += part[0] * (pairs[b + 2] - low_up)
    high_up += part[0] * (pairs[d + 2] - high_up)
    low += part[1] * (low_up - low)
    high += part[1] * (high_up - high)
    return low + part[2] * (high - low)


@ti.func
def sample_gradient(g_pairs: ti.template(), first, at, part, line, plane, g_density, g_lit):
    """Add the gradient of a sample to the eight cells that it was read from."""
    sides = ti.Vector([1.0 - part[2], part[2]])
    lines = ti.Vector([1.0 - part[1], part[1]])
    for k, j in ti.static(ti.ndrange(2, 2)):
        weight = sides[k] * lines[j]
        high = weight * part[0]
        low = weight - high
        to = first + 2 * (at + j * line + k * plane)
        g_pairs[to] = g_pairs[to] + low * g_density
        g_pairs[to + 1] = g_pairs[to + 1] + low * g_lit
        g_pairs[to + 2] = g_pairs[to + 2] + high * g_density
        g_pairs[to + 3] = g_pairs[to + 3] + high * g_lit


def make_frame(density: Tensor, cell: float, step: float, pixels: tuple[int, int]) -> Tensor:
    """Return the numbers that the functions above read, of the kind of the density."""
    terms, numbers = TERMS[density.dtype], [1.0]
    for k in range(2, terms + 2):
        numbers.append(-numbers[-1] / k)  # the series of (1 - (1 - exp(-x)) / x) / x
    series = [-number for number in numbers[:0:-1]]
    fixed = [cell, step, step * cell, 1.0 / pixels[0], 1.0 / pixels[1]]
    return torch.tensor([*fixed, *series], dtype=torch.float64).to(density)
