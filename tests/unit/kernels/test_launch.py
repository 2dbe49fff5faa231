"""Quick launches give what Taichi's own give, and leave what is out of the ordinary to it."""

import pytest
import taichi as ti
import torch

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.launch import _Quick, kernel

runtime.start(torch.device("cpu"))


@kernel
def scale(
    x: ti.types.ndarray(ndim=1), y: ti.types.ndarray(ndim=1), count: int, factor: ti.f64,
    bias: ti.template(), real: ti.template(),
):  # fmt: skip
    """Multiply the first places."""
    for i in range(count):
        y[i] = ti.cast(factor, real) * x[i] + bias


def quick_of(function) -> _Quick:
    return function.__closure__[0].cell_contents


def run(count: int = 3, factor: float = 2.0, bias: int = 0, dtype: torch.dtype = torch.float32):
    x, y = torch.arange(4, dtype=dtype), torch.zeros(4, dtype=dtype)
    scale(x, y, count, factor, bias, ti.f64 if dtype == torch.float64 else ti.f32)
    return y.tolist()


def test_each_launch_takes_its_own_numbers_and_tensors():
    for _ in range(2):
        assert run() == [0, 2, 4, 0]
        assert run(count=4, factor=-1.5) == [0, -1.5, -3, -4.5]
        assert run(bias=1) == [1, 3, 5, 0]
        assert run(dtype=torch.float64) == [0, 2, 4, 0]
    assert len(quick_of(scale)._ready) == 3  # by what is compiled apart, not by numbers


def test_what_taichi_refuses_is_still_refused():
    run()
    x = torch.zeros(8)[::2]
    with pytest.raises(ValueError, match="contiguous"):
        scale(x, torch.zeros(4), 4, 1.0, 0, ti.f32)
    with pytest.raises(Exception, match="dim 2"):
        scale(torch.zeros(2, 2), torch.zeros(4), 4, 1.0, 0, ti.f32)


def test_a_tensor_that_asks_for_a_gradient_goes_the_long_way():
    run()
    x, y = torch.ones(4, requires_grad=True), torch.zeros(4)
    assert quick_of(scale)._key((x, y, 4, 1.0, 0, ti.f32)) is None
    scale(x, y, 4, 3.0, 0, ti.f32)
    assert y.tolist() == [3, 3, 3, 3]


def test_a_taichi_with_other_insides_is_served_by_its_own_launches(monkeypatch):
    @kernel
    def double(x: ti.types.ndarray(ndim=1)):
        for i in x:
            x[i] *= 2.0

    quick = quick_of(double)
    monkeypatch.delattr(type(quick._wrapped._primal), "ensure_compiled", raising=True)
    quick._wrapped = lambda x: x.mul_(2.0)  # as ensure_compiled is missing for Taichi, too
    quick._wrapped._primal = object()
    x = torch.ones(3)
    for _ in range(2):
        double(x)
    assert x.tolist() == [4, 4, 4]
    assert quick._kinds is None


def test_work_on_another_stream_is_waited_for_on_both_sides(monkeypatch):
    told = []

    class Stream:
        def synchronize(self) -> None:
            told.append("ours")

    started = quick_of(scale)._start

    def start(args):
        told.append("launch")
        return started(args)

    monkeypatch.setattr("diffgfx_kernels.taichi_.launch._stream_beside", lambda args: Stream())
    monkeypatch.setattr(quick_of(scale), "_start", start)
    monkeypatch.setattr(ti, "sync", lambda: told.append("taichi's"))
    assert run() == [0, 2, 4, 0]
    assert told == ["ours", "launch", "taichi's"]


def test_tensors_of_the_cpu_have_no_stream():
    from diffgfx_kernels.taichi_.launch import _stream_beside

    assert _stream_beside((torch.zeros(2), 3)) is None
    assert _stream_beside((3,)) is None
