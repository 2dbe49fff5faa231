"""Convection of random velocities in 2-D and 3-D, with every kind of side."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.flows import by_face, draw_velocity

__all__ = ["CASES", "MIXED", "MIXED_3D", "WRONG_FLOW", "build_flow"]

CELL = 0.4
MIXED = ("no_slip", "outflow", "inflow", "free_slip")
RING = ("periodic", "periodic", "outflow", "no_slip")
MIXED_3D = ("inflow", "no_slip", "outflow", "free_slip", "periodic", "periodic")


def build_flow(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    sides: Sequence[str] = MIXED,
    depth: int = 3,
    height: int = 4,
    width: int = 5,
) -> dict[str, Any]:
    """Return a random velocity, and one of the sides.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Flows.
        seed: Of the random numbers.
        sides: What is there, four or six.
        depth: Cells along z, with six sides.
        height: Cells along y.
        width: Cells along x.
    """
    draw = torch.Generator().manual_seed(seed)
    dim = len(sides) // 2
    cells = (depth, height, width)[-dim:]
    wall = torch.randn((batch, 2 * dim, dim), generator=draw, dtype=torch.float64)
    return {
        **draw_velocity(cells, dtype, device, batch, draw),
        "side_velocity": wall.to(device, dtype),
        "cell": CELL,
        "sides": list(sides),
    }


WRONG_FLOW = (
    *wrong_kinds("velocity_x", "velocity_y", "side_velocity"),
    Wrong("velocity_y", resized(1, 4), ShapeError, "velocity_y must have shape (B, H+1, W)"),
    Wrong("side_velocity", resized(1, 3), ShapeError, "side_velocity must have shape (B|1, 4, 2)"),
    Wrong("side_velocity", resized(0, 3), ShapeError, "side_velocity must have shape (B|1, 4, 2)"),
    Wrong("cell", lambda _: 0.0, RangeError, "cell must be a finite number above zero"),
    Wrong("sides", lambda sides: sides[:3], RangeError, "sides must have 4 entries"),
    Wrong("sides", lambda _: ["wall"] * 4, RangeError, "must be one of no_slip"),
)

_make = partial(
    Case, op="convect", call=by_face(ops.convect), shared=("side_velocity",),
    large={"height": 40, "width": 37},
)  # fmt: skip
_FLAT = ("velocity_x", "velocity_y", "side_velocity")
_DEEP = ("velocity_x", "velocity_y", "velocity_z", "side_velocity")

CASES = (
    _make("convect", build=build_flow, differentiable=_FLAT, wrong=WRONG_FLOW),
    _make(
        "convect[ring]",
        build=partial(build_flow, sides=RING, height=3, width=1),
        differentiable=_FLAT,
    ),
    _make(
        "convect[3d]",
        build=partial(build_flow, sides=MIXED_3D, depth=2, height=3, width=3),
        differentiable=_DEEP,
    ),
)
