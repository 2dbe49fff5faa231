"""The pixel pyramid: unknowns on a grid of texels, carried from level to level, and bounded."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["area_average", "bounded", "ladder", "prolong_field", "unbounded"]

Field = Float[Tensor, "b c h w"]
Resized = Float[Tensor, "b c new_h new_w"]


def ladder(resolution: tuple[int, int], coarsest: int = 16) -> list[tuple[int, int]]:
    """Return the resolutions from ``coarsest`` (shorter side) doubling up to ``resolution``."""
    rungs = [resolution]
    while min(rungs[0]) >= 2 * coarsest:
        height, width = rungs[0]
        rungs.insert(0, ((height + 1) // 2, (width + 1) // 2))
    return rungs


def prolong_field(x: Field, resolution: tuple[int, int]) -> Resized:
    """Carry a field to a finer grid (bilinear between texel centres)."""
    if tuple(x.shape[-2:]) == resolution:
        return x
    return torch.nn.functional.interpolate(x, size=resolution, mode="bilinear", align_corners=False)


def area_average(x: Field, resolution: tuple[int, int]) -> Resized:
    """Average a field over the area of each texel of a coarser grid.

    A texel that lies in two coarser ones counts in each by its share, so that the mean is kept.
    """
    if tuple(x.shape[-2:]) == resolution:
        return x
    if all(fine % coarse == 0 for fine, coarse in zip(x.shape[-2:], resolution, strict=True)):
        return torch.nn.functional.interpolate(x, size=resolution, mode="area")
    rows = _overlap(x.shape[-2], resolution[0]).to(x)
    columns = _overlap(x.shape[-1], resolution[1]).to(x)
    return rows @ x @ columns.T


def _overlap(fine: int, coarse: int) -> Float[Tensor, "coarse fine"]:
    """Return the share of each coarse interval that each fine one covers."""
    edges = torch.arange(coarse + 1, dtype=torch.float64) * fine / coarse
    start = torch.arange(fine, dtype=torch.float64)
    high = torch.minimum(edges[1:, None], start + 1)
    low = torch.maximum(edges[:-1, None], start)
    return (high - low).clamp_min(0.0) * (coarse / fine)


def bounded(x: Tensor, low: float, high: float) -> Tensor:
    """Map any number into (low, high) by the logistic function."""
    return low + (high - low) * torch.sigmoid(x)


def unbounded(y: Tensor, low: float, high: float, margin: float = 1e-4) -> Tensor:
    """Invert `bounded`; values nearer to an end than ``margin`` of the range are moved inside."""
    t = ((y - low) / (high - low)).clamp(margin, 1 - margin)
    return torch.logit(t)
