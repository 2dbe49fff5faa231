"""Tensors that a kernel is about to write whole, on large pages where the system has them.

glibc returns large freed blocks to the system, and the first write to each page of the next block
is a fault. On a virtual machine these faults cost more than the arithmetic of a shaded picture:
28 MiB of it are 7000 of them, or 14 where Linux gives pages of 2 MiB to whoever asks.
"""

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache

from torch import Tensor

__all__ = ["fresh"]

_PAGE = 1 << 21
_HUGE_PAGES = 14        # MADV_HUGEPAGE of <bits/mman-linux.h>


def fresh(like: Tensor, shape: Sequence[int] | None = None) -> Tensor:
    """Return a contiguous tensor of a shape, values undefined, of the type and device of another.

    Args:
        like: The other tensor.
        shape: The shape; that of ``like`` where it is None.
    """
    made = like.new_empty(tuple(like.shape if shape is None else shape))
    if made.device.type == "cpu":
        begin = made.data_ptr()
        end = (begin + made.nbytes) & -_PAGE
        begin = (begin + _PAGE - 1) & -_PAGE
        if end > begin:     # only pages that are the tensor's alone
            _advise()(begin, end - begin, _HUGE_PAGES)
    return made


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
