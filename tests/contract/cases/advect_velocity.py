"""Velocities carried along random velocities, past sides of every kind and around periods."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import DtypeError, RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.cases.advect import BOX, MIXED, TUBE, WRONG_STEP, build_transport
from tests.contract.flows import by_face

__all__ = ["CASES"]


def build_velocities(
    dtype: torch.dtype, device: str, batch: int, seed: int, *, itself: bool = False, **choices: Any
) -> dict[str, Any]:
    """Return arguments of `ops.advect_velocity`.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Flows side by side.
        seed: Of the random numbers.
        itself: Whether the velocity carries itself.
        choices: Of `build_transport`.
    """
    found = build_transport(dtype, device, batch, seed, **choices)
    other = build_transport(dtype, device, batch, seed + 1, **choices)
    for name in ("field", "side_value", "scalar_sides"):
        del found[name]
    carried = {
        name.replace("velocity", "carried"): value
        for name, value in other.items()
        if name.startswith("velocity")
    }
    return found | ({"carried": None} if itself else carried)


FLAT = ("carried_x", "carried_y", "velocity_x", "velocity_y", "side_velocity")
_make = partial(
    Case,
    op="advect_velocity",
    call=by_face(ops.advect_velocity, "velocity", "carried"),
    differentiable=FLAT,
    shared=("carried_x", "carried_y", "side_velocity"),
    large={"height": 41, "width": 19},
)

CASES = (
    _make(
        "advect_velocity",
        build=partial(build_velocities, sides=BOX, height=3, width=4, scheme="maccormack"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y", "side_velocity"),
            *WRONG_STEP,
            Wrong("carried_y", lambda value: value.float(), DtypeError, "must have the dtype of"),
            Wrong("carried_y", resized(2, 2), ShapeError, "carried_y must have shape (B, H+1, W)"),
            Wrong("scheme", lambda _: "upwind", RangeError, "scheme must be one of maccormack"),
        ),
    ),
    _make(
        "advect_velocity[semi_lagrangian-itself-tube]",
        build=partial(build_velocities, sides=TUBE, scheme="semi_lagrangian", itself=True),
        differentiable=FLAT[2:],
        shared=("side_velocity",),
    ),
    _make(
        "advect_velocity[3d-semi_lagrangian]",
        slow=True,
        build=partial(
            build_velocities, sides=MIXED, depth=2, height=2, width=1, scheme="semi_lagrangian"
        ),
        differentiable=(*FLAT, "carried_z", "velocity_z"),
        shared=("carried_x", "carried_y", "carried_z", "side_velocity"),
    ),
    _make(
        "advect_velocity[3d]",
        build=partial(build_velocities, sides=MIXED, depth=2, height=2, width=3),
        differentiable=(*FLAT, "carried_z", "velocity_z"),
        shared=("carried_x", "carried_y", "carried_z", "side_velocity"),
        slow=True,
    ),
)
