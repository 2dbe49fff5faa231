"""How other programs shade the material that they are given, to tell how far that is from ours.

Written from their published equations, for one direction of light and one of view at a time. Light
scattered more than once between microfacets, which some renderers add, is left out on both sides.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["lobe_pairs", "shade_openpbr", "shade_unreal"]

# Below 1, where the index of refraction would be infinite.
_LARGEST_F0 = 0.99999
_ALBEDO_SAMPLES = 128
Direction = Float[Tensor, "3"]


def lobe_pairs() -> list[tuple[Tensor, Tensor]]:
    """Return nine pairs of unit vectors toward light and eye, float64, over a sample facing +z.

    Three elevations of the light, each seen along the mirrored ray, from the side, and from above.
    """
    pairs = []
    for angle in (15.0, 40.0, 65.0):
        light = _direction(angle, 0.0)
        pairs += [(light, _direction(angle, 180.0)), (light, _direction(30.0, 90.0)),
                  (light, _direction(0.0, 0.0))]  # fmt: skip
    return pairs


def shade_openpbr(
    maps: Float[Tensor, "1 10 h w"], light: Direction, view: Direction
) -> Float[Tensor, "1 3 h w"]:
    """Shade the OpenPBR material of `diffgfx.io.write_materialx`.

    A dielectric of specular weight max s / 0.04 and specular colour s / max s over a base of colour
    d without roughness: f = c D V F(v.h) + (1 - E(n.v)) d / pi with the Fresnel term F of the index
    that has F0 = max s, and the directional albedo E of D V F.

    Args:
        maps: The maps n3 d3 s3 r1, linear, float64.
        light: Unit vector toward the light.
        view: Unit vector toward the eye.

    Returns:
        f (n.l) [1/sr]; zero where light or eye lies behind the surface.

    Source: OpenPBR Surface specification 1.1, sections "Base substrate" and "Layering".
    """
    normal, diffuse, specular, roughness = _split(maps)
    largest = specular.amax(dim=1, keepdim=True)
    root = largest.clamp(0.0, _LARGEST_F0).sqrt()
    index = (1.0 + root) / (1.0 - root)
    tint = specular / largest.clamp_min(1e-6)
    half = torch.nn.functional.normalize(light + view, dim=0)
    n_l, n_v, n_h = (_dot(normal, direction) for direction in (light, view, half))
    front = (n_l > 0.0) & (n_v > 0.0)
    alpha = roughness**2
    lobe = _ggx(n_h, alpha) * _smith(n_l, n_v, alpha)
    lobe = lobe * _fresnel_dielectric(torch.dot(view, half), index)
    albedo = _directional_albedo(n_v.clamp_min(1e-3), alpha.clamp_min(1e-4), index)
    brdf = tint * lobe + (1.0 - albedo) * diffuse / math.pi
    return torch.where(front, brdf * n_l, torch.zeros_like(brdf))


def shade_unreal(
    maps: Float[Tensor, "1 10 h w"],
    base: Float[Tensor, "1 3 h w"],
    metallic: Float[Tensor, "1 1 h w"],
    specular: Float[Tensor, "1 1 h w"],
    light: Direction,
    view: Direction,
) -> Float[Tensor, "1 3 h w"]:
    """Shade a material as Unreal Engine's default lit model does.

    f = base (1 - metallic) / pi + D V F with F0 = 0.08 specular (1 - metallic) + base metallic,
    Schlick's F whose F90 is min(50 F0, 1) of the green channel, and the approximate joint Smith V.

    Args:
        maps: The maps n3 d3 s3 r1, of which normal and roughness are taken, float64.
        base: Base colour, linear.
        metallic: In [0, 1].
        specular: In [0, 1].
        light: Unit vector toward the light.
        view: Unit vector toward the eye.

    Returns:
        f (n.l) [1/sr]; zero where light or eye lies behind the surface.

    Source: B. Karis, "Real Shading in Unreal Engine 4", SIGGRAPH 2013 course notes.
    """
    normal, _, _, roughness = _split(maps)
    half = torch.nn.functional.normalize(light + view, dim=0)
    n_l, n_v, n_h = (_dot(normal, direction) for direction in (light, view, half))
    front = (n_l > 0.0) & (n_v > 0.0)
    alpha = roughness**2
    f0 = torch.lerp(0.08 * specular.expand_as(base), base, metallic)
    weight = (1.0 - torch.dot(view, half)) ** 5
    fresnel = (50.0 * f0[:, 1:2]).clamp(0.0, 1.0) * weight + (1.0 - weight) * f0
    seen = n_l * (n_v * (1.0 - alpha) + alpha)
    lit = n_v * (n_l * (1.0 - alpha) + alpha)
    masking = 0.5 / torch.where(front, seen + lit, torch.ones_like(lit))
    brdf = base * (1.0 - metallic) / math.pi + _ggx(n_h, alpha) * masking * fresnel
    return torch.where(front, brdf * n_l, torch.zeros_like(brdf))


def _direction(polar: float, azimuth: float) -> Tensor:
    theta, phi = math.radians(polar), math.radians(azimuth)
    x, y = math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi)
    return torch.tensor([x, y, math.cos(theta)], dtype=torch.float64)


def _split(maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    normal, diffuse, specular, roughness = torch.split(maps, [3, 3, 3, 1], dim=1)
    return torch.nn.functional.normalize(normal, dim=1), diffuse, specular, roughness


def _dot(normal: Tensor, direction: Tensor) -> Tensor:
    return torch.einsum("bchw,c->bhw", normal, direction)[:, None]


def _ggx(n_h: Tensor, alpha: Tensor) -> Tensor:
    root = alpha / (1.0 - n_h**2 * (1.0 - alpha**2))
    return root**2 / math.pi


def _smith(n_l: Tensor, n_v: Tensor, alpha: Tensor) -> Tensor:
    """Return the height-correlated masking over 4 (n.l) (n.v)."""
    square = alpha**2
    lit = n_v * torch.sqrt(n_l**2 * (1.0 - square) + square)
    seen = n_l * torch.sqrt(n_v**2 * (1.0 - square) + square)
    total = lit + seen
    return 0.5 / torch.where(total > 0.0, total, torch.ones_like(total))


def _fresnel_dielectric(cosine: Tensor, index: Tensor) -> Tensor:
    """Return the reflectance of unpolarised light that comes from air."""
    inside = torch.sqrt(1.0 - (1.0 - cosine**2) / index**2)
    across = (cosine - index * inside) / (cosine + index * inside)
    along = (index * cosine - inside) / (index * cosine + inside)
    return 0.5 * (across**2 + along**2)


def _directional_albedo(n_v: Tensor, alpha: Tensor, index: Tensor) -> Tensor:
    """Return what D V F sends back of light from ``n_v``, by sampling visible microfacets.

    Source: E. Heitz, "Sampling the GGX Distribution of Visible Normals", JCGT 2018.
    """
    view = torch.stack([alpha * torch.sqrt(1.0 - n_v**2), torch.zeros_like(n_v), n_v])
    view = torch.nn.functional.normalize(view, dim=0)
    total = torch.zeros_like(n_v)
    for number in range(_ALBEDO_SAMPLES):
        z = (1.0 - (number + 0.5) / _ALBEDO_SAMPLES) * (1.0 + view[2]) - view[2]
        phi = 2.0 * math.pi * (number * (math.sqrt(5.0) - 1.0) / 2.0 % 1.0)
        radius = torch.sqrt((1.0 - z**2).clamp_min(0.0))
        half = torch.stack([
            alpha * (radius * math.cos(phi) + view[0]), alpha * radius * math.sin(phi),
            (z + view[2]).clamp_min(0.0),
        ])  # fmt: skip
        half = torch.nn.functional.normalize(half, dim=0)
        v_h = (half[0] * torch.sqrt(1.0 - n_v**2) + half[2] * n_v).clamp(0.0, 1.0)
        n_l = 2.0 * v_h * half[2] - n_v
        square = alpha**2
        seen = torch.sqrt(square + (1.0 - square) * n_v**2)
        lit = torch.sqrt(square + (1.0 - square) * n_l**2)
        # G2 / G1 of the sampled ray
        share = n_l * (seen + n_v) / (n_l * seen + n_v * lit).clamp_min(1e-12)
        share = torch.where(n_l > 0.0, share, torch.zeros_like(share))
        total = total + share * _fresnel_dielectric(v_h, index)
    return total / _ALBEDO_SAMPLES
