"""Shade the pixels of a mesh under lights and harmonics, one plain torch operation a step."""

import math
from typing import Any

import torch
from torch import Tensor

from diffgfx_kernels.harmonics import FACTORS
from diffgfx_kernels.torch_.brdf import brdf_cosine
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]

PARALLEL = 1e-10
"""Squared sine to the normal below which a tangent gives no frame."""


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=-3, keepdim=True)


def _unit(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return vectors of length one, +z in the place of one without a length, and where it has."""
    fine = _dot(x, x) > 0
    up = torch.tensor([0.0, 0.0, 1.0], dtype=x.dtype, device=x.device)[:, None, None]
    x = torch.where(fine, x, up)
    return x / _dot(x, x).sqrt(), fine


def _mapped(n: Tensor, tangent: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """Return the unit normal that a map's normal m stands for, and where it has a length."""
    t = tangent[:, :3]
    across = t - _dot(t, n) * n
    framed = _dot(across, across) > PARALLEL * _dot(t, t)
    right = _unit(torch.where(framed, across, 0.0))[0]
    up = tangent[:, 3:] * torch.linalg.cross(n, right, dim=-3)
    plane = torch.where(framed, m[:, :1] * right + m[:, 1:2] * up, 0.0)
    return _unit(plane + m[:, 2:] * n)


def _irradiance(n: Tensor, harmonics: Tensor) -> Tensor:
    """Return the irradiance on planes that face n (B, 3, H, W), linear RGB."""
    x, y, z = n.unbind(dim=1)
    one = torch.ones_like(x)
    terms = [one, y, z, x, x * y, y * z, 3.0 * z * z - 1.0, x * z, x * x - y * y]
    total = torch.zeros_like(n)
    for i, term in enumerate(terms):  # in order, so that rounding is the same every time
        total = total + FACTORS[i] * harmonics[:, i, :, None, None] * term[:, None]
    return total


def _render(
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
) -> Tensor:
    """Return the radiance, differentiable, shape (B, 3, H, W)."""
    if mask is not None:  # nothing hidden may reach a gradient, not even NaN
        position, normal = torch.where(mask, position, 0.0), torch.where(mask, normal, 0.0)
        maps = torch.where(mask, maps, 1.0)
        tangent = None if tangent is None else torch.where(mask, tangent, 0.0)
    n, fine = _unit(normal)
    if tangent is not None:
        n, told = _mapped(n, tangent, maps[:, :3])
        fine = fine & told
    v, apart = _unit(camera[:, :, None, None] - position)
    fine = fine & apart
    d, s, r = maps[:, None, 3:6], maps[:, None, 6:9], maps[:, None, 9:]
    place, near, radiance = torch.split(lamps[..., None, None], [3, 1, 3], dim=2)
    near = near.detach() > 0
    toward = torch.where(near, place - position[:, None], place)
    light, away = _unit(toward)
    squared = torch.where(near & away, _dot(toward, toward), 1.0)
    seen = brdf_cosine(n[:, None], light, v[:, None], d, s, r) * radiance / squared
    colour = torch.where(fine, torch.where(away, seen, 0.0).sum(dim=1), 0.0)
    if harmonics is not None:
        matte = (1.0 - maps[:, 6:9].amax(dim=1, keepdim=True)) / math.pi
        around = matte * maps[:, 3:6] * _irradiance(n, harmonics)
        colour = colour + torch.where(fine & (_dot(n, v) > 0), around, 0.0)
    return colour


def forward(
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
) -> Tensor:
    """Return the radiance of every pixel, shape (B, 3, H, W)."""
    return _render(position, normal, maps, lamps, camera, tangent, harmonics, mask)


def backward(
    g_image: Tensor,
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
    posed: bool,
) -> tuple[Tensor, ...]:
    """Return the gradient to the maps and, if ``posed``, to the other seven but the mask.

    In order: maps, position, normal, lamps, camera, tangent, harmonics; without numbers where there
    is none.
    """
    given: dict[str, Any] = {
        "position": position, "normal": normal, "maps": maps, "lamps": lamps, "camera": camera,
        "tangent": tangent, "harmonics": harmonics, "mask": mask,
    }  # fmt: skip
    order = ("maps", "position", "normal", "lamps", "camera", "tangent", "harmonics")
    wanted = [name for name in order[: None if posed else 1] if given[name] is not None]

    def image(*parts: Tensor) -> Tensor:
        return _render(**(given | dict(zip(wanted, parts, strict=True))))

    leaves = tuple(given[name] for name in wanted)
    found = dict(zip(wanted, pull(image, leaves, g_image)[1], strict=True))
    return tuple(found.get(name, maps.new_empty(0)) for name in order)
