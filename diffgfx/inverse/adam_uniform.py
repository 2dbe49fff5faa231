"""Adam with one step length for all entries of a tensor, so that the field keeps its direction.

Adam divides each entry by the root of its own mean square, which turns a smooth field of gradients
into a rough one. Here every entry is divided by the largest of those roots.

Source: B. Nicolet, A. Jacobson and W. Jakob, "Large Steps in Inverse Rendering of Geometry", ACM
TOG 40(6), 2021, section 3.4.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["AdamUniform"]

_TINY = 1e-8


class AdamUniform(torch.optim.Optimizer):
    """See this module's head.

    Args:
        params: Tensors, or groups of them with a step length ``lr`` each.
        betas: Decay rates of the mean and of the mean square.
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[dict[str, Any]], betas: tuple[float, float]
    ) -> None:
        super().__init__(params, {"lr": 0.0, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step along the gradients that the closure leaves; return what it returns."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["lr"], group["betas"])
        return result

    def _move(
        self, parameter: Tensor, gradient: Tensor, length: float, betas: tuple[float, float]
    ) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        state["step"] += 1
        state["mean"].lerp_(gradient, 1.0 - betas[0])
        state["square"].lerp_(gradient.square(), 1.0 - betas[1])
        mean = state["mean"] / (1.0 - betas[0] ** state["step"])
        largest = state["square"].max() / (1.0 - betas[1] ** state["step"])
        parameter.sub_(length * mean / (largest.sqrt() + _TINY))
