"""Laplacians of random velocities and of fields of cells, with every kind of side."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.cases.convect import CELL, MIXED_3D, RING, WRONG_FLOW, build_flow
from tests.contract.flows import by_face, draw_field

__all__ = ["CASES", "WRONG_FIELD", "build_field"]

BASIN = ("fixed", "flux", "zero_gradient", "fixed")
BASIN_3D = ("periodic", "periodic", "flux", "fixed", "zero_gradient", "flux")


def build_field(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    scalar_sides: Sequence[str] = BASIN,
    depth: int = 3,
    height: int = 3,
    width: int = 4,
) -> dict[str, Any]:
    """Return a random field of two channels, and numbers of the sides.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Fields.
        seed: Of the random numbers.
        scalar_sides: What holds there, four or six.
        depth: Cells along z, with six sides.
        height: Cells along y.
        width: Cells along x.
    """
    draw = torch.Generator().manual_seed(seed)
    cells = (depth, height, width)[-(len(scalar_sides) // 2) :]
    value = torch.randn((batch, 2, len(scalar_sides)), generator=draw, dtype=torch.float64)
    return {
        "field": draw_field(cells, dtype, device, batch, draw, channels=2),
        "side_value": value.to(device, dtype),
        "cell": CELL,
        "scalar_sides": list(scalar_sides),
    }


WRONG_FIELD = (
    *(kind for place, kind in enumerate(wrong_kinds("field", "side_value")) if place != 3),
    # one more dimension (place 3) is a third axis, which the sides then lack; one less is none
    Wrong("field", lambda value: value[0], ShapeError, "field must have shape (B, C, H, W)"),
    Wrong("scalar_sides", lambda sides: sides[:3], RangeError, "scalar_sides must have 4 entries"),
    Wrong("side_value", resized(1, 3), ShapeError, "side_value must have shape (B|1, 2, 4)"),
    Wrong("side_value", resized(2, 6), ShapeError, "side_value must have shape (B|1, 2, 4)"),
    Wrong("cell", lambda _: -1.0, RangeError, "cell must be a finite number above zero"),
    Wrong("scalar_sides", lambda _: ["open"] * 4, RangeError, "must be one of fixed"),
)

_make = partial(
    Case, op="laplacian", shared=("side_velocity",), large={"height": 40, "width": 37},
)  # fmt: skip
_flow = partial(_make, call=by_face(ops.laplacian))
_cells = partial(
    _make, call=ops.laplacian_scalar, shared=("side_value",),
    differentiable=("field", "side_value"),
)  # fmt: skip

CASES = (
    _flow(
        "laplacian",
        build=build_flow,
        differentiable=("velocity_x", "velocity_y", "side_velocity"),
        wrong=WRONG_FLOW,
    ),
    _flow(
        "laplacian[3d]",
        build=partial(build_flow, sides=MIXED_3D, depth=2, height=3, width=3),
        differentiable=("velocity_x", "velocity_y", "velocity_z", "side_velocity"),
    ),
    _flow(
        "laplacian[ring]",
        build=partial(build_flow, sides=RING, height=3, width=1),
        differentiable=("velocity_x", "velocity_y", "side_velocity"),
        slow=True,
    ),
    _cells("laplacian[cells]", build=build_field, wrong=WRONG_FIELD),
    _cells(
        "laplacian[cells-3d]",
        build=partial(build_field, scalar_sides=BASIN_3D, depth=1, height=2),
        slow=True,
    ),
)
