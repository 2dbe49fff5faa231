"""Items in the order of small whole keys, those of one key as they came: what gathers run over.

For a CPU: the items are counted and placed in a few chunks, each in order; how many there are
changes nothing.
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel

__all__ = ["Order", "stable_order"]

MOST_CHUNKS = 8


class Order(NamedTuple):
    """Items by key.

    Attributes:
        items: Items, those of key 0 first, int32.
        starts: Where each key's items start, and, last, where they end; int32, one more than keys.
    """

    items: Tensor
    starts: Tensor


@kernel
def tally_keys(
    keys: ti.types.ndarray(ndim=1),
    tally: ti.types.ndarray(ndim=1),
    count: int,
    chunks: int,
    spread: int,
):
    for item in range(chunks * spread):
        if item % spread == 0:
            chunk = item // spread
            share = (count + chunks - 1) // chunks
            for i in range(chunk * share, ti.min(chunk * share + share, count)):
                key = keys[i]
                if key >= 0:
                    tally[key * chunks + chunk] = tally[key * chunks + chunk] + 1


@kernel
def place_items(
    keys: ti.types.ndarray(ndim=1),
    cursor: ti.types.ndarray(ndim=1),
    items: ti.types.ndarray(ndim=1),
    count: int,
    chunks: int,
    spread: int,
):
    """Put each item where its key's cursor stands; `cursor` holds ends and is moved back."""
    for item in range(chunks * spread):
        if item % spread == 0:
            chunk = item // spread
            share = (count + chunks - 1) // chunks
            for back in range(ti.max(ti.min(share, count - chunk * share), 0)):
                i = ti.min(chunk * share + share, count) - 1 - back
                key = keys[i]
                if key >= 0:
                    place = cursor[key * chunks + chunk] - 1
                    cursor[key * chunks + chunk] = place
                    items[place] = i


def stable_order(keys: Tensor, key_count: int) -> Order:
    """Return items in the order of their keys.

    Args:
        keys: A key below ``key_count`` of each item, int32, shape (n,); items below 0 are left out.
        key_count: How many keys there are.
    """
    count = keys.shape[0]
    chunks = max(1, min(MOST_CHUNKS, count // max(key_count, 1)))
    spread = grid_for(keys.device).spread
    tally = torch.zeros(key_count * chunks, dtype=torch.int32)
    if count:
        tally_keys(keys, tally, count, chunks, spread)
    cursor = torch.cumsum(tally, 0, dtype=torch.int32)
    total = int(cursor[-1]) if key_count else 0
    items = torch.empty(total, dtype=torch.int32)
    if total:
        place_items(keys, cursor, items, count, chunks, spread)
    starts = torch.empty(key_count + 1, dtype=torch.int32)
    starts[:-1], starts[-1] = cursor[::chunks], total
    return Order(items, starts)
