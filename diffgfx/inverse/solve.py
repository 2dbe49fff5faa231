"""The one solver: coarse to fine, Adam or L-BFGS, restarts, early stopping, a cool-down.

While a level runs, a tenth of the observations' own pixels is kept from the fit; the level stops
when the residual on them no longer falls. It then cools down on all pixels. Nothing that is held
out of the problem altogether is ever seen here.
"""

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor

from diffgfx.check import check_choice
from diffgfx.errors import DivergedError, RangeError
from diffgfx.inverse.adam_uniform import AdamUniform
from diffgfx.inverse.problem import Level, Part, Problem, Unknowns
from diffgfx.inverse.uncertainty import gauss_newton_deviation, root_mean_square

__all__ = ["Progress", "Record", "Solution", "SolverConfig", "Watch", "solve"]


@dataclasses.dataclass(frozen=True)
class SolverConfig:
    """How to solve.

    Attributes:
        optimiser: ``"adam"`` for many noisy unknowns; ``"adam_uniform"`` for fields that must stay
            smooth, such as vertices; ``"lbfgs"`` for few smooth ones.
        betas: Adam's decay rates.
        restarts: Starts of the first level, the first as given and the others perturbed; the one
            with the lowest residual on the stopping pixels goes on.
        spread: Standard deviation of that perturbation, in units of the unknowns.
        check_every: Steps between two looks at the stopping pixels.
        patience: Looks without a new lowest residual before a level stops.
        probes: Random probes of the deviation of the solution, for each observation; 0 for none.
        seed: Seed of the perturbation and of the probes.
    """

    optimiser: Literal["adam", "adam_uniform", "lbfgs"] = "adam"
    betas: tuple[float, float] = (0.9, 0.99)
    restarts: int = 1
    spread: float = 0.3
    check_every: int = 20
    patience: int = 3
    probes: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise unless every choice means something."""
        check_choice("optimiser", self.optimiser, ("adam", "adam_uniform", "lbfgs"))
        for name in ("restarts", "check_every", "patience"):
            if getattr(self, name) < 1:
                raise RangeError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.probes < 0:
            raise RangeError(f"probes must be at least 0, got {self.probes}")


@dataclasses.dataclass(frozen=True)
class Record:
    """One step: its level, the data and prior terms, and the residual on the stopping pixels."""

    level: int
    step: int
    data: float
    prior: float
    stopping: float | None


@dataclasses.dataclass(frozen=True)
class Solution:
    """What `solve` returns.

    Attributes:
        unknowns: The solution z at the last level, detached.
        history: Every step in order.
        residual: The mean residual over all pixels of the fitted observations.
        residuals: The root mean square residual of each of them.
        deviation: The standard deviation of each unknown that was solved, from the Gauss-Newton
            diagonal with a prior deviation of one; empty unless probes were asked for.
        steps: Steps taken in all.
    """

    unknowns: Unknowns
    history: tuple[Record, ...]
    residual: float
    residuals: tuple[float, ...]
    deviation: Unknowns
    steps: int


Progress = Callable[[Level, int, float], object]
"""Called after every step with the level, the step within it, and the current residual."""

Watch = Callable[[Level, int, Unknowns], object]
"""Called before every step with the level, the step within it, and the unknowns, which it must not
change or keep: they are the solver's own."""


def solve(
    problem: Problem,
    config: SolverConfig | None = None,
    *,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Solution:
    """Solve an inverse problem from its coarsest level to its finest.

    Args:
        problem: What to solve; see `Problem`.
        config: How; the defaults suit image-like unknowns.
        progress: Told of every step.
        watch: Shown the unknowns, without gradients, before every step.

    Returns:
        The solution, its history, its residuals and, where asked for, its deviation. Two runs give
        bit-equal results.

    Raises:
        DivergedError: If a loss is not finite; the message names level, step and term.
    """
    config = config or SolverConfig()
    history: list[Record] = []
    first = problem.levels[0]
    runs = []
    for start in _starts(problem.start(), config, problem.step_lengths(first)):
        records: list[Record] = []
        found = _solve_level(problem, start, first, config, records, (progress, watch))
        runs.append((_measure(problem, found, first, "stopping"), found, records))
    _, unknowns, records = min(runs, key=lambda run: run[0])
    history += records
    for level in problem.levels[1:]:
        unknowns = problem.prolong(unknowns, level)
        unknowns = _solve_level(problem, unknowns, level, config, history, (progress, watch))
    last = problem.levels[-1]
    residual = _measure(problem, unknowns, last, "all")
    observations = [
        functools.partial(problem.residuals, level=last, observation=i)
        for i in range(problem.observations)
    ]
    with torch.no_grad():
        residuals = tuple(root_mean_square(residuals(unknowns)) for residuals in observations)
    deviation: Unknowns = {}
    if config.probes:
        names = list(problem.step_lengths(last))
        deviation = gauss_newton_deviation(
            observations, unknowns, names, probes=config.probes, seed=config.seed
        )
    return Solution(unknowns, tuple(history), residual, residuals, deviation, len(history))


def _starts(start: Unknowns, config: SolverConfig, names: Iterable[str]) -> list[Unknowns]:
    generator = torch.Generator().manual_seed(config.seed)
    starts = [start]
    for _ in range(config.restarts - 1):
        other = copy.copy(start)
        for name in sorted(names):
            noise = torch.randn(start[name].shape, generator=generator).to(start[name])
            other[name] = start[name] + config.spread * noise
        starts.append(other)
    return starts


def _measure(problem: Problem, unknowns: Unknowns, level: Level, part: Part) -> float:
    with torch.no_grad():
        return float(problem.data_loss(unknowns, level, part))


class _Descent:
    """The optimiser of one level over one set of leaves."""

    def __init__(self, problem: Problem, leaves: Unknowns, level: Level, config: SolverConfig):
        self.lengths = dict(problem.step_lengths(level))
        groups = [{"params": [leaves[name]], "lr": lr} for name, lr in self.lengths.items()]
        self.optimiser: torch.optim.Optimizer
        if config.optimiser == "lbfgs":
            self.optimiser = torch.optim.LBFGS(
                [leaves[name] for name in self.lengths], max_iter=4, history_size=10,
                line_search_fn="strong_wolfe",
            )  # fmt: skip
        elif config.optimiser == "adam_uniform":
            self.optimiser = AdamUniform(groups, config.betas)
        else:
            self.optimiser = torch.optim.Adam(groups, betas=config.betas, fused=True)
        self.problem, self.leaves, self.level = problem, leaves, level

    def step(self, part: Part, scale: float) -> tuple[float, float]:
        """Take one step with the step lengths times ``scale``; return data and prior terms."""
        terms: list[Tensor] = []

        def closure() -> Tensor:
            self.optimiser.zero_grad(set_to_none=True)
            data = self.problem.data_loss(self.leaves, self.level, part)
            prior = self.problem.prior_loss(self.leaves, self.level, float(data.detach()))
            (data + prior).backward()  # type: ignore[no-untyped-call]
            if not terms:
                terms.extend((data.detach(), prior.detach()))
            return data + prior

        if not isinstance(self.optimiser, torch.optim.LBFGS):
            lengths = self.lengths.values()
            for group, length in zip(self.optimiser.param_groups, lengths, strict=True):
                group["lr"] = length * scale
        self.optimiser.step(closure)  # type: ignore[arg-type]
        return float(terms[0]), float(terms[1])


def _solve_level(
    problem: Problem,
    unknowns: Unknowns,
    level: Level,
    config: SolverConfig,
    history: list[Record],
    listeners: tuple[Progress | None, Watch | None],
) -> Unknowns:
    progress, watch = listeners
    lengths = problem.step_lengths(level)
    leaves = {
        name: value.detach().clone().requires_grad_(name in lengths)
        for name, value in unknowns.items()
    }
    descent = _Descent(problem, leaves, level, config)
    best, waited, cooling = math.inf, 0, 0
    for step in range(level.steps + level.cooldown):
        stopping = None
        if cooling or step == level.steps or waited >= config.patience:
            cooling += 1
        if cooling > level.cooldown:
            break
        if watch is not None:
            watch(level, step, {name: value.detach() for name, value in leaves.items()})
        scale = 0.5 * (1 + math.cos(math.pi * cooling / (level.cooldown + 1)))
        data, prior = descent.step("all" if cooling else "fitted", scale)
        _check_finite(level, step, data, prior)
        if not cooling and (step + 1) % config.check_every == 0:
            stopping = _measure(problem, leaves, level, "stopping")
            best, waited = (stopping, 0) if stopping < best else (best, waited + 1)
        history.append(Record(level.index, step, data, prior, stopping))
        if progress is not None:
            progress(level, step, data)
    return {name: value.detach() for name, value in leaves.items()}


def _check_finite(level: Level, step: int, data: float, prior: float) -> None:
    for term, value in (("data", data), ("prior", prior)):
        if not math.isfinite(value):
            raise DivergedError(
                f"the {term} term must stay finite, got {value} at step {step} of level "
                f"{level.index} ({level.resolution[0]} x {level.resolution[1]}); "
                "use shorter steps or check the observations"
            )
