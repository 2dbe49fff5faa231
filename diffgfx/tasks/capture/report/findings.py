"""What the reader should do something about: the capture's warnings, and what the page noticed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from diffgfx.io import PhotoSet
from diffgfx.scene import Capture
from diffgfx.tasks.capture.report.numbers import percent
from diffgfx.tasks.capture.report.photos import PhotoCard

__all__ = ["Finding", "findings"]

_HELD_OUT_FACTOR = 2.0    # of the fitted error: beyond it the material does not generalise
_EXPOSURE_FACTOR = 1.25   # of the error: beyond it a stated exposure was off
_CLIPPED = 0.05           # share of a photograph
_COVERED = 0.5            # share of the texels

_REMEDIES = {
    "have no length in metres": "Write mm, cm, m or in as units in capture.json.",
    "is beyond the photos' own": "Pass a lower --resolution, or photograph from nearer.",
    "EXR files mostly hold linear light": "Write transfer: linear in capture.json, unless the "
    "files really hold encoded values.",
}
_ELSEWHERE = "See Warnings in docs/capture.md."


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing to know.

    Attributes:
        what: What was found.
        remedy: What to do about it.
    """

    what: str
    remedy: str


def findings(
    capture: Capture,
    photos: PhotoSet,
    metrics: Mapping[str, Any],
    cards: Sequence[PhotoCard],
    covered: float,
) -> list[Finding]:
    """Return what is to be known of a capture, each with its remedy.

    Args:
        capture: What was captured.
        photos: Its photographs.
        metrics: The contents of ``metrics.json``.
        cards: The photographs' errors.
        covered: Share of the texels that saw a highlight.
    """
    found = [_of_warning(text) for text in metrics["warnings"]]
    found += _of_proof(metrics)
    found += _of_exposures(capture, cards)
    found += _of_clipping(capture, photos)
    if covered < _COVERED:
        found.append(Finding(
            f"Only {percent(covered)} of the sample saw a highlight; elsewhere gloss is taken from "
            "places that look alike.",
            "Add photographs whose highlights fall on the orange parts of the coverage map.",
        ))  # fmt: skip
    return found


def _of_warning(text: str) -> Finding:
    """Part a warning, ``what; remedy``, or give it the remedy that goes with it."""
    for words, remedy in _REMEDIES.items():
        if words in text:
            return Finding(_sentence(text), remedy)
    what, _, remedy = text.rpartition("; ")
    if not what:
        return Finding(_sentence(text), _ELSEWHERE)
    return Finding(_sentence(what), _sentence(remedy))


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _of_proof(metrics: Mapping[str, Any]) -> list[Finding]:
    if metrics["held_out"] is None:
        return [Finding(
            "No photograph was held out, so nothing proves the material.",
            "Take four photographs or more and leave --holdout at auto.",
        )]  # fmt: skip
    if metrics["held_out"] <= _HELD_OUT_FACTOR * metrics["fitted"]:
        return []
    return [Finding(
        f"The held-out error is {metrics['held_out'] / metrics['fitted']:.2g} times the fitted "
        "one: the material does not hold everywhere.",
        "Look below where the errors are: blobs at highlights ask for more photographs, rims on "
        "opposite sides in opposite photographs are relief, which the model lacks.",
    )]  # fmt: skip


def _of_exposures(capture: Capture, cards: Sequence[PhotoCard]) -> list[Finding]:
    stated = {photo.file for photo in capture.photos if photo.exposure is not None}
    return [
        Finding(
            f"{card.name}: the stated exposure is off by a factor of {card.exposure:.3g}.",
            "Correct photos[].exposure in capture.json, or leave it out to have it solved.",
        )
        for card in cards
        if card.name in stated and card.rmse_raw > _EXPOSURE_FACTOR * card.rmse
    ]


def _of_clipping(capture: Capture, photos: PhotoSet) -> list[Finding]:
    shares = photos.saturated.double().mean(dim=(1, 2, 3)).tolist()
    clipped = [k for k, share in enumerate(shares) if share > _CLIPPED]
    if not clipped:
        return []
    worst = max(clipped, key=lambda k: shares[k])
    others = f"; so are {len(clipped) - 1} more" if len(clipped) > 1 else ""
    return [Finding(
        f"{capture.photos[worst].file} is clipped to white in {percent(shares[worst])} of its "
        f"area{others}.",
        "Expose shorter: what is clipped says only that it is at least this bright.",
    )]  # fmt: skip
