"""Cases that hold what a capture says of its own errors against the errors themselves."""

import dataclasses
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffgfx.data import MATERIALS, CameraModel, colocated_poses, make_material, synthetic_capture
from diffgfx.io import read_capture, write_capture, write_png
from diffgfx.ops import height_from_normals
from diffgfx.scene import Capture, MaterialMaps, Photo
from diffgfx.tasks.capture import CaptureResult, MapUncertainty
from diffgfx.tasks.capture.next_photo import Outlook
from diffgfx.tasks.capture.uncertainty import Evidence
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
_RANKS = 0.3           # and their rank correlation is at least so much, in the mean of materials
_RANKED = ", ranks"
_RANDOM = 20
_TILT = 45.0           # degrees from straight above, as far as suggestions go
_REFITTED, _SIDE = "varnished_wood", 64
_CAP = 0.02


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

    ``all`` is of all maps together, each value by the median deviation of its map: else their
    scales alone would correlate.
    """
    errors, deviations = map_errors(truth, maps), uncertainty.kinds()
    found, together = {}, []
    for name, error in errors.items():
        e, d = error.flatten().double(), deviations[name].flatten().double()
        found[name] = (float((e / d).median()), rank_correlation(e, d))
        together.append(torch.stack([e, d]) / d.median())
    e, d = torch.cat(together, dim=1)
    return {**found, "all": (float((e / d).median()), rank_correlation(e, d))}


def random_places(count: int, distance: float, seed: int = 0) -> Tensor:
    """Return places on a hemisphere's cap, evenly spread in angle from straight above and turn."""
    random = torch.Generator().manual_seed(seed)
    tilt, turn = torch.rand(2, count, generator=random)
    tilt, turn = torch.deg2rad(_TILT * tilt), 2 * torch.pi * turn
    flat = tilt.sin()
    return distance * torch.stack([flat * turn.cos(), flat * turn.sin(), tilt.cos()], dim=1)


def _outlook(result: CaptureResult) -> Outlook:
    pairs, count = result.light.pairs(result.unknowns), len(result.photos.images)
    evidence = Evidence.of(
        result.maps.to_tensor(), result.maps.size, pairs, result.photos, range(count)
    )
    return Outlook(evidence, result.uncertainty)


def _judge(name: str, truth: MaterialMaps, result: CaptureResult) -> list[Measure]:
    measures = []
    found = calibration(truth, result.maps, result.uncertainty)
    for key, (ratio, ranks) in found.items():
        unit = "error / deviation, median"
        measures.append(Measure(f"{name}: {key}", ratio, None, unit))
        measures.append(Measure(f"{name}: {key}{_RANKED}", ranks, None, "correlation"))
    ratio = found["all"][0]
    outlook, place = _outlook(result), torch.tensor(result.next_photo.light)
    places = random_places(_RANDOM, float(place.norm()))
    chance = torch.tensor(outlook.after(places, places)).double().median()
    return [
        *measures,
        Measure(f"{name}: off by a factor", max(ratio, 1.0 / ratio), _FACTOR, "all maps"),
        Measure(f"{name}: next photo", result.next_photo.after / float(chance), 1.0,
                "mean deviation, by the median of 20 random ones"),
    ]  # fmt: skip


def _deviations(context: Context) -> Sequence[Measure]:
    count, measures = len(MATERIALS) + 1, []
    for index, name in enumerate((*MATERIALS, "synthetic_random")):
        tell = functools.partial(tell_part, context, index, count)
        with tempfile.TemporaryDirectory() as folder:
            if name in MATERIALS:
                known = photograph_material(name, Path(folder))
            else:
                known = read_synthetic_random(published_folder(context))
            result = capture_known(known, tell)
        measures += _judge(name.replace("_", " "), known.truth, result)
    ranks = [m.value for m in measures if m.name.endswith(f"all{_RANKED}")]
    mean = sum(ranks) / len(ranks)
    left = Measure("mean: ranks left open", 1.0 - mean, 1.0 - _RANKS, "1 - mean of all")
    return [*measures, left]


def _photographed(folder: Path, places: Tensor) -> Known:
    """Photograph a material without automatic exposure from nine places and further ones."""
    truth = make_material(_REFITTED, _SIDE, size=10.0)
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
    nine = list(range(9))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        before = _fit_of(_photographed(Path(first), torch.empty(0, 3)), nine)
        told = torch.tensor(before.next_photo.light)
        places = torch.cat([told[None], random_places(_RANDOM, float(told.norm()))])
        known = _photographed(Path(second), places)
        after = []
        for index in range(len(places)):
            context.progress(index, len(places), None)
            after.append(_mean_deviation(_fit_of(known, [*nine, 9 + index])))
    chance = torch.tensor(after[1:]).double()
    return [
        Measure("before", _mean_deviation(before), None, "mean deviation of nine photos"),
        Measure("foreseen", before.next_photo.after, None, f"{before.next_photo.place}"),
        Measure("suggested", after[0], float(chance.median()), "bar: median of 20 random ones"),
        Measure("best of random", float(chance.min()), None),
        Measure("worst of random", float(chance.max()), None),
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
         "MaterialGAN's synthetic one; the suggested photo against 20 random ones",
         _deviations, why_no_data, long=True),
    Case("next_photo", "a suggested photo taken and fitted, against 20 random ones, at 64 x 64",
         _next_photo, long=True),
)  # fmt: skip
"""In the order in which they are run."""
