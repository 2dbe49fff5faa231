"""Captures without poses: those of the fitted photographs, then those of the held-out ones.

The poses of the fitted photographs come from their highlights, and then from a fit of poses and
material together at few texels, where the camera may go far. From there the ordinary fit goes on
with `calibration="refine"`. A held-out photograph is placed when all this is over, on itself alone,
by the material and the light that the others gave.
"""

import dataclasses
import functools

import torch
from jaxtyping import Bool
from torch import Tensor

from diffgfx.inverse import Unknowns
from diffgfx.io import PhotoSet
from diffgfx.scene import Capture
from diffgfx.tasks.capture.fit import Progress, fit_capture, make_problem
from diffgfx.tasks.capture.highlights import Highlights, Tell, find_highlights
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.locate import locate_photo
from diffgfx.tasks.capture.options import CaptureOptions
from diffgfx.tasks.capture.poses import with_positions

__all__ = ["locate_held_out", "look_for_highlights", "place_cameras"]

_LEVELS = 2        # 32 texels a side: a pose shows in what is broad
_LOWEST = 0.1      # of the sample's longer side: nearer no hand holds a camera
_FREEDOM = 10.0    # a highlight leaves a camera uncertain by a tenth of its height


def look_for_highlights(
    capture: Capture, photos: PhotoSet, chosen: tuple[int, ...], *, seed: int, tell: Tell
) -> Highlights:
    """Return what the highlights of the chosen photographs tell; no other is looked at."""
    index = torch.tensor(chosen)
    seen = dataclasses.replace(
        photos, images=photos.images[index], saturated=photos.saturated[index],
        valid=photos.valid[index],
    )  # fmt: skip
    return find_highlights(seen, capture.sample_size, seed=seed, tell=tell)


def place_cameras(
    capture: Capture,
    options: CaptureOptions,
    photos: PhotoSet,
    chosen: tuple[int, ...],
    *,
    device: torch.device,
    tell: Progress,
) -> tuple[Capture, list[str]]:
    """Return the capture with poses of the chosen photographs, and what the user should know.

    Args:
        capture: A capture; its poses, if there are any, are not used.
        options: Seed and calibration; the material is fitted under the smooth prior.
        photos: All photographs; none but the chosen are looked at.
        chosen: Indices of the photographs that will be fitted.
        device: Where to compute.
        tell: Told of every stage.
    """
    highlights = look_for_highlights(
        capture, photos, chosen, seed=options.seed, tell=functools.partial(tell, "highlights")
    )
    capture = with_positions(capture, chosen, highlights.position)
    smooth = dataclasses.replace(options, prior="smooth")
    problem = make_problem(capture, smooth, photos, chosen, device)
    free = dataclasses.replace(problem.light, freedom=_FREEDOM)
    problem = dataclasses.replace(problem, light=free, levels=problem.levels[:_LEVELS])
    solution = fit_capture(problem, tell, "poses")
    camera = problem.light.pairs(solution.unknowns)["camera_position"][0]
    lowest = _LOWEST * max(capture.sample_size)
    too_low = camera[:, 2] < lowest
    camera = torch.cat([camera[:, :2], camera[:, 2:].clamp_min(lowest)], dim=1).cpu()
    said = _guesses(capture, chosen, highlights.found) + _failures(capture, chosen, too_low.cpu())
    return with_positions(capture, chosen, camera), said


def _failures(capture: Capture, chosen: tuple[int, ...], lost: Bool[Tensor, " n"]) -> list[str]:
    names = [capture.photos[i].file for i, gone in zip(chosen, lost.tolist(), strict=True) if gone]
    if not names:
        return []
    return [
        f"the poses of {', '.join(names)} could not be found: their cameras went down to the "
        "sample; give photos[].camera and use --calibration refine, or leave them out"
    ]


def _guesses(capture: Capture, chosen: tuple[int, ...], found: Bool[Tensor, " n"]) -> list[str]:
    names = [capture.photos[i].file for i, seen in zip(chosen, found.tolist(), strict=True)
             if not seen]  # fmt: skip
    if not names:
        return []
    return [
        f"no highlight was found in {', '.join(names)}: the pose is guessed from the light's "
        "fall-off; photograph so that the flash is mirrored on the sample, give "
        "photos[].camera and use --calibration refine, or leave the photograph out"
    ]


def locate_held_out(
    capture: Capture,
    photos: PhotoSet,
    held: tuple[int, ...],
    maps: Tensor,
    light: FlashLight,
    unknowns: Unknowns,
    *,
    seed: int,
    tell: Progress,
) -> Capture:
    """Return the capture with the pose of each held-out photograph, solved on it alone.

    Args:
        capture: The capture.
        photos: All photographs.
        held: Indices of those that no fit has seen.
        maps: The material that was fitted; it stays as it is.
        light: The flash of the photographs that were fitted.
        unknowns: Its solved unknowns; they stay as they are.
        seed: Seed of the texels that decide when to stop.
        tell: Told of each photograph.
    """
    for done, index in enumerate(held):
        image, valid = photos.images[index].to(maps), photos.valid[index].to(maps)
        place = locate_photo(
            image, valid, maps, capture.sample_size, light, unknowns, seed=seed
        )
        capture = with_positions(capture, [index], place[None].cpu())
        tell("locate", done + 1, len(held), None)
    return capture
