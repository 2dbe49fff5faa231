"""How much of a field there is: semi-Lagrangian steps do not conserve it, so it is put back.

An advection that reads values upstream gains or loses a little in all, by its clamp and where the
velocity bends. The field is scaled so that what is in the box is what was in it, less what the flow
took through the sides, as in the mass fixers of climate models.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from diffgfx.scene import FluidScene

__all__ = ["keep_amount"]

_MOST = 0.05
"""By how much a step may scale; what leaves is not known as well where more is amiss."""


def keep_amount(
    after: Tensor, before: Tensor, velocity: Sequence[Tensor], scene: FluidScene
) -> Tensor:
    """Scale an advected field so that none of it was made or lost on the way.

    Args:
        after: The field after advection [any unit], not negative, shape (B, C, [D,] H, W).
        before: The same before it.
        velocity: What carried it [m/s].
        scene: Gives time step, cell and sides.

    Returns:
        ``after`` times one number a field, within 5 % of 1.

    Gradients: to both fields and to the velocity through open sides.
    Source: A. Priestley, "A Quasi-Conservative Version of the Semi-Lagrangian Advection Scheme",
    Monthly Weather Review 121, 1993 (that what is missing must be put back; his puts it where the
    two orders differ most, this one in proportion).
    """
    places = tuple(range(2, after.ndim))
    wanted = before.sum(places, keepdim=True) - _through_sides(before, velocity, scene)
    found = after.sum(places, keepdim=True)
    some = found > torch.finfo(found.dtype).tiny
    scale = torch.where(some, wanted / torch.where(some, found, 1.0), 1.0)
    factor = scale.clamp(1.0 - _MOST, 1.0 + _MOST)
    return cast(Tensor, _Scaled.apply(after, factor))  # type: ignore[no-untyped-call]


class _Scaled(torch.autograd.Function):
    """A field times a factor a field; keeps the product, which goes on, and not what it was of."""

    @staticmethod
    def forward(field: Tensor, factor: Tensor) -> Tensor:
        return field * factor

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output, inputs[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        scaled, factor = ctx.saved_tensors
        places = tuple(range(2, scaled.ndim))
        return gradient * factor, (gradient * scaled).sum(places, keepdim=True) / factor


def _through_sides(field: Tensor, velocity: Sequence[Tensor], scene: FluidScene) -> Tensor:
    """Return what leaves in a step, in values of cells, shape (B, C, 1, ...).

    What goes out of a face is as dense as the middle of what passes it, on the line through the
    two cells before it; what comes back in is as dense as the cell that takes it.
    """
    left = torch.zeros_like(field.sum(tuple(range(2, field.ndim)), keepdim=True))
    for side, kind in enumerate(scene.sides):
        if kind != "outflow":
            continue
        axis, high = divmod(side, 2)
        place = field.ndim - 1 - axis
        edge, inner = _layer(field, place, high, 0), _layer(field, place, high, 1)
        speed = _layer(velocity[axis][:, None], place, high, 0)
        moved = scene.dt / scene.cell * (speed if high else -speed)
        ahead = torch.where(moved > 0, 0.5 - 0.5 * moved.clamp(max=1.0), 0.0)
        passing = (edge + ahead * (edge - inner)).clamp(min=0.0)
        left = left + (moved * passing).sum(tuple(range(2, field.ndim)), keepdim=True)
    return left


def _layer(field: Tensor, place: int, high: int, depth: int) -> Tensor:
    """Return the layer of cells or faces ``depth`` from an end; the last where there are fewer."""
    depth = min(depth, field.shape[place] - 1)
    return field.narrow(place, field.shape[place] - 1 - depth if high else depth, 1)
