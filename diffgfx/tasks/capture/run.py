"""From a capture to a proven material: load, hold out, fit, measure."""

import dataclasses
import functools
import time
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import BackendError
from diffgfx.inverse import Solution, Unknowns
from diffgfx.io import PhotoSet, load_photos
from diffgfx.render import render_planar
from diffgfx.scene import Capture, MaterialMaps
from diffgfx.tasks.capture.fit import Progress, fit_capture, make_flash, make_problem
from diffgfx.tasks.capture.holdout import choose_holdout
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.measure import PhotoError, measure_photo
from diffgfx.tasks.capture.next_photo import NextPhoto, Outlook, suggest_photo
from diffgfx.tasks.capture.options import CaptureOptions
from diffgfx.tasks.capture.poses import positions, without_poses
from diffgfx.tasks.capture.problem import CaptureProblem
from diffgfx.tasks.capture.scale import doubt_of_scale
from diffgfx.tasks.capture.uncertainty import Evidence, MapUncertainty, estimate_uncertainty
from diffgfx.tasks.capture.unposed import locate_held_out, look_for_highlights, place_cameras

__all__ = ["CaptureResult", "PoseOrigin", "Progress", "capture_material"]

PoseOrigin = Literal["given", "refined", "solved", "solved on this photo"]
"""What pose a photograph was measured under: the capture's own; that, moved a little by the fit;
one that the fit found; or, of a held-out photograph, one found on itself, the material frozen."""


@dataclasses.dataclass(frozen=True)
class CaptureResult:
    """A material, its light, and the proof.

    Attributes:
        maps: The material; sizes in the capture's unit.
        photos: The photographs at the resolution of the fit.
        renders: Re-render of each photograph, linear, its solved exposure included, (n, 3, h, w).
        errors: Errors of each photograph.
        poses: What pose each was measured under.
        cameras: Where that was: positions of the cameras, (n, 3).
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
    poses: tuple[PoseOrigin, ...]
    cameras: Float[Tensor, "n 3"]
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
    """Fit a material to flash photographs and prove it on those it has not seen.

    With ``calibration="solve"`` poses are found too, and those of the capture are not used. A
    held-out photograph's pose and exposure, four numbers, are then solved on it, under the material
    and the light that the others gave; which are held out by ``"auto"`` depends on the highlights
    of all photographs, and the fit on those of the others alone.

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
    capture, held = _begin(capture, options)
    photos = load_photos(
        capture, options.resolution, lambda done, total: tell("load", done, total, None)
    )
    loaded = time.perf_counter()
    result = _captured(_Job(options, photos, device, tell), capture, held)
    judging = result.seconds["uncertainty"]
    fitting = time.perf_counter() - loaded - judging
    seconds = {"load": loaded - begun, "fit": fitting, "uncertainty": judging}
    return dataclasses.replace(result, seconds=seconds)


@dataclasses.dataclass(frozen=True)
class _Job:
    """What stays the same from the first step to the last."""

    options: CaptureOptions
    photos: PhotoSet
    device: torch.device
    tell: Progress


@dataclasses.dataclass(frozen=True)
class _Fit:
    """A problem solved: which photographs were fitted, and to what maps."""

    problem: CaptureProblem
    solution: Solution
    fitted: tuple[int, ...]
    maps: Float[Tensor, "1 10 h w"]


def _captured(job: _Job, capture: Capture, held: tuple[int, ...]) -> CaptureResult:
    """Return the result, of the times only that of the uncertainty."""
    options, photos, solving = job.options, job.photos, job.options.calibration == "solve"
    warnings = list(photos.warnings)
    if solving:
        capture, held, said = _pose(job, capture, held)
        warnings += said
    everything = tuple(range(len(capture.photos)))
    last = _fit(job, capture, tuple(i for i in everything if i not in held), "fit")
    if solving:
        flash = last.problem.light, last.solution.unknowns
        capture = locate_held_out(
            capture, photos, held, last.maps, *flash, seed=options.seed, tell=job.tell
        )
    light, unknowns = _light_of_all(job, capture, last)
    renders, errors = _prove(job, capture, last.maps, light, unknowns)
    cameras = light.pairs(unknowns)["camera_position"][0].cpu()
    steps = last.solution.steps
    if options.final == "all" and held:
        last = _fit(job, capture, everything, "refit on all")
        light, unknowns = _light_of_all(job, capture, last)
        steps += last.solution.steps
    doubt = doubt_of_scale(last.problem.anchor, capture, last.maps, solving)
    warnings += [] if doubt is None else [doubt]
    solved = time.perf_counter()
    pairs = light.pairs(unknowns)
    rest = [i for i in everything if i not in last.fitted]
    uncertainty, next_photo = _judge(
        Evidence.of(last.maps, capture.sample_size, pairs, photos, last.fitted),
        {name: value[:, rest] for name, value in pairs.items()},
        job.tell,
    )
    seconds = {"uncertainty": time.perf_counter() - solved}
    material = MaterialMaps.from_tensor(_unit_normals(last.maps).cpu(), capture.sample_size)
    return CaptureResult(
        material, photos, renders, errors, _origins(options, everything, held), cameras, held,
        light, unknowns, uncertainty, next_photo, steps, seconds, tuple(warnings),
    )  # fmt: skip


def _judge(
    evidence: Evidence, unfitted: dict[str, Tensor], tell: Progress
) -> tuple[MapUncertainty, NextPhoto]:
    tell("uncertainty", 0, 2, None)
    uncertainty = estimate_uncertainty(evidence)
    tell("uncertainty", 1, 2, None)
    next_photo = suggest_photo(Outlook(evidence, uncertainty, unfitted))
    tell("uncertainty", 2, 2, None)
    return uncertainty, next_photo


def _fit(job: _Job, capture: Capture, fitted: tuple[int, ...], stage: str) -> _Fit:
    problem = make_problem(capture, job.options, job.photos, fitted, job.device)
    solution = fit_capture(problem, job.tell, stage)
    return _Fit(problem, solution, fitted, problem.model.maps(solution.unknowns).detach())


def _unit_normals(maps: Float[Tensor, "1 10 h w"]) -> Float[Tensor, "1 10 h w"]:
    return torch.cat([maps[:, :3] / maps[:, :3].norm(dim=1, keepdim=True), maps[:, 3:]], dim=1)


def _origins(
    options: CaptureOptions, photos: tuple[int, ...], held: tuple[int, ...]
) -> tuple[PoseOrigin, ...]:
    origins: dict[str, tuple[PoseOrigin, PoseOrigin]] = {
        "keep": ("given", "given"),
        "refine": ("refined", "given"),
        "solve": ("solved", "solved on this photo"),
    }
    fitted, unseen = origins[options.calibration]
    return tuple(unseen if index in held else fitted for index in photos)


def _begin(capture: Capture, options: CaptureOptions) -> tuple[Capture, tuple[int, ...]]:
    """Return the capture as the options trust it, and what they hold out, as far as poses say."""
    everything = range(len(capture.photos))
    if options.calibration != "solve":
        return capture, choose_holdout(positions(capture, everything)[1], options)
    return without_poses(capture), choose_holdout(torch.zeros(len(everything), 3), options)


def _pose(
    job: _Job, capture: Capture, held: tuple[int, ...]
) -> tuple[Capture, tuple[int, ...], list[str]]:
    """Return the capture with poses of what is fitted, what is held out, and warnings.

    With ``auto``, what is held out depends on the highlights of all photographs; the poses of those
    that are fitted then come from these alone.
    """
    options, photos = job.options, job.photos
    everything = tuple(range(len(capture.photos)))
    if options.holdout == "auto" and held:
        seen = look_for_highlights(
            capture, photos, everything, seed=options.seed,
            tell=functools.partial(job.tell, "choose"),
        )  # fmt: skip
        held = choose_holdout(seen.position, options)
    fitted = tuple(i for i in everything if i not in held)
    posed, said = place_cameras(
        capture, options, photos, fitted, device=job.device, tell=job.tell
    )
    return posed, held, said


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise BackendError("device cuda is not there: torch sees no CUDA device; use --device cpu")
    return torch.device(name)


def _light_of_all(job: _Job, capture: Capture, fit: _Fit) -> tuple[FlashLight, Unknowns]:
    """Return the flash of every photograph; one that was not fitted has exposure 1 and no shift."""
    everything = tuple(range(len(capture.photos)))
    problem, unknowns, fitted = fit.problem, fit.solution.unknowns, list(fit.fitted)
    reference = problem.light.reference_power.cpu()
    flash = make_flash(capture, job.options, reference, everything).to(job.device)
    exposure = torch.ones(len(everything), device=job.device)
    exposure[fitted] = problem.light.exposures(unknowns)
    exposure = torch.where(flash.exposure_known, flash.exposure, exposure)
    flash = dataclasses.replace(
        flash, exposure=exposure, exposure_known=torch.ones_like(flash.exposure_known),
        scale=problem.light.distance,
    )
    shift = torch.zeros(len(everything), 3, device=job.device)
    shift[fitted] = unknowns["shift"]
    return flash, {**flash.shared(unknowns), "exposure": torch.zeros_like(exposure), "shift": shift}


def _prove(
    job: _Job, capture: Capture, maps: Tensor, light: FlashLight, unknowns: Unknowns
) -> tuple[Tensor, tuple[PhotoError, ...]]:
    pairs, photos = light.pairs(unknowns), job.photos.images
    renders = torch.empty_like(photos)
    errors = []
    for i in range(len(photos)):
        own = {name: value[:, i : i + 1] for name, value in pairs.items()}
        picture = render_planar(maps, capture.sample_size, **own)[0, 0]
        error = measure_photo(picture, photos[i].to(job.device), capture.transfer)
        renders[i] = (picture * error.exposure).cpu()
        errors.append(error)
    return renders, tuple(errors)
