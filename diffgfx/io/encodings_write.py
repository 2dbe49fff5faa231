"""This library's ten channels, stored as other systems store them: `encodings` the other way.

Each function is the inverse of its reader, so that a file written here is read there as it was
meant. What an encoding cannot hold is clipped to [0, 1]; nothing else is changed, see
`unbalance_diffuse` for the weight of the diffuse lobe.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.check import check_choice, check_shape, check_tensor
from diffgfx.io.encodings import SOURCES, divide_where, solve_metallic
from diffgfx.types import Maps

__all__ = [
    "StoredMaps",
    "UnrealMaps",
    "to_deschaintre",
    "to_gao",
    "to_materialgan",
    "to_unreal",
    "unbalance_diffuse",
]

# Unreal's Specular: F0 of a dielectric is 0.08 times it.
_UNREAL_F0 = 0.08


class StoredMaps(NamedTuple):
    """Maps as files hold them, every value in [0, 1].

    Attributes:
        normal: 0.5 n + 0.5 of the unit normal n, +y up, shape (b, 3, h, w).
        diffuse: Diffuse albedo in the encoding of the system, shape (b, 3, h, w).
        specular: F0 in the encoding of the system, shape (b, 3, h, w).
        roughness: Roughness in the encoding of the system, shape (b, 1, h, w).
    """

    normal: Tensor
    diffuse: Tensor
    specular: Tensor
    roughness: Tensor


class UnrealMaps(NamedTuple):
    """A material as Unreal Engine's default lit shading model takes it, all linear.

    Attributes:
        base: Base colour, shape (b, 3, h, w).
        metallic: Shape (b, 1, h, w).
        specular: F0 of the dielectric part / 0.08, in [0, 1], shape (b, 1, h, w).
        roughness: Perceptual roughness r, alpha = r^2, shape (b, 1, h, w).
        normal: Tangent-space normal, +y up, shape (b, 3, h, w).
        clipped: Where F0 is above 0.08 in brightness, which Specular cannot say, and the texel is
            no metal, of which it says nothing; what reflects more is metallic there. Boolean,
            shape (b, 1, h, w).
    """

    base: Tensor
    metallic: Tensor
    specular: Tensor
    roughness: Tensor
    normal: Tensor
    clipped: Tensor


def to_deschaintre(maps: Float[Tensor, "b c h w"]) -> StoredMaps:
    """Store maps as Deschaintre 2018 does, everything linear: inverse of `from_deschaintre`.

    Args:
        maps: The maps n3 d3 s3 r1, linear, shape (b, 10, h, w).

    Returns:
        The stored values, clipped to [0, 1].

    Raises:
        ShapeError: If the maps do not have ten channels.

    Gradients: to ``maps``, zero where clipped.
    Source: V. Deschaintre et al., "Single-Image SVBRDF Capture with a Rendering-Aware Deep
    Network", SIGGRAPH 2018.
    """
    return _store(maps, (1.0, 1.0, 1.0))


def to_gao(maps: Float[Tensor, "b c h w"]) -> StoredMaps:
    """Store maps as Gao 2019 does, the diffuse with gamma 2.2: inverse of `from_gao`.

    Args:
        maps: The maps n3 d3 s3 r1, linear, shape (b, 10, h, w).

    Returns:
        The stored values, clipped to [0, 1].

    Raises:
        ShapeError: If the maps do not have ten channels.

    Gradients: to ``maps``; zero where clipped.
    Source: D. Gao et al., "Deep Inverse Rendering for High-Resolution SVBRDF Estimation from an
    Arbitrary Number of Images", SIGGRAPH 2019.
    """
    return _store(maps, (2.2, 1.0, 1.0))


def to_materialgan(maps: Float[Tensor, "b c h w"]) -> StoredMaps:
    """Store maps as MaterialGAN does, all but the normal with gamma 2.2.

    The inverse of `from_materialgan`.

    Args:
        maps: The maps n3 d3 s3 r1, linear, shape (b, 10, h, w).

    Returns:
        The stored values, clipped to [0, 1].

    Raises:
        ShapeError: If the maps do not have ten channels.

    Gradients: to ``maps``; zero where clipped.
    Source: Y. Guo et al., "MaterialGAN: Reflectance Capture using a Generative SVBRDF Model",
    SIGGRAPH Asia 2020.
    """
    return _store(maps, (2.2, 2.2, 2.2))


def unbalance_diffuse(maps: Float[Tensor, "b c h w"], source: str) -> Maps:
    """Make the diffuse lobe as bright in a published renderer as in this library's BRDF.

    The inverse of `balance_diffuse` wherever no channel of s is 1; where one is, its diffuse cannot
    be seen in the published renderer and becomes 0.

    Args:
        maps: The maps n3 d3 s3 r1, linear, shape (b, 10, h, w).
        source: The system that will read them: deschaintre, gao or materialgan.

    Returns:
        The same maps with another diffuse, which is never above the one given.

    Raises:
        ShapeError: If the maps do not have ten channels.
        RangeError: If the source is not one of the three.

    Gradients: to ``maps``.
    """
    check_choice("source", source, SOURCES)
    normal, diffuse, specular, roughness = _split(maps)
    seen = diffuse * (1.0 - specular.amax(dim=1, keepdim=True))
    if source != "gao":
        seen = divide_where(seen, 1.0 - specular)
    return torch.cat([normal, seen, specular, roughness], dim=1)


def to_unreal(maps: Float[Tensor, "b c h w"]) -> UnrealMaps:
    """Convert diffuse and F0 to what Unreal Engine's default lit shading model takes.

    Unreal shades F0 = 0.08 Specular (1 - metallic) + base metallic over a Lambertian base (1 -
    metallic), which Fresnel does not dim. A texel that reflects at most 0.08 (in brightness) is a
    dielectric with that Specular. One that reflects more has Specular 1, and the metallic value of
    the quadratic of `to_metallic` with a dielectric F0 of 0.08: a metal becomes a metal. Diffuse
    and F0 agree at normal incidence; a dielectric's coloured F0 turns grey, and where metallic lies
    between 0 and 1 the colours of diffuse and F0 share one base colour.

    Args:
        maps: The maps n3 d3 s3 r1, linear, shape (b, 10, h, w).

    Returns:
        The material in Unreal's terms, base colour and metallic clipped to [0, 1].

    Raises:
        ShapeError: If the maps do not have ten channels.

    Gradients: to ``maps``; zero where clipped.
    Source: B. Karis, "Real Shading in Unreal Engine 4", SIGGRAPH 2013 course notes.
    """
    normal, diffuse, specular, roughness = _split(maps)
    body = diffuse * (1.0 - specular.amax(dim=1, keepdim=True))
    base, metallic, bright = solve_metallic(body, specular, _UNREAL_F0)
    return UnrealMaps(
        base, metallic, (bright / _UNREAL_F0).clamp(0.0, 1.0), roughness, normal,
        (bright > _UNREAL_F0 * (1.0 + 1e-6)) & (metallic < 0.5),
    )  # fmt: skip


def _store(maps: Tensor, gammas: tuple[float, float, float]) -> StoredMaps:
    normal, *values = _split(maps)
    unit = torch.nn.functional.normalize(normal, dim=1)
    stored = [
        value.clamp(0.0, 1.0) if gamma == 1.0 else _root(value.clamp(0.0, 1.0), gamma)
        for value, gamma in zip(values, gammas, strict=True)
    ]
    return StoredMaps(0.5 * unit + 0.5, *stored)


def _root(value: Tensor, gamma: float) -> Tensor:
    """Return value^(1 / gamma) with a finite gradient at zero."""
    tiny = torch.finfo(value.dtype).tiny
    return torch.where(value > 0.0, value.clamp_min(tiny) ** (1.0 / gamma), torch.zeros_like(value))


def _split(maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    check_shape("maps", check_tensor("maps", maps), ("b", 10, "h", "w"), {})
    normal, diffuse, specular, roughness = torch.split(maps, [3, 3, 3, 1], dim=1)
    return normal, diffuse, specular, roughness
