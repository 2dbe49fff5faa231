"""Implicit diffusion of random velocities and of fields of cells, with every kind of side."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.cases.convect import MIXED, MIXED_3D, RING, WRONG_FLOW, build_flow
from tests.contract.cases.laplacian import BASIN_3D, WRONG_FIELD, build_field
from tests.contract.flows import by_face

__all__ = ["CASES"]


def with_amount(
    build: Callable[..., dict[str, Any]],
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    **sizes: Any,
) -> dict[str, Any]:
    """Return what ``build`` returns and an amount of diffusion, of a few cells' squares."""
    draw = torch.Generator().manual_seed(seed + 1)
    amount = torch.rand((batch,), generator=draw, dtype=torch.float64) + 0.1
    return {**build(dtype, device, batch, seed, **sizes), "amount": amount.to(device, dtype)}


WRONG_AMOUNT = (
    *wrong_kinds("velocity_x", "amount")[4:],
    Wrong("amount", resized(0, 3), ShapeError, "amount must have shape (B|1,)"),
)

_make = partial(Case, op="diffuse", large={"height": 40, "width": 37})
_flow = partial(_make, call=by_face(ops.diffuse), shared=("side_velocity", "amount"))
_cells = partial(
    _make, call=ops.diffuse_scalar, shared=("side_value", "amount"),
    differentiable=("field", "side_value", "amount"),
)  # fmt: skip
_FLAT = ("velocity_x", "velocity_y", "side_velocity", "amount")
_DEEP = ("velocity_x", "velocity_y", "velocity_z", "side_velocity", "amount")

CASES = (
    _flow(
        "diffuse",
        build=partial(with_amount, partial(build_flow, sides=MIXED)),
        differentiable=_FLAT,
        wrong=(*WRONG_FLOW, *WRONG_AMOUNT),
    ),
    _flow(
        "diffuse[ring]",
        build=partial(with_amount, partial(build_flow, sides=RING, height=3, width=1)),
        differentiable=_FLAT,
    ),
    _flow(
        "diffuse[3d]",
        build=partial(with_amount, partial(build_flow, sides=MIXED_3D, depth=2, height=3, width=3)),
        differentiable=_DEEP,
    ),
    _cells("diffuse[cells]", build=partial(with_amount, build_field), wrong=WRONG_FIELD),
    _cells(
        "diffuse[cells-3d]",
        build=partial(with_amount, partial(build_field, scalar_sides=BASIN_3D, depth=1, height=2)),
        slow=True,
    ),
)
