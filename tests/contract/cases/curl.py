"""Vorticity between moving walls, in a plane and in a box, and in a box of one cell."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from tests.contract.boxes import CELL, WRONG_CELL, WRONG_SIDES, cells_of, sides_of
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
    """Return arguments of `ops.curl`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    dim = len(cells)
    moving = draw_field((2 * dim, dim), dtype, device, batch, draw)[:, 0]
    return {
        **draw_velocity(cells, dtype, device, batch, draw),
        "side_velocity": moving,
        "cell": CELL,
        "sides": sides_of(cells) if depth else sides_of((1, 1, 1))[2:],
    }


_make = partial(
    Case,
    op="curl",
    call=by_face(ops.curl),
    shared=("side_velocity",),
    large={"height": 70, "width": 37},
)

CASES = (
    _make(
        "curl",
        build=build,
        differentiable=("velocity_x", "velocity_y", "side_velocity"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y", "side_velocity"),
            *WRONG_CELL,
            *WRONG_SIDES,
            Wrong("velocity_y", resized(1, 4), ShapeError, "velocity_y must have shape"),
            Wrong("side_velocity", resized(1, 6), ShapeError, "side_velocity must have shape"),
        ),
    ),
    _make(
        "curl[box]",
        build=partial(build, depth=3),
        differentiable=("velocity_x", "velocity_y", "velocity_z", "side_velocity"),
    ),
    _make(
        "curl[cell]",
        build=partial(build, depth=1, height=1, width=1),
        differentiable=("velocity_z", "side_velocity"),
    ),
)
