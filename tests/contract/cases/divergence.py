"""Divergence with and without openings, in a plane and in a box."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import DtypeError, ShapeError
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
    opened: bool = True,
) -> dict[str, Any]:
    """Return arguments of `ops.divergence`."""
    draw = torch.Generator().manual_seed(seed)
    cells = cells_of(depth, height, width)
    found: dict[str, Any] = {**draw_velocity(cells, dtype, device, batch, draw)}
    if opened:
        shares = draw_velocity(cells, dtype, device, batch, draw)
        found |= {f"openings_{k[-1]}": share.sigmoid() for k, share in shares.items()}
    return found | {"cell": CELL, "sides": sides_of(cells)}


_make = partial(
    Case,
    op="divergence",
    call=by_face(ops.divergence, "velocity", "openings"),
    large={"height": 70, "width": 37},
)

CASES = (
    _make(
        "divergence",
        build=build,
        differentiable=("velocity_x", "velocity_y", "openings_x", "openings_y"),
        shared=("openings_x", "openings_y"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y", "openings_x", "openings_y"),
            *WRONG_CELL,
            *WRONG_SIDES,
            Wrong("velocity_y", resized(2, 7), ShapeError, "velocity_y must have shape"),
            Wrong("openings_x", resized(1, 3), ShapeError, "openings_x must have shape"),
            Wrong("openings_y", resized(0, 3), ShapeError, "openings_y must have shape"),
            Wrong("openings_y", lambda value: 1.0, DtypeError, "must be a torch.Tensor"),
        ),
    ),
    _make(
        "divergence[box]",
        build=partial(build, depth=3, opened=False),
        differentiable=("velocity_x", "velocity_y", "velocity_z"),
    ),
)
