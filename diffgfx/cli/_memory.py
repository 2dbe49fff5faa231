"""Keep freed memory in the process while a command works.

glibc returns large freed blocks to the system, which clears their pages again at the next
allocation: on a virtual machine that was measured at 1.4 ms a megabyte, ten times the arithmetic on
it. A command owns its process, so it may say otherwise; the library never does.
"""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks; return whether there was a glibc to tell."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE)) and bool(mallopt(_TRIM_THRESHOLD, _LARGE))
