"""The numbers of a capture, each with the plain sentence that says what it means."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from diffgfx.scene import Capture
from diffgfx.tasks.capture.report.photos import PhotoCard
from diffgfx.tasks.capture.run import CaptureResult

__all__ = ["Headline", "Number", "headline", "percent", "proof_numbers", "setup_numbers"]

_BY_ITSELF = "Position and exposure of each were solved on it, the material frozen."

_FITTED_AGAIN = (
    "The maps here were then fitted again, to all photographs; the proof is that of the fit before."
)


@dataclasses.dataclass(frozen=True)
class Headline:
    """What a reader should take away.

    Attributes:
        figure: The number.
        sentence: What it is.
        aside: What it is to be compared with.
    """

    figure: str
    sentence: str
    aside: str


@dataclasses.dataclass(frozen=True)
class Number:
    """One number.

    Attributes:
        name: Its name.
        value: The number with its unit.
        sentence: What it means.
    """

    name: str
    value: str
    sentence: str


def percent(share: float) -> str:
    """Return a share of one as per cent: one decimal, or two digits of what is below one."""
    value = 100.0 * share
    return f"{value:.1f} %" if value >= 0.95 else f"{value:.2g} %"


def headline(metrics: Mapping[str, Any]) -> Headline:
    """Return the first sentence of the page from the contents of ``metrics.json``."""
    fitted = metrics["fitted"]
    count = sum(photo["held_out"] for photo in metrics["photos"])
    if not count:
        return Headline(
            percent(fitted),
            "is the error of the photographs that the fit was made from. Nothing was held out, so "
            "nothing is proven: a wrong material can fit its own photographs as well.",
            "",
        )
    aside = f"Photographs it was fitted to: {percent(fitted)}. One per cent is 2.5 of 255 levels."
    if _posed_by_itself(metrics):
        aside += f" {_BY_ITSELF}"
    if metrics["final"] == "all":
        aside += f" {_FITTED_AGAIN}"
    them = "A photograph" if count == 1 else f"{_word(count)} photographs"
    verb = "is" if count == 1 else "are"
    return Headline(
        percent(metrics["held_out"]),
        f"{them} that the fit never saw {verb} re-created with an error of "
        f"{percent(metrics['held_out'])} of the range from black to white (root mean square).",
        aside,
    )


def _posed_by_itself(metrics: Mapping[str, Any]) -> bool:
    return any(photo["pose"] == "solved on this photo" for photo in metrics["photos"])


def proof_numbers(metrics: Mapping[str, Any], cards: Sequence[PhotoCard]) -> list[Number]:
    """Return what the proof measured."""
    found = []
    unseen = [card for card in cards if card.held_out]
    if unseen:
        found.append(Number(
            "Held-out error", percent(metrics["held_out"]),
            "The number to trust: how far re-renders are from photographs that the fit never saw."
            + (f" {_BY_ITSELF}" if _posed_by_itself(metrics) else ""),
        ))  # fmt: skip
    found.append(Number(
        "Fitted error", percent(metrics["fitted"]),
        "The same for the photographs it was fitted to; noise, relief and wrong positions set a "
        "floor to it.",
    ))  # fmt: skip
    judged = unseen or list(cards)
    whose = "held-out" if unseen else "fitted"
    similarity = sum(card.ssim for card in judged) / len(judged)
    found.append(Number(
        "Structural similarity", f"{similarity:.3f}",
        f"How alike patterns are in {whose} photographs and re-renders; 1 is the same pattern.",
    ))  # fmt: skip
    return found


def setup_numbers(
    capture: Capture, result: CaptureResult, metrics: Mapping[str, Any]
) -> list[Number]:
    """Return what was found about the light, and what the fit took."""
    light, units = metrics["light"], capture.units
    offset = sum(value * value for value in light["offset"]) ** 0.5
    exposures = light["exposure"]
    given = all(photo.exposure is not None for photo in capture.photos)
    whence = "as capture.json states" if result.light.power_known else "solved with the material"
    rows, columns = metrics["resolution"]
    seconds = metrics["seconds"]
    return [
        Number(
            "Light power", _triple(light["power"]),
            f"Radiant intensity of the flash, red, green and blue, {whence}.",
        ),
        Number(
            "Exposures", f"{min(exposures):.3g} to {max(exposures):.3g}",
            "Brightness factors of the photographs, "
            + ("as capture.json states." if given else "solved: cameras choose their own."),
        ),
        Number(
            "Flash offset", f"{offset:.3g} {units}",
            f"How far from {_flash_place(capture, result)} the flash was found; more than a few "
            "centimetres from a phone's lens hints at wrong positions.",
        ),
        Number(
            "Cone", f"{light['cone']:.3g}",
            "How much weaker the flash is toward its rim: an exponent, 0 is even in all "
            "directions.",
        ),
        Number(
            "Ambient", percent(_ambient_share(light, result.light.distance)),
            "Other light that fell on the sample, of what the flash gave; 0 is a dark room.",
        ),
        Number(
            "Fit", f"{seconds['fit']:.3g} s, {metrics['steps']} steps",
            f"{columns} by {rows} texels{_in_memory(metrics['peak_rss_mb'])}.",
        ),
    ]  # fmt: skip


def _in_memory(peak: float | None) -> str:
    """Return the most memory that was used, where the system tells it."""
    return "" if peak is None else f", in at most {peak:.0f} MB of memory"


def _flash_place(capture: Capture, result: CaptureResult) -> str:
    if "solved" in result.poses or all(photo.light == photo.camera for photo in capture.photos):
        return "the lens"
    return "its stated place"


def _ambient_share(light: Mapping[str, Any], distance: float) -> float:
    """Return the irradiance of the uniform light over that of the flash at the centre."""
    flash = float(sum(light["power"])) / distance**2
    return math.pi * float(sum(light["ambient"])) / max(flash, 1e-30)


def _word(count: int) -> str:
    words = ("Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
    return words[count - 2] if 2 <= count <= 9 else str(count)


def _triple(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
