"""Implicit diffusion past random solids, in 2-D and 3-D, with every kind of side."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.cases.convect import MIXED, MIXED_3D, RING, WRONG_FLOW, build_flow
from tests.contract.cases.diffuse import WRONG_AMOUNT, with_amount
from tests.contract.flows import by_face

__all__ = ["CASES"]


def build(
    dtype: torch.dtype, device: str, batch: int, seed: int, **sizes: Any
) -> dict[str, Any]:
    """Return arguments of `ops.diffuse_past`: a quarter of the faces is in a moving solid.

    No point is so near to a wall that a difference moves it to the other side.
    """
    found = with_amount(partial(build_flow), dtype, device, batch, seed, **sizes)
    draw = torch.Generator().manual_seed(seed + 2)
    faces = {key: face for key, face in found.items() if key.startswith("velocity_")}
    for key, face in faces.items():
        away = 0.2 + 0.8 * torch.rand(face.shape, generator=draw, dtype=torch.float64)
        dry = torch.rand(face.shape[1:], generator=draw, dtype=torch.float64) < 0.25
        speed = torch.randn(face.shape, generator=draw, dtype=torch.float64)
        found[f"distance_{key[-1]}"] = torch.where(dry, -away, away).to(device, dtype)
        found[f"solid_{key}"] = speed.to(device, dtype)
    return found


def _names(dim: int) -> tuple[str, ...]:
    groups = ("velocity", "distance", "solid_velocity")
    return tuple(f"{group}_{axis}" for group in groups for axis in "xyz"[:dim])


_make = partial(
    Case, op="diffuse_past",
    call=by_face(ops.diffuse_past, "velocity", "distance", "solid_velocity"),
    large={"height": 40, "width": 37},
)  # fmt: skip
_REST = ("side_velocity", "amount")

CASES = (
    _make(
        "diffuse_past",
        build=partial(build, sides=MIXED),
        differentiable=(*_names(2), *_REST),
        shared=(*_names(2)[2:], *_REST),
        wrong=(
            *WRONG_FLOW, *WRONG_AMOUNT,
            *wrong_kinds("velocity_x", "distance_x", "solid_velocity_x"),
            Wrong("distance_y", resized(1, 6), ShapeError, "distance_y must have shape"),
        ),
    ),
    _make(
        "diffuse_past[ring]",
        slow=True,
        build=partial(build, sides=RING, height=3, width=2),
        differentiable=(*_names(2), *_REST),
        shared=(*_names(2)[2:], *_REST),
    ),
    _make(
        "diffuse_past[3d]",
        slow=True,
        build=partial(build, sides=MIXED_3D, depth=2, height=3, width=3),
        differentiable=(*_names(3), *_REST),
        shared=(*_names(3)[3:], *_REST),
    ),
)
