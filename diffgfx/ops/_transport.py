"""What the ops that carry something along a velocity share: checks, and broadcasting of batches."""

import math
from collections.abc import Sequence

from torch import Tensor

from diffgfx.check import check_positive, check_same_device, check_same_dtype, check_tensor
from diffgfx.errors import RangeError, ShapeError
from diffgfx.ops._flow import FlowSizes, check_cells, check_faces, check_scalar_sides
from diffgfx.types import Faces, ScalarSide, Side

__all__ = [
    "check_carried_field",
    "check_flow",
    "check_rules",
    "check_side_value",
    "check_step",
    "joined",
    "parted",
]


def check_flow(velocity: Faces) -> FlowSizes:
    """Return the sizes of a velocity's grid, which has a cell an axis at least.

    Raises:
        DtypeError, DeviceError, ShapeError: If the faces do not make one grid.
    """
    sizes = check_faces("velocity", velocity)
    if 0 in sizes.cells:
        raise ShapeError(
            f"velocity_x must have at least one cell along each axis, got {sizes.cells} cells"
        )
    return sizes


def check_step(dt: float, cell: float) -> None:
    """Raise `RangeError` unless the step is a finite number and the cell above zero."""
    if not math.isfinite(dt):
        raise RangeError(f"dt must be a finite number of seconds, got {dt}")
    check_positive("cell", cell)


def check_carried_field(field: Tensor, velocity: Faces, sizes: FlowSizes) -> Tensor:
    """Return a field of cells with the velocity's batch.

    Raises:
        DtypeError, DeviceError, ShapeError: If it does not go with the velocity.
    """
    check_cells("field", field, sizes)
    pair = {"velocity_x": velocity[0], "field": field}
    check_same_dtype(pair)
    check_same_device(pair)
    return field.expand(sizes.batch, *field.shape[1:])


def check_rules(
    scalar_sides: Sequence[ScalarSide] | None, sides: Sequence[Side], dim: int
) -> list[str]:
    """Return what holds for a scalar at each side; by default no flux, periodic where the flow is.

    Raises:
        RangeError: If a kind is unknown, or one of the two is periodic and the other is not.
    """
    if scalar_sides is None:
        return ["periodic" if side == "periodic" else "zero_gradient" for side in sides]
    found = check_scalar_sides(scalar_sides, dim)
    for k, (scalar, side) in enumerate(zip(found, sides, strict=True)):
        if (scalar == "periodic") != (side == "periodic"):
            raise RangeError(
                f"scalar_sides[{k}] must be periodic where sides[{k}] is, and only there, "
                f"got {scalar!r} and {side!r}"
            )
    return found


def check_side_value(side_value: Tensor | None, field: Tensor, dim: int) -> Tensor:
    """Return the numbers given on the sides, (B, C, 2 dim); zeros if there are none.

    Raises:
        DtypeError, DeviceError, ShapeError: If they do not go with the field.
    """
    batch, channels = field.shape[:2]
    if side_value is None:
        return field.new_zeros((batch, channels, 2 * dim))
    check_tensor("side_value", side_value)
    wanted = (batch, channels, 2 * dim)
    if tuple(side_value.shape) not in (wanted, (1, *wanted[1:])):
        raise ShapeError(
            f"side_value must have shape (B|1, {channels}, {2 * dim}), "
            f"got {tuple(side_value.shape)}"
        )
    pair = {"field": field, "side_value": side_value}
    check_same_dtype(pair)
    check_same_device(pair)
    return side_value.expand(wanted)


def joined(sides: Sequence[str]) -> str:
    """Write kinds of sides as one string: registered ops take no lists of strings."""
    return ",".join(sides)


def parted(sides: str) -> tuple[str, ...]:
    """Read kinds of sides back."""
    return tuple(sides.split(",")) if sides else ()
