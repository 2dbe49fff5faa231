"""One picture of a state: smoke in the light, and where there is none, vorticity in two colours."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx import ops
from diffgfx.io import encode_transfer
from diffgfx.render import render_smoke
from diffgfx.scene import FluidScene, FluidState
from diffgfx.types import Faces

__all__ = ["picture_of", "picture_size", "shows_smoke", "smoke_light"]

LONGEST = 384
"""Pixels of a preview's longer side."""

_TURNING = ((0.02, 0.12, 0.45), (0.55, 0.06, 0.03))   # clockwise, counter-clockwise
_STILL = (0.9, 0.9, 0.88)
_SOLID = (0.18, 0.18, 0.2)


def picture_size(cells: Sequence[int], longest: int = LONGEST) -> tuple[int, int]:
    """Return width and height of the picture of a flow [pixels], in the ratio of its cells."""
    width, height = cells[:2]
    scale = longest / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def shows_smoke(state: FluidState, scene: FluidScene) -> bool:
    """Return whether a flow that starts or goes on like this is seen by its smoke."""
    return scene.dim == 3 or bool(scene.sources) or bool(state.density.any())


def picture_of(
    state: FluidState, scene: FluidScene, longest: int = LONGEST, *, smoke: bool | None = None
) -> Float[Tensor, "h w 3"]:
    """Return a picture, sRGB values in [0, 1], row 0 at the top.

    Args:
        state: With a batch of one.
        scene: Its setting.
        longest: Pixels of the longer side.
        smoke: Show smoke, as `smoke_light` does, or vorticity (2-D only), each picture scaled by
            its own largest; None: smoke where `shows_smoke` says so.
    """
    pixels = picture_size(tuple(reversed(state.density.shape[2:])), longest)
    if shows_smoke(state, scene) if smoke is None else smoke:
        linear = smoke_light(state.density, scene, pixels)
    else:
        linear = _with_solids(_vorticity(state, scene, pixels), scene.openings)
    return encode_transfer(linear[0].clamp(0.0, 1.0), "srgb").permute(1, 2, 0)


def smoke_light(
    density: Tensor, scene: FluidScene, pixels: Sequence[int]
) -> Float[Tensor, "b 3 h w"]:
    """Return what a camera sees of smoke: the picture that films show, in linear light.

    Light, camera and ground are the defaults of `render.render_smoke`. In 2-D, obstacles are
    painted over the smoke; in 3-D they are not seen.

    Args:
        density: Smoke, shape (b, 1, [d,] h, w).
        scene: Its setting.
        pixels: Width and height of the picture; see `picture_size`.

    Returns:
        Linear RGB, not clipped, row 0 at the top.

    Gradients: to ``density``.
    """
    linear = render_smoke(density, scene.cell, pixels=pixels)
    return linear if scene.dim == 3 else _with_solids(linear, scene.openings)


def _colour(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return like.new_tensor(values)[:, None, None]


def _vorticity(state: FluidState, scene: FluidScene, pixels: Sequence[int]) -> Tensor:
    turning = ops.curl(
        state.velocity, scene.cell, scene.sides, side_velocity=scene.side_velocity
    )
    typical = turning.abs().flatten().quantile(0.99) if turning.numel() < 2**24 else turning.std()
    share = (_resized(turning, pixels) / typical.clamp_min(1e-12)).clamp(-1.0, 1.0)
    away = share.abs().sqrt()
    towards = torch.where(share < 0.0, _colour(_TURNING[0], share), _colour(_TURNING[1], share))
    return _colour(_STILL, share) * (1.0 - away) + towards * away


def _with_solids(linear: Tensor, openings: Faces | None) -> Tensor:
    """Paint the cells whose faces are shut."""
    if openings is None:
        return linear
    across, up = openings
    free = 0.25 * (across[:, :, 1:] + across[:, :, :-1] + up[:, 1:] + up[:, :-1])
    free = _resized(free[:, None], (linear.shape[3], linear.shape[2]))
    return linear * free + _colour(_SOLID, linear) * (1.0 - free)


def _resized(field: Tensor, pixels: Sequence[int]) -> Tensor:
    """Return a field of cells as pixels, row 0 at the top."""
    return torch.nn.functional.interpolate(
        field.flip(2), size=(pixels[1], pixels[0]), mode="bilinear", antialias=True
    )
