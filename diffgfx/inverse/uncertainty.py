"""How sure a solution is: the Gauss-Newton diagonal of the data term, probed at random.

For residuals e(z) with deviation sigma, the diagonal of J^T J, J = de/dz, is the mean of (J^T v)^2
over random signs v (Hutchinson, 1989; for squares: Bekas, Kokiopoulou and Saad, 2007), added over
the observations. The deviation of an unknown, others held, is
1 / sqrt(diagonal / sigma^2 + 1 / prior_deviation^2).
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx.errors import RangeError
from diffgfx.inverse.problem import Unknowns

__all__ = ["gauss_newton_deviation", "root_mean_square"]

Residuals = Callable[[Unknowns], Tensor]
"""Maps unknowns to the residuals of one observation, any shape; zero where a pixel is masked."""


def root_mean_square(residuals: Tensor) -> float:
    """Return the root mean square of the residuals that are not masked (not zero)."""
    e = residuals.detach()
    return math.sqrt(float(e.square().sum()) / max(int(e.count_nonzero()), 1))


def gauss_newton_deviation(
    observations: Sequence[Residuals],
    unknowns: Unknowns,
    names: Sequence[str],
    *,
    probes: int = 8,
    prior_deviation: float = 1.0,
    seed: int = 0,
) -> Unknowns:
    """Return the standard deviation of each named unknown, given what the residuals tell of it.

    Args:
        observations: Residuals of each observation. Their common deviation sigma is the root mean
            square of those that are not zero.
        unknowns: The solution.
        names: The unknowns to judge.
        probes: Random sign vectors an observation; the relative error of the diagonal falls with
            their root.
        prior_deviation: Deviation of an unknown of which the residuals tell nothing.
        seed: Seed of the signs.

    Returns:
        Deviations with the shapes of the unknowns.

    Raises:
        RangeError: If ``probes`` is not above zero.
    """
    if probes < 1:
        raise RangeError(f"probes must be at least 1, got {probes}")
    leaves = {n: v.detach().clone().requires_grad_(n in names) for n, v in unknowns.items()}
    diagonal = {name: torch.zeros_like(unknowns[name]) for name in names}
    generator = torch.Generator().manual_seed(seed)
    total, count = 0.0, 0
    for residuals in observations:  # one at a time: the graph of one is all that is held
        e = residuals(leaves)
        total += float(e.detach().square().sum())
        count += int(e.detach().count_nonzero())
        for _ in range(probes):
            signs = torch.randint(0, 2, e.shape, generator=generator).to(e) * 2 - 1
            found = torch.autograd.grad(
                e, [leaves[n] for n in names], signs, retain_graph=True, materialize_grads=True
            )
            for name, gradient in zip(names, found, strict=True):
                diagonal[name] += gradient.square() / probes
    precision = 1.0 / prior_deviation**2
    result = {}
    for name, d in diagonal.items():
        variance = max(total / max(count, 1), torch.finfo(d.dtype).tiny)
        result[name] = (d / variance + precision).rsqrt()
    return result
