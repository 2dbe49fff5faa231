"""Normals of height fields, with free and with periodic edges."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds

__all__ = ["CASES", "WRONG_FRAME"]

SIZE = (1.5, 1.0)


def build_height(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    boundary: str = "free",
    height: int = 5,
    width: int = 6,
) -> dict[str, Any]:
    """Return arguments of `ops.normals_from_height`: rough heights, slopes of about one.

    Args:
        dtype: Of the tensor.
        device: Of the tensor.
        batch: Height fields.
        seed: Of the random numbers.
        boundary: Beyond the edge.
        height: Texels down.
        width: Texels across.
    """
    draw = torch.Generator().manual_seed(seed)
    field = torch.randn((batch, 1, height, width), generator=draw, dtype=torch.float64)
    field = 0.5 * field / max(height, width, 1)
    return {"height": field.to(device, dtype), "size": SIZE, "boundary": boundary}


WRONG_FRAME = (
    Wrong("size", lambda _: (1.0,), ShapeError, "must hold two numbers"),
    Wrong("size", lambda _: (0.0, 1.0), RangeError, "size[0] (width) must be a finite number"),
    Wrong("boundary", lambda _: "open", RangeError, "boundary must be one of free, periodic"),
)

_make = partial(
    Case,
    op="normals_from_height",
    call=ops.normals_from_height,
    differentiable=("height",),
    empty=("height", "width"),
    large={"height": 70, "width": 67},
)

CASES = (
    _make(
        "normals_from_height",
        build=build_height,
        wrong=(
            *wrong_kinds("height"),
            *WRONG_FRAME,
            Wrong("height", resized(1, 3), ShapeError, "height must have shape (B, 1, H, W)"),
        ),
    ),
    _make("normals_from_height[periodic]", build=partial(build_height, boundary="periodic")),
    _make("normals_from_height[line]", build=partial(build_height, height=1, width=4)),
    _make("normals_from_height[narrow]", build=partial(build_height, height=3, width=2)),
)
