"""Six procedural materials as recipes: height, diffuse, specular and roughness from noise.

A recipe works on the unit square (heights in sides of the sample) and is periodic, so the material
tiles. Reflectances are linear RGB. The figures follow measured ranges: dielectric F0 0.03-0.06,
brass and steel from their optical constants.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from diffgfx.data.noise import Array, cells, mix, smoothstep, spectral_noise, texel_centres

__all__ = ["RECIPES", "Layers", "Recipe", "grey"]


@dataclasses.dataclass(frozen=True)
class Layers:
    """What a recipe returns: images of n x n texels, row 0 at the top.

    Attributes:
        height: Height [sides of the sample], shape (n, n).
        diffuse: Diffuse albedo, linear RGB, shape (n, n, 3).
        specular: F0, linear RGB, shape (n, n, 3).
        roughness: Perceptual roughness r, shape (n, n).
    """

    height: Array
    diffuse: Array
    specular: Array
    roughness: Array


Recipe = Callable[[np.random.Generator, int], Layers]
"""Takes a source of randomness and a resolution."""


def grey(value: Array) -> Array:
    """Repeat an image (n, n) over three channels, (n, n, 3)."""
    return np.repeat(value[..., None], 3, axis=2)


def _glazed_tiles(rng: np.random.Generator, resolution: int) -> Layers:
    """Hand-made glazed tiles, each tilted a little and of its own shade, in rough grout."""
    count = 4
    u, v = texel_centres(resolution)
    shade, tilt_u, tilt_v, gloss = rng.random((4, count, count))
    wobble = spectral_noise(rng, resolution, low=6, high=24, exponent=3.0)
    waves = spectral_noise(rng, resolution, low=5, high=32, exponent=4.0)
    cloud = spectral_noise(rng, resolution, low=4, high=64, exponent=2.2)
    smudge = spectral_noise(rng, resolution, low=3, high=40, exponent=2.0)
    sand = spectral_noise(rng, resolution, low=30, high=128, exponent=1.5)

    row, column = (v * count).astype(np.int64), (u * count).astype(np.int64)
    a, b = u * count - column - 0.5, v * count - row - 0.5
    corner = 0.07
    qa, qb = np.abs(a) - (0.5 - corner), np.abs(b) - (0.5 - corner)
    outside = np.hypot(np.maximum(qa, 0.0), np.maximum(qb, 0.0)) - corner
    inward = -(outside + np.minimum(np.maximum(qa, qb), 0.0)) + 0.006 * wobble
    tile = smoothstep(0.025, 0.11, inward)
    glazed = smoothstep(0.035, 0.06, inward)

    tilt = (tilt_u[row, column] - 0.5) * a + (tilt_v[row, column] - 0.5) * b
    height = tile * (0.0035 + 0.08 * tilt / count + 0.0004 * waves) + 0.00015 * (1 - tile) * sand
    rim = 1.0 - smoothstep(0.06, 0.2, inward)
    pool = 0.5 + 0.5 * np.tanh(2.0 * (shade[row, column] + 0.14 * cloud - 0.3 * rim) - 0.8)
    glaze = mix((0.008, 0.085, 0.105), (0.12, 0.43, 0.40), pool)
    grout = np.clip(grey(0.40 + 0.05 * sand + 0.04 * cloud) * (1.0, 0.94, 0.84), 0.1, 0.8)
    film = np.clip(0.085 + 0.06 * gloss[row, column] + 0.022 * smudge, 0.08, 0.2)
    rough = np.clip(0.82 + 0.03 * sand, 0.7, 0.9)
    return Layers(
        height,
        mix(grout, glaze, glazed),
        grey(0.035 + (0.012 + 0.003 * shade[row, column]) * glazed),
        rough + (film - rough) * glazed,
    )


def _varnished_wood(rng: np.random.Generator, resolution: int) -> Layers:
    """Walnut under satin varnish: growth rings, fibres and open pores along v."""
    u, _ = texel_centres(resolution)
    warp = spectral_noise(rng, resolution, low=1, high=12, exponent=4.0, stretch=(1.0, 2.5))
    drift = spectral_noise(rng, resolution, low=2, high=32, exponent=2.5, stretch=(1.0, 3.0))
    fibre = spectral_noise(rng, resolution, low=60, high=160, exponent=1.5, stretch=(1.0, 14.0))
    streak = spectral_noise(rng, resolution, low=110, high=200, exponent=1.0, stretch=(1.0, 18.0))
    peel = spectral_noise(rng, resolution, low=12, high=40, exponent=3.5)
    smudge = spectral_noise(rng, resolution, low=2, high=24, exponent=2.2)

    ring = np.mod(9.0 * u + 1.1 * warp + 0.09 * drift, 1.0)
    late = ring**1.6 * (1.0 - smoothstep(0.90, 1.0, ring))
    dark = np.clip(0.12 + 0.75 * late + 0.12 * drift + 0.11 * fibre, 0.0, 1.0)
    pore = smoothstep(1.9, 2.6, streak + 0.7 * late)
    wood = mix(mix((0.24, 0.112, 0.050), (0.055, 0.023, 0.011), dark), (0.02, 0.009, 0.005), pore)
    height = 0.0002 * peel + 0.00003 * fibre + 0.0002 * late - 0.00035 * pore
    roughness = 0.25 + 0.016 * smudge + 0.008 * fibre + 0.10 * pore
    specular = np.clip(0.042 + 0.0012 * smudge, 0.036, 0.048)
    return Layers(height, wood, grey(specular), np.clip(roughness, 0.19, 0.42))


def _leather(rng: np.random.Generator, resolution: int) -> Layers:
    """Grained leather: pebbles of two sizes between creases, worn on top."""
    bend_u = spectral_noise(rng, resolution, low=9, high=40, exponent=3.5)
    bend_v = spectral_noise(rng, resolution, low=9, high=40, exponent=3.5)
    coarse = cells(rng, resolution, 15, jitter=0.85, warp=(0.06 * bend_u, 0.06 * bend_v))
    fine = cells(rng, resolution, 43, warp=(0.15 * bend_v, 0.15 * bend_u))
    sag = spectral_noise(rng, resolution, low=2, high=12, exponent=3.5)
    skin = spectral_noise(rng, resolution, low=60, high=160, exponent=1.2)
    stain = spectral_noise(rng, resolution, low=2, high=48, exponent=2.2)

    gap = coarse.second - coarse.nearest + 0.03 * skin
    pebble = smoothstep(-0.02, 0.55, gap)
    dome = 1.0 - np.minimum(coarse.nearest, 1.0) ** 2
    grain = smoothstep(0.0, 0.5, fine.second - fine.nearest)
    height = 0.0019 * pebble + 0.0015 * dome + 0.0002 * grain * pebble + 0.0014 * sag
    top = np.clip(pebble * (0.75 + 0.25 * grain) + 0.10 * stain + 0.16 * (coarse.value - 0.5), 0, 1)
    diffuse = mix((0.045, 0.013, 0.006), (0.30, 0.098, 0.036), top)
    roughness = np.clip(0.60 - 0.17 * pebble + 0.02 * stain + 0.02 * skin, 0.38, 0.7)
    specular = np.clip(0.034 + 0.009 * top, 0.03, 0.046)
    return Layers(height, diffuse, grey(specular), roughness)


def _plaster(rng: np.random.Generator, resolution: int) -> Layers:
    """Lime plaster: sandy, with trowel marks in many directions and faint stains."""
    base = spectral_noise(rng, resolution, low=3, high=200, exponent=3.0)
    stroke_u = spectral_noise(rng, resolution, low=10, high=64, exponent=3.0, stretch=(4.0, 1.0))
    stroke_v = spectral_noise(rng, resolution, low=10, high=64, exponent=3.0, stretch=(1.0, 4.0))
    blend = spectral_noise(rng, resolution, low=2, high=10, exponent=3.5)
    sand = spectral_noise(rng, resolution, low=90, high=200, exponent=1.0)
    stain = spectral_noise(rng, resolution, low=1, high=100, exponent=2.4)
    pits = cells(rng, resolution, 26)

    weight = smoothstep(-0.8, 0.8, blend)
    stroke = np.abs(weight * stroke_u + (1.0 - weight) * stroke_v)
    hole = (1.0 - smoothstep(0.04, 0.24, pits.nearest)) * smoothstep(0.72, 0.80, pits.value)
    height = 0.0016 * base + 0.0011 * np.minimum(stroke, 1.2) + 0.00005 * sand - 0.0011 * hole
    tone = np.clip(0.5 + 0.16 * stain + 0.10 * base + 0.03 * sand - 0.25 * hole, 0.0, 1.0)
    diffuse = mix((0.52, 0.45, 0.36), (0.82, 0.77, 0.68), tone)
    roughness = np.clip(0.885 - 0.06 * np.minimum(stroke, 1.2) + 0.012 * stain, 0.78, 0.9)
    specular = np.clip(0.036 + 0.002 * stain, 0.03, 0.042)
    return Layers(height, diffuse, grey(specular), roughness)


def _brushed_brass(rng: np.random.Generator, resolution: int) -> Layers:
    """Brushed brass with a light tarnish: hairlines along u, no diffuse light to speak of."""
    hair = spectral_noise(rng, resolution, low=80, high=200, exponent=1.0, stretch=(40.0, 1.0))
    groove = spectral_noise(rng, resolution, low=14, high=80, exponent=1.6, stretch=(16.0, 1.0))
    buckle = spectral_noise(rng, resolution, low=2, high=8, exponent=4.0)
    tarnish = spectral_noise(rng, resolution, low=2, high=120, exponent=2.3)
    spots = cells(rng, resolution, 14)

    spot = (1.0 - smoothstep(0.05, 0.16, spots.nearest)) * smoothstep(0.86, 0.9, spots.value)
    dull = np.clip(smoothstep(0.2, 1.8, tarnish) * 0.8 + 0.9 * spot, 0.0, 1.0)
    height = 0.00005 * hair + 0.00011 * groove + 0.0011 * buckle
    specular = mix((0.89, 0.75, 0.40), (0.62, 0.43, 0.20), dull)
    specular = np.clip(specular * (1.0 + 0.02 * hair[..., None]), 0.0, 0.95)
    diffuse = mix((0.004, 0.003, 0.002), (0.022, 0.013, 0.006), dull)
    roughness = np.clip(0.27 + 0.09 * dull + 0.012 * groove, 0.2, 0.42)
    return Layers(height, diffuse, specular, roughness)


def _hammered_steel(rng: np.random.Generator, resolution: int) -> Layers:
    """Hammered steel: shallow bowls that meet in soft ridges, dark residue where they meet."""
    count = 8
    bowl = cells(rng, resolution, count, jitter=0.8)
    dent = cells(rng, resolution, 2 * count + 1)
    roll = spectral_noise(rng, resolution, low=2, high=12, exponent=4.0)
    scratch = spectral_noise(rng, resolution, low=70, high=160, exponent=1.2, stretch=(1.0, 5.0))
    haze = spectral_noise(rng, resolution, low=3, high=100, exponent=2.0)

    near, far = bowl.nearest**2, bowl.second**2
    soft = -np.log(np.exp(-9.0 * near) + np.exp(-9.0 * far)) / 9.0
    small = -np.log(np.exp(-9.0 * dent.nearest**2) + np.exp(-9.0 * dent.second**2)) / 9.0
    height = 0.19 * soft / count + 0.05 * small / (2 * count + 1)
    height += 0.0018 * roll + 0.000012 * scratch
    seam = 1.0 - smoothstep(0.02, 0.30, bowl.second - bowl.nearest)
    dull = np.clip(0.75 * seam + 0.16 * haze, 0.0, 1.0)
    specular = mix((0.63, 0.61, 0.58), (0.40, 0.37, 0.34), dull)
    diffuse = mix((0.003, 0.003, 0.003), (0.018, 0.015, 0.012), dull)
    roughness = np.clip(0.175 + 0.10 * dull + 0.008 * scratch, 0.15, 0.3)
    return Layers(height, diffuse, specular, roughness)


RECIPES: dict[str, Recipe] = {
    "glazed_tiles": _glazed_tiles,
    "varnished_wood": _varnished_wood,
    "leather": _leather,
    "plaster": _plaster,
    "brushed_brass": _brushed_brass,
    "hammered_steel": _hammered_steel,
}
"""The recipes by name."""
