"""The one place where Taichi starts, and what must hold before a kernel may run.

A runtime that the process already started is reused. A child forked after the first start would
hang at its first launch, and Taichi serves only the first CUDA device: both become errors here.
"""

import contextlib
import io
import os
import threading
import time
from typing import Any

import torch
from torch import Tensor

from diffgfx_kernels.interrupts import interrupts_wait

__all__ = [
    "cache_folder",
    "drop_stale_lock",
    "real_of",
    "reason_unavailable",
    "start",
    "thread_count",
]

_MOST_CACHED = 1 << 29
"""Bytes of compiled kernels on disk; Taichi's own limit, 1e8, is less than this library has."""

_LONGEST_LOCK = 30.0
"""Seconds after which a lock on them has no owner."""

_lock = threading.Lock()
_state: dict[str, Any] = {"pid": None, "arch": None}


def reason_unavailable(device: torch.device) -> str | None:
    """Say why Taichi cannot serve a device now, with the remedy; None if it can."""
    if _serves(device):
        return None
    try:
        with interrupts_wait():
            import taichi  # noqa: F401
    except ImportError as error:
        return f"taichi is not installed ({error}); pip install taichi, or pass backend='torch'"
    if _state["pid"] not in (None, os.getpid()):
        return (
            "taichi was started before this process was forked, and would hang; start workers "
            "with the 'spawn' method, or pass backend='torch'"
        )
    if device.type == "cuda":
        if device.index not in (None, 0):
            return f"taichi serves cuda:0 only, got {device}; move the tensors or pass 'torch'"
        if not torch.cuda.is_available():
            return "no CUDA device is visible; use device='cpu'"
    elif device.type != "cpu":
        return f"taichi serves cpu and cuda here, not {device.type}; pass backend='torch'"
    if _state["arch"] not in (None, device.type):
        return (
            f"taichi already runs on {_state['arch']} in this process and cannot also serve "
            f"{device.type}; use one device a process, or pass backend='torch'"
        )
    return None


def _serves(device: torch.device) -> bool:
    """Whether Taichi already runs in this process, and on this device."""
    running = _state["pid"] == os.getpid() and _state["arch"] == device.type
    return running and device.index in (None, 0)


def start(device: torch.device) -> None:
    """Start Taichi for a device, once a process; raise RuntimeError where it cannot serve it."""
    wanted = "cuda" if device.type == "cuda" else "cpu"
    if _serves(device):
        return
    reason = reason_unavailable(device)
    if reason is not None:
        raise ImportError(reason)
    with _lock:
        import taichi as ti
        from taichi.lang import impl

        if impl.get_runtime().prog is None:
            drop_stale_lock(cache_folder())
            with contextlib.redirect_stdout(io.StringIO()):  # it prints where results belong
                ti.init(
                    arch=ti.cuda if wanted == "cuda" else ti.cpu,
                    log_level=ti.ERROR,
                    fast_math=False,
                    offline_cache=True,
                    offline_cache_max_size_of_files=_MOST_CACHED,
                    cfg_optimization=False,  # LLVM does as much; compiles in a third of the time
                )
        running = "cuda" if impl.current_cfg().arch == ti.cuda else "cpu"
        if running != wanted:
            raise ImportError(
                f"taichi already runs on {running} in this process and cannot also serve {wanted}; "
                "use one device a process, or pass backend='torch'"
            )
        _state.update(pid=os.getpid(), arch=wanted)


def real_of(tensor: Tensor) -> Any:
    """Return the Taichi type of a tensor's numbers."""
    import taichi as ti

    return ti.f64 if tensor.dtype == torch.float64 else ti.f32


def thread_count() -> int:
    """Return the number of CPU threads that Taichi uses once started."""
    return os.cpu_count() or 1


def cache_folder() -> str:
    """Return the folder in which Taichi keeps compiled kernels."""
    from taichi.lang import impl

    if impl.get_runtime().prog is not None:
        return str(impl.current_cfg().offline_cache_file_path)
    chosen = os.environ.get("TI_OFFLINE_CACHE_FILE_PATH")
    return chosen or os.path.join(os.path.expanduser("~"), ".cache", "taichi", "ticache")


def drop_stale_lock(folder: str) -> None:
    """Remove the lock that a process left which was killed while it wrote to the cache.

    Taichi (1.7.4) holds it for a moment only, but never looks at its age: as long as it lies there,
    every process compiles every kernel anew and keeps none. A folder that cannot be written is
    left as it is.
    """
    lock = os.path.join(folder, "ticache.lock")
    with contextlib.suppress(OSError):
        if time.time() - os.stat(lock).st_mtime > _LONGEST_LOCK:
            os.unlink(lock)
