"""The gradient of an op against central differences, in float64.

`assert_gradients` compares every entry of the Jacobian, at a cost of two evaluations for each
number that goes in: for small inputs. `assert_directional_gradients` compares the slope along a
few random directions, at a cost of two evaluations each whatever the size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from diffgfx.errors import DtypeError, RangeError

__all__ = ["assert_directional_gradients", "assert_gradients"]

Function = Callable[..., Tensor | Sequence[Tensor]]


def assert_gradients(
    function: Function,
    inputs: Sequence[Any],
    *,
    step: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> None:
    """Assert that backward equals central differences in every entry of the Jacobian.

    Keep inputs away from kinks (a clamp, a horizon): a difference across one is no derivative.

    Args:
        function: Takes the inputs in order; returns a tensor or a sequence of tensors.
        inputs: The arguments. Checked are the tensors that require a gradient, all float64; other
            arguments pass through.
        step: Half the distance between the two evaluations [unit of the input].
        rtol: Relative tolerance of an entry.
        atol: Absolute tolerance of an entry [unit of output / unit of input].

    Raises:
        AssertionError: If an entry differs, or two backward calls do; the message holds both
            Jacobians.
        DtypeError: If a checked input is not float64.
        RangeError: If no input requires a gradient.
    """
    _checked(inputs)
    try:
        torch.autograd.gradcheck(
            lambda *values: _tensors(function(*values)),
            tuple(inputs),
            eps=step,
            rtol=rtol,
            atol=atol,
            nondet_tol=0.0,
        )
    except GradcheckError as error:
        raise AssertionError(str(error)) from error


def assert_directional_gradients(
    function: Function,
    inputs: Sequence[Any],
    *,
    directions: int = 3,
    step: float = 1e-5,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
) -> None:
    """Assert that backward gives the slope along random directions, for each input by itself.

    The outputs are first reduced to one number by random weights. Directions have root mean square
    one, so that ``step`` is the typical change of an entry.

    Args:
        function: Takes the inputs in order; returns a tensor or a sequence of tensors.
        inputs: The arguments. Checked are the tensors that require a gradient, all float64; other
            arguments pass through.
        directions: How many random directions for each input.
        step: Half the distance between the two evaluations [unit of the input].
        rtol: Tolerance relative to the larger of the two slopes.
        atol: Absolute tolerance of a slope [unit of output / unit of input].
        seed: Of the weights and directions.

    Raises:
        AssertionError: If a slope differs; the message names the input and both slopes.
        DtypeError: If a checked input is not float64.
        RangeError: If no input requires a gradient.
    """
    checked = _checked(inputs)
    draw = torch.Generator().manual_seed(seed)
    outputs = _tensors(function(*inputs))
    weights = [_random_like(output, draw) for output in outputs]
    gradients = torch.autograd.grad(
        _weighted(outputs, weights), [inputs[index] for index in checked], allow_unused=True
    )
    for index, gradient in zip(checked, gradients, strict=True):
        for _ in range(directions):
            direction = _random_like(inputs[index], draw)
            slope = 0.0 if gradient is None else float((gradient * direction).sum())
            ends = [
                _moved(function, inputs, index, sign * step * direction, weights)
                for sign in (1.0, -1.0)
            ]
            difference = (ends[0] - ends[1]) / (2.0 * step)
            tolerance = atol + rtol * max(abs(slope), abs(difference))
            if not abs(slope - difference) <= tolerance:  # NaN must not pass
                raise AssertionError(
                    f"input {index} of shape {tuple(inputs[index].shape)}: backward gives slope "
                    f"{slope:.9g}, central differences {difference:.9g}, off by "
                    f"{abs(slope - difference):.3g} where {tolerance:.3g} is allowed"
                )


def _checked(inputs: Sequence[Any]) -> list[int]:
    """Return the places of the inputs to check."""
    places = [
        index
        for index, value in enumerate(inputs)
        if isinstance(value, Tensor) and value.requires_grad
    ]
    if not places:
        raise RangeError("inputs must hold a tensor that requires a gradient, got none")
    for index in places:
        if inputs[index].dtype != torch.float64:
            raise DtypeError(
                f"inputs[{index}] must be float64, got {inputs[index].dtype}; differences of "
                "float32 are noise, convert it with .double()"
            )
    return places


def _tensors(outputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def _random_like(value: Tensor, draw: torch.Generator) -> Tensor:
    return torch.randn(value.shape, generator=draw, dtype=value.dtype).to(value.device)


def _weighted(outputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    terms = [(output * weight).sum() for output, weight in zip(outputs, weights, strict=True)]
    return torch.stack(terms).sum()


def _moved(
    function: Function,
    inputs: Sequence[Any],
    index: int,
    offset: Tensor,
    weights: Sequence[Tensor],
) -> float:
    """Return the weighted outputs with one input moved."""
    with torch.no_grad():
        values = list(inputs)
        values[index] = inputs[index].detach() + offset
        return float(_weighted(_tensors(function(*values)), weights))
