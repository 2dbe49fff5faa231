"""How well a re-render equals its photograph, in the photograph's own encoding."""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.io import encode_transfer
from diffgfx.scene import Transfer
from diffgfx.tasks.capture.flip import flip

__all__ = ["PhotoError", "measure_photo", "ssim"]

Picture = Float[Tensor, "3 h w"]

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_SEARCH_STEPS = 24


@dataclasses.dataclass(frozen=True)
class PhotoError:
    """Errors of one photograph, over all its pixels.

    Attributes:
        exposure: Factor on the re-render that was solved.
        rmse: Root mean square difference of encoded values, after that factor.
        rmse_raw: The same without it.
        psnr: Peak signal-to-noise ratio of ``rmse`` [dB].
        ssim: Mean structural similarity, after that factor.
        flip: Mean LDR-FLIP error of both, sRGB-encoded, after that factor, see `flip`.
    """

    exposure: float
    rmse: float
    rmse_raw: float
    psnr: float
    ssim: float
    flip: float


def measure_photo(render: Picture, photo: Picture, transfer: Transfer) -> PhotoError:
    """Measure a re-render against its photograph, both linear; one scalar exposure is solved."""
    stored = encode_transfer(photo, transfer)

    def error(exposure: float) -> float:
        difference = encode_transfer(render * exposure, transfer) - stored
        return float(difference.double().square().mean().sqrt())

    exposure = math.exp(_minimise(lambda log: error(math.exp(log)), -1.5, 1.5))
    raw = error(1.0)
    found = error(exposure)
    if raw < found:
        exposure, found = 1.0, raw
    picture = encode_transfer(render * exposure, transfer)
    return PhotoError(
        exposure=exposure,
        rmse=found,
        rmse_raw=raw,
        psnr=-20.0 * math.log10(max(found, 1e-12)),
        ssim=ssim(picture, stored),
        flip=flip(
            *(encode_transfer(linear, "srgb") for linear in (photo, render * exposure))
        ),
    )


def _minimise(f, low: float, high: float) -> float:  # type: ignore[no-untyped-def]
    """Return the place of the least value of a unimodal function (golden section)."""
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    fa, fb = f(a), f(b)
    for _ in range(_SEARCH_STEPS):
        if fa < fb:
            high, b, fb = b, a, fa
            a = high - _GOLDEN * (high - low)
            fa = f(a)
        else:
            low, a, fa = a, b, fb
            b = low + _GOLDEN * (high - low)
            fb = f(b)
    return 0.5 * (low + high)


def ssim(first: Picture, second: Picture) -> float:
    """Return the mean structural similarity of two pictures in [0, 1].

    Gaussian window of deviation 1.5 cut at 11 texels, C1 = 0.01^2, C2 = 0.03^2 (Z. Wang et al.,
    "Image Quality Assessment", IEEE TIP 2004), over the places where the window fits.
    """
    size = min(11, first.shape[-2], first.shape[-1])
    x = torch.arange(size, dtype=first.dtype, device=first.device) - (size - 1) / 2
    window = torch.exp(-0.5 * (x / 1.5).square())
    window = window / window.sum()

    def blur(a: Tensor) -> Tensor:
        a = torch.nn.functional.conv2d(a[:, None], window[None, None, :, None])
        return torch.nn.functional.conv2d(a, window[None, None, None, :])

    a, b = blur(first), blur(second)
    var_a = blur(first * first) - a * a
    var_b = blur(second * second) - b * b
    cov = blur(first * second) - a * b
    c1, c2 = 0.01**2, 0.03**2
    score = (2 * a * b + c1) * (2 * cov + c2) / ((a * a + b * b + c1) * (var_a + var_b + c2))
    return float(score.mean())
