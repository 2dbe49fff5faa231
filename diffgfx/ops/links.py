"""How strongly a viscous fluid's points are linked: as 1 within it, and the nearer a wall the more.

A wall that cuts the step between two points at a share s of it acts as the neighbour would at that
distance: the difference is divided by s. The matrix stays symmetric (F. Gibou, R. Fedkiw, L.-T.
Cheng, M. Kang, "A Second-Order-Accurate Symmetric Discretization of the Poisson Equation on
Irregular Domains", JCP 176, 2002, section 2).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["LEAST_SHARE", "wall_links", "wet_points"]

LEAST_SHARE = 1e-3
"""A wall that is nearer to a point than this share of a cell counts as that far."""


def wet_points(distance: Sequence[Tensor]) -> list[Tensor]:
    """Return 1 where points are in the fluid, 0 where they are in or on the solid."""
    return [(part.detach() > 0).to(part) for part in distance]


def wall_links(distance: Sequence[Tensor], sides: Sequence[str]) -> list[Tensor]:
    """Return the strength of the step from each point to the next, for each component and axis.

    Args:
        distance: Signed distance of each face's centre, positive in the fluid, x-faces first.
        sides: What lies at x low, x high, y low and so on.

    Returns:
        Strengths shaped as the faces, the axes of the x-faces first: 1 between points of the fluid,
        1 / share from there into a solid, 0 within it. Those beyond the last point are of use along
        periodic axes only.

    Gradients: to distance; none where the share is clamped, nor through which points are wet.
    """
    dim = len(distance)
    found = []
    for component, here in enumerate(distance):
        for axis in range(dim):
            twins = sides[2 * axis] == "periodic" and axis == component
            found.append(_strength(here, _next(here, dim - axis, twins)))
    return found


def _next(here: Tensor, place: int, twins: bool) -> Tensor:
    """Return each point's next along a dimension, around the end."""
    after = here.roll(-1, place)
    if not twins:
        return after
    count = here.shape[place] - 1
    inner = here.narrow(place, 0, count).roll(-1, place)
    return torch.cat([inner, inner.narrow(place, 0, 1)], dim=place)


def _strength(a: Tensor, b: Tensor) -> Tensor:
    wet, dry = torch.maximum(a, b), torch.minimum(a, b)
    cut = (wet > 0) & (dry <= 0)
    share = wet / torch.where(cut, wet - dry, 1.0)
    strength = 1.0 / torch.where(cut, share, 1.0).clamp_min(LEAST_SHARE)
    return torch.where(cut, strength, (dry > 0).to(a))
