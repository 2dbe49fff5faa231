"""The sides of a box as tables for kernels: a rule and a number for each end of each line."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_same_device, check_same_dtype, check_tensor
from diffgfx.errors import ShapeError
from diffgfx.ops._flow import FlowSizes
from diffgfx_kernels.sides import HELD, SLOPE, TWIN, VALUE, WRAP

__all__ = ["cell_rules", "cell_values", "check_extent", "face_rules", "face_values"]

_ALONG = {"periodic": TWIN, "outflow": SLOPE}
_ACROSS = {"periodic": WRAP, "no_slip": VALUE, "inflow": VALUE}
_SCALAR = {"periodic": WRAP, "fixed": VALUE}


def check_extent(name: str, sizes: FlowSizes) -> None:
    """Raise `ShapeError` unless there is a cell along each axis."""
    if 0 in sizes.cells:
        raise ShapeError(f"{name} must have one cell or more along each axis, got {sizes.cells}")


def face_rules(sides: Sequence[str]) -> list[int]:
    """Return the rules of a velocity's components, x first, at each side."""
    dim = len(sides) // 2
    return [
        _ALONG.get(side, HELD) if place // 2 == component else _ACROSS.get(side, SLOPE)
        for component in range(dim)
        for place, side in enumerate(sides)
    ]


def face_values(side_velocity: Tensor, rules: Sequence[int], batch: int) -> Tensor:
    """Return the numbers that go with `face_rules`, (B, components, sides), differentiable."""
    dim = side_velocity.shape[2]
    used = torch.tensor([float(rule == VALUE) for rule in rules], dtype=side_velocity.dtype)
    mask = used.to(side_velocity.device).view(dim, 2 * dim)
    return (side_velocity.transpose(1, 2) * mask).expand(batch, -1, -1)


def cell_rules(scalar_sides: Sequence[str]) -> list[int]:
    """Return the rules of a scalar at each side."""
    return [_SCALAR.get(side, SLOPE) for side in scalar_sides]


def cell_values(
    side_value: Tensor | None,
    field: Tensor,
    sizes: FlowSizes,
    scalar_sides: Sequence[str],
    cell: float,
) -> Tensor:
    """Return the numbers that go with `cell_rules`, (B * C, 1, sides), differentiable.

    Raises:
        DtypeError, DeviceError, ShapeError: If ``side_value`` does not go with the field.
    """
    channels = int(field.shape[1])
    wanted = (sizes.batch, channels, len(scalar_sides))
    if side_value is None:
        return field.new_zeros((sizes.batch * channels, 1, len(scalar_sides)))
    check_tensor("side_value", side_value)
    if tuple(side_value.shape) not in (wanted, (1, *wanted[1:])):
        raise ShapeError(
            f"side_value must have shape (B|1, {channels}, {wanted[2]}), one number a side, "
            f"got {tuple(side_value.shape)}"
        )
    pair = {"field": field, "side_value": side_value}
    check_same_dtype(pair)
    check_same_device(pair)
    factor = [{"fixed": 1.0, "flux": cell}.get(side, 0.0) for side in scalar_sides]
    scale = torch.tensor(factor, dtype=side_value.dtype).to(side_value.device)
    return (side_value * scale).expand(wanted).reshape(-1, 1, wanted[2])
