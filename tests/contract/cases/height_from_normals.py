"""Heights integrated from normals that belong to no surface, with free and with periodic edges."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.cases.normals_from_height import SIZE, WRONG_FRAME

__all__ = ["CASES"]


def build_normals(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    boundary: str = "free",
    height: int = 5,
    width: int = 6,
) -> dict[str, Any]:
    """Return arguments of `ops.height_from_normals`.

    Args:
        dtype: Of the tensor.
        device: Of the tensor.
        batch: Fields of normals.
        seed: Of the random numbers.
        boundary: Beyond the edge.
        height: Texels down.
        width: Texels across.
    """
    draw = torch.Generator().manual_seed(seed)
    normal = torch.randn((batch, 3, height, width), generator=draw, dtype=torch.float64)
    normal[:, 2] = 0.5 + normal[:, 2].abs()
    return {"normal": normal.to(device, dtype), "size": SIZE, "boundary": boundary}


_make = partial(
    Case,
    op="height_from_normals",
    call=ops.height_from_normals,
    differentiable=("normal",),
    empty=("height", "width"),
    large={"height": 70, "width": 67},
)

CASES = (
    _make(
        "height_from_normals",
        build=build_normals,
        wrong=(
            *wrong_kinds("normal"),
            *WRONG_FRAME,
            Wrong("normal", resized(1, 2), ShapeError, "normal must have shape (B, 3, H, W)"),
        ),
    ),
    _make("height_from_normals[periodic]", build=partial(build_normals, boundary="periodic")),
    _make("height_from_normals[line]", build=partial(build_normals, height=4, width=1)),
    _make("height_from_normals[narrow]", build=partial(build_normals, height=2, width=3)),
)
