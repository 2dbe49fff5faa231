"""Attributes over a handful of triangles, one mesh for all or one an item."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.textures import draw_rast, draw_triangles

__all__ = ["CASES"]


def build_pixels(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    height: int = 5,
    width: int = 7,
    vertices: int = 7,
    triangles: int = 6,
    channels: int = 3,
    diff_attrs: Any = None,
) -> dict[str, Any]:
    """Return arguments of `ops.interpolate`, as `call` takes them.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Images, each with attributes of its own.
        seed: Of the random numbers.
        height: Pixels upward.
        width: Pixels rightward.
        vertices: Of the mesh.
        triangles: Of the mesh.
        channels: Attributes a vertex.
        diff_attrs: Passed on.
    """
    draw = torch.Generator().manual_seed(seed)
    attr = torch.randn((batch, vertices, channels), generator=draw, dtype=torch.float64)
    rast, db = draw_rast(batch, height, width, triangles, draw)
    found = {
        "attr": attr.to(device, dtype),
        "rast": rast.to(device, dtype),
        "tri": draw_triangles(vertices, triangles, 3),
        "diff_attrs": diff_attrs,
    }
    return found | ({} if diff_attrs is None else {"rast_db": db.to(device, dtype)})


def call(attr: Tensor, rast: Tensor, tri: Any, **choices: Any) -> Tensor:
    """Return both results as one tensor."""
    device = rast.device if isinstance(rast, Tensor) else "cpu"
    faces = torch.tensor(tri, dtype=torch.int32, device="cpu" if device == "meta" else device)
    return torch.cat(ops.interpolate(attr, rast, faces, **choices), dim=-1)


_WRONG = (
    Wrong("rast", resized(3, 3), ShapeError, "rast must have shape (B, H, W, 4)"),
    Wrong("attr", resized(0, 3), ShapeError, "attr must have shape (B|1, V, A)"),
    Wrong("rast_db", resized(1, 4), ShapeError, "rast_db must have shape (2, 5, 7, 4)"),
    Wrong("rast_db", lambda _: None, ShapeError, "must be given where diff_attrs asks"),
    Wrong("diff_attrs", lambda _: [0, 3], RangeError, "channels from 0 to 2, got 3"),
    Wrong("diff_attrs", lambda _: "some", RangeError, "must be one of all"),
    Wrong("tri", lambda tri: [*tri, [0, 1, 7]], RangeError, "vertices from 0 to 6, got 7"),
    Wrong("tri", lambda tri: [*tri, [0, -1, 3]], RangeError, "got -1; it belongs to another mesh"),
    Wrong("tri", lambda _: [[0, 1], [1, 2]], ShapeError, "tri must have shape (T, 3)"),
    Wrong("rast", lambda rast: rast + 9.0, RangeError, "numbers of triangles from 0 (none) to 6"),
)

_make = partial(
    Case,
    op="interpolate",
    call=call,
    shared=("attr",),
    empty=("height", "width"),
    large={"height": 83, "width": 61, "vertices": 40, "triangles": 55},
)

CASES = (
    _make(
        "interpolate",
        build=partial(build_pixels, diff_attrs=[2, 0]),
        differentiable=("attr", "rast", "rast_db"),
        wrong=wrong_kinds("rast", "attr", "rast_db") + _WRONG,
    ),
    _make(
        "interpolate[all]",
        build=partial(build_pixels, diff_attrs="all", channels=2),
        differentiable=("attr", "rast", "rast_db"),
    ),
    _make(
        "interpolate[plain]",
        build=partial(build_pixels, channels=5),
        differentiable=("attr", "rast"),
    ),
)
