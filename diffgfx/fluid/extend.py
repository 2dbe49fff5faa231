"""Velocity carried on into solids, so that paths and samples beside a slippery wall see the fluid.

Without viscosity a fluid slips along a solid, inside of which there is no velocity. A path that is
traced beside the wall would read what stands there, and drag a layer that no equation asks for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["extend_into_solids"]


def extend_into_solids(
    velocity: Sequence[Tensor], openings: Sequence[Tensor], *, layers: int = 3
) -> tuple[Tensor, ...]:
    """Return a velocity that closed faces take from the nearest open ones, layer by layer.

    Args:
        velocity: Staggered velocity [m/s].
        openings: Share of each face that is open.
        layers: How many faces deep.

    Returns:
        The velocity; open faces, and closed ones farther inside, keep theirs. A face takes the mean
        of its neighbours along the axes that are open or were filled before it.

    Gradients: to velocity.
    Source: R. Bridson, "Fluid Simulation for Computer Graphics", 2nd ed., 2015, section 5.2.
    """
    return tuple(
        _extend(face, (share > 0).to(face.dtype), layers)
        for face, share in zip(velocity, openings, strict=True)
    )


def _extend(face: Tensor, known: Tensor, layers: int) -> Tensor:
    for _ in range(layers):
        count = _around(known)
        mean = _around(face * known) / count.clamp(min=1.0)
        filled = (known == 0) & (count > 0)
        face = torch.where(filled, mean, face)
        known = torch.where(filled, 1.0, known)
    return face


def _around(field: Tensor) -> Tensor:
    """Return the sum of the neighbours along each axis; there are none beyond the ends."""
    total = torch.zeros_like(field)
    for place in range(1, field.ndim):
        count = field.shape[place] - 1
        total.narrow(place, 0, count).add_(field.narrow(place, 1, count))
        total.narrow(place, 1, count).add_(field.narrow(place, 0, count))
    return total
