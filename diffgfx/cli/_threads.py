"""Threads that wait asleep, for commands of many short steps."""

import os

__all__ = ["let_threads_sleep"]


def let_threads_sleep() -> None:
    """Let OpenMP's threads wait asleep, unless the user's OMP_WAIT_POLICY says otherwise.

    By default they spin. Where another process holds one of the cores, each short operation of a
    step then waits for a thread that does not run: 160 ms a step instead of 15 on two cores, one of
    them busy. OpenMP reads the variable as it is loaded, so this must come before torch.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
