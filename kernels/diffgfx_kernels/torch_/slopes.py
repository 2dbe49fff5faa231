"""Slopes of height fields as plain matrices, one an axis; the oracle for both ops on heights."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.slope_scheme import FACE_TAPS, face_weights, recovery_rows

__all__ = ["Axis", "axis_of", "slopes_along"]


class Axis(NamedTuple):
    """The matrices of one axis with n texels and m faces, ascending index along the axis.

    Attributes:
        difference: Heights to slopes at the faces, shape (m, n).
        mean: Slopes at the faces to slopes at the texels, shape (n, m).
        recover: Slopes at the texels to slopes at the faces, shape (m, n).
    """

    difference: Tensor
    mean: Tensor
    recover: Tensor


def axis_of(count: int, texel: float, boundary: str) -> Axis:
    """Build the matrices of an axis, float64, on the CPU."""
    periodic = boundary == "periodic" and count > 1
    faces = count if periodic else max(count - 1, 0)
    difference = torch.zeros((faces, count), dtype=torch.float64)
    mean = torch.zeros((count, faces), dtype=torch.float64)
    for face in range(faces):
        difference[face, face] -= 1.0 / texel
        difference[face, (face + 1) % count] += 1.0 / texel
    weights = face_weights(count, periodic)
    for texel_index in range(count):
        for tap in range(FACE_TAPS):
            face = texel_index + tap - 2
            if periodic:
                mean[texel_index, face % count] += weights[texel_index, tap]
            elif 0 <= face < faces:
                mean[texel_index, face] += weights[texel_index, tap]
    return Axis(difference, mean, _recover(mean, periodic))


def slopes_along(height: Tensor, texel: float, boundary: str) -> Tensor:
    """Return the slopes (..., n) along the last dimension of heights (..., n)."""
    count = height.shape[-1]
    periodic = boundary == "periodic" and count > 1
    faces = height.diff(append=height[..., :1]) if periodic else height.diff()
    return faces / texel @ axis_of(count, texel, boundary).mean.T.to(height)


def _recover(mean: Tensor, periodic: bool) -> Tensor:
    """The left inverse of ``mean``: the inverse, or of a free line that of `recovery_rows`."""
    if periodic:
        inverse: Tensor = torch.linalg.inv(mean)
        return inverse
    count, faces = mean.shape
    if faces == 0:
        return mean.T.clone()
    below, middle, above = recovery_rows(count).unbind(dim=1)
    system = torch.diag(middle) + torch.diag(below[1:], -1) + torch.diag(above[:-1], 1)
    right = torch.eye(count, dtype=torch.float64)[1:].clone()
    right[0, :2] = 0.5
    solved: Tensor = torch.linalg.solve(system, right)
    return solved
