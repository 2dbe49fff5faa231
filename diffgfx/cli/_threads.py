"""Threads that soon wait asleep: commands take turns between torch's threads and Taichi's."""

import os

__all__ = ["let_threads_sleep"]

_TURNS = "10000"
"""That a waiting thread spins, some tenths of a millisecond; GNU's default is thirty times that."""


def let_threads_sleep() -> None:
    """Let GNU OpenMP's threads, torch's on Linux, sleep soon after work, unless the user has a say.

    By default they spin for milliseconds after each operation and hold cores that Taichi's threads
    want: on two cores the four mesh ops took 42 to 49 ms so, and 31 with this; a capture 22.5 to
    23.7 s and 20.6 to 21.7. Threads that never spin (``OMP_WAIT_POLICY=PASSIVE``) suit the ops as
    well, but a capture took 35 s: to wake one for each of many short operations is slow. Where
    other work holds a core, a step of a flow takes as long as with threads that never spin.

    A command owns its process, so it may say; the library does not. OpenMP reads the variable as it
    is loaded, so this must come before torch.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _TURNS)
