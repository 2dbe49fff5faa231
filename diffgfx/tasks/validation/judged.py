"""Cases that hold what a capture says of its own errors against the errors themselves."""

import dataclasses
import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffgfx.data import MATERIALS, CameraModel, colocated_poses, make_material, synthetic_capture
from diffgfx.inverse import area_average
from diffgfx.io import read_capture, write_capture, write_png
from diffgfx.ops import height_from_normals
from diffgfx.scene import Capture, MaterialMaps, Photo
from diffgfx.tasks.capture import CaptureResult, MapUncertainty
from diffgfx.tasks.validation.captures import tell_part
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.known import (
    Known,
    capture_known,
    flash,
    metered_power,
    photograph_material,
    read_synthetic_random,
)
from diffgfx.tasks.validation.outside import published_folder, why_no_data

__all__ = ["JUDGED_CASES", "calibration", "random_places", "rank_correlation"]

_FACTOR = 2.0          # the median of |error| / deviation lies within this factor of one
_RANKS = 0.3           # and their rank correlation is at least so much
_RANDOM = 20
_TILT = 45.0           # degrees from straight above, as far as suggestions go
_REFITTED = 64         # texels a side
_CAP = 0.02
_NAMES = (*MATERIALS, "synthetic_random")


def map_errors(truth: MaterialMaps, found: MaterialMaps) -> dict[str, Tensor]:
    """Return absolute errors of d, F0 and alpha, and angles [rad], in the shapes of deviations."""
    normals = [torch.nn.functional.normalize(m.normal.double(), dim=1) for m in (truth, found)]
    across = torch.linalg.cross(*normals, dim=1).norm(dim=1, keepdim=True)
    return {
        "diffuse": (found.diffuse - truth.diffuse).abs(),
        "specular": (found.specular - truth.specular).abs(),
        "alpha": (found.roughness.square() - truth.roughness.square()).abs(),
        "normal": torch.atan2(across, (normals[0] * normals[1]).sum(dim=1, keepdim=True)),
    }


def rank_correlation(x: Tensor, y: Tensor) -> float:
    """Return Spearman's rank correlation; ties take the mean of their ranks."""
    ranks = torch.stack([_ranks(x), _ranks(y)])
    return float(torch.corrcoef(ranks)[0, 1])


def _ranks(x: Tensor) -> Tensor:
    values = x.flatten().double().numpy()
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return torch.from_numpy((count.cumsum() - 0.5 * (count - 1))[place])


def calibration(
    truth: MaterialMaps, maps: MaterialMaps, uncertainty: MapUncertainty
) -> dict[str, tuple[float, float]]:
    """Return the median of |error| / deviation and the rank correlation of both, for each map.

    ``all`` is of all maps together, each texel once of each, its channels in turn; each value is
    divided by the median deviation of its map: else their scales alone would correlate.
    """
    errors, deviations = map_errors(truth, maps), uncertainty.kinds()
    found, together = {}, []
    for name, error in errors.items():
        e, d = error.double(), deviations[name].double()
        found[name] = (float((e / d).median()), rank_correlation(e, d))
        channel = torch.arange(e[0, 0].numel()).view_as(e[0, 0]) % e.shape[1]
        once = torch.stack([x[0].gather(0, channel[None]).flatten() for x in (e, d)])
        together.append(once / d.median())
    e, d = torch.cat(together, dim=1)
    return {**found, "all": (float((e / d).median()), rank_correlation(e, d))}


def random_places(count: int, distance: float, seed: int = 0) -> Tensor:
    """Return places on a hemisphere's cap, evenly spread in angle from straight above and turn."""
    random = torch.Generator().manual_seed(seed)
    tilt, turn = torch.rand(2, count, generator=random)
    tilt, turn = torch.deg2rad(_TILT * tilt), 2 * torch.pi * turn
    flat = tilt.sin()
    return distance * torch.stack([flat * turn.cos(), flat * turn.sin(), tilt.cos()], dim=1)


def _judge(name: str, truth: MaterialMaps, result: CaptureResult) -> list[Measure]:
    measures = []
    found = calibration(truth, result.maps, result.uncertainty)
    for key, (ratio, ranks) in found.items():
        unit = "error / deviation, median"
        measures.append(Measure(f"{name}: {key}", ratio, None, unit))
        measures.append(Measure(f"{name}: {key}, ranks", ranks, None, "correlation"))
    ratio, ranks = found["all"]
    return [
        *measures,
        Measure(f"{name}: off by a factor", max(ratio, 1.0 / max(ratio, 1e-9)), _FACTOR, "all"),
        Measure(f"{name}: ranks left open", 1.0 - ranks, 1.0 - _RANKS, "1 - correlation of all"),
    ]


def _deviations(context: Context) -> Sequence[Measure]:
    measures = []
    for index, name in enumerate(_NAMES):
        tell = functools.partial(tell_part, context, index, len(_NAMES))
        with tempfile.TemporaryDirectory() as folder:
            if name in MATERIALS:
                known = photograph_material(name, Path(folder))
            else:
                known = read_synthetic_random(published_folder(context))
            result = capture_known(known, tell)
        measures += _judge(name.replace("_", " "), known.truth, result)
    return measures


def _truth(context: Context, name: str) -> MaterialMaps:
    """Return a material at the texels of refits."""
    if name in MATERIALS:
        return make_material(name, _REFITTED, size=10.0)
    whole = read_synthetic_random(published_folder(context)).truth
    maps = area_average(whole.to_tensor(), (_REFITTED, _REFITTED))
    normal = torch.nn.functional.normalize(maps[:, :3], dim=1)
    return MaterialMaps.from_tensor(torch.cat([normal, maps[:, 3:]], dim=1), whole.size)


def _photographed(folder: Path, truth: MaterialMaps, places: Tensor) -> Known:
    """Photograph a material without automatic exposure from nine places and further ones."""
    nine = colocated_poses(truth.size)
    taken = synthetic_capture(
        truth, flash, power=metered_power(truth, nine), camera=CameraModel(exposure=0.0),
        position=torch.cat([nine, places]),
    )  # fmt: skip
    photos = []
    for index, (image, place) in enumerate(zip(taken.stored, taken.position, strict=True)):
        write_png(folder / f"{index}.png", image.permute(1, 2, 0).numpy())
        x, y, z = place.tolist()
        photos.append(Photo(f"{index}.png", camera=(x, y, z), light=(x, y, z), exposure=1.0))
    capture = Capture(
        folder, "cm", truth.size, taken.transfer, tuple(photos), light_power=(taken.power,) * 3
    )
    write_capture(folder, capture)
    return Known(read_capture(folder), truth)


def _fit_of(known: Known, chosen: Sequence[int]) -> CaptureResult:
    photos = tuple(known.capture.photos[i] for i in chosen)
    return capture_known(Known(dataclasses.replace(known.capture, photos=photos), known.truth))


def _mean_deviation(result: CaptureResult) -> float:
    kinds = result.uncertainty.kinds().values()
    return sum(float(kind.mean()) for kind in kinds) / len(kinds)


def _next_photo(context: Context) -> Sequence[Measure]:
    measures = []
    for index, name in enumerate(_NAMES):
        tell = functools.partial(tell_part, context, index, len(_NAMES))
        measures += _taken(name.replace("_", " "), _truth(context, name), tell)
    return measures


def _taken(
    name: str, truth: MaterialMaps, tell: Callable[[int, int, float | None], object]
) -> list[Measure]:
    """Take the suggested photograph of a material, and random ones, and fit each with the nine."""
    nine = list(range(9))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        before = _fit_of(_photographed(Path(first), truth, torch.empty(0, 3)), nine)
        told = torch.tensor(before.next_photo.light)
        places = torch.cat([told[None], random_places(_RANDOM, float(told.norm()))])
        known = _photographed(Path(second), truth, places)
        after = []
        for index in range(len(places)):
            tell(index, len(places), None)
            after.append(_mean_deviation(_fit_of(known, [*nine, 9 + index])))
    chance = torch.tensor(after[1:]).double()
    foreseen = before.next_photo
    return [
        Measure(f"{name}: before", _mean_deviation(before), None, "mean deviation of nine photos"),
        Measure(f"{name}: foreseen", foreseen.after, None, foreseen.place),
        Measure(f"{name}: suggested", after[0], float(chance.median()), "bar: median of 20 random"),
        Measure(f"{name}: best of random", float(chance.min()), None),
        Measure(f"{name}: worst of random", float(chance.max()), None),
    ]


def _cap(context: Context) -> Sequence[Measure]:
    radius, width, count = 20.0, 10.0, 128
    x = ((torch.arange(count, dtype=torch.float64) + 0.5) / count - 0.5) * width
    y, x = torch.meshgrid(-x, x, indexing="ij")
    up = (radius**2 - x.square() - y.square()).sqrt()
    found = height_from_normals(torch.stack([x, y, up])[None] / radius, (width, width))[0, 0]
    apart = (found - found.mean()) - (up - up.mean())
    return [Measure("height", float(apart.abs().max() / (up.max() - up.min())), _CAP,
                    "largest error by the cap's height")]  # fmt: skip


JUDGED_CASES: tuple[Case, ...] = (
    Case("cap", "the height of a sphere's cap from its normals, against the sphere", _cap),
    Case("deviations", "deviations of maps against their errors, on six materials and "
         "MaterialGAN's synthetic one", _deviations, why_no_data, long=True),
    Case("next_photo", "a suggested photo of the same seven taken and fitted, against 20 random "
         "ones, at 64 x 64", _next_photo, why_no_data, long=True),
)  # fmt: skip
"""In the order in which they are run."""
