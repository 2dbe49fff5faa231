"""Implicit diffusion: (1 - amount Laplacian) x = start, solved in the eigenvectors of each axis.

The operator of a box is a sum of one matrix an axis. Solved for is the change, so that a field at
rest stays as it is to the last bit.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.sides import HELD, TWIN, VALUE, WRAP, rules_of
from diffgfx_kernels.torch_.laplacian import laplacians
from diffgfx_kernels.torch_.lines import ends_of, joined, pull_parts

__all__ = ["backward", "diffused", "forward"]


def _axis(count: int, low: int, high: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what reads modes from a line, what writes them, and their eigenvalues.

    The matrix is the negative second difference with nothing given at the ends.
    """
    points = torch.arange(int(low == HELD), count - int(high in (HELD, TWIN)))
    eye = torch.eye(count, dtype=torch.float64)
    difference = eye.diff(dim=0)
    if low in (WRAP, TWIN):
        eye = eye[points][:, points]
        difference = eye.roll(1, dims=0) - eye
    matrix = difference.T @ difference
    for end, rule in ((0, low), (-1, high)):
        if rule == VALUE:
            matrix[end, end] += 2.0
    inner = matrix if low in (WRAP, TWIN) else matrix[points][:, points]
    values, vectors = torch.linalg.eigh(inner)
    read = torch.zeros((len(points), count), dtype=torch.float64)
    read[:, points] = vectors.T
    write = read.T.clone()
    if high == TWIN:
        write[-1] = write[0]
    return read.to(like), write.to(like), values.to(like)


def _applied(matrix: Tensor, field: Tensor, place: int) -> Tensor:
    return torch.movedim(torch.movedim(field, place, -1) @ matrix.T, -1, place)


def diffused(
    parts: Sequence[Tensor], values: Tensor, amount: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return the fields after diffusion, differentiable."""
    dim = parts[0].ndim - 1
    share = amount.view(-1, *[1] * dim)
    found = []
    for c, rate in enumerate(laplacians(parts, values, rules, cell)):
        modes, total, writes = share * rate, torch.ones_like(share), []
        for a in range(dim):
            low, high = rules_of(rules, c, a, dim)
            read, write, eigenvalues = _axis(rate.shape[dim - a], low, high, rate)
            modes = _applied(read, modes, dim - a)
            shape = [1] * (dim + 1)
            shape[dim - a] = -1
            total = total + share * (eigenvalues / cell**2).view(shape)
            writes.append(write)
        change = modes / total
        for a, write in enumerate(writes):
            change = _applied(write, change, dim - a)
        start = parts[c]
        for a in range(dim):
            start = joined(start, dim - a, ends_of(rules, values, c, a, dim))
        found.append(start + change)
    return found


def forward(
    parts: Sequence[Tensor], values: Tensor, amount: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return the fields after diffusion, shaped as the parts.

    Args:
        parts: A component a tensor: the faces of a velocity, or one field of cells.
        values: What goes with the rules, (B, components, sides).
        amount: Diffusivity times time, (B,).
        rules: At the sides of each component; see `sides`.
        cell: Side of a cell.
    """
    return diffused(parts, values, amount, rules, cell)


def backward(
    g_after: Sequence[Tensor],
    parts: Sequence[Tensor],
    after: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the gradients to the parts, to the values and to the amount.

    Args:
        g_after: Gradients on the results.
        parts: What went in.
        after: The results; this backend does without.
        values: What goes with the rules.
        amount: Diffusivity times time.
        rules: At the sides of each component.
        cell: Side of a cell.
    """

    def call(*inputs: Tensor) -> list[Tensor]:
        return diffused(inputs[:-2], inputs[-2], inputs[-1], rules, cell)

    *g_parts, g_values, g_amount = pull_parts(call, (*parts, values, amount), g_after)
    return g_parts, g_values, g_amount
