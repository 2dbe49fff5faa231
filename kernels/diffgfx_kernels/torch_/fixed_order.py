"""Entries read, and sums made, at places of a tensor, so that rounding is the same every time.

On CUDA what `scatter_add` and the gradient of `gather` add comes in any order, and indexing sorts
first; on the CPU it is the other way round: indexing adds from several threads.
"""

import torch
from torch import Tensor

__all__ = ["add_at", "take_at"]


def take_at(flat: Tensor, index: Tensor) -> Tensor:
    """Return the entries of values (B, C, N) at places (B|1, P), shape (B, C, P)."""
    batch, channels, _ = flat.shape
    wanted = index.expand(batch, -1)[:, None].expand(-1, channels, -1)
    if not flat.is_cuda:
        return flat.gather(2, wanted)
    rows = torch.arange(batch, device=flat.device)[:, None, None]
    return flat[rows, torch.arange(channels, device=flat.device)[:, None], wanted]


def add_at(total: Tensor, index: Tensor, values: Tensor) -> Tensor:
    """Add values (B, P) to a sum (B, N) at places (B, P), in place; return the sum."""
    if not total.is_cuda:
        return total.scatter_add_(1, index, values)
    rows = torch.arange(len(total), device=total.device)[:, None]
    return total.index_put_((rows, index), values, accumulate=True)
