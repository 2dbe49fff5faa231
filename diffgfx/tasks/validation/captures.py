"""Cases that capture a known material, and hold the result against it."""

import dataclasses
import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from diffgfx.data import MATERIALS
from diffgfx.scene import Capture
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.known import (
    Known,
    capture_known,
    photograph_material,
    read_synthetic_random,
)
from diffgfx.tasks.validation.outside import published_folder, why_no_data
from diffgfx.tasks.validation.truth import TruthError, best_scale, measure_truth

__all__ = ["CAPTURE_CASES", "mean_measures", "tell_part", "truth_measures"]

_QUICK = "leather"
_DIFFUSE, _SPECULAR, _ALPHA, _NORMAL = 0.02, 0.03, 0.05, 4.0
_POWER = 1500.0
_RELATIVE = 0.1
_CLAIMS = (1.0, 0.25, 4.0)


def truth_measures(error: TruthError) -> list[Measure]:
    """Return differences from the truth with their bars.

    F0 and alpha have none where no highlight was seen: nothing tells them.
    """
    seen = error.seen > 0.0
    gloss = {"F0": _SPECULAR, "F0 after scale": _SPECULAR, "alpha": _ALPHA}
    bars = {
        "diffuse": _DIFFUSE, "diffuse after scale": _DIFFUSE, **gloss, "normal": _NORMAL,
    }  # fmt: skip
    values = {
        "diffuse": error.diffuse,
        "diffuse after scale": error.diffuse_scaled,
        "F0": error.specular,
        "F0 after scale": error.specular_scaled,
        "alpha": error.alpha,
        "normal": error.normal,
    }
    units = {"normal": "degrees, mean", **dict.fromkeys(gloss, "" if seen else "no highlight seen")}
    measures = [
        Measure(name, value, bars[name] if seen or name not in gloss else None, units.get(name, ""))
        for name, value in values.items()
    ]
    return [
        *measures,
        Measure("scale", error.scale, None, "best factor on d and F0"),
        Measure("seen", error.seen, None, "share of texels with a highlight"),
    ]


def mean_measures(errors: Mapping[str, TruthError]) -> list[Measure]:
    """Return each material's differences from the truth, and their means with the bars.

    Those of F0 and alpha are means over the materials on which a highlight was seen.
    """
    rows = {name: truth_measures(error) for name, error in errors.items()}
    listed = [
        Measure(f"{name}: {m.name}", m.value, None, m.unit)
        for name, row in rows.items()
        for m in row
        if m.name in ("diffuse", "F0", "alpha", "normal", "seen")
    ]
    barred: dict[str, list[Measure]] = {}
    for row in rows.values():
        for m in row:
            if m.bar is not None:
                barred.setdefault(m.name, []).append(m)
    return listed + [
        Measure(f"mean of {name}", sum(m.value for m in found) / len(found), found[0].bar)
        for name, found in barred.items()
    ]


def _procedural(name: str, context: Context) -> TruthError:
    with tempfile.TemporaryDirectory() as folder:
        known = photograph_material(name, Path(folder))
        result = capture_known(known, context.progress)
    return measure_truth(known.truth, result)


def _quick(context: Context) -> Sequence[Measure]:
    return truth_measures(_procedural(_QUICK, context))


def _all_known(context: Context) -> Sequence[Measure]:
    count, errors = len(MATERIALS) + 1, {}
    for index, name in enumerate(MATERIALS):
        tell = functools.partial(tell_part, context, index, count)
        errors[name.replace("_", " ")] = _procedural(
            name, dataclasses.replace(context, progress=tell)
        )
    known = read_synthetic_random(published_folder(context), power=_POWER)
    result = capture_known(known, functools.partial(tell_part, context, count - 1, count))
    errors["synthetic random"] = measure_truth(known.truth, result)
    everywhere = result.maps.diffuse - known.truth.diffuse
    return [
        *mean_measures(errors),
        Measure(
            "synthetic random, power 1500: diffuse, all texels",
            float(everywhere.square().mean().sqrt()), _DIFFUSE,
        ),
    ]  # fmt: skip


def _scale_unknown(context: Context) -> Sequence[Measure]:
    known = read_synthetic_random(published_folder(context), power=None)
    found = []
    for index, factor in enumerate(_CLAIMS):
        claimed = Known(_claiming(known.capture, factor * _POWER), known.truth)
        tell = functools.partial(tell_part, context, index, len(_CLAIMS))
        found.append(capture_known(claimed, tell).maps.diffuse)
    truth = known.truth.diffuse
    scale = best_scale(truth, found[0])
    return [
        Measure("claims of 1/4 and 4", max(_largest(d, found[0]) for d in found[1:]), 0.0,
                "largest difference of diffuse"),
        Measure("diffuse after scale", _rms(scale * found[0] - truth) / _rms(truth), _RELATIVE,
                "relative RMSE, all texels"),
        Measure("scale", scale, None, "the factor"),
    ]  # fmt: skip


def tell_part(
    context: Context, index: int, count: int, done: int, total: int, error: float | None
) -> None:
    """Tell a case's progress of one part of several that are alike."""
    context.progress(index * total + done, count * total, error)


def _claiming(capture: Capture, power: float) -> Capture:
    """Return the capture with another published power, which nobody should believe."""
    extra = {**capture.extra, "light_power_published": power}
    return dataclasses.replace(capture, extra=extra)


def _largest(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max())


def _rms(x: Tensor) -> float:
    return float(torch.linalg.vector_norm(x.double()) / x.numel() ** 0.5)


CAPTURE_CASES: tuple[Case, ...] = (
    Case(f"truth_{_QUICK}", f"a capture of {_QUICK}, nine photos with noise, against its true maps",
         _quick),
    Case("truths", "the same of six materials and of MaterialGAN's synthetic one, light power 1500 "
         "given; the bars are for their means", _all_known, why_no_data, long=True),
    Case("scale_unknown", "the same without light power, under false claims of it",
         _scale_unknown, why_no_data, long=True),
)  # fmt: skip
"""In the order in which they are run; all fit nine photographs at 256 x 256."""
