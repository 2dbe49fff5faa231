"""Conjugate gradients for a batch of symmetric systems, each item stopping by itself."""

from collections.abc import Callable

import torch
from torch import Tensor

from diffgfx_kernels.taichi_.pools import Pools, steady_sum

__all__ = ["norms", "refine", "solve_cg"]

MOST_ITERATIONS = 500
PATIENCE = 12
"""Iterations without a smaller residual after which an item has stagnated, under a good cycle."""

MOST_ROUNDS = 4
"""Times that a solve starts again from the residual that was measured, not updated."""

_TINY = 1e-300

Operator = Callable[[Tensor], Tensor]


def norms(values: Tensor) -> Tensor:
    """Return the root mean square of each item, (B,), float64."""
    return (steady_sum(values.double().square()) / max(values.shape[1], 1)).sqrt()


def solve_cg(
    times: Operator,
    precondition: Operator,
    pools: Pools,
    right: Tensor,
    target: Tensor,
    *,
    most: int = MOST_ITERATIONS,
    patience: int = PATIENCE,
) -> tuple[Tensor, Tensor]:
    """Return approximate solutions (B, N) and the iterations of each (B,).

    Args:
        times: The matrix.
        precondition: A symmetric approximation of its inverse.
        pools: Whose means the matrix does not see.
        right: The right sides, (B, N).
        target: Norms of the residual to stop at, (B,).
        most: Iterations at most.
        patience: Those without a smaller residual that end an item. A residual falls by fits and
            starts where the preconditioner is poor.
    """
    rest = pools.level(right)
    x = torch.zeros_like(rest)
    count = torch.zeros(len(rest), dtype=torch.int64, device=rest.device)
    best = norms(rest)
    active, waited = best > target, torch.zeros_like(count)
    if not bool(active.any()):
        return x, count
    ahead = pools.level(precondition(rest))
    direction = ahead.clone()
    product = steady_sum(rest * ahead)
    for _ in range(most):
        bent = times(direction)
        curvature = steady_sum(direction * bent)
        active &= (curvature > 0) & (product > 0)
        step = torch.where(active, product / curvature, 0.0)[:, None]
        x.add_(step * direction)
        rest = torch.where(active[:, None], pools.level(rest - step * bent), rest)
        count += active
        found = norms(rest)
        waited = torch.where(found < best, 0, waited + 1)
        best = torch.minimum(best, found)
        active &= (found > target) & (waited < patience)
        if not bool(active.any()):
            break
        ahead = pools.level(precondition(rest))
        following = steady_sum(rest * ahead)
        ratio = torch.where(product > 0, following / product, 0.0)
        direction = ahead + ratio[:, None] * direction
        product = following
    return x, count


def refine(
    solve: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    remaining: Callable[[Tensor, Tensor], Tensor],
    right: Tensor,
    tolerance: float,
    highest: Callable[[], Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Solve, measure what is left, and solve for that, until it is little or stays.

    Where it is much in few places, a small norm hides it: ``highest`` bounds each by itself.

    Args:
        solve: Takes a right side and the norms to stop at; returns a solution and iterations.
        remaining: Takes a correction of the solution and what it was for; returns what is left.
        right: The right side of the zero solution, (B, N).
        tolerance: Relative to its norm.
        highest: Returns what may be left in any place, (B,), once there is a first solution.

    Returns:
        The solution (B, N), the iterations (B,) and the true relative residuals (B,), float64.
    """
    size = norms(right)
    target = tolerance * size
    total, count, left = torch.zeros_like(right), None, right
    found, goal = size, torch.where(size > target, 0.9 * target, torch.inf)
    for _ in range(MOST_ROUNDS):
        part, used = solve(left, goal)
        total = total + part
        count = used if count is None else count + used
        left = remaining(part, left)
        before, found = found, norms(left)
        wanted = target
        if highest is not None and left.numel():
            peak = left.abs().amax(dim=1).double()
            wanted = torch.minimum(target, found * (highest() / peak.clamp_min(_TINY)))
        goal = torch.where((found > wanted) & (found < 0.5 * before), 0.9 * wanted, torch.inf)
        if bool(goal.isinf().all()):
            break
    assert count is not None
    residual = torch.where(size > 0, found / size.clamp_min(torch.finfo(size.dtype).tiny), 0.0)
    return total, count, residual
