"""Scalar fluxes through the faces, upwind with a limited slope: conservative, second order.

The value at a face is that of the cell the flow comes from, plus half a limited slope. One cell
beyond a side stands what the side's rule extrapolates. Flow that enters brings the side's value.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull_all import pull_groups
from diffgfx_kernels.transport import Transport, scalar_rules

__all__ = ["backward", "forward", "limited"]


def limited(a: Tensor, b: Tensor, limiter: str) -> Tensor:
    """The slope over a cell from the differences on both its sides, zero at an extremum."""
    rises = a * b > 0
    if limiter == "van_leer":
        return torch.where(rises, 2 * a * b / torch.where(rises, a + b, 1.0), 0.0)
    if limiter == "superbee":
        steep = a.abs() > b.abs()
        small, large = torch.where(steep, b, a), torch.where(steep, a, b)
        return torch.where(
            rises, torch.where(2 * small.abs() <= large.abs(), 2 * small, large), 0.0
        )
    mean = 0.5 * (a + b)
    least = torch.where((2 * a).abs() <= (2 * b).abs(), 2 * a, 2 * b)
    return torch.where(rises, torch.where(least.abs() <= mean.abs(), least, mean), 0.0)


def _divergence(
    field: Tensor, face: Tensor, side: tuple[Tensor, Tensor], axis: int, step: Transport
) -> Tensor:
    """The sum of fluxes out of each cell along one axis, over the area of a face."""
    dim = field.ndim - 1 - axis
    count = field.shape[dim]
    low, high = field.narrow(dim, 0, 1), field.narrow(dim, count - 1, 1)
    speed = face[:, None]
    if step.periodic[axis]:
        speed = torch.cat([speed.narrow(dim, 0, count), speed.narrow(dim, 0, 1)], dim=dim)
        around = torch.cat([field] * 5, dim=dim) if count == 1 else torch.cat([field] * 3, dim=dim)
        begin = 2 * count if count == 1 else count
        wide = around.narrow(dim, begin - 2, count + 4)
        edge = None
    else:
        rules = scalar_rules(step.scalar_sides, step.cell)[2 * axis : 2 * axis + 2]
        edges = [
            rule.kept * inside + rule.scale * given
            for rule, inside, given in zip(rules, (low, high), side, strict=True)
        ]
        below, above = 2 * edges[0] - low, 2 * edges[1] - high
        wide = torch.cat([below, below, field, above, above], dim=dim)
        edge = torch.cat([edges[0], field.narrow(dim, 0, count - 1), edges[1]], dim=dim)
    cells = [wide.narrow(dim, k, count + 1) for k in range(4)]
    differences = [cells[k + 1] - cells[k] for k in range(3)]
    onward = cells[1] + 0.5 * limited(differences[0], differences[1], step.scheme)
    back = cells[2] - 0.5 * limited(differences[2], differences[1], step.scheme)
    if edge is not None:
        place = torch.arange(count + 1, device=field.device).view(-1, *[1] * axis)
        onward = torch.where(place == 0, edge, onward)
        back = torch.where(place == count, edge, back)
    flux = speed * torch.where(speed >= 0, onward, back)
    return flux.narrow(dim, 1, count) - flux.narrow(dim, 0, count)


def forward(
    field: Tensor, velocity: Sequence[Tensor], side_value: Tensor, step: Transport
) -> Tensor:
    """Return the field after one explicit Euler step, shape (B, C, [D,] H, W).

    Args:
        field: Values at the centres.
        velocity: Faces, x first.
        side_value: Given on the sides, (B, C, 2 dim).
        step: The step; its scheme is the limiter.
    """
    total = torch.zeros_like(field)
    for axis, face in enumerate(velocity):
        given = side_value[..., 2 * axis : 2 * axis + 2].view(
            *field.shape[:2], 2, *[1] * (field.ndim - 2)
        )
        pair = (given[:, :, 0], given[:, :, 1])
        total = total + _divergence(field, face, pair, axis, step)
    return field - step.step * total


def backward(
    g_field: Tensor,
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    step: Transport,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Return the gradients to field, velocity and the numbers given on the sides."""

    def job(fields: list[Tensor], faces: list[Tensor], sides: list[Tensor]) -> Tensor:
        return forward(fields[0], faces, sides[0], step)

    groups = ([field], velocity, [side_value])
    (g_old,), g_velocity, (g_value,) = pull_groups(job, groups, g_field)
    return g_old, g_velocity, g_value
