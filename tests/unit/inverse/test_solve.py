"""The solver on problems small enough to know the answer."""

import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from diffgfx.errors import DivergedError, RangeError
from diffgfx.inverse import (
    Level,
    Part,
    SolverConfig,
    Unknowns,
    area_average,
    ladder,
    prolong_field,
    solve,
    split_pixels,
)

Loss = Callable[[Unknowns, Level, Part], Tensor]


class Toy:
    """A problem of one unknown, its loss given by the test."""

    def __init__(self, loss: Loss, start: float = 0.0, *, steps: int = 40, cooldown: int = 10,
                 levels: int = 1, length: float = 0.1) -> None:
        self.levels = tuple(Level(k, (4, 4), steps, cooldown) for k in range(levels))
        self.loss, self.length = loss, length
        self.first = {"z": torch.tensor([start]), "fixed": torch.tensor([5.0])}
        self.parts: list[Part] = []

    def start(self) -> Unknowns:
        return self.first

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        return unknowns

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        return {"z": self.length}

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        self.parts.append(part)
        return self.loss(unknowns, level, part).sum()

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        return torch.zeros(())

    observations = 1

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        return unknowns["z"] - 1.0


class Picture:
    """Find a picture from two noiseless observations of it: itself, and its square."""

    def __init__(self, truth: Tensor, steps: int = 150, cooldown: int = 50) -> None:
        self.truth = truth
        rungs = ladder((int(truth.shape[-2]), int(truth.shape[-1])), 4)
        self.levels = tuple(Level(k, rung, steps, cooldown) for k, rung in enumerate(rungs))
        self.seen: list[tuple[int, ...]] = []

    def start(self) -> Unknowns:
        return {"z": torch.full((1, 1, *self.levels[0].resolution), 0.5)}

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        return {"z": prolong_field(unknowns["z"], level.resolution)}

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        return {"z": 0.05}

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        z = unknowns["z"][0]
        truth = area_average(self.truth, level.resolution)[0]
        self.seen.append(tuple(z.shape))
        weights = split_pixels(torch.ones(2, *level.resolution)).part(part)
        error = torch.cat([z - truth, z.square() - truth.square()]).square()
        return (weights * error).sum() / weights.sum()

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        self.residual = residual
        return 1e-6 * unknowns["z"].square().mean()

    observations = 2

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        power = observation + 1
        return unknowns["z"][0] ** power - area_average(self.truth, level.resolution)[0] ** power


def truth(height: int = 13, width: int = 8) -> Tensor:
    return 0.2 + 0.7 * torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("optimiser", "tolerance"), [("adam", 2e-3), ("lbfgs", 1e-3)])
def test_a_known_picture_is_recovered_level_by_level(optimiser, tolerance):
    problem = Picture(truth(), steps=150 if optimiser == "adam" else 12)
    solution = solve(problem, SolverConfig(optimiser))
    assert torch.allclose(solution.unknowns["z"], problem.truth, atol=tolerance)
    assert list(dict.fromkeys(problem.seen)) == [(1, 7, 4), (1, 13, 8)]
    assert solution.residual < tolerance**2
    assert solution.steps == len(solution.history)
    assert {record.level for record in solution.history} == {0, 1}
    assert not solution.unknowns["z"].requires_grad


def test_residuals_of_each_observation_and_how_sure_each_texel_is():
    problem = Picture(truth(), steps=8, cooldown=2)
    assert solve(problem).deviation == {}
    solution = solve(problem, SolverConfig(probes=1))
    z = solution.unknowns["z"]
    first, second = (z - problem.truth).square(), (z.square() - problem.truth.square()).square()
    wanted = [float(e.mean().sqrt()) for e in (first, second)]
    assert solution.residuals == pytest.approx(wanted, rel=1e-5)
    variance = 0.5 * (first.mean() + second.mean())
    # each texel has two residuals, z - t and z^2 - t^2, whose slopes are 1 and 2 z
    slopes = 1 + 4 * z.square()
    assert torch.allclose(solution.deviation["z"], (slopes / variance + 1).rsqrt(), rtol=1e-4)


def test_the_prior_is_told_the_residual_of_its_own_step():
    problem = Picture(truth(), steps=3, cooldown=0)
    history = solve(problem).history
    assert problem.residual == history[-1].data > 0.0


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_two_runs_are_bit_equal(optimiser):
    config = SolverConfig(optimiser, restarts=3)
    first, again = (solve(Picture(truth(), 6, 4), config) for _ in range(2))
    assert torch.equal(first.unknowns["z"], again.unknowns["z"])
    assert first.history == again.history


def double_well(unknowns: Unknowns, level: Level, part: Part) -> Tensor:
    """Lowest near -1; a start at 0.9 rolls into the higher well near 1."""
    z = unknowns["z"]
    return (z.square() - 1).square() + 0.3 * z + 1.0


def test_restarts_find_the_lower_residual():
    def found(restarts, spread):
        config = SolverConfig(restarts=restarts, spread=spread)
        return solve(Toy(double_well, 0.9, steps=60, cooldown=20), config)

    stuck, freed, close = found(1, 2.0), found(4, 2.0), found(3, 1e-3)
    assert stuck.unknowns["z"].item() == pytest.approx(0.96, abs=0.02)
    assert freed.unknowns["z"].item() == pytest.approx(-1.035, abs=0.1)
    assert freed.residual < stuck.residual - 0.5
    assert close.unknowns["z"].item() == pytest.approx(0.96, abs=0.02)


def test_only_named_unknowns_move_and_nothing_of_the_callers_does():
    problem = Toy(lambda u, level, part: (u["z"] - u["fixed"]).square())
    before = {name: value.clone() for name, value in problem.first.items()}
    solution = solve(problem, SolverConfig(restarts=2))
    assert torch.equal(solution.unknowns["fixed"], before["fixed"])
    assert solution.unknowns["z"].item() > 2.0
    for name, value in problem.first.items():
        assert torch.equal(value, before[name])
        assert value.grad is None


def overfitting(unknowns: Unknowns, level: Level, part: Part) -> Tensor:
    """The fitted pixels pull z up for ever; the others were happiest at the start."""
    z = unknowns["z"]
    return z.square() if part == "stopping" else 100.0 - z


@pytest.mark.parametrize("cooldown", [7, 1, 0])
def test_a_level_stops_when_the_stopping_pixels_rise_and_cools_down(cooldown):
    problem = Toy(overfitting, steps=1000, cooldown=cooldown)
    told: list[tuple[int, int]] = []
    solution = solve(
        problem, SolverConfig(check_every=5, patience=2),
        progress=lambda level, step, residual: told.append((level.index, step)),
    )  # fmt: skip
    warm = 5 * 3            # the first look is the best; two more without a better one
    assert solution.steps == warm + cooldown
    assert told == [(0, step) for step in range(warm + cooldown)]
    looks = [record.step for record in solution.history if record.stopping is not None]
    assert looks == [4, 9, 14]
    assert problem.parts.count("stopping") == 3 + 1          # and one to judge the start
    assert problem.parts.count("fitted") == warm
    assert problem.parts.count("all") == cooldown + 1        # and the residual
    # Adam under a constant slope moves by the step length; the cool-down's lengths add to half
    assert solution.unknowns["z"].item() == pytest.approx(0.1 * (warm + cooldown / 2), rel=1e-4)


def test_without_a_reason_to_stop_every_step_is_taken():
    problem = Toy(lambda u, level, part: 100.0 - u["z"], steps=30, cooldown=4, levels=2)
    solution = solve(problem, SolverConfig(check_every=10, patience=1))
    assert [r.step for r in solution.history] == 2 * list(range(34))
    assert [r.level for r in solution.history] == 34 * [0] + 34 * [1]
    assert solution.history[0].data == 100.0


@pytest.mark.parametrize("term", ["data", "prior"])
def test_a_blow_up_names_level_step_and_term(term):
    def loss(unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        bad = level.index == 1 and unknowns["z"] > 4.25
        return (math.nan if bad else 1.0) * -unknowns["z"]

    def nothing(unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        return -unknowns["z"]

    problem = Toy(loss if term == "data" else nothing, levels=2, steps=40, cooldown=0)
    if term == "prior":
        problem.prior_loss = lambda u, level, residual: loss(u, level, "all").sum()  # type: ignore[method-assign]
    wanted = (
        f"the {term} term must stay finite, got nan at step {{}} of level 1 .4 x 4.; "
        "use shorter steps or check the observations"
    )
    # 40 steps of 0.1 in level 0 reach 4; step 3 of level 1 sees more than 4.25
    with pytest.raises(DivergedError, match=wanted.format(3)):
        solve(problem)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"restarts": 0}, "restarts must be at least 1, got 0"),
        ({"check_every": 0}, "check_every must be at least 1"),
        ({"patience": -1}, "patience must be at least 1"),
        ({"probes": -1}, "probes must be at least 0, got -1"),
    ],
)
def test_wrong_numbers_are_named(options, rule):
    with pytest.raises(RangeError, match=rule):
        SolverConfig(**options)


def test_a_wrong_optimiser_is_named_where_no_type_checker_runs():
    with pytest.raises(RangeError, match="one of adam, adam_uniform, lbfgs, got 'sgd'"):
        SolverConfig.__post_init__(SimpleNamespace(optimiser="sgd"))  # type: ignore[arg-type]


def test_a_watcher_is_shown_the_unknowns_before_every_step_and_changes_nothing():
    def loss(unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        return (unknowns["z"] - 3.0).square()

    seen: list[tuple[int, int, float]] = []

    def watch(level: Level, step: int, unknowns: Unknowns) -> None:
        assert not unknowns["z"].requires_grad
        seen.append((level.index, step, float(unknowns["z"])))

    watched = solve(Toy(loss, levels=2), watch=watch)
    alone = solve(Toy(loss, levels=2))
    assert torch.equal(watched.unknowns["z"], alone.unknowns["z"])
    assert [entry[:2] for entry in seen] == [(r.level, r.step) for r in alone.history]
    assert seen[0][2] == 0.0
    assert seen[1][2] > 0.0


def test_one_step_length_for_all_entries_finds_the_same_answer():
    def loss(unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        return (unknowns["z"] - 3.0).square()

    found = solve(Toy(loss, steps=200, cooldown=40), SolverConfig("adam_uniform", patience=50))
    assert float(found.unknowns["z"]) == pytest.approx(3.0, abs=1e-3)
