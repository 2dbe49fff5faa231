"""Implicit diffusion past solids: conjugate gradients on second differences over links.

Solved for is the change, among the points that are in the fluid and not held. The operator is its
own transpose there, so that the backward pass is one more solve.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.sides import HELD
from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.components import Layout, lay_out, once, pack, pull_back, unpack
from diffgfx_kernels.taichi_.krylov import refine, solve_cg
from diffgfx_kernels.taichi_.laplacian import value_gradient
from diffgfx_kernels.taichi_.links import diagonal, linked, pull_links
from diffgfx_kernels.taichi_.pools import whole

__all__ = ["backward", "forward"]

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-13}
"""Of the residual, relative to what viscosity does in the step; rounding may stop it earlier."""

MOST_ITERATIONS = 20000
PATIENCE = 400
"""The diagonal alone is a poor preconditioner of large amounts."""


class _System(NamedTuple):
    """What is solved.

    Attributes:
        layout: How components are packed.
        links: Strengths, (B, axes, P).
        mask: 1 where a point is solved for, (B, P).
        body: Whether a point is in the solid and not held, (B, P).
        values: What goes with the rules.
        scale: The amount over the square of a cell, (B,).
    """

    layout: Layout
    links: Tensor
    mask: Tensor
    body: Tensor
    values: Tensor
    scale: Tensor

    def tied(self, packed: Tensor) -> Tensor:
        """Return numbers whose second twins equal the first; a copy where there are twins."""
        return pack(self.layout.views(packed), self.layout)

    def still(self) -> Tensor:
        """Return values of sides at rest."""
        return torch.zeros_like(self.values)

    def solve(self, right: Tensor) -> tuple[Tensor, Tensor]:
        """Return x, tied, of x - mask L x = right, which is zero where the mask is.

        And the true relative residual of each item, (B,).
        """
        still = self.still()
        inverse = self.mask / (1.0 - diagonal(self.links, still, self.layout, self.scale))

        def times(x: Tensor) -> Tensor:
            rate = linked(self.tied(x), self.links, still, self.layout, self.scale)
            return x - self.mask * rate

        pools = whole(right.shape[1], True, right)

        def part(left: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            return solve_cg(
                times, lambda rest: inverse * rest, pools, left, target,
                most=MOST_ITERATIONS, patience=PATIENCE,
            )  # fmt: skip

        def remaining(x: Tensor, left: Tensor) -> Tensor:
            return left - times(x)

        found, _iterations, residual = refine(part, remaining, right, TOLERANCE[right.dtype])
        return self.tied(found), residual


def _system(
    links: Sequence[Tensor],
    wet: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
) -> _System:
    layout = lay_out(wet, rules)
    dim = layout.dim
    axes = [pack(links[a::dim], layout) for a in range(dim)]
    mask = pack(wet, layout)
    body = mask <= 0.0
    for end in (end for pair in layout.ends(mask, HELD) for end in pair):
        end.zero_()
    for end in (end for pair in layout.ends(body, HELD) for end in pair):
        end.zero_()
    once(mask, layout)
    strengths = torch.stack(axes, dim=1)
    return _System(layout, strengths, mask, body, values, amount * cell**-2.0)


def forward(
    parts: Sequence[Tensor],
    links: Sequence[Tensor],
    wet: Sequence[Tensor],
    solid: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
) -> tuple[list[Tensor], Tensor]:
    """Return the components after diffusion, shaped as the parts, and the residuals (B,)."""
    runtime.start(values.device)
    if parts[0].numel() == 0:
        return [torch.empty_like(part) for part in parts], _nothing_left(amount)
    system = _system(links, wet, values, amount, rules, cell)
    layout = system.layout
    before = torch.where(system.body, pack(solid, layout), pack(parts, layout))
    rate = linked(before, system.links, values, layout, system.scale)
    change, residual = system.solve(system.mask * rate)
    return unpack(before + change, layout), residual


def _nothing_left(amount: Tensor) -> Tensor:
    return torch.zeros_like(amount, dtype=torch.float64)


def backward(
    g_after: Sequence[Tensor],
    after: Sequence[Tensor],
    links: Sequence[Tensor],
    wet: Sequence[Tensor],
    solid: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor, Tensor, Tensor]:
    """Return the gradients to the parts, links, solid, values and amount; and the residuals."""
    runtime.start(values.device)
    if after[0].numel() == 0:
        groups = ([torch.zeros_like(part) for part in group] for group in (after, links, solid))
        rest = (torch.zeros_like(values), torch.zeros_like(amount), _nothing_left(amount))
        return (*groups, *rest)  # type: ignore[return-value]
    system = _system(links, wet, values, amount, rules, cell)
    layout = system.layout
    given = pull_back(g_after, layout, held=True)
    dual, residual = system.solve(system.mask * given)
    reached = linked(dual, system.links, system.still(), layout, system.scale)
    whole_g = once(torch.where(system.mask > 0.0, dual, given + reached), layout)
    x = pack(after, layout)
    rate = linked(x, system.links, values, layout, torch.ones_like(system.scale) * cell**-2.0)
    g_amount = (dual * system.mask * rate).sum(dim=1)
    g_values = amount[:, None, None] * value_gradient(dual, values, layout, cell)
    g_axes = pull_links(dual, x, values, layout, system.scale).unbind(dim=1)
    by_axis = [unpack(once(g, layout), layout) for g in g_axes]
    g_links = [by_axis[a][c] for c in range(len(after)) for a in range(layout.dim)]
    g_parts = unpack(torch.where(system.body, 0.0, whole_g), layout)
    g_solid = unpack(torch.where(system.body, whole_g, 0.0), layout)
    return g_parts, g_links, g_solid, g_values, g_amount, residual
