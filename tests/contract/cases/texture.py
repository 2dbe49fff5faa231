"""Textures under every filter and boundary, with levels of their own and made from them."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.textures import draw_footprints

__all__ = ["CASES"]

TRILINEAR = "linear-mipmap-linear"


def build_texture(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    filter_mode: str = TRILINEAR,
    boundary_mode: str = "wrap",
    rows: int = 3,
    columns: int = 5,
    height: int = 8,
    width: int = 4,
    channels: int = 3,
    given: tuple[str, ...] = ("uv_da", "mip_level_bias"),
    custom: int = 0,
) -> dict[str, Any]:
    """Return arguments of `ops.texture`; ``mip_1`` and so on are levels of a list.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Images, each with a texture of its own.
        seed: Of the random numbers.
        filter_mode: Passed on.
        boundary_mode: Passed on.
        rows: Pixels upward.
        columns: Pixels rightward.
        height: Texels upward.
        width: Texels rightward.
        channels: Of the texture.
        given: Which of the arguments that find levels are given.
        custom: Levels of their own.
    """
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    cube = boundary_mode == "cube"
    face = (6,) if cube else ()
    pixels = (batch, rows, columns)
    found = {"tex": normal(batch, *face, height, width, channels)}
    found["uv"] = normal(*pixels, 3) if cube else 0.5 + 0.6 * normal(*pixels, 2)
    if "uv_da" in given:
        size = 0.5 * height if cube else height
        found["uv_da"] = draw_footprints(pixels, size, 2, 3 if cube else 2, draw)
    if "mip_level_bias" in given:
        found["mip_level_bias"] = 0.1 * torch.rand(pixels, generator=draw, dtype=torch.float64)
        if "uv_da" not in given:
            found["mip_level_bias"] += torch.randint(0, 2, pixels, generator=draw) + 0.4
    for i in range(custom):
        sides = (max(height >> (i + 1), 1), max(width >> (i + 1), 1))
        found[f"mip_{i + 1}"] = normal(batch, *face, *sides, channels)
    placed = {name: value.to(device, dtype) for name, value in found.items()}
    return placed | {"filter_mode": filter_mode, "boundary_mode": boundary_mode}


def call(**arguments: Any) -> Tensor:
    """Gather levels of their own in a list."""
    names = sorted(name for name in arguments if name.startswith("mip_") and name[4:].isdigit())
    levels = [arguments.pop(name) for name in names]
    return ops.texture(arguments.pop("tex"), arguments.pop("uv"), mip=levels or None, **arguments)


_WRONG = (
    Wrong("tex", resized(1, 6), ShapeError, "got 3 x 2 (height x width) at level 1; pass max_mip"),
    Wrong("tex", resized(0, 3), ShapeError, "tex must have the batch of uv (2) or 1, got 3"),
    Wrong("tex", resized(3, 0), ShapeError, "at least one texel and one channel"),
    Wrong("tex", lambda value: value[:, None], ShapeError, "goes with the boundary 'cube'"),
    Wrong("uv", resized(3, 3), ShapeError, "uv must have shape (B, H, W, 2)"),
    Wrong("uv_da", resized(3, 6), ShapeError, "uv_da must have shape (2, 3, 5, 4)"),
    Wrong("mip_level_bias", resized(1, 2), ShapeError, "must have shape (2, 3, 5)"),
    Wrong("filter_mode", lambda _: "cubic", RangeError, "must be one of auto, nearest, linear"),
    Wrong("boundary_mode", lambda _: "mirror", RangeError, "must be one of wrap, clamp, zero"),
)
_WRONG_CUBE = (
    Wrong("tex", resized(1, 5), ShapeError, "tex must have shape (N, 6, s, s, C)"),
    Wrong("tex", resized(2, 2), ShapeError, "tex must have shape (N, 6, s, s, C)"),
    Wrong("tex", lambda value: value[:, 0], ShapeError, "goes with the boundaries wrap, clamp"),
    Wrong("uv", resized(3, 2), ShapeError, "uv must have shape (B, H, W, 3)"),
)
EVERYTHING = ("tex", "uv", "uv_da", "mip_level_bias")
_make = partial(
    Case,
    op="texture",
    call=call,
    differentiable=EVERYTHING,
    shared=("tex",),
    empty=("rows", "columns"),
    large={"rows": 67, "columns": 71, "height": 64, "width": 32},
)

CASES = (
    _make(
        "texture",
        build=build_texture,
        wrong=wrong_kinds("tex", "uv", "uv_da", "mip_level_bias") + _WRONG,
    ),
    _make(
        "texture[cube]",
        build=partial(
            build_texture, boundary_mode="cube", height=4, width=4, channels=2, given=("uv_da",)
        ),
        differentiable=("tex", "uv", "uv_da"),
        wrong=_WRONG_CUBE,
    ),
    _make(
        "texture[custom-clamp]",
        build=partial(
            build_texture, boundary_mode="clamp", height=4, custom=2, given=("mip_level_bias",)
        ),
        differentiable=("tex", "uv", "mip_level_bias", "mip_1", "mip_2"),
        shared=("tex", "mip_1", "mip_2"),
    ),
    _make(
        "texture[linear-zero]",
        build=partial(
            build_texture, filter_mode="linear", boundary_mode="zero", height=5, width=3, given=()
        ),
        differentiable=("tex", "uv"),
    ),
    _make(
        "texture[linear-cube]",
        build=partial(
            build_texture, filter_mode="linear", boundary_mode="cube", height=3, width=3, given=()
        ),
        differentiable=("tex", "uv"),
        slow=True,
    ),
    _make(
        "texture[nearest]",
        build=partial(build_texture, filter_mode="nearest", height=5, width=3, given=()),
        differentiable=("tex",),
    ),
    _make(
        "texture[nearest-level]",
        build=partial(build_texture, filter_mode="linear-mipmap-nearest", boundary_mode="zero"),
        differentiable=("tex", "uv"),
        slow=True,
    ),
)
