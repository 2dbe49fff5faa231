"""How an image is dealt out to threads: tiles of lanes, in a fixed number of chunks.

A chunk owns the gradient of its texels and one row of partial sums, added in chunk order, so that
results do not depend on the number of threads or on scheduling. On a CPU a tile is wide, for the
vector units, and chunks are few; on a GPU a tile is one texel and a chunk is a thread.

Taichi's CPU scheduler never gives a thread fewer than 512 consecutive items (measured with 1.7.4;
no setting changes it), so that a loop over 64 chunks would run on one core. A CPU loop is therefore
written over 512 items a chunk, of which the first does the work.
"""

from typing import NamedTuple

import taichi as ti
import torch

__all__ = [
    "Grid", "grid_for", "lanes_if", "many_threads", "rolled", "run_start", "take",
    "tile_start", "turns",
]  # fmt: skip

LAST_START = 2**31 - 1 - 4096


class Grid(NamedTuple):
    """Known when a kernel is compiled.

    Attributes:
        lanes: Texels a tile.
        chunks: Parts an image is dealt out in.
        spread: Loop items a chunk.
        together: A chunk's tiles follow one another, for the caches of a CPU; else they are dealt
            in turn, so that the threads of a GPU read side by side.
    """

    lanes: int
    chunks: int
    spread: int
    together: bool


def grid_for(device: torch.device, lit: bool = False) -> Grid:
    """Return the grid that suits a device; it depends on nothing else but the kernel.

    Args:
        device: Where the kernel runs.
        lit: Whether it finds gradients to the pairs too: its tiles are narrower, because compiling
            takes as long as the square of a tile's numbers.
    """
    if device.type == "cuda":
        return Grid(lanes=1, chunks=4096, spread=1, together=False)
    return Grid(lanes=32 if lit else 64, chunks=32, spread=512, together=True)


def many_threads(device: torch.device) -> bool:
    """Whether a device has threads by the thousand: what one may do there, many should."""
    return device.type == "cuda"


def lanes_if(grid: Grid, wanted: bool) -> int:
    """Return how wide rows are made: a lane where they are not wanted, for compiling takes long."""
    return grid.lanes if wanted else 1


@ti.func
def take(chunk, chunks, total):
    """The first of a chunk's pieces, and the one after its last."""
    share = (total + chunks - 1) // chunks
    return chunk * share, ti.min((chunk + 1) * share, total)


@ti.func
def turns(chunk, pixels, grid: ti.template()):
    """How many tiles of an image fall to a chunk."""
    tiles = (pixels + grid.lanes - 1) // grid.lanes
    share = (tiles + grid.chunks - 1) // grid.chunks
    count = ti.max(ti.min(share, tiles - chunk * share), 0)
    if ti.static(not grid.together):
        count = (tiles - chunk + grid.chunks - 1) // grid.chunks
    return count


@ti.func
def tile_start(chunk, turn, pixels, grid: ti.template()):
    """The first texel of a chunk's tile."""
    tiles = (pixels + grid.lanes - 1) // grid.lanes
    share = (tiles + grid.chunks - 1) // grid.chunks
    tile = chunk * share + turn
    if ti.static(not grid.together):
        tile = turn * grid.chunks + chunk
    return tile * grid.lanes


@ti.func
def rolled(count, lanes):
    """A small count that the compiler cannot tell, for a loop around a loop over lanes.

    It would write the inner loop out as many times, and compile as much longer.
    """
    return ti.min(count, count * lanes)


@ti.func
def run_start(plane, pixels, first):
    """Where a tile's run of texels starts in a flat tensor of planes.

    The bound changes no index of a tensor that 32 bits can index. It lets the compiler see that
    adding a lane cannot overflow, so that lanes stand side by side in memory and are loaded
    together (measured: a copy takes half as long).
    """
    return ti.min(plane * pixels + first, LAST_START)
