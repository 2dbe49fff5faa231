"""An interrupt waits for the end of the block, and then is one."""

import os
import signal
import threading

import pytest

from diffgfx_kernels.interrupts import interrupts_wait


def test_an_interrupt_waits_for_the_end():
    before = signal.getsignal(signal.SIGINT)
    reached = []

    def interrupted() -> None:
        with interrupts_wait():
            try:
                os.kill(os.getpid(), signal.SIGINT)
                reached.append("the end")
            except BaseException:  # what Taichi does
                reached.append("swallowed")
        reached.append("beyond")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) is before


def test_errors_pass_and_nothing_is_raised_without_an_interrupt():
    before = signal.getsignal(signal.SIGINT)
    with interrupts_wait():
        pass
    with pytest.raises(ImportError, match="no such"), interrupts_wait():
        raise ImportError("no such")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_and_ignored_interrupts_are_left_alone():
    done = []

    def work() -> None:
        with interrupts_wait():
            done.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_wait():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
