"""LDR-FLIP: how different two pictures look to someone who flips between them on a screen.

All filters are sums of products of one-dimensional ones, and are applied as such.

Source: P. Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", HPG 2020.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import ShapeError
from diffgfx.io import decode_transfer

__all__ = ["PIXELS_PER_DEGREE", "flip"]

Picture = Float[Tensor, "3 _ _"]

# A screen 0.7 m wide with 3840 pixels, seen from 0.7 m.
PIXELS_PER_DEGREE = 0.7 * 3840 / 0.7 * math.pi / 180.0

# sRGB primaries, IEC 61966-2-1, to CIE XYZ.
_TO_XYZ = (
    (10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794),
    (2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897),
    (1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382),
)
# Contrast sensitivity, a1 b1 a2 b2, of luminance, red-green and yellow-blue: section 4.1.
_SENSITIVITY = (
    (1.0, 0.0047, 0.0, 1e-5), (1.0, 0.0053, 0.0, 1e-5), (34.1, 0.04, 13.5, 0.025)
)  # fmt: skip
_COLOUR_POWER, _KNEE, _KNEE_VALUE = 0.7, 0.4, 0.95
_FEATURE_WIDTH, _FEATURE_POWER = 0.082, 0.5  # of edges and points [degrees]


def flip(
    reference: Picture, test: Picture, *, pixels_per_degree: float = PIXELS_PER_DEGREE
) -> float:
    """Return the mean FLIP error of two sRGB-encoded pictures.

    Args:
        reference: Stored values in [0, 1].
        test: The same, of the same size.
        pixels_per_degree: Pixels in a degree of the field of view.

    Returns:
        The mean over all pixels: 0 for equal pictures, at most 1.

    Raises:
        ShapeError: If the sizes differ.
    """
    if reference.shape != test.shape:
        raise ShapeError(
            f"test must have the shape of reference, {tuple(reference.shape)}, got "
            f"{tuple(test.shape)}; resize it"
        )
    opponent = [
        _opponent(_xyz(decode_transfer(picture.detach().cpu().clamp(0.0, 1.0), "srgb")))
        for picture in (reference, test)
    ]
    colour = _colour_error(
        *(_perceived(_contrast_filtered(p, pixels_per_degree)) for p in opponent)
    )
    grey, other = ((p[0] + 16.0) / 116.0 for p in opponent)
    feature = _feature_error(grey, other, pixels_per_degree)
    return float((colour ** (1.0 - feature)).double().mean())


def _matrix(like: Tensor) -> Tensor:
    return like.new_tensor(_TO_XYZ)


def _white(like: Tensor) -> Tensor:
    return _matrix(like).sum(dim=1).view(3, 1, 1)


def _xyz(linear: Tensor) -> Tensor:
    return torch.einsum("ij,jhw->ihw", _matrix(linear), linear)


def _opponent(xyz: Tensor) -> Tensor:
    """Return YCxCz, a linear relative of CIELAB."""
    x, y, z = xyz / _white(xyz)
    return torch.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


def _contrast_filtered(opponent: Tensor, pixels_per_degree: float) -> Tensor:
    """Return what the eye resolves, as linear RGB in [0, 1]."""
    widest = max(max(b1, b2) for _, b1, _, b2 in _SENSITIVITY)
    radius = math.ceil(3.0 * math.sqrt(widest / (2.0 * math.pi**2)) * pixels_per_degree)
    place = torch.arange(-radius, radius + 1, dtype=opponent.dtype) / pixels_per_degree
    channels = []
    for channel, (a1, b1, a2, b2) in zip(opponent, _SENSITIVITY, strict=True):
        terms = [(a * math.sqrt(math.pi / b), torch.exp(-(math.pi**2) * place**2 / b))
                 for a, b in ((a1, b1), (a2, b2)) if a > 0.0]  # fmt: skip
        total = sum(float(line.sum()) ** 2 * weight for weight, line in terms)
        parts = [_filtered(channel, line, line) * (weight / total) for weight, line in terms]
        channels.append(torch.stack(parts).sum(dim=0))
    y, cx, cz = channels
    y = (y + 16.0) / 116.0
    xyz = torch.stack([y + cx / 500.0, y, y - cz / 200.0]) * _white(opponent)
    rgb = torch.einsum("ij,jhw->ihw", torch.linalg.inv(_matrix(opponent)), xyz)
    return rgb.clamp(0.0, 1.0)


def _perceived(linear: Tensor) -> Tensor:
    """Return CIELAB with the Hunt effect: colours look paler in the dark."""
    ratio = _xyz(linear) / _white(linear)
    delta = 6.0 / 29.0
    root = torch.where(
        ratio > delta**3, ratio.clamp_min(delta**3) ** (1.0 / 3.0),
        ratio / (3.0 * delta**2) + 4.0 / 29.0,
    )  # fmt: skip
    fx, fy, fz = root
    lightness = 116.0 * fy - 16.0
    return torch.stack([
        lightness, 0.01 * lightness * 500.0 * (fx - fy), 0.01 * lightness * 200.0 * (fy - fz)
    ])  # fmt: skip


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the HyAB distance, shape (h, w), to the power that FLIP uses."""
    difference = a - b
    hyab = difference[0].abs() + difference[1:].square().sum(dim=0).sqrt()
    return hyab**_COLOUR_POWER


def _colour_error(reference: Tensor, test: Tensor) -> Tensor:
    green, blue = (
        _perceived(reference.new_tensor(colour).view(3, 1, 1))
        for colour in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    )
    largest = float(_distance(green, blue))
    error, knee = _distance(reference, test), _KNEE * largest
    return torch.where(
        error < knee,
        error * (_KNEE_VALUE / knee),
        _KNEE_VALUE + (error - knee) / (largest - knee) * (1.0 - _KNEE_VALUE),
    ).clamp(0.0, 1.0)


def _feature_error(reference: Tensor, test: Tensor, pixels_per_degree: float) -> Tensor:
    """Return by how much edges and points of the luminance differ, shape (h, w)."""
    deviation = 0.5 * _FEATURE_WIDTH * pixels_per_degree
    radius = math.ceil(3.0 * deviation)
    x = torch.arange(-radius, radius + 1, dtype=reference.dtype)
    bell = torch.exp(-(x**2) / (2.0 * deviation**2))
    smooth = bell / bell.sum()
    errors = []
    for line in (-x * bell, (x**2 / deviation**2 - 1.0) * bell):
        positive = line / line.clamp_min(0.0).sum()
        negative = line / (-line).clamp_min(0.0).sum()
        line = torch.where(line > 0.0, positive, negative)
        strength = []
        for picture in (reference, test):
            across, down = _filtered(picture, line, smooth), _filtered(picture, smooth, line)
            strength.append((across**2 + down**2).sqrt())
        errors.append((strength[0] - strength[1]).abs())
    return (torch.maximum(*errors) / math.sqrt(2.0)) ** _FEATURE_POWER


def _filtered(picture: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Correlate (h, w) with a filter along rows and one along columns; edges are continued."""
    import cv2

    rows = cv2.sepFilter2D(
        picture.numpy(), -1, across.numpy(), down.numpy(), borderType=cv2.BORDER_REPLICATE
    )
    return torch.from_numpy(rows)
