"""Priors: what is believed of unknowns before any observation. Each returns a mean, unweighted."""

from jaxtyping import Float
from torch import Tensor

from diffgfx.inverse.pyramid import area_average

__all__ = ["broad_share", "charbonnier", "curl", "edge_weights", "smoothness"]

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


def broad_share(x: Field, floor: float, finest: int = 16) -> Tensor:
    """Return how much of a field's square is broad: in its mean, its halves, its quarters, ...

    The slopes of a surface whose height stays within bounds average to less the wider they are
    averaged: over 1/k of a side their root mean square grows like k, whatever the relief. So the
    squares of the averages over k = 1, 2, 4, ... parts a side are added, each divided by k^2, and
    all by the mean square of the field, which has no gradient here.

    Args:
        x: The field.
        floor: Root mean square below which a field counts as flat anyhow.
        finest: The most parts a side.
    """
    total = x.new_zeros(())
    parts = 1
    while parts <= min(finest, x.shape[-2], x.shape[-1]):
        total = total + area_average(x, (parts, parts)).square().mean() / parts**2
        parts *= 2
    return total / (x.detach().square().mean() + floor * floor)


def curl(slope: Float[Tensor, "b 2 h w"], delta: float) -> Tensor:
    """Return how far slopes are from those of one surface (Charbonnier of their curl), mean.

    Around four texels that meet at a corner, the slopes of a surface add to nothing. Slopes are n_x
    / n_z and n_y / n_z with y up and row 0 at the top; zero where a side has one texel only.
    """
    x, y = slope[:, 0], slope[:, 1]
    around = (x[:, :-1, :-1] + x[:, :-1, 1:]) - (x[:, 1:, :-1] + x[:, 1:, 1:])
    around = around + (y[:, :-1, :-1] + y[:, 1:, :-1]) - (y[:, :-1, 1:] + y[:, 1:, 1:])
    return charbonnier(0.5 * around, delta).mean() if around.numel() else slope.new_zeros(())
