"""Pixels by the triangle that they see: sums over a triangle's pixels become gathers.

The order is that of the triangles, and of the pixels of each; empty pixels are left out.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.batch_item import item_of
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.stable_order import Order, stable_order

__all__ = ["pixels_by_triangle", "triangle_of"]

TOO_MANY = 2.0**30
"""More than there can be triangles, and a whole number of 32 bits."""


@ti.func
def triangle_of(rast: ti.template(), p, triangles):
    """The triangle that a pixel of a flat rast sees; -1 where there is none."""
    number = ti.round(rast[4 * p + 3])
    found = -1
    if number >= 1.0 and number < TOO_MANY:
        whole = ti.cast(number, ti.i32)  # a sum of floats would round above 2^23
        if whole <= triangles:
            found = whole - 1
    return found


@kernel
def triangle_keys(
    rast: ti.types.ndarray(ndim=1),
    keys: ti.types.ndarray(ndim=1),
    count: int,
    pixels: int,
    triangles: int,
    meshes: int,
):
    for p in range(count):
        key = triangle_of(rast, p, triangles)
        if key >= 0:
            key += item_of(p, pixels, meshes) * triangles
        keys[p] = key


def pixels_by_triangle(rast: Tensor, triangles: int, meshes: int = 1) -> Order:
    """Return covered pixels, numbered through the batch, by what they see.

    Args:
        rast: What a rasteriser returns, (B, H, W, 4).
        triangles: Of the mesh.
        meshes: 1 where a triangle's pixels in all images belong together; B where those of each
            image do, whose triangles then come after those of the image before.
    """
    batch, height, width, _ = rast.shape
    pixels = height * width
    keys = torch.empty(batch * pixels, dtype=torch.int32, device=rast.device)
    if batch * pixels:
        triangle_keys(rast.view(-1), keys, batch * pixels, pixels, triangles, meshes)
    return stable_order(keys, triangles * meshes)
