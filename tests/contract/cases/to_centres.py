"""Faces to centres, in a plane and in a box."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from tests.contract.boxes import WRONG_SIDES, cells_of, sides_of
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
    """Return arguments of `ops.to_centres`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    return {**draw_velocity(cells, dtype, device, batch, draw), "sides": sides_of(cells)}


_make = partial(
    Case,
    op="to_centres",
    call=by_face(ops.to_centres),
    large={"height": 70, "width": 37},
)

CASES = (
    _make(
        "to_centres",
        build=build,
        differentiable=("velocity_x", "velocity_y"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y"),
            *WRONG_SIDES,
            Wrong("velocity_y", resized(1, 4), ShapeError, "velocity_y must have shape"),
        ),
    ),
    _make(
        "to_centres[box]",
        build=partial(build, depth=3),
        differentiable=("velocity_x", "velocity_y", "velocity_z"),
    ),
)
