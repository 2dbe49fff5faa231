"""Implicit diffusion: second differences in a kernel, the solve in the eigenvectors of each axis.

Solved for is the change. The operator is its own transpose, so that the backward pass is one more
solve; its memory is that of the fields.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.components import lay_out, once, pack, pull_back, unpack
from diffgfx_kernels.taichi_.laplacian import differences, transposed, value_gradient
from diffgfx_kernels.taichi_.modes import solve

__all__ = ["backward", "forward"]


def forward(
    parts: Sequence[Tensor], values: Tensor, amount: Tensor, rules: Sequence[int], cell: float
) -> list[Tensor]:
    """Return the fields after diffusion, shaped as the parts."""
    runtime.start(values.device)
    layout = lay_out(parts, rules)
    packed = pack(parts, layout)
    if packed.numel():
        rate = differences(packed, values, layout, cell)
        packed += solve(amount[:, None] * rate, amount, layout, cell)
    return unpack(packed, layout)


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
        parts: What went in; its shapes are used.
        after: The results.
        values: What goes with the rules.
        amount: Diffusivity times time.
        rules: At the sides of each component.
        cell: Side of a cell.
    """
    runtime.start(values.device)
    layout = lay_out(parts, rules)
    folded = pull_back(g_after, layout, held=True)
    if not folded.numel():
        return [torch.zeros_like(part) for part in parts], 0.0 * values, 0.0 * amount
    adjoint = solve(folded, amount, layout, cell)
    g_values = amount[:, None, None] * value_gradient(adjoint, values, layout, cell)
    g_packed = folded + amount[:, None] * transposed(adjoint, values, layout, cell)
    rate = differences(pack(after, layout), values, layout, cell)
    g_amount = (adjoint * once(rate, layout)).sum(dim=1)
    return unpack(once(g_packed, layout), layout), g_values, g_amount
