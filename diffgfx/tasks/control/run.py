"""From frames and a scene to the unknown that makes them: ``diffgfx fluid control``."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from diffgfx.fluid import build_scene
from diffgfx.inverse import Level, Solution, SolverConfig, solve
from diffgfx.io import read_flow
from diffgfx.scene import FlowSetting, FluidScene, FluidState
from diffgfx.tasks.control.options import ControlOptions
from diffgfx.tasks.control.problem import ControlProblem
from diffgfx.tasks.control.target import Target, read_target
from diffgfx.tasks.control.unknown import BuoyancyUnknown, FlowUnknown, InflowUnknown
from diffgfx.tasks.control.velocity import VelocityUnknown
from diffgfx.tasks.flow import check_device

__all__ = ["ControlResult", "Progress", "control_flow"]

Progress = Callable[[str, int, int, float | None], object]
"""Called with the stage, what is done of it, how much it is, and the current residual."""


@dataclasses.dataclass(frozen=True)
class ControlResult:
    """What was recovered.

    Attributes:
        options: What was asked for.
        unit: Of the numbers.
        start: The unknown as the scene file has it.
        recovered: The unknown found: buoyancy by axis, the rate of each source, or the root mean
            square of a velocity.
        deviation: How sure each number is; None for a velocity.
        solution: z, its history and its residual; one is that of frames without smoke.
        frame_errors: Root mean square difference of each frame, in units of the target's root mean
            square, without blur.
        setting: The scene with what was found, where a scene file can say it.
        state: The first state with what was found.
        scene: The scene with what was found.
        target: What was to be matched.
        density: The smoke found in frames 1 to n, shape (n, 1, [d,] h, w).
        seconds: Time that it took.
    """

    options: ControlOptions
    unit: str
    start: list[float]
    recovered: list[float]
    deviation: list[float] | None
    solution: Solution
    frame_errors: list[float]
    setting: FlowSetting
    state: FluidState
    scene: FluidScene
    target: Target
    density: Tensor
    seconds: float


def control_flow(
    target: Path | str,
    scene: Path | str,
    options: ControlOptions,
    *,
    progress: Progress | None = None,
) -> ControlResult:
    """Recover an unknown of a flow, so that its smoke matches a target.

    The number sought starts as the scene file says it, a velocity from rest. `inverse.solve` takes
    L-BFGS steps through the whole simulation and, where the target is pictures, through the camera.

    Args:
        target: A folder of frames or pictures; see `read_target`.
        scene: The scene file; see `io.read_flow`.
        options: What to recover, and how.
        progress: Told after each step.

    Returns:
        What was found. Two runs on the CPU give bit-equal results.

    Raises:
        InputError: If scene or target are not right, or the scene gives no first guess.
        RangeError: If one step does not fit ``options.memory``.
        BackendError: If the device is not there.
        DivergedError: If the flow blows up on the way.
    """
    check_device(options.device)
    begun = time.perf_counter()
    setting = read_flow(scene)
    goal = read_target(target, setting, device=options.device)
    unknown = _unknown(setting, Path(scene), len(goal.frames), options)
    known = build_scene(setting, device=options.device)
    levels = unknown.levels(options.steps)
    problem = ControlProblem(
        goal, known, unknown, setting.steps_per_frame, levels, options.memory
    )
    solution = _solve(problem, options, progress or (lambda stage, done, total, residual: None))
    found = solution.unknowns
    with torch.no_grad():
        state, known = problem.first(found)
        density = problem.densities(found)
        apart = problem.residual.relative(goal.seen(density, problem.scene))
    return ControlResult(
        options=options,
        unit=unknown.unit,
        start=unknown.numbers(problem.start()),
        recovered=unknown.numbers(found),
        deviation=unknown.deviations(found, solution.deviation),
        solution=solution,
        frame_errors=apart.square().flatten(1).mean(dim=1).sqrt().tolist(),
        setting=unknown.setting(found, setting),
        state=state,
        scene=known,
        target=goal,
        density=density,
        seconds=time.perf_counter() - begun,
    )


def _unknown(
    setting: FlowSetting, file: Path, frames: int, options: ControlOptions
) -> FlowUnknown:
    if options.unknown == "buoyancy":
        return BuoyancyUnknown(setting, file, options.device)
    if options.unknown == "inflow":
        return InflowUnknown(setting, file, options.device)
    seconds = frames * setting.steps_per_frame * setting.dt
    return VelocityUnknown(setting, seconds, options.device)


def _solve(problem: ControlProblem, options: ControlOptions, tell: Progress) -> Solution:
    total = sum(level.steps for level in problem.levels)

    def told(level: Level, step: int, residual: float) -> None:
        done = sum(other.steps for other in problem.levels[: level.index]) + step + 1
        tell("fit", min(done, total - 1), total, residual)

    config = SolverConfig(
        "lbfgs", check_every=1, patience=1, probes=problem.unknown.probes, seed=options.seed
    )
    solution = solve(problem, config, progress=told)
    tell("fit", total, total, solution.residual)
    return solution
