"""Mip levels of oblong textures and of cube maps."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import DtypeError, RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized
from tests.contract.flows import flattened

__all__ = ["CASES"]


def build_texture(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    height: int = 8,
    width: int = 4,
    channels: int = 3,
    faces: int = 0,
    **choices: Any,
) -> dict[str, Any]:
    """Return arguments of `ops.construct_mip`.

    Args:
        dtype: Of the texture.
        device: Of the texture.
        batch: Textures.
        seed: Of the random numbers.
        height: Texels upward.
        width: Texels rightward.
        channels: Of the texture.
        faces: Six of a cube map, or 0.
        choices: Passed on.
    """
    draw = torch.Generator().manual_seed(seed)
    shape = (batch, *([faces] if faces else []), height, width, channels)
    tex = torch.randn(shape, generator=draw, dtype=torch.float64)
    return {"tex": tex.to(device, dtype), **choices}


def call(tex: Tensor, **choices: Any) -> Tensor:
    """Return all levels as one tensor, (N, texels C)."""
    return flattened(ops.construct_mip(tex, **choices))


_WRONG = (
    Wrong("tex", lambda value: value.tolist(), DtypeError, "must be a torch.Tensor"),
    Wrong("tex", lambda value: value.half(), DtypeError, "must be float32 or float64"),
    Wrong("tex", lambda value: value[0], ShapeError, "tex must have shape (N, h, w, C)"),
    Wrong("tex", resized(1, 6), ShapeError, "got 3 x 2 (height x width) at level 1; pass max_mip"),
    Wrong("tex", resized(2, 0), ShapeError, "at least one texel and one channel"),
    Wrong("tex", lambda value: value[:, None], ShapeError, "goes with the boundary 'cube'"),
    Wrong("max_mip_level", lambda _: -1, RangeError, "max_mip_level must be at least 0, got -1"),
)

_make = partial(Case, op="construct_mip", call=call, differentiable=("tex",))

CASES = (
    _make(
        "construct_mip",
        build=partial(build_texture, max_mip_level=None),
        wrong=_WRONG,
        large={"height": 128, "width": 64},
    ),
    _make(
        "construct_mip[cube]",
        build=partial(
            build_texture, height=4, width=4, channels=2, faces=6, cube_mode=True, max_mip_level=1
        ),
        wrong=(Wrong("tex", resized(1, 5), ShapeError, "tex must have shape (N, 6, s, s, C)"),),
    ),
)
