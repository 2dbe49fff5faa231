"""Scalars carried by fluxes, past sides of every kind and around periods."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError
from tests.contract.case import Case, Wrong, wrong_kinds
from tests.contract.cases.advect import (
    MIXED,
    TUBE,
    WRONG_FIELD,
    WRONG_STEP,
    build_transport,
)
from tests.contract.flows import by_face

__all__ = ["CASES"]


def build_fluxes(
    dtype: torch.dtype, device: str, batch: int, seed: int, **choices: Any
) -> dict[str, Any]:
    """Return arguments of `ops.advect_tvd`; see `build_transport`.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Flows side by side.
        seed: Of the random numbers.
        choices: Of `build_transport`.
    """
    found = build_transport(dtype, device, batch, seed, **choices)
    del found["side_velocity"]
    return found


FLAT = ("field", "velocity_x", "velocity_y", "side_value")
_make = partial(
    Case,
    op="advect_tvd",
    call=by_face(ops.advect_tvd),
    differentiable=FLAT,
    shared=("field", "side_value"),
    large={"height": 41, "width": 19},
)

CASES = (
    _make(
        "advect_tvd",
        build=partial(build_fluxes, limiter="van_leer"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y", "field"),
            *WRONG_STEP,
            *WRONG_FIELD,
            Wrong("limiter", lambda _: "minmod", RangeError, "limiter must be one of van_leer"),
        ),
    ),
    _make(
        "advect_tvd[central-tube]",
        slow=True,
        build=partial(build_fluxes, sides=TUBE, limiter="central"),
    ),
    _make(
        "advect_tvd[3d-superbee]",
        slow=True,
        build=partial(build_fluxes, sides=MIXED, depth=2, height=3, width=3, limiter="superbee"),
        differentiable=(*FLAT, "velocity_z"),
    ),
)
