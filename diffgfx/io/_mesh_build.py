"""From the arrays of a file to `scene.Mesh`: welding, compacting, and errors that name the file."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from diffgfx.errors import DiffgfxError, InputError
from diffgfx.scene import MaterialMaps, Mesh

__all__ = ["TRIANGLE_LIMIT", "Layer", "build_mesh", "compact", "fan", "plain_material", "weld"]

TRIANGLE_LIMIT = 1 << 24

Array = npt.NDArray[np.float64]
Corners = npt.NDArray[np.int64]
Layer = tuple[Array, Corners]
"""Values, one a row, and three indices a triangle."""


def weld(positions: npt.NDArray[Any]) -> tuple[Corners, Corners]:
    """Find rows that are equal to the bit, but for the sign of zero.

    Returns:
        Where each distinct row stands first, in that order; and for each row, its distinct one.
    """
    rows = np.ascontiguousarray(positions + 0.0)
    if len(rows) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first, found = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order], place[found.reshape(-1)]


def compact(layer: Layer) -> Layer:
    """Leave out rows that no triangle uses; index -1 becomes a row of zeros."""
    values, corners = layer
    used, place = np.unique(corners, return_inverse=True)
    rows = values[np.maximum(used, 0)]
    rows[used < 0] = 0.0
    return rows, place.reshape(corners.shape)


def fan(counts: npt.NDArray[np.int64]) -> tuple[Corners, npt.NDArray[np.int64]]:
    """Cut polygons into triangles around their first corner.

    Args:
        counts: Corners of each polygon, which follow one another in a list; at least 3.

    Returns:
        Places in that list, shape (F, 3), and the polygon of each triangle.
    """
    owner = np.repeat(np.arange(len(counts)), counts - 2)
    start = np.cumsum(counts) - counts
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts - 2) - (counts - 2), counts - 2)
    first = start[owner]
    return np.stack([first, first + step + 1, first + step + 2], axis=1), owner


def build_mesh(name: str, dtype: torch.dtype, layers: dict[str, Layer | None]) -> Mesh:
    """Return the mesh of some layers: "positions", and "normals", "uv", "tangents" as there are.

    Raises:
        InputError: If the layers make no mesh; the message names the file.
    """
    tensors: dict[str, torch.Tensor] = {}
    for key, layer in layers.items():
        if layer is None:
            continue
        corners = {"positions": "triangles", "uv": "uv_triangles"}.get(key, f"{key[:-1]}_triangles")
        tensors[key] = torch.from_numpy(np.ascontiguousarray(layer[0])).to(dtype)
        tensors[corners] = torch.from_numpy(np.ascontiguousarray(layer[1])).int()
    try:
        return Mesh(**tensors)
    except DiffgfxError as error:
        raise InputError(f"{name}: {error}") from error


def plain_material(
    diffuse: tuple[float, ...], specular: float, roughness: float, dtype: torch.dtype
) -> MaterialMaps:
    """Return a material of 1 x 1 texels."""
    values = [0.0, 0.0, 1.0, *diffuse, specular, specular, specular, roughness]
    return MaterialMaps.from_tensor(torch.tensor(values, dtype=dtype).view(1, 10, 1, 1))
