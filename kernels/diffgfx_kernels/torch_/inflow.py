"""Inflow: a source that adds to a field inside a shape, or sets it."""

from torch import Tensor

from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward", "inflow"]


def inflow(field: Tensor, mask: Tensor, rate: Tensor, replace: bool) -> Tensor:
    """Return the field with the source, differentiable."""
    wide = rate.view(*rate.shape, *[1] * (field.ndim - 2))
    return field + mask * (wide - field if replace else wide)


def forward(field: Tensor, mask: Tensor, rate: Tensor, scale: float, replace: bool) -> Tensor:
    """Return field (B, C, [D,] H, W) with ``scale`` times rate (B, C) added, or set, in a mask."""
    return inflow(field, mask, scale * rate, replace)


def backward(
    g_value: Tensor, field: Tensor, mask: Tensor, rate: Tensor, scale: float, replace: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to the field, the mask and the rate."""
    _, found = pull(lambda f, m, r: inflow(f, m, scale * r, replace), (field, mask, rate), g_value)
    return found[0].clone(), found[1], found[2]  # it may be the upstream gradient itself
