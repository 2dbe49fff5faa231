"""Shading of meshes: near and distant lights, harmonics, tangent frames and masks."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import DeviceError, DtypeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds

__all__ = ["CASES"]

ROUGHNESS = (0.1, 0.3, 0.05, 0.6, 0.15, 0.95)


def _unit(value: Tensor) -> Tensor:
    return value / value.norm(dim=1, keepdim=True)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=1, keepdim=True)


def _highlights(position: Tensor, lights: Tensor, eye: Tensor) -> Tensor:
    """Return the half vector of one light, another at each pixel, shape (B, 3, H, W)."""
    toward = lights[..., :3, None, None] - lights[..., 3:, None, None] * position[:, None]
    b, n, _, h, w = toward.shape
    if n == 0:
        return eye
    which = (torch.arange(h * w) % n).view(1, 1, 1, h, w).expand(b, 1, 3, h, w)
    return _unit(_unit(toward.gather(1, which)[:, 0]) + eye)


def _frame(normal: Tensor, tangent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    n = _unit(normal)
    t = _unit(tangent[:, :3] - _dot(tangent[:, :3], n) * n)
    return t, tangent[:, 3:] * torch.linalg.cross(n, t, dim=1), n


def _specular(places: Tensor, noise: Tensor, tied: bool) -> Tensor:
    """Return F0 whose largest channel is another at each pixel; if tied, two are the largest."""
    ladder = torch.tensor([0.05, 0.45 if tied else 0.25, 0.45], dtype=torch.float64)
    apart = ladder[(places + torch.arange(3).view(1, 3, 1, 1)) % 3]
    return apart + (noise[:, :1] if tied else noise)


def build_mesh(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    lights: int = 2,
    height: int = 2,
    width: int = 3,
    framed: bool = True,
    around: bool = False,
    masked: bool = False,
    far: bool = False,
) -> dict[str, Any]:
    """Return arguments of `ops.shade_mesh`: pixels of every roughness that see a highlight.

    Args:
        dtype: Of all tensors; ``device`` as well.
        batch: Images, each with lights and an eye of its own.
        lights: How many; ``height`` and ``width``: pixels; ``seed``: of the random numbers.
        framed: Give tangents, of either handedness.
        around: Give harmonics.
        masked: Hide every third pixel.
        far: Distant lights, given as ``toward`` without w; and two channels tie for the largest F0.
    """
    draw = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=draw, dtype=torch.float64)

    image = (height, width)
    places = torch.arange(height * width).view(1, 1, height, width)
    position = uniform(-0.4, 0.4, batch, 3, *image)
    camera = uniform(-0.3, 0.3, batch, 3) + torch.tensor([1.3, 0.8, 1.6], dtype=torch.float64)
    lamps = uniform(-0.4, 0.4, batch, lights, 3) + torch.tensor([-1.0, 1.4, 1.5])
    lamps = torch.cat([lamps, torch.full_like(lamps[..., :1], 0.0 if far else 1.3)], dim=2)
    levels = torch.tensor(ROUGHNESS, dtype=torch.float64)[places % 6]
    roughness = levels + uniform(0.0, 0.01, batch, 1, *image)
    eye = _unit(camera[..., None, None] - position)
    turn = torch.randn((batch, 3, *image), generator=draw, dtype=torch.float64)
    target = _unit(_highlights(position, lamps, eye) + roughness.square().clamp(max=0.25) * turn)
    tilt = uniform(-0.3, 0.3, batch, 3, *image)
    normal = target * uniform(0.6, 1.6, batch, 1, *image) + (tilt if framed else 0.0)
    hand = (1.0 - 2.0 * (places % 2)).double().expand(batch, 1, *image)
    tangent = torch.cat([uniform(-1.0, 1.0, batch, 3, *image), hand], dim=1)
    mapped = torch.cat([_dot(target, axis) for axis in _frame(normal, tangent)], dim=1)
    mapped = mapped * uniform(0.6, 1.6, batch, 1, *image)
    diffuse, noise = uniform(0.1, 0.8, batch, 3, *image), uniform(0.0, 0.1, batch, 3, *image)
    found = {
        "position": position,
        "normal": normal,
        "maps": torch.cat([mapped, diffuse, _specular(places, noise, far), roughness], dim=1),
        "toward" if far else "lights": lamps[..., : 3 if far else 4],
        "radiance": uniform(0.5, 2.0, batch, lights, 3),
        "camera_position": camera,
    }
    found |= {"tangent": tangent} if framed else {}
    found |= {"harmonics": uniform(-1.0, 1.0, batch, 9, 3)} if around else {}
    found |= {"mask": (places % 3 != 1).double().expand(batch, 1, *image)} if masked else {}
    return {name: value.to(device, dtype) for name, value in found.items()}


def _shade_far(*, toward: Tensor, **others: Any) -> Tensor:
    """Shade under distant lights: w = 0 is no number whose neighbours mean something near it."""
    lights = torch.cat([toward, torch.zeros_like(toward[..., :1])], dim=-1)
    return ops.shade_mesh(lights=lights, **others)


ALWAYS = ("position", "normal", "maps")
SHARED = ("radiance", "camera_position")
TENSORS = ("position", "normal", "maps", "lights", *SHARED)

_WRONG = (
    Wrong("position", resized(1, 4), ShapeError, "position must have shape (B, 3, H, W)"),
    Wrong("normal", resized(1, 2), ShapeError, "normal must have shape (2, 3, 2, 3)"),
    Wrong("normal", resized(0, 1), ShapeError, "normal must have shape (2, 3, 2, 3)"),
    Wrong("maps", resized(1, 9), ShapeError, "maps must have shape (2, 10, 2, 3)"),
    Wrong("maps", resized(3, 4), ShapeError, "maps must have shape (2, 10, 2, 3)"),
    Wrong("lights", resized(2, 3), ShapeError, "lights must have shape (B|1, N, 4)"),
    Wrong("lights", resized(0, 3), ShapeError, "lights must have shape (B|1, N, 4)"),
    Wrong("radiance", resized(1, 3), ShapeError, "radiance must have shape (B|1, 2, 3)"),
    Wrong("camera_position", resized(1, 2), ShapeError, "must have shape (B|1, 3)"),
    Wrong("tangent", resized(1, 3), ShapeError, "tangent must have shape (2, 4, 2, 3)"),
)
_WRONG_AROUND = (
    Wrong("harmonics", resized(1, 16), ShapeError, "harmonics must have shape (B|1, 9, 3)"),
    Wrong("mask", resized(1, 2), ShapeError, "mask must have shape (2, 1, 2, 3)"),
    Wrong("mask", lambda value: value.tolist(), DtypeError, "mask must be a torch.Tensor"),
    Wrong("mask", lambda value: value.to("meta"), DeviceError, "the device of position"),
)

_make = partial(
    Case,
    op="shade_mesh",
    call=ops.shade_mesh,
    empty=("lights", "height", "width"),
    large={"lights": 3, "height": 70, "width": 67},
)

CASES = (
    _make(
        "shade_mesh",
        build=build_mesh,
        differentiable=(*TENSORS, "tangent"),
        shared=("lights", *SHARED),
        wrong=wrong_kinds(*TENSORS, "tangent") + _WRONG,
    ),
    _make(
        "shade_mesh[far-harmonics-mask]",
        slow=True,
        call=_shade_far,
        build=partial(build_mesh, framed=False, around=True, masked=True, far=True),
        differentiable=(*ALWAYS, "toward", *SHARED, "harmonics"),
        shared=("toward", *SHARED, "harmonics"),
        empty=("height", "width"),
        wrong=wrong_kinds("position", "harmonics") + _WRONG_AROUND,
    ),
    _make(
        "shade_mesh[harmonics-mask]",
        build=partial(build_mesh, around=True, masked=True),
        differentiable=(*TENSORS, "tangent", "harmonics"),
        shared=("lights", *SHARED, "harmonics"),
        empty=("height", "width"),
        slow=True,
    ),
)
