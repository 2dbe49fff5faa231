"""One picture of a state: smoke, and where there is none, vorticity in two colours."""

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.io import encode_transfer
from diffgfx.scene import FluidScene, FluidState
from diffgfx.types import Faces

__all__ = ["picture_of"]

_LEAST_SIDE = 256    # pixels of the shorter side: a smaller flow is shown enlarged
_NIGHT = (0.012, 0.018, 0.03)
_SMOKE = (0.86, 0.88, 0.9)
_TURNING = ((0.02, 0.12, 0.45), (0.55, 0.06, 0.03))   # clockwise, counter-clockwise
_STILL = (0.9, 0.9, 0.88)
_OPAQUE = 2.0        # smoke of density 0.35 hides half of what is behind it in 2-D,
_THIN = 12.0         # and a twelfth of a metre of it in 3-D
_SOLID = (0.18, 0.18, 0.2)


def picture_of(state: FluidState, scene: FluidScene) -> Tensor:
    """Return a picture, sRGB values in [0, 1], shape (h, w, 3), row 0 at the top.

    Args:
        state: With a batch of one.
        scene: Its setting. Where it feeds smoke, that is shown, in 3-D seen from the front; else
            the vorticity, each picture scaled by its own largest.
    """
    if scene.dim == 3:
        linear = _smoke(state.density[0].clamp_min(0.0).sum(dim=1) * _THIN * scene.cell)
        return _stored(_enlarged(linear.flip(1)))
    linear = _smoke(state.density[0]) if scene.sources else _vorticity(state, scene)
    if scene.openings is not None:
        linear = _with_solids(linear, scene.openings)
    return _stored(_enlarged(linear.flip(1)))


def _colour(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return like.new_tensor(values)[:, None, None]


def _smoke(thickness: Tensor) -> Tensor:
    """Return smoke that is lit alike everywhere before a dark ground, from what lies behind."""
    cover = 1.0 - (-_OPAQUE * thickness.clamp_min(0.0)).exp()
    return _colour(_NIGHT, cover) * (1.0 - cover) + _colour(_SMOKE, cover) * cover


def _vorticity(state: FluidState, scene: FluidScene) -> Tensor:
    turning = ops.curl(
        state.velocity, scene.cell, scene.sides, side_velocity=scene.side_velocity
    )[0]
    typical = turning.abs().flatten().quantile(0.99) if turning.numel() < 2**24 else turning.std()
    share = (turning / typical.clamp_min(1e-12)).clamp(-1.0, 1.0)
    away = share.abs().sqrt()
    towards = torch.where(
        share < 0.0, _colour(_TURNING[0], share), _colour(_TURNING[1], share)
    )
    return _colour(_STILL, share) * (1.0 - away) + towards * away


def _with_solids(linear: Tensor, openings: Faces) -> Tensor:
    """Paint the cells whose faces are shut."""
    across, up = (face[0] for face in openings)
    free = 0.25 * (across[:, 1:] + across[:, :-1] + up[1:] + up[:-1])
    return linear * free + _colour(_SOLID, linear) * (1.0 - free)


def _enlarged(linear: Tensor) -> Tensor:
    times = -(-_LEAST_SIDE // min(linear.shape[1:]))
    if times <= 1:
        return linear
    size = [times * n for n in linear.shape[1:]]
    return torch.nn.functional.interpolate(
        linear[None], size=size, mode="bilinear", align_corners=False
    )[0]


def _stored(linear: Tensor) -> Tensor:
    return encode_transfer(linear.clamp(0.0, 1.0), "srgb").permute(1, 2, 0)
