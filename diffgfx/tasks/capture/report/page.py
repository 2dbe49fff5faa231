"""The page itself: everything inside one file, which asks no other for anything.

A policy in its head forbids every request and every script and style but its own, named by their
hashes. Names and texts from the capture pass through Jinja's escaping; numbers for the script are
JSON with ``<``, ``>``, ``&`` and ``'`` escaped.
"""

import base64
import dataclasses
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
import markupsafe
from jaxtyping import Float
from torch import Tensor

from diffgfx import __version__
from diffgfx.scene import Capture
from diffgfx.tasks.capture.report.doubt import coverage, next_place, uncertainties
from diffgfx.tasks.capture.report.findings import findings
from diffgfx.tasks.capture.report.maps import map_pictures
from diffgfx.tasks.capture.report.numbers import headline, percent, proof_numbers, setup_numbers
from diffgfx.tasks.capture.report.photos import ERROR_FULL, photo_cards
from diffgfx.tasks.capture.report.view import pack_view
from diffgfx.tasks.capture.run import CaptureResult

__all__ = ["render_report"]

_SCRIPTS = ("compare.js", "planes.js", "view.js")
_SHADERS = {"vertex": "view.vert.glsl", "brdf": "brdf.glsl", "fragment": "view.frag.glsl"}


def render_report(
    capture: Capture,
    result: CaptureResult,
    metrics: Mapping[str, Any],
    height: Float[Tensor, "1 1 h w"],
    *,
    photographs: bool = True,
) -> bytes:
    """Return a capture's result as one HTML page that opens offline.

    Args:
        capture: What was captured.
        result: What `capture_material` returned.
        metrics: The contents of ``metrics.json``.
        height: Displacement that belongs to the normals [capture unit].
        photographs: False leaves the photographs out, where they are not yours to show.

    Returns:
        The page in UTF-8: photographs (smaller from the thirteenth on) and maps at 512 pixels at
        most, the material at 512 texels at most for a view in WebGL2 under the exact BRDF.
    """
    cards = photo_cards(capture, result, photographs)
    covered = coverage(result.maps, ~result.uncertainty.no_highlight)
    view = pack_view(result.maps)
    settings = dataclasses.asdict(view)
    planes = settings.pop("planes")
    style, script = _source("page.css"), "\n".join(_source(name) for name in _SCRIPTS)
    page = _template().render(
        version=__version__,
        policy=_policy(style, script),
        style=_trusted(style),
        script=_trusted(script),
        shaders={name: _trusted(_source(file)) for name, file in _SHADERS.items()},
        name=capture.folder.name or "capture",
        capture=capture,
        photographs=photographs,
        resolution=result.maps.resolution,
        headline=headline(metrics),
        findings=findings(capture, result.photos, metrics, cards, covered.share),
        held_out=[card for card in cards if card.held_out],
        fitted=[card for card in cards if not card.held_out],
        error_full=ERROR_FULL,
        maps=map_pictures(result.maps, height, capture.units),
        coverage=covered,
        uncertainties=uncertainties(result.uncertainty),
        next_photo=next_place(result.next_photo, capture.units),
        proof=proof_numbers(metrics, cards),
        setup=setup_numbers(capture, result, metrics),
        view=settings,
        planes=planes,
    )
    # a file name may hold bytes that are no text; they are shown by their numbers
    return page.encode("utf-8", errors="backslashreplace")


def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("diffgfx.tasks.capture.report", "template")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["percent"] = percent
    environment.filters["shown"] = _shown
    return environment.get_template("report.html")


def _shown(name: object) -> str:
    """Return a name of the user's; one with marks that reorder or hide text is quoted."""
    text = str(name)
    return text if text.isprintable() else ascii(text)


def _source(name: str) -> str:
    """Return a file of the page that holds no expression of the template's."""
    text = resources.files(__package__).joinpath("template", name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")  # as browsers read it, before they hash it


def _trusted(text: str) -> markupsafe.Markup:
    return markupsafe.Markup(text)  # a file of this package, never a word of the user's


def _policy(style: str, script: str) -> str:
    sources = {"style-src": style, "script-src": script}
    rules = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    for kind, text in sources.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
        rules.append(f"{kind} 'sha256-{digest}'")
    return "; ".join(rules)
