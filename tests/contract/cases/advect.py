"""Scalars carried along random velocities, past sides of every kind and around periods."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.flows import by_face, draw_field, draw_velocity

__all__ = [
    "BOX",
    "CASES",
    "MIXED",
    "RULES",
    "TUBE",
    "WRONG_FIELD",
    "WRONG_STEP",
    "build_transport",
]

BOX = ("no_slip", "inflow", "free_slip", "outflow")
TUBE = ("periodic", "periodic", "outflow", "no_slip")
MIXED = ("outflow", "inflow", "periodic", "periodic", "no_slip", "free_slip")
RULES = {
    BOX: ("fixed", "flux", "flux", "fixed"),
    TUBE: ("periodic", "periodic", "fixed", "zero_gradient"),
    MIXED: ("flux", "fixed", "periodic", "periodic", "fixed", "flux"),
}
WRONG_STEP = (
    Wrong("dt", lambda _: float("inf"), RangeError, "dt must be a finite number of seconds"),
    Wrong("cell", lambda _: 0.0, RangeError, "cell must be a finite number above zero"),
    Wrong("sides", lambda sides: sides[:3], RangeError, "sides must have 4 entries"),
    Wrong("velocity_y", resized(1, 2), ShapeError, "velocity_y must have shape (B, H+1, W)"),
)
WRONG_FIELD = (
    Wrong("field", resized(2, 2), ShapeError, "field must have batch 2 and (4, 5) cells"),
    Wrong("side_value", resized(2, 3), ShapeError, "side_value must have shape (B|1, 2, 4)"),
    Wrong("side_value", lambda value: value.half(), DtypeError, "float32 or float64"),
    Wrong("side_value", lambda value: value.float(), DtypeError, "the dtype of field"),
    Wrong("side_value", lambda value: value.to("meta"), DeviceError, "the device of field"),
    Wrong(
        "scalar_sides",
        lambda _: ("periodic",) * 4,
        RangeError,
        "scalar_sides[0] must be periodic where sides[0] is",
    ),
)


def build_transport(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    sides: tuple[str, ...] = BOX,
    depth: int = 3,
    height: int = 4,
    width: int = 5,
    **choices: Any,
) -> dict[str, Any]:
    """Return arguments of `ops.advect`; paths go up to two cells.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Flows side by side.
        seed: Of the random numbers.
        sides: Kinds of sides, four or six.
        depth: Cells along z, in 3-D.
        height: Cells along y.
        width: Cells along x.
        choices: Passed on.
    """
    draw = torch.Generator().manual_seed(seed)
    dim = len(sides) // 2
    cells = (depth, height, width)[-dim:]
    numbers = {
        "side_value": torch.randn((batch, 2, 2 * dim), generator=draw, dtype=torch.float64),
        "side_velocity": torch.randn((batch, 2 * dim, dim), generator=draw, dtype=torch.float64),
    }
    return {
        "field": draw_field(cells, dtype, device, batch, draw, channels=2),
        **draw_velocity(cells, dtype, device, batch, draw),
        **{name: value.to(device, dtype) for name, value in numbers.items()},
        "dt": 0.3,
        "cell": 0.5,
        "sides": sides,
        "scalar_sides": RULES[sides],
        **choices,
    }


FLAT = ("field", "velocity_x", "velocity_y", "side_value", "side_velocity")
_make = partial(
    Case,
    op="advect",
    call=by_face(ops.advect),
    differentiable=FLAT,
    shared=("field", "side_value", "side_velocity"),
    large={"height": 41, "width": 19},
)

CASES = (
    _make(
        "advect",
        build=partial(build_transport, scheme="maccormack"),
        wrong=(
            *wrong_kinds("velocity_x", "velocity_y", "field", "side_velocity"),
            *WRONG_STEP,
            *WRONG_FIELD,
            Wrong("scheme", lambda _: "upwind", RangeError, "scheme must be one of maccormack"),
        ),
    ),
    _make(
        "advect[semi_lagrangian-tube]",
        build=partial(build_transport, sides=TUBE, scheme="semi_lagrangian"),
    ),
    _make(
        "advect[3d-semi_lagrangian]",
        slow=True,
        build=partial(
            build_transport, sides=MIXED, depth=2, height=2, width=1, scheme="semi_lagrangian"
        ),
        differentiable=(*FLAT, "velocity_z"),
    ),
    _make(
        "advect[3d]",
        build=partial(build_transport, sides=MIXED, depth=2, height=2, width=3),
        differentiable=(*FLAT, "velocity_z"),
        slow=True,
    ),
)
