"""A capture posed as an inverse problem from photographs, poses and options, and solved."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx.inverse import Level, Solution, ladder, solve
from diffgfx.io import PhotoSet
from diffgfx.scene import Capture
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.model import MaterialModel, PriorWeights
from diffgfx.tasks.capture.network import NetworkModel
from diffgfx.tasks.capture.observations import PhotoPyramid
from diffgfx.tasks.capture.options import CaptureOptions
from diffgfx.tasks.capture.poses import positions
from diffgfx.tasks.capture.problem import CaptureProblem
from diffgfx.tasks.capture.scale import GreyReadings, choose_anchor

__all__ = ["Progress", "fit_capture", "make_flash", "make_problem"]

Progress = Callable[[str, int, int, float | None], object]
"""Called with the stage, what is done of it, how much it is, and the current error."""

_STEPS = {"smooth": (80, 40), "none": (80, 40), "dip": (900, 200)}
_STARTING_ALBEDO = 0.25
_TRIAL_LEVELS = 2   # 32 texels a side: noise is averaged out, what the model lacks is not


def make_flash(
    capture: Capture, options: CaptureOptions, reference: Tensor, chosen: tuple[int, ...]
) -> FlashLight:
    """Return the flash of the chosen photographs, before anything is solved.

    Args:
        capture: The chosen photographs' poses, and what is known of the light.
        options: Whether the poses are refined.
        reference: Radiant intensity that a power unknown of zero stands for.
        chosen: Indices of the photographs.
    """
    camera, light = positions(capture, chosen)
    given = [capture.photos[i].exposure for i in chosen]
    return FlashLight(
        camera=camera,
        light=light,
        reference_power=reference,
        power_known=capture.light_power is not None,
        exposure=torch.tensor([1.0 if e is None else e for e in given]),
        exposure_known=torch.tensor([e is not None for e in given]),
        refine=options.calibration != "keep",
    )


def _reference_power(capture: Capture, pyramid: PhotoPyramid) -> Tensor:
    """Return the known power, or one under which the sample's median albedo is middling."""
    if capture.light_power is not None:
        return torch.tensor(capture.light_power, dtype=torch.float32)
    _, squared = pyramid.geometry((16, 16))
    median = pyramid.reflectance((16, 16)).median()
    return (torch.pi * median * squared.mean() / _STARTING_ALBEDO).expand(3).clone()


def make_problem(
    capture: Capture,
    options: CaptureOptions,
    photos: PhotoSet,
    chosen: tuple[int, ...],
    device: torch.device,
) -> CaptureProblem:
    """Return the problem that the chosen photographs pose.

    Args:
        capture: Their poses, and what is known of light and scale.
        options: Prior, calibration and seed.
        photos: All photographs; none but the chosen are looked at.
        chosen: Indices of the photographs to fit.
        device: Where to solve it.
    """
    index = torch.tensor(chosen)
    _, light = positions(capture, chosen)
    size = capture.sample_size
    images, valid = photos.images[index].to(device), photos.valid[index].to(device)
    pyramid = PhotoPyramid(images, valid, light.to(device), size, options.seed)
    reference = _reference_power(capture, pyramid).to(device)
    flash = make_flash(capture, options, reference, chosen).to(device)
    model: MaterialModel | NetworkModel
    if options.prior == "dip":
        model = NetworkModel(pyramid, options.seed)
        rungs = [photos.resolution]
    else:
        weights = PriorWeights() if options.prior == "smooth" else PriorWeights.none()
        model = MaterialModel(pyramid, weights, options.seed)
        rungs = ladder(photos.resolution)
    steps, cooldown = _STEPS[options.prior]
    levels = tuple(Level(k, rung, steps, cooldown) for k, rung in enumerate(rungs))
    beside = GreyReadings.of(capture, chosen)
    return CaptureProblem(
        pyramid, model, flash, levels, choose_anchor(capture, beside), capture.grey_patch,
        beside=None if beside is None else beside.to(device),
    )  # fmt: skip


def _steps(levels: Sequence[Level]) -> int:
    return sum(level.steps + level.cooldown for level in levels)


def fit_capture(problem: CaptureProblem, tell: Progress, stage: str) -> Solution:
    """Solve a capture, after a trial that says how much the priors may weigh.

    Args:
        problem: What `make_problem` returned.
        tell: Told of every step.
        stage: Under this name.
    """
    trial = problem.trial(_TRIAL_LEVELS)
    ahead = _steps(trial.levels) if isinstance(problem.model, MaterialModel) else 0
    total = ahead + _steps(problem.levels)

    def told(level: Level, step: int, residual: float, begun: int = 0) -> None:
        done = begun + _steps(problem.levels[: level.index]) + step + 1
        tell(stage, done, total, residual)

    if ahead:
        problem = problem.believing(solve(trial, progress=told).residual)
    solution = solve(problem, progress=functools.partial(told, begun=ahead))
    tell(stage, total, total, solution.residual)
    if problem.anchor not in ("grey_patch", "grey_beside"):
        return solution
    return dataclasses.replace(solution, unknowns=problem.anchored(solution.unknowns))
