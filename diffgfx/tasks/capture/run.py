"""From a capture to a proven material: load, hold out, fit, measure."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import BackendError, InputError
from diffgfx.inverse import Level, Solution, Unknowns, ladder, solve
from diffgfx.io import PhotoSet, load_photos
from diffgfx.render import render_planar
from diffgfx.scene import Capture, MaterialMaps
from diffgfx.tasks.capture.holdout import choose_holdout
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.measure import PhotoError, measure_photo
from diffgfx.tasks.capture.model import MaterialModel, PriorWeights
from diffgfx.tasks.capture.network import NetworkModel
from diffgfx.tasks.capture.next_photo import NextPhoto, Outlook, suggest_photo
from diffgfx.tasks.capture.observations import PhotoPyramid
from diffgfx.tasks.capture.options import CaptureOptions
from diffgfx.tasks.capture.problem import CaptureProblem
from diffgfx.tasks.capture.scale import Anchor, describe_belief
from diffgfx.tasks.capture.uncertainty import Evidence, MapUncertainty, estimate_uncertainty

__all__ = ["CaptureResult", "Progress", "capture_material"]

Progress = Callable[[str, int, int, float | None], object]
"""Called with the stage, what is done of it, how much it is, and the current error."""

_STEPS = {"smooth": (80, 40), "none": (80, 40), "dip": (900, 200)}
_STARTING_ALBEDO = 0.25
_TRIAL_LEVELS = 2   # 32 texels a side: noise is averaged out, what the model lacks is not


@dataclasses.dataclass(frozen=True)
class CaptureResult:
    """A material, its light, and the proof.

    Attributes:
        maps: The material; sizes in the capture's unit.
        photos: The photographs at the resolution of the fit.
        renders: Re-render of each photograph, linear, its solved exposure included, (n, 3, h, w).
        errors: Errors of each photograph.
        held_out: Indices of the photographs that the fit did not see.
        light: The flash, all photographs.
        unknowns: The solved unknowns of the flash.
        uncertainty: How far the maps may be off.
        next_photo: The photograph that would tell most of what is still unsure.
        steps: Steps of the fit.
        seconds: Time of loading, of fitting with its proof, and of the uncertainty.
        warnings: What the user should know, a line each.
    """

    maps: MaterialMaps
    photos: PhotoSet
    renders: Float[Tensor, "n 3 h w"]
    errors: tuple[PhotoError, ...]
    held_out: tuple[int, ...]
    light: FlashLight
    unknowns: Unknowns
    uncertainty: MapUncertainty
    next_photo: NextPhoto
    steps: int
    seconds: dict[str, float]
    warnings: tuple[str, ...]


def capture_material(
    capture: Capture, options: CaptureOptions | None = None, *, progress: Progress | None = None
) -> CaptureResult:
    """Fit a material to posed flash photographs and prove it on those it has not seen.

    Args:
        capture: What `io.read_capture` returned.
        options: Choices; the defaults are those of ``diffgfx capture``.
        progress: Told of every stage.

    Returns:
        The material with its proof. The fit is the same whether or not the held-out photographs are
        there to be measured.

    Raises:
        InputError: If a photograph cannot be used, or poses are missing.
        RangeError: If the options do not go together or do not fit the capture.
        BackendError: If the device is not there.
        DivergedError: If the fit blows up.
    """
    options = options or CaptureOptions()
    tell = progress or (lambda stage, done, total, error: None)
    device = _device(options.device)
    begun = time.perf_counter()
    camera, light_position = _poses(capture)
    held = choose_holdout(light_position, options)
    photos = load_photos(
        capture, options.resolution, lambda done, total: tell("load", done, total, None)
    )
    loaded = time.perf_counter()
    fitted = tuple(i for i in range(len(camera)) if i not in held)
    problem = _problem(capture, options, photos, fitted, device)
    solution = _fit(problem, tell, "fit")
    warnings = list(photos.warnings)
    light, unknowns = _light_of_all(capture, options, problem, solution.unknowns, fitted, device)
    maps = problem.model.maps(solution.unknowns).detach()
    renders, errors = _prove(capture, photos, maps, light, unknowns, device)
    steps, seen = solution.steps, fitted
    if options.final == "all" and held:
        everything = seen = tuple(range(len(camera)))
        problem = _problem(capture, options, photos, everything, device)
        solution = _fit(problem, tell, "refit on all")
        light, unknowns = _light_of_all(
            capture, options, problem, solution.unknowns, everything, device
        )
        maps = problem.model.maps(solution.unknowns).detach()
        steps += solution.steps
    if problem.anchor == "belief":
        warnings.append(describe_belief(maps))
    material = torch.cat([torch.nn.functional.normalize(maps[:, :3], dim=1), maps[:, 3:]], dim=1)
    solved = time.perf_counter()
    evidence = Evidence.of(maps, capture.sample_size, light.pairs(unknowns), photos, seen)
    uncertainty, next_photo = _judge(evidence, tell)
    seconds = {
        "load": loaded - begun, "fit": solved - loaded, "uncertainty": time.perf_counter() - solved,
    }  # fmt: skip
    return CaptureResult(
        MaterialMaps.from_tensor(material.cpu(), capture.sample_size), photos, renders, errors,
        held, light, unknowns, uncertainty, next_photo, steps, seconds, tuple(warnings),
    )  # fmt: skip


def _judge(evidence: Evidence, tell: Progress) -> tuple[MapUncertainty, NextPhoto]:
    tell("uncertainty", 0, 2, None)
    uncertainty = estimate_uncertainty(evidence)
    tell("uncertainty", 1, 2, None)
    next_photo = suggest_photo(Outlook(evidence, uncertainty))
    tell("uncertainty", 2, 2, None)
    return uncertainty, next_photo


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise BackendError("device cuda is not there: torch sees no CUDA device; use --device cpu")
    return torch.device(name)


def _poses(capture: Capture) -> tuple[Tensor, Tensor]:
    camera = [photo.camera for photo in capture.photos]
    light = [photo.light for photo in capture.photos]
    for index, photo in enumerate(capture.photos):
        if photo.camera is None or photo.light is None:
            raise InputError(
                f"{photo.file}: photos[{index}] must have a camera position, got none; "
                "add photos[].camera to capture.json"
            )
    return torch.tensor(camera, dtype=torch.float32), torch.tensor(light, dtype=torch.float32)


def _flash(
    capture: Capture, options: CaptureOptions, reference: Tensor, chosen: tuple[int, ...]
) -> FlashLight:
    camera, light = _poses(capture)
    index = torch.tensor(chosen)
    given = [capture.photos[i].exposure for i in chosen]
    return FlashLight(
        camera=camera[index],
        light=light[index],
        reference_power=reference,
        power_known=capture.light_power is not None,
        exposure=torch.tensor([1.0 if e is None else e for e in given]),
        exposure_known=torch.tensor([e is not None for e in given]),
        refine=options.calibration == "refine",
    )


def _reference_power(capture: Capture, pyramid: PhotoPyramid) -> Tensor:
    """Return the known power, or one under which the sample's median albedo is middling."""
    if capture.light_power is not None:
        return torch.tensor(capture.light_power, dtype=torch.float32)
    _, squared = pyramid.geometry((16, 16))
    median = pyramid.reflectance((16, 16)).median()
    return (torch.pi * median * squared.mean() / _STARTING_ALBEDO).expand(3).clone()


def _problem(
    capture: Capture,
    options: CaptureOptions,
    photos: PhotoSet,
    chosen: tuple[int, ...],
    device: torch.device,
) -> CaptureProblem:
    index = torch.tensor(chosen)
    _, light = _poses(capture)
    size = capture.sample_size
    images, valid = photos.images[index].to(device), photos.valid[index].to(device)
    pyramid = PhotoPyramid(images, valid, light[index].to(device), size, options.seed)
    reference = _reference_power(capture, pyramid).to(device)
    flash = _flash(capture, options, reference, chosen).to(device)
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
    anchor: Anchor = "belief"
    if capture.light_power is not None:
        anchor = "power"
    elif capture.grey_patch is not None:
        anchor = "grey_patch"
    return CaptureProblem(pyramid, model, flash, levels, anchor, capture.grey_patch)


def _steps(levels: Sequence[Level]) -> int:
    return sum(level.steps + level.cooldown for level in levels)


def _fit(problem: CaptureProblem, tell: Progress, stage: str) -> Solution:
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
    if problem.anchor != "grey_patch":
        return solution
    return dataclasses.replace(solution, unknowns=problem.anchored(solution.unknowns))


def _light_of_all(
    capture: Capture,
    options: CaptureOptions,
    problem: CaptureProblem,
    unknowns: Unknowns,
    fitted: tuple[int, ...],
    device: torch.device,
) -> tuple[FlashLight, Unknowns]:
    """Return the flash of every photograph; one that was not fitted has exposure 1 and no shift."""
    everything = tuple(range(len(capture.photos)))
    flash = _flash(capture, options, problem.light.reference_power.cpu(), everything).to(device)
    exposure = torch.ones(len(everything), device=device)
    exposure[list(fitted)] = problem.light.exposures(unknowns)
    exposure = torch.where(flash.exposure_known, flash.exposure, exposure)
    flash = dataclasses.replace(
        flash, exposure=exposure, exposure_known=torch.ones_like(flash.exposure_known),
        scale=problem.light.distance,
    )
    shift = torch.zeros(len(everything), 3, device=device)
    shift[list(fitted)] = unknowns["shift"]
    light = {name: unknowns[name] for name in ("power", "offset", "cone", "ambient")}
    return flash, {**light, "exposure": torch.zeros(len(everything), device=device), "shift": shift}


def _prove(
    capture: Capture,
    photos: PhotoSet,
    maps: Tensor,
    light: FlashLight,
    unknowns: Unknowns,
    device: torch.device,
) -> tuple[Tensor, tuple[PhotoError, ...]]:
    pairs = light.pairs(unknowns)
    renders = torch.empty_like(photos.images)
    errors = []
    for i in range(len(photos.images)):
        own = {name: value[:, i : i + 1] for name, value in pairs.items()}
        picture = render_planar(maps, capture.sample_size, **own)[0, 0]
        error = measure_photo(picture, photos.images[i].to(device), capture.transfer)
        renders[i] = (picture * error.exposure).cpu()
        errors.append(error)
    return renders, tuple(errors)
