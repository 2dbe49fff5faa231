"""Centres to faces, in a plane and in a box."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from tests.contract.boxes import WRONG_SIDES, cells_of, sides_of
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
    """Return arguments of `ops.to_faces`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    field = draw_field(cells, dtype, device, batch, draw, len(cells))
    return {"field": field, "sides": sides_of(cells)}


_make = partial(
    Case,
    op="to_faces",
    call=by_face(ops.to_faces),
    differentiable=("field",),
    large={"height": 70, "width": 37},
)

CASES = (
    _make("to_faces", build=build),
    _make(
        "to_faces[box]",
        build=partial(build, depth=3),
        wrong=(
            *wrong_kinds("field"),
            *WRONG_SIDES,
            Wrong("field", resized(1, 2), ShapeError, "field must have one channel an axis"),
        ),
    ),
    _make("to_faces[cell]", build=partial(build, depth=1, height=1, width=1)),
)
