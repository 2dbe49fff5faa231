"""Two materials made from the library's blocks: scale tiles rimmed with brass, leather with a card.

A recipe is a function from a random generator and a resolution to `Layers`, periodic in the unit
square, as in `diffgfx.data.recipes`.
"""

import numpy as np

from diffgfx.data.noise import Array, cells, mix, smoothstep, spectral_noise, texel_centres
from diffgfx.data.recipes import RECIPES, Layers, grey
from diffgfx.scene import GreyPatch

ROWS = 8
"""Rows of scales a side, even; half as many stand side by side."""

CARD = GreyPatch(rect=(0.03, 0.80, 0.20, 0.97), reflectance=0.18)
"""The grey card that lies on the leather."""


def soft_least(*values: Array) -> Array:
    """The least of several values, rounded where two are equal within some hundredths."""
    return -np.log(sum(np.exp(-16.0 * value) for value in values)) / 16.0


def scale_pattern(rng: np.random.Generator, resolution: int) -> tuple[Array, Array, Array]:
    """Lay scales of radius 1 like roof tiles, an upper row over a lower one.

    Returns:
        Distance inward from the scale's own arc, distance from the arcs that lie over it (both in
        radii), and a random number of the scale's own, each (n, n).
    """
    own = rng.random((ROWS, ROWS // 2))
    u, v = texel_centres(resolution)
    x, y = u * ROWS, v * ROWS
    below = np.floor(y)

    def row_distance(row: Array) -> tuple[Array, Array, Array]:
        shift = np.mod(row, 2.0)
        column = np.round((x - shift) / 2.0)
        aside = np.abs(x - shift - 2.0 * column)
        return np.hypot(aside, y - row), column, np.hypot(2.0 - aside, y - row)

    upper, upper_column, _ = row_distance(below + 1.0)
    lower, lower_column, _ = row_distance(below)
    in_upper = upper < 1.0
    row = np.where(in_upper, below + 1.0, below)
    column = np.where(in_upper, upper_column, lower_column)
    first, _, second = row_distance(row + 1.0)
    over = soft_least(first, second, row_distance(row + 2.0)[0]) - 1.0
    i, j = np.mod(row, ROWS).astype(int), np.mod(column, ROWS // 2).astype(int)
    return 1.0 - np.where(in_upper, upper, lower), over, own[i, j]


def scales(rng: np.random.Generator, resolution: int) -> Layers:
    """Glazed scale tiles with brass rims (a recipe, see `diffgfx.data.recipes`)."""
    inward, over, shade = scale_pattern(rng, resolution)
    wobble = spectral_noise(rng, resolution, low=8, high=32, exponent=3.5)
    waves = spectral_noise(rng, resolution, low=6, high=32, exponent=4.0)
    cloud = spectral_noise(rng, resolution, low=4, high=96, exponent=2.2)
    hair = spectral_noise(rng, resolution, low=60, high=180, exponent=1.2)
    sand = spectral_noise(rng, resolution, low=30, high=128, exponent=1.5)
    crazing = cells(rng, resolution, 40, warp=(0.2 * wobble, 0.2 * waves))

    inward, over = inward + 0.008 * wobble, over + 0.008 * wobble
    rim = smoothstep(0.035, 0.075, inward) * (1.0 - smoothstep(0.20, 0.23, inward))
    rim *= smoothstep(0.0, 0.04, over)
    bed = soft_least(inward - 0.225, over - 0.05)
    glazed = smoothstep(0.0, 0.025, bed) * (1.0 - rim)
    raised = smoothstep(0.01, 0.13, inward) * (1.0 - 0.8 * smoothstep(0.16, 0.28, inward))
    dome = np.sqrt(np.clip(1.0 - (1.0 - np.clip(bed / 0.55, 0.0, 1.0)) ** 2, 0.0, 1.0))
    dome = smoothstep(0.0, 0.12, bed) * (0.35 + 0.65 * dome)
    height = 0.034 * raised * smoothstep(0.0, 0.1, over) + 0.055 * dome + 0.005 * waves * dome
    height += 0.0012 * (1.0 - glazed) * (1.0 - rim) * sand

    crack = (1.0 - smoothstep(0.0, 0.05, crazing.second - crazing.nearest)) * glazed
    pool = shade + 0.12 * cloud - 0.55 * (1.0 - smoothstep(0.0, 0.25, bed))
    tone = 0.5 + 0.5 * np.tanh(2.2 * pool - 1.1)
    enamel = mix(mix((0.008, 0.030, 0.110), (0.018, 0.190, 0.240), smoothstep(0.0, 0.55, tone)),
                 (0.360, 0.520, 0.420), smoothstep(0.5, 1.0, tone))  # fmt: skip
    enamel = enamel * (1.0 - 0.35 * crack[..., None])
    grout = np.clip(grey(0.10 + 0.015 * sand) * (1.0, 0.93, 0.84), 0.02, 0.3)
    tarnish = smoothstep(-0.3, 2.0, cloud)
    diffuse = mix(mix(grout, enamel, glazed), (0.010, 0.007, 0.003), rim)
    brass = mix((0.88, 0.72, 0.36), (0.66, 0.47, 0.22), tarnish)
    specular = mix(grey(0.035 + 0.013 * glazed), brass, rim)
    film = np.clip(0.20 + 0.06 * shade + 0.02 * cloud + 0.05 * crack, 0.16, 0.34)
    metal = np.clip(0.30 + 0.06 * tarnish + 0.01 * hair, 0.24, 0.42)
    roughness = np.clip(0.80 + 0.03 * sand, 0.65, 0.9)
    roughness += (film - roughness) * glazed
    roughness += (metal - roughness) * rim
    return Layers(height / ROWS, diffuse, specular, roughness)


def leather_with_card(rng: np.random.Generator, resolution: int) -> Layers:
    """The library's leather with a matt grey card lying in its lower left corner."""
    below = RECIPES["leather"](rng, resolution)
    u, v = texel_centres(resolution)
    left, top, right, bottom = CARD.rect
    inside = np.minimum(np.minimum(u - left, right - u), np.minimum(1 - v - top, v - 1 + bottom))
    card = (inside > -0.012).astype(float)
    lift = smoothstep(-0.02, -0.008, inside)
    top_height = np.quantile(below.height, 0.95) + 0.0008
    return Layers(
        below.height * (1.0 - lift) + top_height * lift,
        below.diffuse + (CARD.reflectance - below.diffuse) * card[..., None],
        below.specular + (grey(0.0 * u + 0.03) - below.specular) * card[..., None],
        below.roughness + (0.85 - below.roughness) * card,
    )
