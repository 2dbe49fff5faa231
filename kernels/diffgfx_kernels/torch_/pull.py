"""Differentiate plain torch inside a registered op, where torch has switched autograd off."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch._C import DispatchKey, _SetExcludeDispatchKeyGuard

__all__ = ["pull"]


def pull(
    function: Callable[..., Tensor], inputs: tuple[Tensor, ...], upstream: Tensor | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Return the value of a function and the gradients to its inputs.

    `torch.func.vjp` does this too, but not under the dispatch modes of ``torch.compile``.

    Args:
        function: Plain differentiable torch.
        inputs: Its arguments.
        upstream: The gradient on the value; by default ones.

    Returns:
        The value, detached, and a gradient of each input, zero where it has no influence.
    """
    leaves = [value.detach().requires_grad_() for value in inputs]
    with torch.enable_grad(), _SetExcludeDispatchKeyGuard(DispatchKey.AutogradFunctionality, False):
        value = function(*leaves)
        weight = torch.ones_like(value) if upstream is None else upstream
        found = torch.autograd.grad(value, leaves, weight, allow_unused=True)
    return value.detach(), [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, found, strict=True)
    ]
