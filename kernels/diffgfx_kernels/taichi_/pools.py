"""Connected parts of the fluid that no outflow drains: each leaves its potential's mean open.

Cells are joined through faces that are open at all. The mean of every undrained pool is taken from
right sides and iterates, so that closed boxes and pockets are solvable, forward and backward.
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.multigrid import row_shifts

__all__ = ["Pools", "find_pools", "steady_sum", "whole"]

BLOCK = 4096
"""Numbers that torch adds in one thread, whatever it has."""


@ti.func
def root_of(label: ti.template(), w, start):
    at = start
    while label[w, at] != at:
        above = label[w, at]
        label[w, at] = label[w, above]  # halves the path, for the next who asks
        at = above
    return at


@ti.func
def join(label: ti.template(), w, one, other):
    a, b = root_of(label, w, one), root_of(label, w, other)
    if a != b:
        label[w, ti.max(a, b)] = ti.min(a, b)


@ti.func
def number_pools(
    coupling: ti.template(), centre: ti.template(), label: ti.template(), pool: ti.template(),
    share: ti.template(), count: ti.template(), w, cells, dim: ti.template(),
):  # fmt: skip
    """Number the undrained pools, from 1, and say what share of its pool each cell is."""
    for at in range(cells):
        root = root_of(label, w, at)
        label[w, at] = root
        pool[w, at] = 0
        share[w, at] = 0.0
        for a in ti.static(range(dim)):
            if coupling[w, dim + a, at] > 0.0:
                pool[w, root] = -1  # drained
    found = 0
    for at in range(cells):
        root = label[w, at]
        if root == at:
            undrained = pool[w, at] == 0 and centre[w, 0, at] > 0.0
            found += ti.cast(undrained, ti.i32)
            pool[w, at] = ti.cast(ti.select(undrained, found, 0), ti.i64)
        else:
            pool[w, at] = pool[w, root]
        if pool[w, at] > 0:
            share[w, root] = share[w, root] + 1.0
    count[w] = found
    for back in range(cells):  # first cells last, which hold the sizes
        at = cells - 1 - back
        if pool[w, at] > 0:
            share[w, at] = 1.0 / share[w, label[w, at]]


@kernel
def label_cells(
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    label: ti.types.ndarray(ndim=2),
    pool: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    count: ti.types.ndarray(ndim=1),
    plan: ti.types.ndarray(ndim=3),
    spread: int,
    dim: ti.template(),
):
    """Give cells that are joined the first of them as label, and number those pools."""
    for item in range(coupling.shape[0] * spread):
        if item % spread == 0:
            w = item // spread
            nx, ny, nz = plan[0, 0, 1], plan[0, 0, 2], plan[0, 0, 3]
            for row in range(ny * nz):
                j, k = row % ny, row // ny
                shifts = row_shifts(j, k, nx, ny, nz)
                for i in range(nx):
                    at = row * nx + i
                    label[w, at] = at
                    left = i > 0 and coupling[w, 0, at] > 0.0
                    if left:
                        label[w, at] = label[w, at - 1]
                    for a in ti.static(range(1, dim)):
                        inner = ti.static((0, 1, 2)[a]) == 1 and j > 0
                        if ti.static(a == 2):
                            inner = k > 0
                        below = at + shifts[2 * a - 2]
                        if inner and coupling[w, a, at] > 0.0:
                            known = (
                                left
                                and coupling[w, a, at - 1] > 0.0
                                and coupling[w, 0, below] > 0.0
                            )
                            if not known:
                                join(label, w, at, below)
            for row in range(ny * nz):  # over the ends of periodic axes
                j, k, at = row % ny, row // ny, row * nx
                shifts = row_shifts(j, k, nx, ny, nz)
                if coupling[w, 0, at] > 0.0:
                    join(label, w, at, at + nx - 1)
                for i in range(ti.select(j == 0, nx, 0)):
                    if coupling[w, 1, at + i] > 0.0:
                        join(label, w, at + i, at + i + shifts[0])
                for i in range(ti.select(ti.static(dim == 3) and k == 0, nx, 0)):
                    if coupling[w, dim - 1, at + i] > 0.0:
                        join(label, w, at + i, at + i + shifts[2])
            number_pools(coupling, centre, label, pool, share, count, w, nx * ny * nz, dim)


def steady_sum(values: Tensor) -> Tensor:
    """Sum over the last dimension of (B, N), in an order that no number of threads changes."""
    batch, count = values.shape
    even = count // BLOCK * BLOCK
    blocks = values[:, :even].reshape(batch, even // BLOCK, BLOCK)
    return blocks.sum(dim=2).sum(dim=1) + values[:, even:].sum(dim=1)


class Pools(NamedTuple):
    """Undrained pools of each item.

    Attributes:
        pool: Each cell's pool, counted from 1; 0 where it is drained or closed, (B|1, cells).
        share: One over the cells of its pool; 0 where there is none, (B|1, cells).
        most: The most pools that an item has.
    """

    pool: Tensor
    share: Tensor
    most: int

    def sums(self, values: Tensor) -> Tensor:
        """Return, at each cell, the sum over its pool, (B, cells); 0 where there is none."""
        inside = self.pool > 0
        if self.most == 1:
            total = steady_sum(torch.where(inside, values, 0.0))
            return torch.where(inside, total[:, None], 0.0)
        pool = self.pool.expand(values.shape)
        total = values.new_zeros((values.shape[0], self.most + 1)).scatter_add_(1, pool, values)
        total[:, 0] = 0.0
        return total.gather(1, pool)

    def level(self, values: Tensor) -> Tensor:
        """Return values without their pools' means."""
        if self.most == 0:
            return values
        return values - self.sums(values) * self.share


def whole(cells: int, drained: bool, like: Tensor) -> Pools:
    """Return the one pool of a box without obstacles."""
    pool = torch.full((1, cells), int(not drained), dtype=torch.int64, device=like.device)
    share = like.new_full((1, cells), 0.0 if drained else 1.0 / max(cells, 1))
    return Pools(pool, share, int(not drained))


def find_pools(coupling: Tensor, centre: Tensor, plan: Tensor, cells: int, dim: int) -> Pools:
    """Return the pools of couplings whose first ``cells`` numbers are the finest grid."""
    batch, device = coupling.shape[0], coupling.device
    label = torch.empty((batch, cells), dtype=torch.int32, device=device)
    pool = torch.empty((batch, cells), dtype=torch.int64, device=device)
    share = coupling.new_empty((batch, cells))
    count = torch.empty(batch, dtype=torch.int32, device=device)
    spread = grid_for(device).spread
    label_cells(coupling, centre, label, pool, share, count, plan, spread, dim)
    return Pools(pool, share, int(count.max()))
