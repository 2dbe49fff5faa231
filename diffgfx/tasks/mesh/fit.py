"""From pictures of a model to its pose, shape, texture or material: ``diffgfx fit``."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.data import make_icosphere
from diffgfx.errors import InputError, RangeError
from diffgfx.inverse import Level, Solution, SolverConfig, Unknowns, ladder, solve
from diffgfx.io import FILE_OF_TARGETS, encode_transfer
from diffgfx.scene import Light, MaterialMaps, Mesh, Model, Part
from diffgfx.tasks.flow import check_device
from diffgfx.tasks.mesh.distance import PoseError, chamfer_distance, pose_error
from diffgfx.tasks.mesh.extent import check_extent
from diffgfx.tasks.mesh.fit_options import FitOptions
from diffgfx.tasks.mesh.fit_problem import FitProblem, MeshUnknown
from diffgfx.tasks.mesh.maps import MapsUnknown
from diffgfx.tasks.mesh.pose import PoseUnknown
from diffgfx.tasks.mesh.shape import ShapeUnknown
from diffgfx.tasks.mesh.targets import Targets, mesh_of, move_targets, select_cameras

__all__ = ["FitResult", "Progress", "ViewError", "fit_mesh"]

Progress = Callable[[str, int, int, float | None], object]
"""Called with the stage, what is done of it, how much it is, and the current residual."""

_FEWEST = 4
_FRAMES = 96  # of the film
_FILM_SIDE = 192
_COARSEST = {"pose": 32, "shape": 48, "texture": 48, "material": 48}
_LEVELS = {"pose": 3, "shape": 2, "texture": 3, "material": 3}
_STEPS = {"pose": (40, 20), "shape": (50, 25), "texture": (60, 30), "material": (70, 30)}


class ViewError(NamedTuple):
    """How far one picture is from its target, in stored values from 0 to 1.

    Attributes:
        rmse: Root mean square over all pixels.
        psnr: Of them [dB].
        rmse_object: Root mean square over the pixels where target or fit show something.
        psnr_object: Of them [dB].
        rmse_linear: Root mean square of linear values over all pixels, above one too.
    """

    rmse: float
    psnr: float
    rmse_object: float
    psnr_object: float
    rmse_linear: float


@dataclasses.dataclass(frozen=True)
class FitResult:
    """What was found.

    Attributes:
        options: What was asked for.
        targets: What was to be matched.
        held_out: Indices of the pictures that the fit never saw.
        model: The model as found.
        lights: The lights as found.
        pictures: The model as each camera sees it, linear, (N, 3, h, w).
        errors: How far each is from its target.
        turn: Of a pose: the axis times the angle [rad]; else None.
        shift: Of a pose: of the middle of the box [m]; else None.
        pose: How far it is from the reference's, where one has the same vertices.
        chamfer: Mean distance to the reference over its diagonal, of a shape where there is one.
        chamfer_start: The same of what the fit started from.
        solution: z, its history and its residual.
        frames: The optimisation as one camera sees it, stored values, (h, w, 3) each.
        seconds: Time that it took.
    """

    options: FitOptions
    targets: Targets
    held_out: tuple[int, ...]
    model: Model
    lights: tuple[Light, ...]
    pictures: Tensor
    errors: tuple[ViewError, ...]
    turn: list[float] | None
    shift: list[float] | None
    pose: PoseError | None
    chamfer: float | None
    chamfer_start: float | None
    solution: Solution
    frames: list[Tensor]
    seconds: float


def fit_mesh(
    targets: Targets, options: FitOptions, *, progress: Progress | None = None
) -> FitResult:
    """Find what makes a model look like its pictures, by `inverse.solve` through `render.render`.

    Args:
        targets: See `read_targets` and `make_targets`.
        options: What to find, and how.
        progress: Told after each step.

    Returns:
        What was found, with errors of all views. Two runs on the CPU give bit-equal results, and
        held-out views make no difference to what is found.

    Raises:
        InputError: If the model does not suit what is sought, or no fitted view shows it.
        RangeError: If ``options.holdout`` names no view, or leaves none.
        BackendError: If the device is not there.
        DivergedError: If the fit blows up.
    """
    check_device(options.device)
    begun = time.perf_counter()
    targets = move_targets(targets, options.device)
    held = choose_views(len(targets.images), options)
    fitted = [k for k in range(len(targets.images)) if k not in held]
    levels = _levels(targets.resolution, options)
    for name, given in (("model", targets.model), ("reference", targets.reference)):
        if given is not None:
            check_extent(name, given)
    start = targets.model or _grey_sphere(targets, fitted, options)
    unknown = _unknown(start, targets.lights, options, len(levels), fitted)
    problem = FitProblem(targets, fitted, unknown, levels, options.seed)
    _check_in_sight(problem)
    shown = held or tuple(fitted)
    film = _Film(problem, shown[len(shown) // 2])
    solution = _solve(problem, film, options, progress or (lambda stage, done, total, error: None))
    found = solution.unknowns
    with torch.no_grad():
        film.add(found)
        posed = unknown.posed(found)
        views = [
            problem.picture(found, [k], targets.resolution, samples=4)
            for k in range(len(targets.images))
        ]
    errors = tuple(_view_error(targets, k, view.colour[0]) for k, view in enumerate(views))
    sides = [part.two_sided for part in start.parts]  # a fit shows both; what is found, as given
    parts = (
        dataclasses.replace(part, two_sided=side)
        for part, side in zip(posed.parts, sides, strict=True)
    )
    model = Model(tuple(parts), lights=())
    numbers = _compare(options, unknown, found, model, start, targets)
    return FitResult(
        options, targets, held, model, posed.lights, torch.cat([view.colour for view in views]),
        errors, *numbers, solution, film.frames, time.perf_counter() - begun,
    )  # fmt: skip


def _check_in_sight(problem: FitProblem) -> None:
    """Raise unless the model, and in masks an object, shows in a fitted view."""
    targets, start = problem.targets, problem.start()
    name = FILE_OF_TARGETS if targets.folder is None else targets.folder / FILE_OF_TARGETS
    if targets.masks is not None and not bool(targets.masks[problem.chosen].any()):
        raise InputError(
            f"{name}: masks of fitted views must show an object, got none that does; white is "
            "where it is"
        )
    with torch.no_grad():
        views = (problem.picture(start, [k], targets.resolution) for k in problem.chosen)
        if not any(bool(view.mask.any()) for view in views):
            raise InputError(
                f"{name}: model must be in sight in a fitted view, got none where it is; check "
                "the cameras' position and target, and the model's metres"
            )


def _solve(problem: FitProblem, film: "_Film", options: FitOptions, tell: Progress) -> Solution:
    levels = problem.levels
    total = sum(level.steps + level.cooldown for level in levels)

    def told(level: Level, step: int, residual: float) -> None:
        before = sum(other.steps + other.cooldown for other in levels[: level.index])
        tell("fit", min(before + step + 1, total - 1), total, residual)

    config = SolverConfig(
        "adam_uniform" if options.unknown == "shape" else "adam",
        check_every=10,
        patience=4,
        seed=options.seed,
    )
    solution = solve(problem, config, progress=told, watch=film.watch)
    tell("fit", total, total, solution.residual)
    return solution


def choose_views(count: int, options: FitOptions) -> tuple[int, ...]:
    """Return the indices of held-out views: ``auto`` takes every fourth, none under four views."""
    if options.holdout == "none":
        return ()
    if options.holdout == "auto":
        return tuple(range(2, count, 4)) if count >= _FEWEST else ()
    chosen = tuple(sorted(set(options.holdout)))
    for index in chosen:
        if not 0 <= index < count:
            raise RangeError(
                f"--holdout must name views from 0 to {count - 1}, got {index}; views count from 0 "
                "in the order of targets.json"
            )
    if len(chosen) == count:
        raise RangeError(f"--holdout must leave a view to fit, got all {count}; hold out fewer")
    return chosen


def _levels(resolution: tuple[int, int], options: FitOptions) -> tuple[Level, ...]:
    steps, cooldown = _STEPS[options.unknown]
    steps = options.steps or steps
    rungs = ladder(resolution, _COARSEST[options.unknown])[-_LEVELS[options.unknown] :]
    return tuple(Level(k, rung, steps, min(cooldown, steps)) for k, rung in enumerate(rungs))


def _unknown(
    model: Model, lights: tuple[Light, ...], options: FitOptions, levels: int, fitted: list[int]
) -> MeshUnknown:
    if options.unknown == "pose":
        return PoseUnknown(model, lights)
    if options.unknown == "shape":
        return ShapeUnknown(model, lights)
    names = ("diffuse",) if options.unknown == "texture" else ("diffuse", "specular", "roughness")
    return MapsUnknown(
        model, names, lights, texels=options.texels, levels=levels,
        refine=options.lights == "refine", fitted=fitted,
    )  # fmt: skip


def _grey_sphere(targets: Targets, fitted: list[int], options: FitOptions) -> Model:
    """Return a sphere where the fitted cameras look, that fills half of what they see."""
    name = FILE_OF_TARGETS if targets.folder is None else targets.folder / FILE_OF_TARGETS
    if options.unknown != "shape":
        raise InputError(
            f"{name}: model must be given for a fit of {options.unknown}, got none; name a file of "
            "meshes (only shape may do without)"
        )
    if targets.camera.batch < 2:
        raise InputError(
            f"{name}: model must be given where there is one view, got none; name a file of meshes"
        )
    camera = select_cameras(targets.camera, fitted)
    centre = camera.target.expand(camera.batch, 3).mean(dim=0)
    reach = (camera.position - centre).norm(dim=1)
    radius = float((0.5 * reach * torch.tan(0.5 * camera.fov_y)).min())
    mesh = make_icosphere(3, radius)
    mesh = Mesh(mesh.positions.to(centre) + centre, mesh.triangles.to(centre.device))
    values = torch.tensor([0.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.04, 0.04, 0.04, 0.6]).to(centre)
    grey = MaterialMaps.from_tensor(values.view(1, 10, 1, 1))
    return Model((Part(mesh, grey, "sphere"),))


class _Film:
    """Pictures of the optimisation from one camera, at most `_FRAMES` of them."""

    def __init__(self, problem: FitProblem, view: int) -> None:
        self.problem, self.view, self.seen = problem, view, 0
        self.frames: list[Tensor] = []
        total = sum(level.steps + level.cooldown for level in problem.levels)
        self.every = max(1, math.ceil(total / _FRAMES))
        height, width = problem.targets.resolution
        scale = _FILM_SIDE / max(height, width)
        self.size = (max(1, round(height * scale)), max(1, round(width * scale)))

    def watch(self, level: Level, step: int, unknowns: Unknowns) -> None:
        """Look at every n-th step."""
        if self.seen % self.every == 0:
            self.add(unknowns)
        self.seen += 1

    def add(self, unknowns: Unknowns) -> None:
        """Add a frame."""
        with torch.no_grad():
            seen = self.problem.picture(unknowns, [self.view], self.size)
        stored = encode_transfer(seen.colour[0].clamp(0.0, 1.0), "srgb")
        self.frames.append(stored.permute(1, 2, 0).cpu())


def _view_error(targets: Targets, index: int, picture: Tensor) -> ViewError:
    wanted = targets.images[index]
    apart = encode_transfer(picture, targets.transfer) - encode_transfer(wanted, targets.transfer)
    square = apart.double().square().mean(dim=0)
    ground = targets.background[0][:, None, None].to(picture)
    shown = ((picture - ground).abs() + (wanted - ground).abs()).amax(dim=0) > 1e-6
    whole, inside = float(square.mean()) ** 0.5, float(square[shown].mean()) ** 0.5
    if not bool(shown.any()):
        inside = whole
    linear = float((picture - wanted).double().square().mean()) ** 0.5
    return ViewError(whole, _decibels(whole), inside, _decibels(inside), linear)


def _decibels(rmse: float) -> float:
    return -20.0 * math.log10(max(rmse, 1e-12))


def _compare(
    options: FitOptions, unknown: MeshUnknown, found: Unknowns, model: Model, start: Model,
    targets: Targets,
) -> tuple[
    list[float] | None, list[float] | None, PoseError | None, float | None, float | None
]:  # fmt: skip
    """Return turn, shift, pose error and Chamfer distances, where they have a meaning."""
    true = targets.reference
    if isinstance(unknown, PoseUnknown):
        turn = found["turn"].tolist()
        shift = (unknown.size * found["shift"]).tolist()
        if true is None:
            return turn, shift, None, None, None
        vertices, wanted = mesh_of(model).positions, mesh_of(true).positions
        same = vertices.shape == wanted.shape
        return turn, shift, pose_error(vertices, wanted) if same else None, None, None
    if options.unknown != "shape" or true is None:
        return None, None, None, None, None
    low, high = true.bounds
    size = float((high - low).norm())
    near, far = (chamfer_distance(mesh_of(x), mesh_of(true)) / size for x in (model, start))
    return None, None, None, near, far
