"""Which mip level a pixel's footprint asks for."""

import math

import torch
from torch import Tensor

__all__ = ["clamped_level"]


def _level(jacobian: Tensor, bias: Tensor) -> Tensor:
    """Return half the logarithm of the largest squared stretch of (s_X, s_Y, t_X, t_Y)."""
    s_x, s_y, t_x, t_y = jacobian.unbind(-1)
    a, b, c = s_x.square() + t_x.square(), s_y.square() + t_y.square(), s_x * s_y + t_x * t_y
    spread = (0.5 * (a - b)).square() + c.square()
    even = ~(spread > 0)  # both stretches are one, or not finite
    root = torch.where(even, 0.0, torch.sqrt(torch.where(even, 1.0, spread)))
    return (0.5 / math.log(2.0)) * torch.log(0.5 * (a + b) + root) + bias


def clamped_level(jacobian: Tensor | None, bias: Tensor, top: int) -> Tensor:
    """Return the level in [0, top], differentiable where it is not clamped.

    Args:
        jacobian: Texels that a step of a pixel goes, (..., 4); None where the bias is the level.
        bias: Added to the level, (...).
        top: The coarsest level.
    """
    with torch.no_grad():
        raw = bias if jacobian is None else _level(jacobian, bias)
        raw = torch.where(raw.isnan(), 0.0, raw)
        inside = (raw > 0) & (raw < top)
    safe_bias = torch.where(inside, bias, 0.0)
    if jacobian is None:
        level = safe_bias
    else:
        level = _level(torch.where(inside[..., None], jacobian, 1.0), safe_bias)
    return torch.where(inside, level, raw.clamp(0.0, float(top)))
