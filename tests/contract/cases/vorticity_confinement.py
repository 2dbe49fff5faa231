"""Vorticity confinement, in a plane and in a box."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.boxes import CELL, WRONG_CELL, WRONG_SIDES, cells_of, sides_of
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.flows import by_face, draw_velocity

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
    """Return arguments of `ops.vorticity_confinement`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    strength = 0.5 + torch.rand((batch,), generator=draw, dtype=torch.float64)
    return {
        **draw_velocity(cells, dtype, device, batch, draw),
        "dt": 0.2,
        "cell": CELL,
        "sides": sides_of(cells),
        "strength": strength.to(device, dtype),
    }


_make = partial(
    Case,
    op="vorticity_confinement",
    call=by_face(ops.vorticity_confinement),
    shared=("strength",),
    large={"height": 70, "width": 37},
)

CASES = (
    _make(
        "vorticity_confinement",
        build=build,
        differentiable=("velocity_x", "velocity_y", "strength"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y", "strength"),
            *WRONG_CELL,
            *WRONG_SIDES,
            Wrong("dt", lambda dt: 0.0, RangeError, "above zero"),
            Wrong("velocity_y", resized(1, 4), ShapeError, "velocity_y must have shape"),
            Wrong("strength", resized(0, 3), ShapeError, "strength must have shape"),
        ),
    ),
    _make(
        "vorticity_confinement[box]",
        build=partial(build, depth=3),
        differentiable=("velocity_x", "velocity_y", "velocity_z", "strength"),
    ),
)
