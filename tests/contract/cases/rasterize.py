"""Overlapping triangles, one of which reaches behind the eye, in both kinds of batch."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds

__all__ = ["CASES"]

CORNERS = (
    ((-0.9, -0.8, 0.2, 1.1), (0.8, -0.7, 0.1, 0.9), (-0.3, 0.9, 0.4, 1.2)),
    ((-0.5, -0.9, 0.5, 1.0), (0.9, 0.1, -0.2, 1.3), (0.1, 0.95, 0.3, 1.0)),
    ((0.3, -0.6, 0.1, 0.8), (1.1, 0.8, 0.3, 1.0), (-2.0, 1.5, -1.1, -0.6)),
)


def build_triangles(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    triangles: int = 4,
    height: int = 6,
    width: int = 8,
    **choices: Any,
) -> dict[str, Any]:
    """Return arguments of `draw`: triangles with vertices of their own, and one that all share.

    Args:
        dtype: Of the vertices.
        device: Of the vertices.
        batch: Images.
        seed: Of the random numbers.
        triangles: How many.
        height: Pixels up.
        width: Pixels across.
        choices: Passed on.
    """
    draw_numbers = torch.Generator().manual_seed(seed)
    known = torch.tensor(CORNERS, dtype=torch.float64).repeat(-(-triangles // 3), 1, 1)
    known = known[:triangles].expand(batch, -1, -1, -1).flatten(1, 2)
    noise = torch.randn(known.shape, generator=draw_numbers, dtype=torch.float64)
    return {
        "pos": (known + 0.04 * noise).to(device, dtype),
        "tri": tuple((3 * i, 3 * i + 1, 3 * i + 2) for i in range(triangles)),
        "resolution": (height, width),
        **choices,
    }


def draw(pos: Tensor, *, tri: Any, layers: int = 1, shared: bool = False, **rest: Any) -> Tensor:
    """Return rast and its slopes side by side.

    Args:
        pos: Vertices (B, V, 4).
        tri: Vertices of triangles, a tuple or a tensor.
        layers: How many to peel; the last one is returned.
        shared: Draw all images from one list of vertices, by ranges.
        rest: Passed on.
    """
    faces = tri
    if isinstance(tri, tuple):
        device = pos.device if isinstance(pos, Tensor) else None
        faces = torch.tensor(tri, dtype=torch.int32, device=device).reshape(-1, 3)
    if shared:
        batch, vertices = pos.shape[:2]
        shift = vertices * torch.arange(batch, dtype=torch.int32, device=pos.device)
        faces = (faces + shift[:, None, None]).reshape(-1, 3)
        rest["ranges"] = torch.tensor(
            [(len(tri) * b, len(tri)) for b in range(batch)], dtype=torch.int32
        ).reshape(-1, 2)
        pos = pos.flatten(0, 1)
    rast, slopes = ops.rasterize(pos, faces, **rest)
    for _ in range(layers - 1):
        rast, slopes = ops.rasterize(pos, faces, below=rast, **rest)
    if shared:  # ids count over all images
        rast = rast.clone()
        first = len(tri) * torch.arange(len(rast), device=rast.device, dtype=rast.dtype)
        rast[..., 3] = (rast[..., 3] - first[:, None, None]).clamp_min(0.0)
    return torch.cat([rast, slopes], dim=-1)


def _faces(change: Any) -> Any:
    return lambda tri: change(torch.tensor(tri, dtype=torch.int32))


_WRONG = (
    Wrong("pos", resized(2, 3), ShapeError, "pos must have shape (B, V, 4)"),
    Wrong("pos", lambda value: value[0], ShapeError, "for (V, 4) give ranges"),
    Wrong("pos", lambda value: value / 0.0, RangeError, "pos must be finite"),
    Wrong("pos", lambda value: value * torch.nan, RangeError, "pos must be finite"),
    Wrong("pos", lambda value: value * 1e20, RangeError, "pos must lie within +-2^56"),
    Wrong("tri", lambda value: list(value), DtypeError, "tri must be a torch.Tensor"),
    Wrong("tri", _faces(lambda value: value.long()), DtypeError, "tri must be int32"),
    Wrong("tri", _faces(lambda value: value[:, :2]), ShapeError, "tri must have shape (N, 3)"),
    Wrong("tri", _faces(lambda value: value - 1), RangeError, "tri must hold indices from 0 to"),
    Wrong("tri", _faces(lambda value: value.to("meta")), DeviceError, "the device of pos"),
    Wrong(
        "tri",
        _faces(lambda value: value[:1].expand(2**24 + 1, -1)),
        RangeError,
        "tri must hold at most 16777216 triangles",
    ),
    Wrong("resolution", lambda _: (4,), ShapeError, "resolution must hold two numbers"),
    Wrong("resolution", lambda _: (0, 4), RangeError, "resolution[0] (height) must be from 1"),
    Wrong("resolution", lambda _: (4, 40000), RangeError, "resolution[1] (width) must be from 1"),
    Wrong("resolution", lambda _: (2**15, 2**15), RangeError, "draw fewer at a time"),
)

_make = partial(
    Case,
    op="rasterize",
    call=draw,
    build=build_triangles,
    differentiable=("pos",),
    large={"triangles": 60, "height": 71, "width": 83},
    step=1e-7,
    atol=1e-5,
)

CASES = (
    _make("rasterize", empty=("triangles",), wrong=(*wrong_kinds("pos"), *_WRONG)),
    _make("rasterize[ranges-uv]", build=partial(build_triangles, shared=True, grad_db=False)),
    _make("rasterize[second-layer]", build=partial(build_triangles, layers=2)),
)
