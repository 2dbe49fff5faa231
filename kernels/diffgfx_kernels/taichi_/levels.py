"""The grids of a multigrid cycle: sizes, places in one flat buffer, and how far cells lie apart.

A grid is halved one axis at a time, x first, so that a level is followed by up to two in-between
grids. They only hold couplings; cycles step over them. Sizes are rounded up: the last cell of a row
may be narrower than the others, which its distance to its neighbour takes into account.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Levels", "plan_levels"]

COARSEST = 2
"""Cells along the longest axis at which halving stops."""


class Levels(NamedTuple):
    """A hierarchy of grids.

    Attributes:
        plan: Per level, then per step of its halving: place in the buffer, cells along x, y and z,
            and the axis halved next (-1: none; this is the next level), (L, 4, 5).
        ratios: Distances of the fine grid over those of the halved one: between cells, over the
            periodic end, to the last cell, from the low side and from the high side, (L, 3, 5).
        sizes: Cells along x, y and z of each level.
        cells: Numbers a buffer of values needs: levels only.
        couplings: Numbers a buffer of couplings needs: in-between grids too.
    """

    plan: Tensor
    ratios: Tensor
    sizes: tuple[tuple[int, int, int], ...]
    cells: int
    couplings: int


def _ratios(count: int, width: int, last: int) -> tuple[list[float], int]:
    """Return the distances of one axis, fine over coarse, and the width of the last coarse cell."""
    half = (count + 1) // 2
    wider = last if count % 2 else width + last
    wrap = (width + last) / (2 * width + wider)
    to_last = (width + last if count % 2 else 2 * width) / (2 * width + wider)
    low = (width if count > 1 else last) / (2 * width if half > 1 else wider)
    return [0.5, wrap, to_last, low, last / wider], wider


def plan_levels(cells: Sequence[int], like: Tensor) -> Levels:
    """Return the levels of a grid of cells along x, y[, z]; ``like`` gives dtype and device."""
    size = [*cells, 1][:3]
    width, last = [1, 1, 1], [1, 1, 1]
    sizes, chains, ratios = [(size[0], size[1], size[2])], [], []
    while max(size) > COARSEST:
        chain, rows = [[*size, -1]], []
        for axis in range(3):
            if size[axis] > 1:
                chain[-1][3] = axis
                row, last[axis] = _ratios(size[axis], width[axis], last[axis])
                size[axis], width[axis] = (size[axis] + 1) // 2, 2 * width[axis]
                chain.append([*size, -1])
                rows.append(row)
        chains.append(chain)
        ratios.append(rows + [[0.0] * 5] * (3 - len(rows)))
        sizes.append((size[0], size[1], size[2]))
    chains.append([[*size, -1]])
    ratios.append([[0.0] * 5] * 3)
    starts = [0]
    for full in sizes:
        starts.append(starts[-1] + math.prod(full))
    place = starts[-1]
    plan = []
    for level, chain in enumerate(chains):
        rows = []
        for step, grid in enumerate(chain):
            inside = 0 < step < len(chain) - 1
            rows.append([place if inside else starts[level + (step > 0)], *grid])
            place += math.prod(grid[:3]) if inside else 0
        plan.append(rows + [[0] * 5] * (4 - len(rows)))
    table = torch.tensor(ratios, dtype=torch.float64).to(like)
    numbers = torch.tensor(plan, dtype=torch.int32, device=like.device)
    return Levels(numbers, table, tuple(sizes), starts[-1], place)
