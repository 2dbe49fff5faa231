"""Shading of flat materials: lights near and far, with and without a cone."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds

__all__ = ["CASES", "WRONG_PAIRS", "build_shading"]

SIZE = (1.0, 1.2)
ROUGHNESS = (0.03, 0.3, 0.08, 0.6, 0.15, 0.95)
PAIR_NAMES = ("light_position", "light_intensity", "camera_position")


def _unit(value: Tensor) -> Tensor:
    return value / value.norm(dim=-3, keepdim=True)


def _half_vectors(lights: Tensor, eyes: Tensor, height: int, width: int, far: bool) -> Tensor:
    """Return the half vectors of every pair at every texel, shape (B, N, 3, H, W)."""
    x = ((torch.arange(width) + 0.5) / max(width, 1) - 0.5) * SIZE[0]
    y = (0.5 - (torch.arange(height) + 0.5) / max(height, 1)) * SIZE[1]
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    point = torch.stack([grid_x, grid_y, 0.0 * grid_x]).double() * (0.0 if far else 1.0)
    towards = [_unit(place[..., None, None] - point) for place in (lights, eyes)]
    return _unit(towards[0] + towards[1])


def _normals(half: Tensor, alpha: Tensor, draw: torch.Generator) -> Tensor:
    """Return normals, of any length, that see a highlight: half vectors turned by about alpha."""
    b, n, _, h, w = half.shape
    which = (torch.arange(h * w) % max(n, 1)).view(1, 1, h, w).expand(b, 3, h, w)
    chosen = half.gather(1, which[:, None])[:, 0] if n else torch.ones((b, 3, h, w)).double()
    turn = torch.randn((b, 3, h, w), generator=draw, dtype=torch.float64)
    length = 0.6 + torch.rand((b, 1, h, w), generator=draw, dtype=torch.float64)
    return (chosen + turn * alpha.clamp(max=0.25)) * length


def _specular(places: Tensor, noise: Tensor, tied: bool) -> Tensor:
    """Return F0 whose largest channel is another at each texel, and a tenth above the others.

    If tied, two channels are the largest: they share its gradient as central differences do, which
    three would not.
    """
    ladder = torch.tensor([0.05, 0.45 if tied else 0.25, 0.45], dtype=torch.float64)
    apart = ladder[(places + torch.arange(3).view(1, 3, 1, 1)) % 3]
    return apart + (noise[:, :1] if tied else noise)


def build_shading(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    pairs: int = 2,
    height: int = 2,
    width: int = 3,
    coned: bool = False,
    turned: bool = False,
    far: bool = False,
    tied: bool = False,
    least: float = 0.0,
) -> dict[str, Any]:
    """Return arguments of `ops.shade_svbrdf`: texels of every roughness that see a highlight.

    Args:
        dtype: Of all tensors.
        device: Of all tensors.
        batch: Materials, each with pairs of its own.
        seed: Of the random numbers.
        pairs: Light/view pairs.
        height: Texels down.
        width: Texels across.
        coned: Give the lights a cone.
        turned: Give the lights an axis that does not point at the origin.
        far: Distant lights and eyes.
        tied: Let two channels, others at each texel, tie for the largest F0.
        least: Least roughness; highlights of 0.03 drown the rest of a sum of squares.
    """
    draw = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=draw, dtype=torch.float64)

    # every other pair is seen from the side, where the Fresnel term is large
    aside = torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64).repeat(pairs, 1)
    aside[1::2] = torch.tensor([1.7, 0.4, 1.2], dtype=torch.float64)
    across = aside * torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64)
    lights = uniform(-0.4, 0.4, batch, pairs, 3) + aside
    eyes = uniform(-0.4, 0.4, batch, pairs, 3) + across
    levels = torch.tensor(ROUGHNESS, dtype=torch.float64).clamp(min=least)
    places = (torch.arange(height * width) % len(levels)).view(1, 1, height, width)
    roughness = levels[places] + uniform(0.0, 0.01, batch, 1, height, width)
    specular = _specular(places, uniform(0.0, 0.1, batch, 3, height, width), tied)
    diffuse = uniform(0.1, 0.8, batch, 3, height, width)
    half = _half_vectors(lights, eyes, height, width, far)
    normal = _normals(half, roughness.square(), draw)
    found = {
        "maps": torch.cat([normal, diffuse, specular, roughness], dim=1),
        "light_position": lights,
        "light_intensity": uniform(0.5, 2.0, batch, pairs, 3),
        "camera_position": eyes,
    }
    found |= {"cone": uniform(0.5, 3.0, batch, pairs)} if coned else {}
    found |= {"axis": uniform(-0.3, 0.3, batch, pairs, 3) - aside} if turned else {}
    placed: dict[str, Any] = {key: value.to(device, dtype) for key, value in found.items()}
    return placed | {"size": SIZE, "directional": far, "orthographic": far}


WRONG_PAIRS = (
    Wrong("maps", resized(1, 9), ShapeError, "maps must have shape (B, 10, H, W)"),
    Wrong("light_position", resized(2, 4), ShapeError, "must have shape (B|1, N, 3)"),
    Wrong("light_position", resized(0, 3), ShapeError, "must have shape (B|1, N, 3)"),
    Wrong("light_intensity", resized(1, 3), ShapeError, "must have shape (B|1, 2, 3)"),
    Wrong("camera_position", resized(0, 3), ShapeError, "must have shape (B|1, 2, 3)"),
    Wrong("size", lambda _: (1.0,), ShapeError, "must hold two numbers"),
    Wrong("size", lambda _: (1.0, 0.0), RangeError, "size[1] (height) must be a finite number"),
    Wrong("size", lambda _: (float("nan"), 1.0), RangeError, "size[0] (width)"),
)
WRONG_CONE = (
    Wrong("cone", resized(1, 3), ShapeError, "cone must have shape (B|1, 2)"),
    Wrong("axis", resized(2, 2), ShapeError, "axis must have shape (B|1, 2, 3)"),
)

_make = partial(
    Case,
    op="shade_svbrdf",
    call=ops.shade_svbrdf,
    empty=("pairs", "height", "width"),
    large={"pairs": 3, "height": 70, "width": 67},
)
_CONED = (*PAIR_NAMES, "axis", "cone")

CASES = (
    _make(
        "shade_svbrdf",
        build=build_shading,
        differentiable=("maps", *PAIR_NAMES),
        shared=PAIR_NAMES,
        wrong=wrong_kinds("maps", *PAIR_NAMES) + WRONG_PAIRS,
    ),
    _make(
        "shade_svbrdf[cone]",
        build=partial(build_shading, coned=True, turned=True),
        differentiable=("maps", *_CONED),
        shared=_CONED,
        wrong=wrong_kinds("maps", "axis", "cone") + WRONG_CONE,
    ),
    _make(
        "shade_svbrdf[far]",
        slow=True,
        build=partial(build_shading, far=True, tied=True),
        differentiable=("maps", *PAIR_NAMES),
        shared=PAIR_NAMES,
    ),
)
