"""Conjugate gradients in one launch, one thread a batch item, for grids of few cells.

What `krylov.solve_cg` does in a dozen calls an iteration: those take longer than the
arithmetic of a small grid, and a batch of small grids fills the cores by itself.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.cycle import COARSE_SWEEPS, Multigrid
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.krylov import MOST_ITERATIONS, PATIENCE
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.multigrid import neighbour_sum, row_shifts, walk
from diffgfx_kernels.taichi_.pools import Pools

__all__ = ["solve_small"]

REST, SOLUTION, DIRECTION, BENT, AHEAD, SUMS = range(6)
"""Vectors of an item, side by side."""


@ti.func
def product_of(vectors: ti.template(), b, one, other, cells):
    total = ti.cast(0.0, ti.f64)
    for at in range(cells):
        total += ti.cast(vectors[b, one, at] * vectors[b, other, at], ti.f64)
    return total


@ti.func
def take_means(
    vectors: ti.template(), pool: ti.template(), share: ti.template(), b, place, count, cells
):
    """Take each undrained pool's mean from a vector."""
    if count > 0:
        w = b % pool.shape[0]
        for number in range(count + 1):
            vectors[b, SUMS, number] = 0.0
        for at in range(cells):
            number = ti.cast(pool[w, at], ti.i32)
            vectors[b, SUMS, number] = vectors[b, SUMS, number] + vectors[b, place, at]
        for at in range(cells):
            mean = vectors[b, SUMS, ti.cast(pool[w, at], ti.i32)] * share[w, at]
            vectors[b, place, at] = vectors[b, place, at] - mean


@ti.func
def bend(
    x: ti.template(), vectors: ti.template(), coupling: ti.template(), centre: ti.template(),
    plan: ti.template(), b, cells, dim: ti.template(),
):  # fmt: skip
    """The matrix times the direction; ``x`` is a buffer."""
    w = b % coupling.shape[0]
    nx, ny, nz = plan[0, 0, 1], plan[0, 0, 2], plan[0, 0, 3]
    for at in range(cells):
        x[b, at] = vectors[b, DIRECTION, at]
    for row in range(ny * nz):
        shifts = row_shifts(row % ny, row // ny, nx, ny, nz)
        for i in range(nx):
            at = row * nx + i
            around = neighbour_sum(x, coupling, b, w, at, i, nx, shifts, dim)
            vectors[b, BENT, at] = centre[w, 0, at] * x[b, at] - around


@kernel
def iterate(
    vectors: ti.types.ndarray(ndim=3),
    x: ti.types.ndarray(ndim=2),
    right: ti.types.ndarray(ndim=2),
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    code: ti.types.ndarray(ndim=2),
    moves: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    pool: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    target: ti.types.ndarray(ndim=1),
    used: ti.types.ndarray(ndim=1),
    count: int,
    sweeps: int,
    most: int,
    patience: int,
    spread: int,
    dim: ti.template(),
):
    for item in range(x.shape[0] * spread):
        if item % spread == 0:
            b = item // spread
            cells = plan[0, 0, 1] * plan[0, 0, 2] * plan[0, 0, 3]
            take_means(vectors, pool, share, b, REST, count, cells)
            best = ti.sqrt(product_of(vectors, b, REST, REST, cells) / cells)
            product = ti.cast(0.0, ti.f64)
            turns, waited, going = 0, 0, ti.cast(best > target[b], ti.i32)
            while going == 1:
                for at in range(cells):
                    right[b, at] = vectors[b, REST, at]
                    x[b, at] = 0.0
                walk(x, right, coupling, centre, code, moves, plan, b, 0, sweeps, dim)
                for at in range(cells):
                    vectors[b, AHEAD, at] = x[b, at]
                take_means(vectors, pool, share, b, AHEAD, count, cells)
                following = product_of(vectors, b, REST, AHEAD, cells)
                ratio = ti.select(turns > 0, following / product, 0.0 * following)
                product = following
                for at in range(cells):
                    onward = ratio * vectors[b, DIRECTION, at]
                    vectors[b, DIRECTION, at] = vectors[b, AHEAD, at] + onward
                bend(x, vectors, coupling, centre, plan, b, cells, dim)
                curvature = product_of(vectors, b, DIRECTION, BENT, cells)
                going = ti.cast(curvature > 0.0 and product > 0.0, ti.i32)
                if going == 1:
                    step = product / curvature
                    for at in range(cells):
                        change = step * vectors[b, DIRECTION, at]
                        vectors[b, SOLUTION, at] = vectors[b, SOLUTION, at] + change
                        change = step * vectors[b, BENT, at]
                        vectors[b, REST, at] = vectors[b, REST, at] - change
                    take_means(vectors, pool, share, b, REST, count, cells)
                    turns += 1
                    found = ti.sqrt(product_of(vectors, b, REST, REST, cells) / cells)
                    waited = ti.select(found < best, 0, waited + 1)
                    best = ti.min(best, found)
                    done = found <= target[b] or waited >= patience or turns >= most
                    going = ti.select(done, 0, 1)
            used[b] = turns


def solve_small(
    grids: Multigrid,
    pools: Pools,
    right: Tensor,
    target: Tensor,
    work: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return approximate solutions (B, cells) and the iterations of each (B,).

    Args:
        grids: The matrix; all its levels are serial.
        pools: Whose means it does not see.
        right: The right sides, (B, cells).
        target: Root mean squares of the residual to stop at, (B,), float64.
        work: Two buffers, (B, numbers of all levels).
    """
    batch, cells = right.shape
    vectors = right.new_zeros((batch, 6, cells + 1))
    vectors[:, REST, :cells] = right
    used = torch.zeros(batch, dtype=torch.int32, device=right.device)
    iterate(
        vectors, *work, grids.coupling, grids.centre, grids.code, grids.moves, grids.levels.plan,
        pools.pool, pools.share, target, used, pools.most, COARSE_SWEEPS, MOST_ITERATIONS,
        PATIENCE, grid_for(right.device).spread, grids.dim,
    )  # fmt: skip
    return vectors[:, SOLUTION, :cells].contiguous(), used.long()
