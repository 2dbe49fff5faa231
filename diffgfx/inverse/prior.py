"""Priors: what is believed of unknowns before any observation. Each returns a mean, unweighted."""

from jaxtyping import Float
from torch import Tensor

__all__ = ["charbonnier", "edge_weights", "smoothness"]

Field = Float[Tensor, "b c h w"]
Edges = tuple[Float[Tensor, "#b 1 h w-1"], Float[Tensor, "#b 1 h-1 w"]]
"""Weights of the differences to the right, and of those downward."""


def charbonnier(x: Tensor, delta: float) -> Tensor:
    """Return sqrt(x^2 + delta^2) - delta: quadratic near zero, absolute beyond ``delta``."""
    return (x.square() + delta * delta).sqrt() - delta


def edge_weights(guide: Field, deviation: float) -> Edges:
    """Return weights in (0, 1] that fall where a guide image changes, along x and along y.

    Args:
        guide: What edges are read from, shape (b, c, h, w).
        deviation: Difference at which a weight has fallen to exp(-1/2).

    Returns:
        Weights of the differences to the right, (b, 1, h, w-1), and downward, (b, 1, h-1, w).
    """
    dx = (guide[..., 1:] - guide[..., :-1]).square().sum(1, keepdim=True)
    dy = (guide[..., 1:, :] - guide[..., :-1, :]).square().sum(1, keepdim=True)
    scale = -0.5 / deviation**2
    return (dx * scale).exp(), (dy * scale).exp()


def smoothness(x: Field, weights: Edges, delta: float) -> Tensor:
    """Return the edge-aware total variation of a field (Charbonnier), mean over its differences."""
    right = charbonnier(x[..., 1:] - x[..., :-1], delta)
    down = charbonnier(x[..., 1:, :] - x[..., :-1, :], delta)
    empty = x.new_zeros(())
    total = empty
    for weight, term in zip(weights, (right, down), strict=True):
        total = total + ((weight * term).mean() if term.numel() else empty)
    return total
