"""Implicit diffusion past solids: (1 - amount L) x = start where fluid is, x = solid elsewhere.

L is symmetric among the points that are solved for, so that conjugate gradients solve it, and the
backward pass is one more solve.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.links import linked, tied, unknown
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]

MOST_ITERATIONS = 20000
Parts = list[Tensor]


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def _parts(flat: Tensor, like: Sequence[Tensor]) -> Parts:
    sizes = [part.shape[1:].numel() for part in like]
    return [
        part.reshape(len(flat), *model.shape[1:])
        for part, model in zip(torch.split(flat, sizes, dim=1), like, strict=True)
    ]


def _solve(times: Callable[[Tensor], Tensor], right: Tensor) -> tuple[Tensor, Tensor]:
    """Solve by conjugate gradients until rounding stops it; return the true residuals too.

    Each item by itself; residuals (B,) are relative to the right side, float64.
    """
    x, rest = torch.zeros_like(right), right.clone()
    direction, product = rest.clone(), rest.square().sum(dim=1, keepdim=True)
    least = product * torch.finfo(right.dtype).eps ** 2
    for _ in range(MOST_ITERATIONS):
        going = product > least
        if not bool(going.any()):
            break
        bent = times(direction)
        curvature = (direction * bent).sum(dim=1, keepdim=True)
        step = torch.where(going, product / torch.where(going, curvature, 1.0), 0.0)
        x, rest = x + step * direction, rest - step * bent
        following = rest.square().sum(dim=1, keepdim=True)
        ratio = torch.where(going, following / torch.where(going, product, 1.0), 0.0)
        direction, product = rest + ratio * direction, torch.where(going, following, product)
    left, size = ((right - times(x)).double().norm(dim=1), right.double().norm(dim=1))
    return x, torch.where(size > 0, left / torch.where(size > 0, size, 1.0), 0.0)


def _operator(
    links: Sequence[Tensor],
    mask: Sequence[Tensor],
    values: Tensor,
    share: Tensor,
    rules: Sequence[int],
    cell: float,
) -> Callable[[Tensor], Tensor]:
    still = torch.zeros_like(values)

    def times(flat: Tensor) -> Tensor:
        rates = linked(tied(_parts(flat, mask), still, rules), links, still, rules, cell)
        return flat - _flat([m * share * rate for m, rate in zip(mask, rates, strict=True)])

    return times


def _given(
    start: Sequence[Tensor], solid: Sequence[Tensor], wet: Sequence[Tensor],
    values: Tensor, rules: Sequence[int],
) -> Parts:  # fmt: skip
    """Return the start with the solid's velocity where a point is in it and not held."""
    free = unknown([torch.ones_like(part) for part in wet], values, rules)
    return [
        torch.where((m > 0) & (w <= 0), s, u)
        for u, s, w, m in zip(start, solid, wet, free, strict=True)
    ]


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
    """Return the components after diffusion, and what is left of the right sides, (B,).

    Args:
        parts: The components, (B, ...) each.
        links: Strength of the step from each point to the next, for each component and axis.
        wet: 1 where a point is in the fluid.
        solid: What a component is in the solid.
        values: What goes with the rules, (B, components, sides).
        amount: Diffusivity times time, (B,).
        rules: At the sides of each component; see `sides`.
        cell: Side of a cell.
    """
    share = amount.view(-1, *[1] * (parts[0].ndim - 1))
    mask = unknown(wet, values, rules)
    before = tied(_given(parts, solid, wet, values, rules), values, rules)
    rates = linked(before, links, values, rules, cell)
    right = _flat([m * share * rate for m, rate in zip(mask, rates, strict=True)])
    change, residual = _solve(_operator(links, mask, values, share, rules, cell), right)
    after = [u + c for u, c in zip(before, _parts(change, parts), strict=True)]
    return tied(after, values, rules), residual


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
    """Return the gradients to the parts, links, solid, values and amount; and what is left."""
    dim, count = after[0].ndim - 1, len(after)
    mask = unknown(wet, values, rules)
    _, folded = pull(lambda *p: _flat(tied(p, values, rules)), tuple(after), _flat(g_after))
    g_mask = _flat([g * m for g, m in zip(folded, mask, strict=True)])
    share = amount.view(-1, *[1] * dim)
    solved, residual = _solve(_operator(links, mask, values, share, rules, cell), g_mask)
    dual = _parts(solved, after)

    def work(*inputs: Tensor) -> Tensor:
        start, strength = inputs[:count], inputs[count : count + count * dim]
        body, sides, amounts = inputs[count + count * dim : -2], inputs[-2], inputs[-1]
        known = _given(start, body, wet, sides, rules)
        whole = [torch.where(m > 0, x, k) for m, x, k in zip(mask, after, known, strict=True)]
        rates = linked(tied(whole, sides, rules), strength, sides, rules, cell)
        shares = amounts.view(-1, *[1] * dim)
        total = torch.zeros_like(amounts)
        for k in range(count):
            moved = dual[k] * mask[k] * (start[k] + shares * rates[k])
            rest = folded[k] * (1.0 - mask[k]) * known[k]
            total = total + (moved + rest).flatten(1).sum(dim=1)
        return total

    found = pull(work, (*after, *links, *solid, values, amount))[1]
    inner = count + count * dim
    return found[:count], found[count:inner], found[inner:-2], found[-2], found[-1], residual
