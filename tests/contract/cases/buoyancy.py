"""Buoyancy in any direction, in a plane and in a box."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.boxes import WRONG_SIDES, cells_of, sides_of
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.flows import by_face, draw_field, draw_velocity

__all__ = ["CASES"]


def build(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    depth: int = 0,
    height: int = 4,
    width: int = 5,
) -> dict[str, Any]:
    """Return arguments of `ops.buoyancy`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    return {
        **draw_velocity(cells, dtype, device, batch, draw),
        "field": draw_field(cells, dtype, device, batch, draw),
        "force": draw_field((len(cells),), dtype, device, batch, draw)[:, 0],
        "dt": 0.2,
        "sides": sides_of(cells),
    }


_make = partial(
    Case,
    op="buoyancy",
    call=by_face(ops.buoyancy),
    shared=("field", "force"),
    large={"height": 70, "width": 37},
)

CASES = (
    _make(
        "buoyancy",
        build=build,
        differentiable=("velocity_x", "velocity_y", "field", "force"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y", "field", "force"),
            *WRONG_SIDES,
            Wrong("dt", lambda dt: -dt, RangeError, "above zero"),
            Wrong("velocity_y", resized(1, 4), ShapeError, "velocity_y must have shape"),
            Wrong("field", resized(1, 2), ShapeError, "field must have shape"),
            Wrong("field", resized(3, 4), ShapeError, "field must have batch"),
            Wrong("force", resized(1, 3), ShapeError, "force must have shape"),
        ),
    ),
    _make(
        "buoyancy[box]",
        build=partial(build, depth=3),
        differentiable=("velocity_x", "velocity_y", "velocity_z", "field", "force"),
    ),
)
