"""Medians of interleaved runs, and the memory that a piece of work needs at its peak."""

import ctypes
import dataclasses
import gc
import importlib.metadata
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

__all__ = [
    "NOISE",
    "Row",
    "interleave",
    "machine",
    "peak_memory",
    "return_freed_memory",
    "seconds_of",
]

NOISE = float(2**20)
"""Bytes below which a rise of resident memory says nothing: one mebibyte."""

Work = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Row:
    """One claim: a ratio, the least it must be, and what it was made from."""

    name: str
    ours: float
    theirs: float
    bar: float
    unit: str

    @property
    def ratio(self) -> float:
        """How many times more the baseline takes."""
        return self.theirs / max(self.ours, 1e-12)

    @property
    def passed(self) -> bool:
        """Whether the ratio reaches the bar."""
        return self.ratio >= self.bar


def interleave(ours: Work, theirs: Work, repeats: int) -> tuple[float, float]:
    """Return median seconds of both, run in turn (A B A B ...) after one warm-up of each."""
    seconds: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for turn in range(repeats + 1):
        for work, times in zip((ours, theirs), seconds, strict=True):
            begun = time.perf_counter()
            work()
            if turn:
                times.append(time.perf_counter() - begun)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def seconds_of(work: Work, repeats: int) -> float:
    """Return the median seconds of some work, after three warm-ups."""
    for _ in range(2):  # the process still grows in the second and third run of large work
        work()
    return interleave(work, lambda: None, repeats)[0]


def return_freed_memory() -> None:
    """Tell glibc to map every block over 64 KiB by itself, so that a freed one leaves at once."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL("libc.so.6").mallopt(-3, 1 << 16)  # M_MMAP_THRESHOLD


def peak_memory(work: Work, *, warm: bool = True) -> float:
    """Return the bytes by which resident memory rises at most while ``work`` runs.

    It is run once before that, unless ``warm`` is false.

    Call it in a process of its own. The high-water mark of the process is reset where the system
    lets it be (Linux: clear_refs); elsewhere the mark since the process began counts.
    """
    if warm:
        work()
    gc.collect()
    status = Path("/proc/self/status")
    reset = Path("/proc/self/clear_refs")
    if status.exists() and reset.exists():
        reset.write_text("5")
        before = _status_kib(status, "VmRSS")
        work()
        return 1024.0 * (_status_kib(status, "VmHWM") - before)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    return 1024.0 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def _status_kib(status: Path, key: str) -> float:
    line = next(x for x in status.read_text().splitlines() if x.startswith(key))
    return float(line.split()[1])


def machine() -> str:
    """Return one line on what was measured on: cores, threads, versions, and how busy it was."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    version = importlib.metadata.version("taichi")
    return (
        f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads, "
        f"{platform.machine()}, torch {torch.__version__}, taichi {version}, "
        f"python {platform.python_version()}{load}"
    )
