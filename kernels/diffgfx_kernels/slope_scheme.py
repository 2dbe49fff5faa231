"""How the slopes of a height field are taken from its texels, so that they can be taken back.

Heights and slopes both stand at texel centres; between two centres lies a face, whose slope is the
difference of its two heights over the texel's side. The slope at a centre is the third-order
upwind-biased mean of the faces around it::

    p[i] = (2 f[i] + 5 f[i-1] - f[i-2]) / 6,    f[i] = (h[i+1] - h[i]) / texel

The plain mean of two faces would be mirror-symmetric, and blind to a wave of two texels, as every
symmetric stencil is: heights integrated from such slopes carry a checkerboard wherever a normal is
noisy or an edge sharp. This one keeps two thirds of that wave. So the faces follow from the slopes
by a well-conditioned tridiagonal solve, height to slopes to height is exact, and smooth surfaces
are met to third order, quadratic ones exactly.

A free edge extrapolates the faces linearly; a periodic one wraps.
"""

import torch
from torch import Tensor

__all__ = ["FACE_TAPS", "SLOPE_TAPS", "face_weights", "recovery_rows", "slope_weights"]

FACE_TAPS = 4
"""Row i of `face_weights` weighs the faces i-2, i-1, i, i+1."""

SLOPE_TAPS = 5
"""Row i of `slope_weights` weighs the heights i-2 to i+2."""

_INNER = (-1 / 6, 5 / 6, 2 / 6, 0.0)


def face_weights(count: int, periodic: bool) -> Tensor:
    """Weights of the faces in each slope of a line of texels, float64, shape (count, 4).

    Faces outside the line have weight zero, except where it is periodic and they wrap.
    """
    weights = torch.tensor(_INNER, dtype=torch.float64).repeat(count, 1)
    if periodic and count > 1:
        return weights
    if count < 3:  # one face or none
        weights.zero_()
        if count == 2:
            weights[0, 2] = weights[1, 1] = 1.0
        return weights
    weights[0] = torch.tensor([0.0, 0.0, 1.5, -0.5])
    weights[1] = torch.tensor([0.0, 0.5, 0.5, 0.0])
    weights[-1] = torch.tensor([-0.5, 1.5, 0.0, 0.0])
    return weights


def slope_weights(count: int, texel: float, periodic: bool) -> Tensor:
    """Weights of the heights in each slope of a line of texels, float64, shape (count, 5).

    Args:
        count: Texels in the line.
        texel: Side of a texel along it.
        periodic: Whether the line wraps; else texels outside it have weight zero.
    """
    faces = face_weights(count, periodic)
    weights = faces.new_zeros((count, SLOPE_TAPS))
    weights[:, 1:] += faces
    weights[:, :-1] -= faces
    return weights / texel


def recovery_rows(count: int) -> Tensor:
    """The tridiagonal system that gives the faces of a free line from its slopes.

    Its right-hand side is ``(p[0] + p[1]) / 2`` for the first face, whose slope that is, and
    ``p[j+1]`` for face j.

    Returns:
        Below, on and above the diagonal, float64, shape (max(count - 1, 0), 3).
    """
    rows = face_weights(count, periodic=False)[1:, :3].clone()
    rows[:1] = torch.tensor([0.0, 1.0, 0.0])
    return rows
