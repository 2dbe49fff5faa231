"""Quick tracing gives the same kernels and messages, and leaves Taichi as it was."""

import collections
import inspect

import pytest
import taichi as ti
import torch
from taichi.lang import kernel_impl
from taichi.lang.ast.ast_transformer_utils import ASTTransformerContext

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.tracing import quick_tracing

runtime.start(torch.device("cpu"))


@ti.func
def twice(x):
    return x + x


@kernel
def eight_times(x: ti.types.ndarray(ndim=1)):
    for i in x:
        x[i] = twice(twice(twice(x[i])))


@kernel
def faulty(x: ti.types.ndarray(ndim=1)):
    for i in x:
        x[i] = missing + x[i]  # noqa: F821


def insides() -> list[object]:
    names = ("getsourcelines", "getsourcefile", "_inside_class")
    return [getattr(kernel_impl, name) for name in names] + [ASTTransformerContext.get_pos_info]


def test_a_source_is_looked_for_once(monkeypatch):
    looked = collections.Counter()

    def counted(function):
        looked[function.__name__] += 1
        return inspect.getsourcelines(function)

    monkeypatch.setattr(kernel_impl, "getsourcelines", counted)
    x = torch.ones(3)
    eight_times(x)
    assert x.tolist() == [8, 8, 8]
    assert looked == {"eight_times": 1, "twice": 1}


def test_a_fault_is_told_with_its_file_line_and_text():
    before = insides()
    first = inspect.getsourcelines(inspect.unwrap(faulty))[1]
    with pytest.raises(ti.TaichiCompilationError) as caught:
        faulty(torch.ones(3))
    message = str(caught.value)
    assert f'File "{__file__}", line {first + 3}, in faulty:\nx[i] = missing + x[i]' in message
    assert 'Name "missing" is not defined' in message
    assert insides() == before


def test_kernels_of_classes_are_known_as_such():
    with quick_tracing():

        @ti.data_oriented
        class Box:
            @ti.kernel
            def fill(self, x: ti.types.ndarray(ndim=1)):
                for i in x:
                    x[i] = 3.0

        @ti.kernel
        def fill(x: ti.types.ndarray(ndim=1)):
            for i in x:
                x[i] = 4.0

        x = torch.zeros(2)
        Box().fill(x)
        assert x.tolist() == [3, 3]
        fill(x)
        assert x.tolist() == [4, 4]


def test_outside_of_classes_no_source_is_looked_for(monkeypatch):
    looked = []

    def look(level_of_class_stackframe: int) -> bool:
        looked.append(level_of_class_stackframe)
        return True

    monkeypatch.setattr(kernel_impl, "_inside_class", look)
    with quick_tracing():
        exec("@ti.func\ndef f(x):\n    return x\n", {"ti": ti})  # in a module

        @ti.kernel
        def fill(x: ti.types.ndarray(ndim=1)):
            for i in x:
                x[i] = 1.0

        kernel(fill.__wrapped__)
        assert looked == []

        class Box:
            @ti.kernel
            def fill(self, x: ti.types.ndarray(ndim=1)):
                for i in x:
                    x[i] = 1.0

        assert len(looked) == 1


def test_blocks_may_lie_in_one_another_and_fail():
    before = insides()
    with pytest.raises(KeyError), quick_tracing(), quick_tracing():
        raise KeyError
    assert insides() == before


def test_a_taichi_of_other_insides_is_left_alone(monkeypatch):
    monkeypatch.delattr(kernel_impl, "getsourcefile")
    names = ("getsourcelines", "_inside_class")

    def others() -> list[object]:
        found = [getattr(kernel_impl, name) for name in names]
        return [*found, ASTTransformerContext.get_pos_info]

    before = others()
    with quick_tracing():
        assert others() == before
    assert others() == before
