"""Tensors that a kernel is about to write whole, on large pages where the system has them.

glibc returns large freed blocks to the system, and the first write to each page of the next block
is a fault. On a virtual machine these faults cost more than the arithmetic of a shaded picture:
28 MiB of it are 7000 of them, or 14 where Linux gives pages of 2 MiB to whoever asks.
"""

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

__all__ = ["fresh"]

_PAGE = 1 << 21
_HUGE_PAGES = 14        # MADV_HUGEPAGE of <bits/mman-linux.h>


def fresh(like: Tensor, shape: Sequence[int] | None = None) -> Tensor:
    """Return a contiguous tensor of a shape, values undefined, of the type and device of another.

    One of several pages begins at a page, in up to a page more of memory.

    Args:
        like: The other tensor.
        shape: The shape; that of ``like`` where it is None.
    """
    wanted = torch.Size(like.shape if shape is None else shape)
    count, size = wanted.numel(), like.element_size()
    if like.device.type != "cpu" or count * size < 2 * _PAGE:
        return like.new_empty(wanted)
    room = like.new_empty(count + _PAGE // size)
    skipped = -room.data_ptr() % _PAGE
    _advise()(room.data_ptr() + skipped, count * size, _HUGE_PAGES)
    found = like.new_empty(0)  # no view of the room: those may not be changed in place
    return found.set_(room.untyped_storage(), skipped // size, wanted, _strides(wanted))


def _strides(shape: torch.Size) -> list[int]:
    """Return the strides of a contiguous tensor."""
    return [shape[axis + 1 :].numel() for axis in range(len(shape))]


@lru_cache(maxsize=1)
def _advise() -> Callable[[int, int, int], int]:
    """Return ``madvise``, or what does nothing where there is none; its refusal is no error."""
    try:
        if sys.platform.startswith("linux"):
            madvise = ctypes.CDLL("libc.so.6").madvise
            madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
            return madvise
    except (OSError, AttributeError):
        pass
    return lambda begin, length, advice: -1
