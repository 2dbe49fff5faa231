"""Gradient of a scalar, in a plane and in a box."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from tests.contract.boxes import CELL, WRONG_CELL, WRONG_SIDES, cells_of, sides_of
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.flows import by_face, draw_field

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
    """Return arguments of `ops.gradient`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    field = draw_field(cells, dtype, device, batch, draw)
    return {"field": field, "cell": CELL, "sides": sides_of(cells)}


_make = partial(
    Case,
    op="gradient",
    call=by_face(ops.gradient),
    differentiable=("field",),
    large={"height": 70, "width": 37},
)

CASES = (
    _make("gradient", build=build),
    _make(
        "gradient[box]",
        build=partial(build, depth=3),
        wrong=(
            *wrong_kinds("field"),
            *WRONG_CELL,
            *WRONG_SIDES,
            Wrong("field", resized(1, 2), ShapeError, "field must have shape (B, 1, D, H, W)"),
        ),
    ),
)
