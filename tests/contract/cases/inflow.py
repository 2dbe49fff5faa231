"""Sources that add and that set, in a plane and in a box."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.boxes import cells_of
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.flows import draw_field

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
    replace: bool = False,
) -> dict[str, Any]:
    """Return arguments of `ops.inflow`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    return {
        "field": draw_field(cells, dtype, device, batch, draw, 3),
        "mask": draw_field(cells, dtype, device, batch, draw).sigmoid(),
        "rate": draw_field((3,), dtype, device, batch, draw)[:, 0],
        "dt": None if replace else 0.2,
        "replace": replace,
    }


_make = partial(
    Case,
    op="inflow",
    call=ops.inflow,
    differentiable=("field", "mask", "rate"),
    shared=("mask", "rate"),
    large={"height": 70, "width": 37},
)

CASES = (
    _make(
        "inflow",
        build=partial(build, depth=3),
        wrong=(
            *wrong_kinds("field", "mask", "rate"),
            Wrong("dt", lambda dt: -dt, RangeError, "above zero"),
            Wrong("dt", lambda dt: None, RangeError, "dt must be given"),
            Wrong("mask", resized(1, 3), ShapeError, "mask must have shape"),
            Wrong("mask", resized(2, 4), ShapeError, "mask must have batch"),
            Wrong("rate", resized(1, 2), ShapeError, "rate must have shape"),
        ),
    ),
    _make(
        "inflow[replace]",
        build=partial(build, replace=True),
        wrong=(Wrong("dt", lambda dt: 0.1, RangeError, "dt must be left out"),),
    ),
)
