"""Threads that soon wait asleep: commands take turns between torch's threads and Taichi's."""

import os

__all__ = ["let_threads_sleep"]

_SOON = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
"""How long a thread spins: for GNU's OpenMP, torch's on Linux, in turns, which make some tenths of
a millisecond (by default thirty times that); for LLVM's and Intel's in milliseconds (200)."""


def let_threads_sleep() -> None:
    """Let OpenMP's threads, which are torch's, sleep soon after work, unless the user has a say.

    By default they spin for milliseconds after each operation and hold cores that Taichi's threads
    want: on two cores the four mesh ops took 42 to 49 ms so, and 31 with this; a capture 22.5 to
    23.7 s and 20.6 to 21.7. Threads that never spin (``OMP_WAIT_POLICY=PASSIVE``) suit the ops as
    well, but a capture took 35 s: to wake one for each of many short operations is slow. Where
    other work holds a core, a step of a flow takes as long as with threads that never spin.

    A command owns its process, so it may say; the library does not. OpenMP reads the variables when
    it is loaded, so this must come before torch. All that was measured is GNU's.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in _SOON.items():
            os.environ.setdefault(name, value)
