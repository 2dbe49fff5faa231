"""What is known of a few unknowns that stand for themselves: noise apart from belief.

A linear estimate from residuals of information A = J^T J / sigma^2 and beliefs of precision L (a
diagonal) about means m has the covariance S = (A + L)^-1, the sum of two parts: S A S, what the
noise of the residuals leaves, and S L S, what they leave to belief. The first is averaged out where
a fit smooths; the second is not, since neighbours do not know either.

Source: C. Rodgers, "Inverse Methods for Atmospheric Sounding", 2000, section 3.2 (retrieval noise
and smoothing error).
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Posterior", "neighbour_roughness", "noise_passed", "posterior_of"]

_FREQUENCIES = 256       # from 0 to pi
_STRENGTHS = 128
_STRONGEST = 1e4
_CHUNK = 1 << 20


class Posterior(NamedTuple):
    """Mean squares and products of the errors of p unknowns.

    Attributes:
        noise: What the noise of the residuals leaves, shape (t, p, p).
        belief: What is left to belief: S L S and the product of the shift S L (m - z) toward the
            means, which an estimate z that ignores them lacks; shape (t, p, p).
    """

    noise: Float[Tensor, "t p p"]
    belief: Float[Tensor, "t p p"]


def posterior_of(
    information: Float[Tensor, "t p p"],
    precision: Float[Tensor, "t p"],
    offset: Float[Tensor, "t p"],
) -> Posterior:
    """Return the errors of t sets of p unknowns.

    Args:
        information: J^T J / sigma^2 at the solution z, symmetric, not negative.
        precision: Inverse variance of the belief about each unknown, > 0.
        offset: Mean of the belief less z.
    """
    covariance = torch.linalg.inv(information + torch.diag_embed(precision))
    trusting = covariance * precision[..., None, :]
    shift = trusting @ offset[..., None]
    left = trusting @ covariance
    return Posterior(covariance - left, left + shift @ shift.mT)


def neighbour_roughness(x: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
    """Return the square of each texel less the mean of its four neighbours, times 4/5.

    Its mean is the variance of independent noise of one variance.
    """
    padded = torch.nn.functional.pad(x[None], (1, 1, 1, 1), mode="replicate")[0]
    across = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    along = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    return 0.8 * (x - 0.25 * (across + along)).square()


def noise_passed(ratio: Tensor) -> Tensor:
    """Return the share of the noise's variance that a smoothing fit lets through.

    A fit with a penalty k on the squares of differences of neighbours passes the frequency w of
    independent noise by 1 / (1 + k q(w)), q = 4 - 2 cos w_x - 2 cos w_y. What k was is read from
    how rough the solution is: solutions as rough as noise, or rougher, were not smoothed, or have
    detail.

    Args:
        ratio: `neighbour_roughness` of the solution by the variance of independent noise, any
            shape, >= 0.

    Returns:
        Shares in (0, 1], rising with the ratio.
    """
    rough, share = _smoothing()
    known, level = rough.log().to(ratio.device), share.log().to(ratio.device)
    found = torch.empty_like(ratio).flatten()
    for begin in range(0, ratio.numel(), _CHUNK):
        part = ratio.flatten()[begin : begin + _CHUNK].double()
        x = part.clamp(float(rough[0]), float(rough[-1])).log()
        right = torch.searchsorted(known, x).clamp(1, _STRENGTHS - 1)
        t = ((x - known[right - 1]) / (known[right] - known[right - 1])).clamp(0.0, 1.0)
        passed = torch.exp(level[right - 1] + t * (level[right] - level[right - 1]))
        found[begin : begin + _CHUNK] = passed.to(ratio)
    return found.reshape(ratio.shape)


def _smoothing() -> tuple[Tensor, Tensor]:
    """Return roughness and variance of smoothed noise, by those of the noise, both rising."""
    angle = (torch.arange(_FREQUENCIES, dtype=torch.float64) + 0.5) * (math.pi / _FREQUENCIES)
    wave = 2.0 - 2.0 * angle.cos()
    q = (wave[:, None] + wave[None]).flatten()
    strength = torch.logspace(math.log10(_STRONGEST), -6, _STRENGTHS, dtype=torch.float64)
    rough, share = [], []
    for k in strength:
        power = (1.0 + k * q).pow(-2)
        rough.append((power * q.square()).mean() / q.square().mean())
        share.append(power.mean())
    return torch.stack(rough), torch.stack(share)
