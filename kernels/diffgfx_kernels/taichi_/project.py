"""Make a staggered velocity divergence-free, and the adjoint of that, in kernels.

Both are one solve with the same symmetric matrix: in the box's own eigenvectors where nothing
stands in it, by conjugate gradients with a multigrid cycle else. The residual that is told is
measured on the resulting velocity itself, and what is left in it is solved for again: the potential
of a long box is large beside its differences, so that single precision alone would leave much.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.box_modes import box_modes
from diffgfx_kernels.taichi_.cycle import chunks_for, finish, prepare
from diffgfx_kernels.taichi_.fluxes import (
    FIXED,
    OUTFLOW,
    PERIODIC,
    correct,
    couple,
    face_gradients,
    net_flux,
    potential_gradient,
)
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.krylov import refine, solve_cg
from diffgfx_kernels.taichi_.pools import Pools, find_pools, whole
from diffgfx_kernels.taichi_.small import solve_small

__all__ = ["backward", "forward"]

KINDS = {"outflow": OUTFLOW, "periodic": PERIODIC}

Solver = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class _Box(NamedTuple):
    """A grid, its sides, and how kernels are launched on it."""

    cells: tuple[int, ...]
    sides: tuple[str, ...]
    table: Tensor
    chunks: int
    spread: int
    dim: int


def _box(faces: Sequence[Tensor], sides: Sequence[str]) -> _Box:
    """Describe the grid of faces; ``cells`` are along x, y, z."""
    dim = len(faces)
    shape = list(faces[0].shape[1:])
    shape[-1] -= 1
    cells = tuple(reversed(shape))
    kinds = [KINDS.get(side, FIXED) for side in sides] + [FIXED] * (6 - 2 * dim)
    table = torch.tensor([*cells, *[1] * (3 - dim), *kinds], dtype=torch.int32)
    device = faces[0].device
    rows = len(faces[0]) * math.prod(cells[1:])
    plain = tuple(side if side in KINDS else "fixed" for side in sides)
    return _Box(
        cells, plain, table.to(device), chunks_for(device, rows), grid_for(device).spread, dim
    )


def _flat(faces: Sequence[Tensor]) -> list[Tensor]:
    """Return faces as (B, faces), three tensors whatever the number of axes."""
    flat = [face.reshape(len(face), -1) for face in faces]
    return [*flat, flat[0]][:3]


def _prepare(box: _Box, openings: Sequence[Tensor], like: Tensor) -> tuple[Solver, Pools]:
    """Return what solves for a right side, and the pools that it leaves level."""
    count = math.prod(box.cells)
    if not openings:
        modes = box_modes(box.cells, box.sides, like)

        def at_once(right: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            part = torch.where(torch.isinf(target)[:, None], 0.0, modes.solve(right))
            return part, torch.zeros(len(right), dtype=torch.int64, device=right.device)

        return at_once, whole(count, "outflow" in box.sides, like)
    grids = prepare(box.cells, len(openings[0]), box.dim, like)
    couple(*_flat(openings), box.table, grids.coupling, box.chunks, box.spread, box.dim)
    grids = finish(grids, tuple(box.sides[2 * a] == "periodic" for a in range(box.dim)))
    pools = find_pools(grids.coupling, grids.centre, grids.levels.plan, count, box.dim)
    numbers = (len(like), grids.levels.cells)
    work = (like.new_empty(numbers), like.new_empty(numbers))

    def iterate(right: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        if grids.top == 0:
            return solve_small(grids, pools, right, target, work)
        return solve_cg(grids.times, lambda rest: grids.cycle(rest, work), pools, right, target)

    return iterate, pools


def _excess(right: Tensor, pools: Pools, *groups: Sequence[Tensor]) -> Tensor:
    """Return the largest net flux into an undrained pool over the largest velocity, (B,)."""
    if pools.most == 0:
        return torch.zeros(len(right), dtype=torch.float64, device=right.device)
    net = pools.sums(right.double()).abs().amax(dim=1)
    largest = _largest([face for group in groups for face in group])
    return torch.where(net > 0, net / largest, 0.0)


def _largest(faces: Sequence[Tensor]) -> Tensor:
    """Return the largest size of a velocity of each batch item, or of all where they share one."""
    peaks = [face.abs().flatten(1).amax(dim=1) for face in faces]
    largest = peaks[0]
    for peak in peaks[1:]:
        largest = torch.maximum(largest, peak)
    return largest.double()


def forward(
    velocity: Sequence[Tensor],
    openings: Sequence[Tensor],
    solid: Sequence[Tensor],
    cell: float,
    sides: Sequence[str],
    tolerance: float,
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the projected faces, the potential (B, 1, cells), and what the solve says of itself.

    Args:
        velocity: Faces, x first.
        openings: Faces, (B|1, ...), or none: all open.
        solid: Velocity of the solids, faces (B|1, ...), or none: at rest.
        cell: Side of a cell [m].
        sides: Two an axis.
        tolerance: Of the residual, relative to the right side; and of the net flux into any cell,
            relative to the largest velocity.

    Returns:
        Faces; the potential; iterations, true relative residual and largest net flux into a closed
        pool over the largest velocity, (B, 3), float64.
    """
    runtime.start(velocity[0].device)
    box, like = _box(velocity, sides), velocity[0]
    if like.numel() == 0:
        stats = torch.zeros((0, 3), dtype=torch.float64, device=like.device)
        faces = [torch.empty_like(face) for face in velocity]
        return faces, like.new_empty((0, 1, *reversed(box.cells))), stats
    count = math.prod(box.cells)
    projected = [torch.empty_like(face) for face in velocity]
    fixed = (*_flat(openings or velocity), *_flat(solid or velocity))
    how = (box.chunks, box.spread, box.dim, bool(openings), bool(openings and solid))

    def inflow(faces: Sequence[Tensor]) -> Tensor:
        right = like.new_empty((len(like), count))
        net_flux(*_flat(faces), *fixed, box.table, right, *how)
        return right

    def remaining(part: Tensor, _: Tensor) -> Tensor:
        before = _flat(projected if started else velocity)
        correct(*before, *fixed, part, *_flat(projected), box.table, *how)
        started.append(True)
        return inflow(projected)

    def highest() -> Tensor:
        return tolerance * _largest(projected)

    started: list[bool] = []
    solve, pools = _prepare(box, openings, like)
    right = inflow(velocity)
    excess = _excess(right, pools, velocity, solid if openings else ())
    potential, used, residual = refine(solve, remaining, right, tolerance, highest)
    stats = torch.stack([used.double(), residual, excess], dim=1)
    return projected, (cell * potential).view(len(like), 1, *reversed(box.cells)), stats


def _leftover(
    box: _Box, openings: Sequence[Tensor], like: Sequence[Tensor], pools: Pools
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what tells the right side that a correction of the potential leaves."""
    still = [torch.zeros_like(face) for face in like]
    fixed = _flat(openings or still)
    how = (box.chunks, box.spread, box.dim, bool(openings), False)

    def remaining(part: Tensor, left: Tensor) -> Tensor:
        slope = [torch.empty_like(face) for face in like]
        correct(*_flat(still), *fixed, *fixed, part, *_flat(slope), box.table, *how)
        change = torch.empty_like(left)
        net_flux(*_flat(slope), *fixed, *fixed, box.table, change, *how)
        return pools.level(left + change)

    return remaining


def backward(
    g_faces: Sequence[Tensor],
    g_potential: Tensor,
    projected: Sequence[Tensor],
    openings: Sequence[Tensor],
    solid: Sequence[Tensor],
    cell: float,
    sides: Sequence[str],
    tolerance: float,
) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]:
    """Return the gradients to velocity, openings and solids, and what the solve says of itself.

    The matrix is its own transpose: one more solve, whatever the first one took.
    """
    runtime.start(projected[0].device)
    box, like = _box(projected, sides), projected[0]
    is_open, moves = bool(openings), bool(openings and solid)
    g_velocity = [torch.empty_like(face) for face in projected]
    g_openings = [torch.empty_like(face) for face in projected] if is_open else []
    g_solid = [torch.zeros_like(face) for face in projected] if solid else []
    if like.numel() == 0:
        stats = torch.zeros((0, 2), dtype=torch.float64, device=like.device)
        return g_velocity, g_openings, g_solid, stats
    count = math.prod(box.cells)
    fixed = _flat(openings or projected)
    how = (box.chunks, box.spread, box.dim)
    gain = like.new_empty((len(like), count))
    potential_gradient(
        *_flat(g_faces), *fixed, cell * g_potential.reshape(len(like), count), box.table, gain,
        *how, is_open,
    )  # fmt: skip
    solve, pools = _prepare(box, openings, like)
    gain = pools.level(gain)
    remaining = _leftover(box, openings, projected, pools)
    dual, used, residual = refine(solve, remaining, gain, tolerance)
    face_gradients(
        *_flat(g_faces), *_flat(projected), *fixed, *_flat(solid or projected), dual,
        *_flat(g_velocity), *_flat(g_openings or g_velocity), *_flat(g_solid or g_velocity),
        box.table, *how, is_open, moves,
    )  # fmt: skip
    if is_open and len(openings[0]) < len(like):
        g_openings = [g.sum(dim=0, keepdim=True) for g in g_openings]
    if solid and len(solid[0]) < len(like):
        g_solid = [g.sum(dim=0, keepdim=True) for g in g_solid]
    return g_velocity, g_openings, g_solid, torch.stack([used.double(), residual], dim=1)
