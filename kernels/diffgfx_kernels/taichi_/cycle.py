"""Kernels of the multigrid cycle, and the preconditioner that they make.

Fine levels take a few launches each, parallel over rows; the levels below `few_cells` take one
launch together, serial within a batch item. Periodic axes of an odd number of cells put two of one
colour side by side, which only a serial loop treats in a definite order: such levels are serial.
"""

import math
from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.levels import Levels, plan_levels
from diffgfx_kernels.taichi_.multigrid import (
    centre_rows,
    compose_rows,
    halve_rows,
    neighbour_sum,
    prolong_rows,
    relax_rows,
    restrict_rows,
    row_shifts,
    walk,
)

__all__ = ["COARSE_SWEEPS", "Multigrid", "chunks_for", "few_cells", "finish", "prepare"]

COARSE_SWEEPS = 4


def few_cells(device: torch.device, whole: bool) -> int:
    """Return how many cells a level may have to be done serially, with all that are coarser.

    A grid that is serial as a whole saves its launches too, so that it may have more.
    """
    if device.type == "cuda":
        return 64
    return 20000 if whole else 6000


def chunks_for(device: torch.device, rows: int) -> int:
    """Return into how many parts rows are dealt; it depends on nothing but the device and them."""
    return rows if device.type == "cuda" else max(min(rows, 16), 1)


@kernel
def sum_centres(
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    plan: ti.types.ndarray(ndim=3),
    level: int,
    step: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    for item in range(coupling.shape[0] * chunks * spread):
        if item % spread == 0:
            rows = plan[level, step, 2] * plan[level, step, 3]
            part = item // spread % chunks
            share = (rows + chunks - 1) // chunks
            first, last = ti.min(part * share, rows), ti.min(part * share + share, rows)
            w = item // spread // chunks
            centre_rows(coupling, centre, plan, level, step, w, first, last, dim)


@kernel
def halve(
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    moves: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    ratios: ti.types.ndarray(ndim=3),
    level: int,
    step: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    for item in range(coupling.shape[0] * chunks * spread):
        if item % spread == 0:
            rows = plan[level, step + 1, 2] * plan[level, step + 1, 3]
            part = item // spread % chunks
            share = (rows + chunks - 1) // chunks
            first, last = ti.min(part * share, rows), ti.min(part * share + share, rows)
            w = item // spread // chunks
            halve_rows(coupling, centre, moves, plan, ratios, level, step, w, first, last, dim)
    for item in range(coupling.shape[0] * chunks * spread):
        if item % spread == 0:
            rows = plan[level, step + 1, 2] * plan[level, step + 1, 3]
            part = item // spread % chunks
            share = (rows + chunks - 1) // chunks
            first, last = ti.min(part * share, rows), ti.min(part * share + share, rows)
            w = item // spread // chunks
            centre_rows(coupling, centre, plan, level, step + 1, w, first, last, dim)


@kernel
def compose(
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    code: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    level: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    for item in range(coupling.shape[0] * chunks * spread):
        if item % spread == 0:
            rows = plan[level, 0, 2] * plan[level, 0, 3]
            part = item // spread % chunks
            share = (rows + chunks - 1) // chunks
            first, last = ti.min(part * share, rows), ti.min(part * share + share, rows)
            w = item // spread // chunks
            compose_rows(coupling, centre, code, plan, level, w, first, last, dim)


@kernel
def build_coarse(
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    code: ti.types.ndarray(ndim=2),
    moves: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    ratios: ti.types.ndarray(ndim=3),
    top: int,
    spread: int,
    dim: ti.template(),
):
    """All levels below ``top``; the finest one's sums too, where that is the top."""
    for item in range(coupling.shape[0] * spread):
        if item % spread == 0:
            w = item // spread
            if top == 0:
                centre_rows(coupling, centre, plan, 0, 0, w, 0, plan[0, 0, 2] * plan[0, 0, 3], dim)
            for level in range(top, plan.shape[0] - 1):
                for step in range(3):
                    if plan[level, step, 4] < 0:
                        break
                    rows = plan[level, step + 1, 2] * plan[level, step + 1, 3]
                    halve_rows(coupling, centre, moves, plan, ratios, level, step, w, 0, rows, dim)
                    centre_rows(coupling, centre, plan, level, step + 1, w, 0, rows, dim)
                if moves[w, level] == 1:
                    rows = plan[level, 0, 2] * plan[level, 0, 3]
                    compose_rows(coupling, centre, code, plan, level, w, 0, rows, dim)


@kernel
def descend(
    x: ti.types.ndarray(ndim=2),
    right: ti.types.ndarray(ndim=2),
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    code: ti.types.ndarray(ndim=2),
    moves: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    level: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    """Smooth from zero, and give the residual to the next level."""
    for turn in ti.static(range(4)):
        for item in range(chunks * spread):
            if item % spread == 0:
                rows = x.shape[0] * plan[level, 0, 2] * plan[level, 0, 3]
                share = (rows + chunks - 1) // chunks
                first = ti.min(item // spread * share, rows)
                last = ti.min(first + share, rows)
                relax_rows(x, right, coupling, centre, plan, level, first, last, turn % 2, 0, dim)
    for item in range(chunks * spread):
        if item % spread == 0:
            rows = x.shape[0] * plan[level + 1, 0, 2] * plan[level + 1, 0, 3]
            share = (rows + chunks - 1) // chunks
            first = ti.min(item // spread * share, rows)
            last = ti.min(first + share, rows)
            restrict_rows(x, right, coupling, centre, code, moves, plan, level, first, last, dim)


@kernel
def ascend(
    x: ti.types.ndarray(ndim=2),
    right: ti.types.ndarray(ndim=2),
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    code: ti.types.ndarray(ndim=2),
    moves: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    level: int,
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    """Add the next level's correction, and smooth in the reverse order."""
    for item in range(chunks * spread):
        if item % spread == 0:
            rows = x.shape[0] * plan[level, 0, 2] * plan[level, 0, 3]
            share = (rows + chunks - 1) // chunks
            first = ti.min(item // spread * share, rows)
            last = ti.min(first + share, rows)
            prolong_rows(x, code, moves, plan, level, first, last)
    for turn in ti.static(range(4)):
        for item in range(chunks * spread):
            if item % spread == 0:
                rows = x.shape[0] * plan[level, 0, 2] * plan[level, 0, 3]
                share = (rows + chunks - 1) // chunks
                first = ti.min(item // spread * share, rows)
                last = ti.min(first + share, rows)
                relax_rows(
                    x, right, coupling, centre, plan, level, first, last, (turn + 1) % 2, 1, dim
                )


@kernel
def cycle_coarse(
    x: ti.types.ndarray(ndim=2),
    right: ti.types.ndarray(ndim=2),
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    code: ti.types.ndarray(ndim=2),
    moves: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    top: int,
    sweeps: int,
    spread: int,
    dim: ti.template(),
):
    """The cycle from a level whose values are zero down to the coarsest, and back."""
    for item in range(x.shape[0] * spread):
        if item % spread == 0:
            b = item // spread
            walk(x, right, coupling, centre, code, moves, plan, b, top, sweeps, dim)


@kernel
def multiply(
    x: ti.types.ndarray(ndim=2),
    coupling: ti.types.ndarray(ndim=3),
    centre: ti.types.ndarray(ndim=3),
    out: ti.types.ndarray(ndim=2),
    plan: ti.types.ndarray(ndim=3),
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    for item in range(chunks * spread):
        if item % spread == 0:
            nx, ny, nz = plan[0, 0, 1], plan[0, 0, 2], plan[0, 0, 3]
            rows = x.shape[0] * ny * nz
            share = (rows + chunks - 1) // chunks
            first = ti.min(item // spread * share, rows)
            for row in range(first, ti.min(first + share, rows)):
                j, k, b = row % ny, row // ny % nz, row // (ny * nz)
                w = b % coupling.shape[0]
                shifts = row_shifts(j, k, nx, ny, nz)
                for i in range(nx):
                    at = (k * ny + j) * nx + i
                    around = neighbour_sum(x, coupling, b, w, at, i, nx, shifts, dim)
                    out[b, at] = centre[w, 0, at] * x[b, at] - around


class Multigrid(NamedTuple):
    """A matrix and its hierarchy, ready to be applied.

    Attributes:
        levels: The grids.
        coupling: Per axis that of a cell with the one below, then per axis what a side adds,
            (B|1, 2 dim, numbers).
        centre: Sums of couplings and their inverses, (B|1, 2, numbers).
        code: Which cells join the next pair, (B|1, cells).
        moves: Levels that have such cells, (B|1, L).
        top: The first level that is done serially.
        dim: Axes.
    """

    levels: Levels
    coupling: Tensor
    centre: Tensor
    code: Tensor
    moves: Tensor
    top: int
    dim: int

    @property
    def cells(self) -> int:
        """Return the number of unknowns."""
        return math.prod(self.levels.sizes[0])

    def times(self, x: Tensor) -> Tensor:
        """Return the matrix times x, (B, cells)."""
        out = torch.empty_like(x)
        spread = grid_for(x.device).spread
        rows = self.cells // self.levels.sizes[0][0] * x.shape[0]
        multiply(
            x, self.coupling, self.centre, out, self.levels.plan,
            chunks_for(x.device, rows), spread, self.dim,
        )  # fmt: skip
        return out

    def cycle(self, right: Tensor, work: tuple[Tensor, Tensor]) -> Tensor:
        """Return an approximate solution, (B, cells), by one cycle; symmetric in ``right``.

        Args:
            right: The right side.
            work: Two buffers, (B, numbers of all levels).
        """
        x, rest = work
        spread, n = grid_for(right.device).spread, self.cells
        rest[:, :n] = right
        x[:, :n] = 0.0
        plan = self.levels.plan
        matrix = (self.coupling, self.centre, self.code)
        for level in range(self.top):
            chunks = self._chunks(level, right)
            descend(x, rest, *matrix, self.moves, plan, level, chunks, spread, self.dim)
        cycle_coarse(x, rest, *matrix, self.moves, plan, self.top, COARSE_SWEEPS, spread, self.dim)
        for level in reversed(range(self.top)):
            chunks = self._chunks(level, right)
            ascend(x, rest, *matrix, self.moves, plan, level, chunks, spread, self.dim)
        return x[:, :n]

    def _chunks(self, level: int, like: Tensor) -> int:
        _, ny, nz = self.levels.sizes[level]
        return chunks_for(like.device, like.shape[0] * ny * nz)


def prepare(cells: tuple[int, ...], batch: int, dim: int, like: Tensor) -> Multigrid:
    """Return a hierarchy whose finest couplings are still to be filled in.

    Args:
        cells: Cells along x, y and, in 3-D, z.
        batch: Matrices.
        dim: Axes.
        like: Gives dtype and device.
    """
    levels = plan_levels(cells, like)
    coupling = like.new_empty((batch, 2 * dim, levels.couplings))
    centre = like.new_empty((batch, 2, levels.couplings))
    code = torch.empty((batch, levels.cells), dtype=torch.int8, device=like.device)
    moves = torch.zeros((batch, len(levels.sizes)), dtype=torch.int32, device=like.device)
    return Multigrid(levels, coupling, centre, code, moves, 0, dim)


def finish(grids: Multigrid, periodic: tuple[bool, ...]) -> Multigrid:
    """Fill in all that follows from the finest couplings.

    Args:
        grids: What `prepare` made.
        periodic: Whether x, y and, in 3-D, z are.
    """
    levels, top = grids.levels, 0
    device = grids.coupling.device
    spread = grid_for(device).spread
    for size in levels.sizes[:-1]:
        odd = any(p and n % 2 and n > 1 for p, n in zip(periodic, size, strict=False))
        if math.prod(size) <= few_cells(device, top == 0) or odd:
            break
        top += 1
    matrix = (grids.coupling, grids.centre)
    tables = (levels.plan, levels.ratios)
    rows = math.prod(levels.sizes[0][1:])
    if top > 0:
        sum_centres(*matrix, levels.plan, 0, 0, chunks_for(device, rows), spread, grids.dim)
    for level in range(top):
        nx, ny, nz = levels.sizes[level]
        chunks = chunks_for(device, ny * nz)
        for step in range(sum(n > 1 for n in (nx, ny, nz))):
            halve(*matrix, grids.moves, *tables, level, step, chunks, spread, grids.dim)
        if bool(grids.moves[:, level].any()):
            compose(*matrix, grids.code, levels.plan, level, chunks, spread, grids.dim)
    build_coarse(*matrix, grids.code, grids.moves, *tables, top, spread, grids.dim)
    return grids._replace(top=top)
