"""The library's BRDF in plain torch: glTF 2.0 with KHR_materials_specular at metallic 0."""

import math

import torch
from torch import Tensor

__all__ = ["brdf_cosine", "normalise"]


def normalise(x: Tensor) -> Tensor:
    """Divide vectors (in the channel dimension, third from last) by their length."""
    return x / x.square().sum(dim=-3, keepdim=True).sqrt()


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=-3, keepdim=True)


def brdf_cosine(n: Tensor, light: Tensor, v: Tensor, d: Tensor, s: Tensor, r: Tensor) -> Tensor:
    """Return f(n, light, v) n.light, zero where the light or the eye is below the surface.

    ``n``, ``light``, ``v`` are unit vectors and ``d``, ``s`` colours, each (..., 3, H, W); ``r`` is
    (..., 1, H, W). Source: Khronos, glTF 2.0, appendix B; KHR_materials_specular.
    """
    nl, nv = _dot(n, light), _dot(n, v)
    lit = (nl > 0) & (nv > 0)
    nl, nv = torch.where(lit, nl, 1.0), torch.where(lit, nv, 1.0)  # no 0/0 where it is not lit
    h = normalise(torch.where(lit, light + v, n))
    nh, vh = _dot(n, h), _dot(v, h)
    cross = torch.linalg.cross(n, h, dim=-3)
    a2 = r**4
    distribution = a2 / (math.pi * (_dot(cross, cross) + a2 * nh**2) ** 2)
    root_v = (nv**2 * (1 - a2) + a2).sqrt()
    root_l = (nl**2 * (1 - a2) + a2).sqrt()
    visibility = 0.5 / (nl * root_v + nv * root_l)
    fresnel = s + (1 - s) * (1 - vh) ** 5
    weight = 1 - fresnel.amax(dim=-3, keepdim=True)
    f = weight * d / math.pi + distribution * visibility * fresnel
    return torch.where(lit, f * nl, 0.0)
