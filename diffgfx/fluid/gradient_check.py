"""Hold the gradient of a whole simulation against differences, along random directions.

For an input direction v and an output weighting w the two sides of <w, J v> = <J^T w, v> come from
central differences of the simulation and from its backward pass.
"""

import dataclasses
import statistics
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive
from diffgfx.errors import DivergedError, DtypeError, RangeError

__all__ = ["GradientReport", "gradient_check"]

STEPS = (5.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5)


@dataclasses.dataclass(frozen=True)
class GradientReport:
    """How a gradient compares with differences.

    Attributes:
        error: Median over directions of the relative error, at the best of the steps.
        cosine: Of the angle between both vectors of slopes, one entry a direction.
        step: The best step, relative to the root mean square of the input.
    """

    error: float
    cosine: float
    step: float


def gradient_check(
    simulate: Callable[[Tensor], Tensor],
    value: Tensor,
    *,
    directions: int = 20,
    seed: int = 0,
    relative_steps: Sequence[float] = STEPS,
) -> GradientReport:
    """Compare the backward pass of a simulation with central differences.

    Args:
        simulate: From the input to what is looked at, both tensors of any shape.
        value: The input, float64; steps are relative to its root mean square (one where it is 0).
        directions: Random directions, each with a weighting of its own.
        seed: Of both.
        relative_steps: Of the differences; fewer take less time.

    Returns:
        The median relative error at the best step, the cosine and that step.

    Raises:
        DtypeError: If the input is not float64.
        RangeError: If there is no direction, or no step that can be simulated.

    Source: the protocol of Mosaic (Pasteur Labs, arXiv 2606.27895): relative steps
    from 5 to 1e-4, of which the best counts, medians over directions, and the cosine.
    """
    if value.dtype != torch.float64:
        raise DtypeError(
            f"value must be float64, got {value.dtype}; differences of float32 are noise"
        )
    check_positive("directions", directions)
    draw = torch.Generator().manual_seed(seed)
    leaf = value.detach().requires_grad_()
    output = simulate(leaf)
    pairs = []
    for _ in range(directions):
        v = torch.randn(value.shape, generator=draw, dtype=torch.float64).to(value.device)
        w = torch.randn(output.shape, generator=draw, dtype=torch.float64).to(value.device)
        (back,) = torch.autograd.grad(output, leaf, w, retain_graph=True)
        pairs.append((v, w, float((back * v).sum())))
    scale = float(value.detach().square().mean().sqrt()) or 1.0
    best: GradientReport | None = None
    for step in relative_steps:
        try:
            slopes = [_slope(simulate, value, v, w, step * scale) for v, w, _ in pairs]
        except (DivergedError, RangeError):
            continue  # so far from the value the simulation does not exist
        report = _compare(slopes, [slope for _, _, slope in pairs], step)
        if best is None or report.error < best.error:
            best = report
    if best is None:
        raise RangeError(
            f"value must allow steps of {min(relative_steps):g} of its size, but each left what "
            "can be simulated; look at directions that keep sides and signs, by a function of them"
        )
    return best


def _slope(
    simulate: Callable[[Tensor], Tensor], value: Tensor, v: Tensor, w: Tensor, step: float
) -> float:
    with torch.no_grad():
        ends = [simulate(value.detach() + sign * step * v) for sign in (1.0, -1.0)]
        return float(((ends[0] - ends[1]) * w).sum()) / (2.0 * step)


def _compare(differences: list[float], slopes: list[float], step: float) -> GradientReport:
    pairs = zip(differences, slopes, strict=True)
    errors = [abs(a - b) / max(abs(a), abs(b), 1e-300) for a, b in pairs]
    a, b = (torch.tensor(x, dtype=torch.float64) for x in (differences, slopes))
    cosine = float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-300))
    return GradientReport(statistics.median(errors), cosine, step)
