from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from diffgfx.errors import DtypeError, RangeError
from diffgfx.testing import assert_directional_gradients, assert_gradients

CHECKS = [assert_gradients, assert_directional_gradients]


class _Scaled(torch.autograd.Function):
    """x^2 y, with its gradient to x multiplied by a factor: right where the factor is 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.factor = factor
        return x * x * y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, y = ctx.saved_tensors
        return ctx.factor * 2.0 * x * y * grad, x * x * grad, None


def _scaled(factor: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, y: _Scaled.apply(x, y, factor)  # type: ignore[no-untyped-call]


def _inputs() -> list[Tensor]:
    draw = torch.Generator().manual_seed(1)
    return [
        torch.rand(2, 3, generator=draw, dtype=torch.float64).requires_grad_() for _ in range(2)
    ]


@pytest.mark.parametrize("check", CHECKS)
def test_right_gradient_passes(check: Callable[..., None]) -> None:
    check(_scaled(1.0), _inputs())


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0, float("nan")])
@pytest.mark.parametrize("check", CHECKS)
def test_wrong_gradient_fails(check: Callable[..., None], factor: float) -> None:
    with pytest.raises(AssertionError):
        check(_scaled(factor), _inputs())


def test_message_names_the_input_and_both_slopes() -> None:
    with pytest.raises(
        AssertionError, match=r"input 0 of shape \(2, 3\): backward gives slope -?\d"
    ):
        assert_directional_gradients(_scaled(2.0), _inputs())


@pytest.mark.parametrize("check", CHECKS)
def test_several_outputs_and_other_arguments(check: Callable[..., None]) -> None:
    def function(x: Tensor, power: int, y: Tensor) -> list[Tensor]:
        return [x**power, (x * y).sum()]

    x, y = _inputs()
    check(function, [x, 3, y.detach()])


@pytest.mark.parametrize("check", CHECKS)
def test_a_wrong_second_output_is_noticed(check: Callable[..., None]) -> None:
    with pytest.raises(AssertionError):
        check(lambda x: [x * 2.0, _scaled(2.0)(x, torch.ones_like(x))], _inputs()[:1])


@pytest.mark.parametrize("check", CHECKS)
def test_unused_input_has_slope_zero(check: Callable[..., None]) -> None:
    check(lambda x, y: x * 2.0, _inputs())


@pytest.mark.parametrize("check", CHECKS)
def test_float32_is_refused(check: Callable[..., None]) -> None:
    with pytest.raises(DtypeError, match=r"inputs\[1\] must be float64, got torch.float32"):
        check(lambda n, x: n * x, [2.0, torch.ones(2, requires_grad=True)])


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_to_check_is_refused(check: Callable[..., None]) -> None:
    with pytest.raises(RangeError, match="inputs must hold a tensor that requires a gradient"):
        check(lambda x: x, [torch.ones(2, dtype=torch.float64)])


def test_directional_needs_few_evaluations_and_leaves_inputs_alone() -> None:
    calls = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        return x.sin()

    x = torch.linspace(0.0, 1.0, 10_000, dtype=torch.float64).requires_grad_()
    before = x.detach().clone()
    assert_directional_gradients(function, [x], directions=2)
    assert len(calls) == 5
    assert torch.equal(x.detach(), before)
    assert x.grad is None
