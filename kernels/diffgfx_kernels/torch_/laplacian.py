"""Second differences of staggered components and of cells, with what lies beyond the sides."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.lines import ends_of, grown, joined, pull_parts, solved

__all__ = ["backward", "forward", "laplacians"]


def laplacians(
    parts: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return the Laplacian of each component at its own points, differentiable."""
    dim = parts[0].ndim - 1
    found = []
    for c, part in enumerate(parts):
        ends = [ends_of(rules, values, c, a, dim) for a in range(dim)]
        for a in range(dim):
            part = joined(part, dim - a, ends[a])
        seconds = [grown(part, dim - a, ends[a]).diff(n=2, dim=dim - a) for a in range(dim)]
        total = torch.stack(seconds).sum(dim=0)
        for a in range(dim):
            total = solved(total, dim - a, ends[a])
        found.append(total / cell**2)
    return found


def forward(
    parts: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return the Laplacians, shaped as the parts, zero where a point is held.

    Args:
        parts: A component a tensor: the faces of a velocity, or one field of cells.
        values: What goes with the rules, (B, components, sides).
        rules: At the sides of each component; see `sides`.
        cell: Side of a cell.
    """
    return laplacians(parts, values, rules, cell)


def backward(
    g_rate: Sequence[Tensor],
    parts: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients to the parts and to the values."""

    def call(*inputs: Tensor) -> list[Tensor]:
        return laplacians(inputs[:-1], inputs[-1], rules, cell)

    *g_parts, g_values = pull_parts(call, (*parts, values), g_rate)
    return g_parts, g_values
