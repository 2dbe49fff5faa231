"""Procedural materials with known maps and height: truth for tests, demos and validation.

A material is the same at every resolution (a coarse one only lacks the finest detail), tiles in
both directions, and has normals that belong to its height: nothing here needs a file.
"""

import dataclasses
import zlib

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.check import check_choice, check_positive
from diffgfx.data.noise import Array
from diffgfx.data.recipes import RECIPES, Recipe
from diffgfx.errors import RangeError
from diffgfx.scene import MaterialMaps

__all__ = ["MATERIALS", "ProceduralMaterial", "build_material", "make_material", "make_procedural"]

MATERIALS: tuple[str, ...] = tuple(RECIPES)
"""Names that `make_material` and `make_procedural` take."""


@dataclasses.dataclass(frozen=True)
class ProceduralMaterial:
    """A generated material.

    Attributes:
        maps: The ten maps, a batch of one, float32.
        height: Height above the plane z = 0 [unit of ``maps.size``], mean 0, shape (1, 1, n, n).
    """

    maps: MaterialMaps
    height: Float[Tensor, "1 1 n n"]


def make_material(
    name: str, resolution: int = 256, *, seed: int = 0, size: float = 0.1
) -> MaterialMaps:
    """Generate the maps of one of `MATERIALS`; see `make_procedural`."""
    return make_procedural(name, resolution, seed=seed, size=size).maps


def make_procedural(
    name: str, resolution: int = 256, *, seed: int = 0, size: float = 0.1
) -> ProceduralMaterial:
    """Generate one of `MATERIALS` with its height.

    Args:
        name: One of `MATERIALS`.
        resolution: Texels a side, at least 16.
        seed: Names the instance: equal seeds give bit-equal maps on one machine.
        size: Side of the square sample [m, or any unit]; the relief scales with it.

    Returns:
        Maps and height; normals are unit vectors.

    Raises:
        RangeError: If the name is unknown, or a number is out of range.
    """
    check_choice("name", name, MATERIALS)
    words = [seed, zlib.crc32(name.encode())]
    return build_material(RECIPES[name], resolution, words=words, size=size)


def build_material(
    recipe: Recipe, resolution: int, *, words: list[int], size: float
) -> ProceduralMaterial:
    """Turn any recipe into maps and height.

    Args:
        recipe: A function from a random generator and a resolution to `Layers`.
        resolution: Texels a side, at least 16.
        words: Seed words of the generator, each >= 0.
        size: Side of the square sample [m, or any unit]; the relief scales with it.

    Returns:
        Maps and height; the normals are those of the height by periodic central differences.

    Raises:
        RangeError: If a number is out of range.
    """
    check_positive("size", size)
    if resolution < 16:
        raise RangeError(f"resolution must be at least 16, got {resolution}")
    if min(words) < 0:
        raise RangeError(f"seed must be at least 0, got {min(words)}")
    layers = recipe(np.random.default_rng(words), resolution)
    height = layers.height - layers.height.mean()
    maps = MaterialMaps(
        normal=_tensor(_normals(height)),
        diffuse=_tensor(layers.diffuse),
        specular=_tensor(layers.specular),
        roughness=_tensor(layers.roughness[..., None]),
        size=(size, size),
    )
    return ProceduralMaterial(maps, _tensor(size * height[..., None]))


def _tensor(image: Array) -> Tensor:
    """Turn an image (n, n, c) into a tensor (1, c, n, n), float32."""
    rows_last = np.ascontiguousarray(np.moveaxis(image, -1, 0)[None], dtype=np.float32)
    return torch.from_numpy(rows_last)


def _normals(height: Array) -> Array:
    """Unit normals (n, n, 3) of a periodic height [sides], +y up, row 0 at the top."""
    half = 0.5 * height.shape[0]
    slope_x = half * (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1))
    slope_y = half * (np.roll(height, 1, axis=0) - np.roll(height, -1, axis=0))
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=-1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), dtype=np.float64)
