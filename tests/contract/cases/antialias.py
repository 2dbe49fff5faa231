"""Silhouettes of a small scene, in both modes, and of one list of vertices.

A triangle reaches behind the eye where the mode is made for it.

Gradients of nvdiffrast's mode have its epsilon, 1e-3 px over the height of an edge, of which the
lowest has 0.3 px: they are that far from differences.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.silhouettes import build_ball, build_silhouettes, in_range_mode

__all__ = ["CASES"]


def _call(
    color: Tensor, rast: Tensor, pos: Tensor, tri: Any, ranges: bool = False, **choices: Any
) -> Tensor:
    triangles = torch.tensor(tri, dtype=torch.int32, device=rast.device)
    if ranges:
        rast, pos, triangles = in_range_mode(rast, pos, triangles)
    return ops.antialias(color, rast, pos, triangles, **choices)


def build_ranges(*args: Any, **sizes: Any) -> dict[str, Any]:
    """Return arguments whose meshes are to be put into one list of vertices."""
    return build_silhouettes(*args, **sizes) | {"ranges": True}


_make = partial(
    Case,
    op="antialias",
    call=_call,
    differentiable=("color", "pos"),
    empty=("height", "width", "channels"),
    large={"height": 71, "width": 83, "channels": 3},
)

CASES = (
    _make(
        "antialias",
        build=partial(build_silhouettes, behind=True),
        wrong=(
            *wrong_kinds("color", "rast"),
            *(wrong for wrong in wrong_kinds("color", "pos") if wrong.argument == "pos"),
            Wrong("rast", resized(3, 3), ShapeError, "must have shape (2, 7, 9, 4)"),
            Wrong("rast", resized(1, 6), ShapeError, "must have shape (2, 7, 9, 4)"),
            Wrong("pos", resized(2, 3), ShapeError, "must have shape (2, V, 4)"),
            Wrong("pos", resized(0, 3), ShapeError, "must have shape (2, V, 4)"),
            Wrong("pos", lambda pos: pos / 0, RangeError, "pos must be finite"),
            Wrong("rast", lambda rast: rast + 9, RangeError, "from 0 (none) to 7"),
            Wrong("rast", lambda rast: -rast, RangeError, "from 0 (none) to 7"),
            Wrong("rast", lambda rast: 0 * rast / 0, RangeError, "from 0 (none) to 7"),
            Wrong("tri", lambda _: [[0, 1, 15]], RangeError, "vertex numbers from 0 to 14"),
            Wrong("tri", lambda _: [[0, 1, -1]], RangeError, "vertex numbers from 0"),
            Wrong("tri", lambda _: [0, 1, 2], ShapeError, "must have shape (T, 3)"),
            Wrong("mode", lambda _: "smooth", RangeError, "one of bounded, nvdiffrast"),
        ),
    ),
    _make(
        "antialias[nvdiffrast]",
        build=partial(build_silhouettes, mode="nvdiffrast"),
        rtol=1e-3,
        atol=4e-3,
    ),
    _make(
        "antialias[ball]",
        slow=True,
        build=build_ball,
        empty=("height", "width"),
        large={"height": 71, "width": 83},
    ),
    _make("antialias[ranges]", build=build_ranges, slow=True),
)
