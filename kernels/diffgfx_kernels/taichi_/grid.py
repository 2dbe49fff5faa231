"""How an image is dealt out to threads: tiles of lanes, dealt in turn to a fixed number of chunks.

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

__all__ = ["Grid", "grid_for", "turns"]


class Grid(NamedTuple):
    """Lanes a tile (known when a kernel is compiled), chunks an image, and items a chunk."""

    lanes: int
    chunks: int
    spread: int


def grid_for(device: torch.device) -> Grid:
    """Return the grid that suits a device; it depends on nothing else."""
    if device.type == "cuda":
        return Grid(lanes=1, chunks=4096, spread=1)
    return Grid(lanes=32, chunks=32, spread=512)


@ti.func
def turns(chunk, chunks, lanes, pixels):
    """How many tiles of an image fall to a chunk."""
    tiles = (pixels + lanes - 1) // lanes
    return (tiles - chunk + chunks - 1) // chunks
