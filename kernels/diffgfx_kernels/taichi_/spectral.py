"""Poisson's equation on a rectangle by transforms, which diagonalise it exactly.

These are the fast Fourier transforms of torch on every device: a kernel of our own could only be
slower, and nothing stands beside them to be fused but one multiplication. A free edge takes the
cosine transform, computed from a Fourier transform of the same length (Makhoul, "A Fast Cosine
Transform in One and Two Dimensions", IEEE Trans. ASSP 28(1), 1980).

Conjugates are physical: torch's lazy ones are not resolved inside a custom op that was compiled.
"""

import math

import torch
from torch import Tensor

from diffgfx_kernels.slope_scheme import face_weights

__all__ = ["slope_symbol", "solve_free"]


def _turn(count: int, like: Tensor) -> Tensor:
    """The factors exp(-i pi k / 2n) for k up to n / 2."""
    angle = torch.arange(count // 2 + 1, dtype=torch.float64) * (-0.5 * math.pi / count)
    kind = torch.complex128 if like.dtype == torch.float64 else torch.complex64
    return torch.polar(torch.ones_like(angle), angle).to(like.device, kind)


def _cosine(x: Tensor) -> Tensor:
    """Cosine transform (second kind) along the last dimension."""
    count = x.shape[-1]
    folded = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], dim=-1)
    turned = torch.fft.rfft(folded) * _turn(count, x)
    tail = turned[..., 1 : (count + 1) // 2].imag.flip(-1)
    return torch.cat([turned.real, -tail], dim=-1)


def _cosine_inverse(x: Tensor) -> Tensor:
    count = x.shape[-1]
    half = count // 2 + 1
    mirrored = torch.cat([torch.zeros_like(x[..., :1]), x[..., 1:].flip(-1)], dim=-1)
    turned = torch.complex(x[..., :half], -mirrored[..., :half]) * _turn(count, x).conj_physical()
    folded = torch.fft.irfft(turned, n=count)
    out = torch.empty_like(x)
    out[..., ::2] = folded[..., : (count + 1) // 2]
    out[..., 1::2] = folded[..., (count + 1) // 2 :].flip(-1)
    return out


def _free_values(count: int, texel: float, like: Tensor) -> Tensor:
    angle = torch.arange(count, dtype=torch.float64) * (0.5 * math.pi / count)
    return (2.0 / texel * angle.sin()).square().to(like)


def solve_free(right: Tensor, texel: tuple[float, float]) -> Tensor:
    """Solve -laplacian(x) = right with no flux through the edges, mean zero, shape (B, H, W).

    The operator is the negative second difference; it is symmetric, so that a gradient is solved
    for in the same way. The mean of ``right`` is ignored.
    """
    rows, columns = right.shape[-2:]
    values = _free_values(rows, texel[1], right)[:, None] + _free_values(columns, texel[0], right)
    values[0, 0] = math.inf
    modes = _cosine(_cosine(right).transpose(-1, -2)) / values.T
    lines = _cosine_inverse(_cosine_inverse(modes).transpose(-1, -2))
    return lines.contiguous()


def slope_symbol(rows: int, columns: int, texel: tuple[float, float], like: Tensor) -> Tensor:
    """What turns the transforms of a periodic field's two slopes into that of its height.

    Returns:
        Factors for the slope along rows and the slope down columns, complex, in the layout of
        `torch.fft.rfft2`, shape (2, H, W // 2 + 1).
    """
    difference_y, mean_y = _factors(torch.fft.fftfreq(rows, dtype=torch.float64), texel[1])
    difference_x, mean_x = _factors(torch.fft.rfftfreq(columns, dtype=torch.float64), texel[0])
    power = difference_y.abs().square()[:, None] + difference_x.abs().square()
    power[0, 0] = math.inf
    along = (difference_x.conj_physical() / mean_x) / power
    down = (difference_y.conj_physical() / mean_y)[:, None] / power
    kind = torch.complex128 if like.dtype == torch.float64 else torch.complex64
    return torch.stack([along, down]).to(like.device, kind)


def _factors(frequency: Tensor, texel: float) -> tuple[Tensor, Tensor]:
    """What the difference at a face, and the mean of faces, multiply a wave with."""
    angle = 2.0 * math.pi * frequency
    difference = (torch.polar(torch.ones_like(angle), angle) - 1.0) / texel
    mean = torch.zeros_like(difference)
    for tap, weight in enumerate(face_weights(3, periodic=True)[0].tolist()):
        mean += weight * torch.polar(torch.ones_like(angle), (tap - 2) * angle)
    return difference, mean
