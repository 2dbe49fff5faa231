"""Each photograph beside its re-render and their difference, held-out ones first."""

import dataclasses
import math

import numpy as np

from diffgfx.io import encode_transfer
from diffgfx.scene import Capture
from diffgfx.tasks.capture.report.pictures import (
    PICTURE_SIDE,
    Embedded,
    as_rows,
    embed,
    heat,
    scaled_down,
)
from diffgfx.tasks.capture.run import CaptureResult

__all__ = ["ERROR_FULL", "PhotoCard", "photo_cards", "side_of_photos"]

_MANY, _SMALLEST = 12, 256   # photographs of full size; pixels below which none goes

ERROR_FULL = 0.25
"""Difference of stored values that is drawn in the brightest colour, as in ``compare.png``."""


@dataclasses.dataclass(frozen=True)
class PhotoCard:
    """One photograph of the page.

    Attributes:
        name: Its file, as ``capture.json`` names it.
        held_out: Whether the fit never saw it.
        photo: The photograph, sRGB-encoded whatever its own encoding; None where it is left out.
        render: The re-render, likewise.
        error: Their difference in the photograph's own encoding, coloured; None likewise.
        rmse: Error after one exposure was solved, of the range of stored values.
        rmse_raw: Error without.
        psnr: Peak signal-to-noise ratio [dB].
        ssim: Structural similarity.
        exposure: Factor on the re-render that was solved for the measurement.
    """

    name: str
    held_out: bool
    photo: Embedded | None
    render: Embedded
    error: Embedded | None
    rmse: float
    rmse_raw: float
    psnr: float
    ssim: float
    exposure: float


def photo_cards(
    capture: Capture, result: CaptureResult, photographs: bool = True
) -> list[PhotoCard]:
    """Return the photographs of a capture in the order in which a page shows them.

    Args:
        capture: What was captured.
        result: What became of it.
        photographs: False leaves out the photographs, and the errors, which would show them.
    """
    order = sorted(range(len(capture.photos)), key=lambda i: (i not in result.held_out, i))
    side = side_of_photos(len(order))
    cards = [_card(capture, result, index, side) for index in order]
    if photographs:
        return cards
    return [dataclasses.replace(card, photo=None, error=None) for card in cards]


def side_of_photos(count: int) -> int:
    """Return the pixels along the longer side that keep a page of many photographs light."""
    return max(_SMALLEST, min(PICTURE_SIDE, round(PICTURE_SIDE * math.sqrt(_MANY / count))))


def _card(capture: Capture, result: CaptureResult, index: int, side: int) -> PhotoCard:
    pair = (result.photos.images[index], result.renders[index])
    photo, render = (scaled_down(as_rows(encode_transfer(x, "srgb")), side) for x in pair)
    stored = [as_rows(encode_transfer(x, capture.transfer)) for x in pair]
    difference = np.abs(stored[0] - stored[1]).mean(axis=2, keepdims=True)
    level = scaled_down(difference, side)[..., 0] / np.float32(ERROR_FULL)
    error = result.errors[index]
    return PhotoCard(
        name=capture.photos[index].file,
        held_out=index in result.held_out,
        photo=embed(photo),
        render=embed(render),
        error=embed(heat(level), quality=80),
        rmse=error.rmse,
        rmse_raw=error.rmse_raw,
        psnr=error.psnr,
        ssim=error.ssim,
        exposure=error.exposure,
    )
