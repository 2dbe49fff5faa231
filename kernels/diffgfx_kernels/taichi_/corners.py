"""Corners of triangles by vertex: sums over a mesh's corners become gathers.

Corner ``3 t + k`` is vertex k of triangle t. Each vertex adds its corners in the order of the
triangles, whatever the threads.
"""

import taichi as ti
from torch import Tensor

from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.stable_order import Order, stable_order

__all__ = ["corners_by_vertex", "sum_corners"]


def corners_by_vertex(tri: Tensor, vertices: int) -> Order:
    """Return the corners of triangles (T, 3) in the order of their vertices."""
    return stable_order(tri.view(-1), vertices)


@kernel
def gather_corners(
    values: ti.types.ndarray(ndim=1),
    items: ti.types.ndarray(ndim=1),
    starts: ti.types.ndarray(ndim=1),
    total: ti.types.ndarray(ndim=1),
    batch: int,
    vertices: int,
    corners: int,
    channels: int,
):
    for place in range(batch * vertices):
        b, vertex = place // vertices, place % vertices
        for c in range(channels):
            total[place * channels + c] = 0.0
        for i in range(starts[vertex], starts[vertex + 1]):
            corner = (b * corners + items[i]) * channels
            for c in range(channels):
                total[place * channels + c] = total[place * channels + c] + values[corner + c]


def sum_corners(values: Tensor, tri: Tensor, vertices: int) -> Tensor:
    """Return, for each vertex, the sum over its corners: (B, 3 T, C) becomes (B, V, C)."""
    batch, corners, channels = values.shape
    if corners == 0 or batch == 0 or vertices == 0 or channels == 0:
        return values.new_zeros((batch, vertices, channels))
    order = corners_by_vertex(tri, vertices)
    total = values.new_empty((batch, vertices, channels))
    gather_corners(
        values.view(-1), order.items, order.starts, total.view(-1), batch, vertices, corners,
        channels,
    )  # fmt: skip
    return total
