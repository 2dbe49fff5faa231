"""Let Ctrl-C wait while Taichi is imported and kernels are declared.

Taichi's decorators look at the source around a kernel inside ``except: pass`` (1.7.4,
lang/kernel_impl.py, _inside_class): an interrupt that falls there would be
lost, and the program go on.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["interrupts_wait"]


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Hold back SIGINT within the block, and pass it to the handler that stood before after it.

    Other threads than the main one are never interrupted; there, nothing is done.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(*held[0])
