"""Tensors on large pages: what is asked of the system, for which bytes, and that it heard."""

import sys
from pathlib import Path

import pytest
import torch

from diffgfx_kernels.taichi_ import fresh as module
from diffgfx_kernels.taichi_.fresh import fresh

PAGE = 1 << 21


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    calls: list[tuple[int, int, int]] = []

    def note(begin: int, length: int, advice: int) -> int:
        calls.append((begin, length, advice))
        return 0

    monkeypatch.setattr(module, "_advise", lambda: note)
    return calls


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_large_tensor_begins_at_a_page_and_asks_for_its_own_alone(asked, dtype):
    made = fresh(torch.empty(3, dtype=dtype), (3, 1, 1 << 20))
    assert (made.shape, made.dtype) == ((3, 1, 1 << 20), dtype)
    assert made.is_contiguous()
    assert asked == [(made.data_ptr(), made.nbytes, 14)]
    assert made.data_ptr() % PAGE == 0
    assert made.data_ptr() + made.nbytes <= (
        made.untyped_storage().data_ptr() + made.untyped_storage().nbytes()
    )


def test_it_may_be_changed_in_place_as_any_other():
    made = fresh(torch.empty(1), (1 << 20,))
    assert made._base is None
    made.fill_(1.0).requires_grad_()
    (2.0 * made).mul_(3.0).sum().backward()
    assert bool((made.grad == 6.0).all())


def test_a_small_or_empty_one_asks_for_nothing(asked):
    assert fresh(torch.zeros(7, 5)).shape == (7, 5)
    assert fresh(torch.zeros(4), (0, 3)).shape == (0, 3)
    assert asked == []


def test_a_tensor_elsewhere_asks_for_nothing(asked):
    assert fresh(torch.empty(1, device="meta"), (1 << 22,)).device.type == "meta"
    assert asked == []


def test_a_system_without_large_pages_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    module._advise.cache_clear()
    try:
        assert fresh(torch.empty(1), (1 << 22,)).fill_(2.0).sum() == 2.0 * (1 << 22)
    finally:
        module._advise.cache_clear()


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage/enabled").exists(),
    reason="no large pages here: /sys/kernel/mm/transparent_hugepage is missing",
)
def test_the_system_heard_it():
    made = fresh(torch.empty(1), (1 << 23,))
    middle = made.data_ptr() + made.nbytes // 2
    found = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            low, high = (int(end, 16) for end in words[0].split("-"))
            found = low <= middle < high
        elif found and words[0] == "VmFlags:":
            assert "hg" in words
            return
    raise AssertionError("the tensor must lie in a mapping of this process")
