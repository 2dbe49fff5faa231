"""Material maps of other systems, read into this library's ten channels and back.

Every system has a "normal, diffuse, specular, roughness" or a "base colour, metallic, roughness",
and every one stores them differently. One small function an encoding: stored values in, the maps
tensor ``n3 d3 s3 r1`` out, shape (b, 10, h, w), all linear, alpha = r^2. They decode, and no
more: the published renderers also weigh the diffuse lobe differently, see `balance_diffuse`.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.check import check_choice, check_positive, check_shape, check_tensor
from diffgfx.errors import RangeError
from diffgfx.types import Maps

__all__ = [
    "SOURCES",
    "MetallicMaps",
    "balance_diffuse",
    "divide_where",
    "from_deschaintre",
    "from_gao",
    "from_materialgan",
    "from_metallic",
    "solve_metallic",
    "to_metallic",
]

SOURCES = ("deschaintre", "gao", "materialgan")
# Brightness must be linear in its argument: only then is the quadratic of `to_metallic` exact for
# coloured materials.
_BRIGHTNESS = (0.2126, 0.7152, 0.0722)
# Below this excess of F0 over that of a dielectric a texel is no metal. At F0 = dielectric and a
# dark base the quadratic's other root would give a metal of the same look, but not the source.
_METAL_THRESHOLD = 1e-6


class MetallicMaps(NamedTuple):
    """A material in the metallic workflow of glTF, all linear.

    Attributes:
        base: Base colour, linear RGB, shape (b, 3, h, w).
        metallic: 0 for a dielectric, 1 for a metal, shape (b, 1, h, w).
        roughness: Perceptual roughness r, alpha = r^2, shape (b, 1, h, w).
        normal: Tangent-space normal, +y up, shape (b, 3, h, w).
    """

    base: Tensor
    metallic: Tensor
    roughness: Tensor
    normal: Tensor


def from_deschaintre(
    normal: Tensor,
    diffuse: Tensor,
    specular: Tensor,
    roughness: Tensor,
    *,
    diffuse_gamma: float = 1.0,
) -> Maps:
    """Read the maps of Deschaintre 2018 and 2019: everything stored linear.

    Args:
        normal: Stored normal in [0, 1], n = 2 t - 1, shape (b, 3, h, w).
        diffuse: Stored diffuse albedo in [0, 1], shape (b, 3, h, w).
        specular: Stored F0 in [0, 1], shape (b, 3, h, w).
        roughness: Stored roughness in [0, 1], shape (b, 1, h, w).
        diffuse_gamma: Power that takes the stored diffuse to linear light: 1 as published in 2018,
            2.2 for the albedo of the 2019 publication.

    Returns:
        The maps n3 d3 s3 r1, shape (b, 10, h, w).

    Raises:
        ShapeError: If the maps differ in size or have the wrong number of channels.
        RangeError: If a value lies outside [0, 1] or the gamma is not above zero.

    Gradients: to all four maps.
    Source: V. Deschaintre et al., "Single-Image SVBRDF Capture with a Rendering-Aware Deep
    Network", SIGGRAPH 2018; "Flexible SVBRDF Capture with a Multi-Image Deep Network", EGSR 2019.
    """
    check_positive("diffuse_gamma", diffuse_gamma)
    _check_stored(normal, diffuse, specular, roughness)
    return torch.cat([2.0 * normal - 1.0, diffuse**diffuse_gamma, specular, roughness], dim=1)


def from_gao(normal: Tensor, diffuse: Tensor, specular: Tensor, roughness: Tensor) -> Maps:
    """Read the maps of Gao 2019: the diffuse stored with gamma 2.2, the others linear.

    Args:
        normal: Stored normal in [0, 1], n = 2 t - 1, shape (b, 3, h, w).
        diffuse: Stored diffuse albedo in [0, 1], shape (b, 3, h, w).
        specular: Stored F0 in [0, 1], shape (b, 3, h, w).
        roughness: Stored roughness in [0, 1], shape (b, 1, h, w).

    Returns:
        The maps n3 d3 s3 r1, shape (b, 10, h, w).

    Raises:
        ShapeError: If the maps differ in size or have the wrong number of channels.
        RangeError: If a value lies outside [0, 1].

    Gradients: to all four maps.
    Source: D. Gao et al., "Deep Inverse Rendering for High-Resolution SVBRDF Estimation from an
    Arbitrary Number of Images", SIGGRAPH 2019.
    """
    return from_deschaintre(normal, diffuse, specular, roughness, diffuse_gamma=2.2)


def from_materialgan(normal: Tensor, diffuse: Tensor, specular: Tensor, roughness: Tensor) -> Maps:
    """Read the maps of MaterialGAN: diffuse, specular and roughness all stored with gamma 2.2.

    Args:
        normal: Stored normal in [0, 1], n = 2 t - 1, shape (b, 3, h, w).
        diffuse: Stored diffuse albedo in [0, 1], shape (b, 3, h, w).
        specular: Stored F0 in [0, 1], shape (b, 3, h, w).
        roughness: Stored roughness in [0, 1], shape (b, 1, h, w).

    Returns:
        The maps n3 d3 s3 r1, shape (b, 10, h, w).

    Raises:
        ShapeError: If the maps differ in size or have the wrong number of channels.
        RangeError: If a value lies outside [0, 1].

    Gradients: to all four maps.
    Source: Y. Guo et al., "MaterialGAN: Reflectance Capture using a Generative SVBRDF Model",
    SIGGRAPH Asia 2020.
    """
    _check_stored(normal, diffuse, specular, roughness)
    return torch.cat([2.0 * normal - 1.0, diffuse**2.2, specular**2.2, roughness**2.2], dim=1)


def balance_diffuse(maps: Float[Tensor, "b c h w"], source: str) -> Maps:
    """Make the diffuse lobe of published maps as bright in this library's BRDF as in their own.

    The published renderers weigh the diffuse lobe by a constant, 1 - s per channel (Deschaintre,
    MaterialGAN) or 1 (Gao); here, as in glTF, the weight is 1 - max_c F_c. The diffuse lobe then
    agrees with the source's where light and view coincide, and differs elsewhere only by the
    Fresnel dimming 1 - (1 - v.h)^5. Their masking terms differ too, and are not touched.

    Args:
        maps: What the reader of that source returned, n3 d3 s3 r1, shape (b, 10, h, w).
        source: The system the maps were fitted with: deschaintre, gao or materialgan.

    Returns:
        The same maps with another diffuse, which exceeds 1 where a strong specular is strongly
        coloured (or, for Gao, where d > 1 - max s); zero where max s is 1.

    Raises:
        ShapeError: If the maps do not have ten channels.
        RangeError: If the source is not one of the three.

    Gradients: to ``maps``.
    """
    check_choice("source", source, SOURCES)
    check_shape("maps", check_tensor("maps", maps), ("b", 10, "h", "w"), {})
    normal, diffuse, specular, roughness = torch.split(maps, [3, 3, 3, 1], dim=1)
    weight = torch.ones_like(specular) if source == "gao" else 1.0 - specular
    balanced = divide_where(diffuse * weight, 1.0 - specular.amax(dim=1, keepdim=True))
    return torch.cat([normal, balanced, specular, roughness], dim=1)


def from_metallic(
    base: Tensor,
    metallic: Tensor,
    roughness: Tensor,
    normal: Tensor,
    *,
    dielectric: float | Tensor = 0.04,
) -> Maps:
    """Convert the metallic workflow of glTF to diffuse and F0, exactly, for every metallic value.

    F0 is s = f (1 - m) + b m. glTF dims the diffuse lobe of the dielectric part by 1 - max_c F_c,
    and Schlick's term factors: 1 - max_c F_c = (1 - max_c f_c)(1 - w), and likewise with s for f,
    with the same w = (1 - v.h)^5. So d = b (1 - m)(1 - max_c f_c) / (1 - max_c s_c) gives the same
    BRDF at every angle, not at normal incidence alone. For base colours in [0, 1] it is at most b.

    Args:
        base: Base colour, linear RGB in [0, 1], shape (b, 3, h, w).
        metallic: In [0, 1], shape (b, 1, h, w).
        roughness: Perceptual roughness, shape (b, 1, h, w).
        normal: Tangent-space normal vectors (not stored values), shape (b, 3, h, w).
        dielectric: F0 of the dielectric part, f: 0.04 for glTF's refractive index of 1.5; or one
            colour a texel, shape (b, 3, h, w), as KHR_materials_specular has it.

    Returns:
        The maps n3 d3 s3 r1, shape (b, 10, h, w); where max s is 1 and the diffuse cannot be seen,
        d = b (1 - m).

    Raises:
        ShapeError: If the maps differ in size or have the wrong number of channels.
        RangeError: If the number ``dielectric`` lies outside (0, 1).

    Gradients: to all four maps.
    """
    sizes: dict[str, int] = {}
    for name, value, channels in (
        ("base", base, 3),
        ("metallic", metallic, 1),
        ("roughness", roughness, 1),
        ("normal", normal, 3),
    ):
        check_shape(name, check_tensor(name, value), ("b", channels, "h", "w"), sizes)
    if isinstance(dielectric, Tensor):
        check_shape("dielectric", check_tensor("dielectric", dielectric), ("b", 3, "h", "w"), sizes)
        peak = dielectric.amax(dim=1, keepdim=True)
    else:
        _check_dielectric(dielectric)
        peak = torch.full_like(metallic, dielectric)
    specular = dielectric * (1.0 - metallic) + base * metallic
    room = 1.0 - specular.amax(dim=1, keepdim=True)
    weight = torch.where(room > 0.0, divide_where(1.0 - peak, room), torch.ones_like(room))
    diffuse = base * (1.0 - metallic) * weight
    return torch.cat([normal, diffuse, specular, roughness], dim=1)


def to_metallic(
    maps: Float[Tensor, "b c h w"], *, dielectric: float = 0.04
) -> MetallicMaps:
    """Convert diffuse and F0 to the metallic workflow of glTF.

    The inverse of `from_metallic` for every base colour of at least ``dielectric``. Others come out
    with another look: the coloured F0 of a dielectric turns grey and tints the base colour, an F0
    below ``dielectric`` is raised to it, and metals darker than that become dielectrics.

    Args:
        maps: The maps n3 d3 s3 r1, linear, shape (b, 10, h, w).
        dielectric: F0 of the dielectric part, f: 0.04 for glTF's refractive index of 1.5.

    Returns:
        Base colour and metallic in [0, 1]; roughness and normal as they were.

    Raises:
        ShapeError: If the maps do not have ten channels.
        RangeError: If ``dielectric`` lies outside (0, 1).

    Gradients: to ``maps``; zero where base colour or metallic is clamped.
    Source: the specular-glossiness conversion of the Khronos group, f m^2 + (B(delta) + B(s) - 2 f)
    m - (B(s) - f) = 0 with delta = d (1 - max s)/(1 - f) = b (1 - m), with a linear brightness B.
    """
    _check_dielectric(dielectric)
    check_shape("maps", check_tensor("maps", maps), ("b", 10, "h", "w"), {})
    normal, diffuse, specular, roughness = torch.split(maps, [3, 3, 3, 1], dim=1)
    body = diffuse * (1.0 - specular.amax(dim=1, keepdim=True)) / (1.0 - dielectric)
    base, metallic, _ = solve_metallic(body, specular, dielectric)
    return MetallicMaps(base, metallic, roughness, normal)


def solve_metallic(
    body: Tensor, specular: Tensor, dielectric: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Find b and m with body = b (1 - m) and specular = f (1 - m) + b m, f = ``dielectric``.

    Args:
        body: What is left of the base colour in the diffuse lobe, shape (b, 3, h, w).
        specular: F0, shape (b, 3, h, w).
        dielectric: F0 of the dielectric part, f.

    Returns:
        Base colour b and metallic m, clamped to [0, 1], and the brightness of ``specular``.
    """
    bright = _brightness(specular)
    excess = bright - dielectric
    linear = _brightness(body) + excess - dielectric
    is_metal = excess > _METAL_THRESHOLD
    excess = torch.where(is_metal, excess, torch.ones_like(excess))
    root = torch.sqrt(linear**2 + 4.0 * dielectric * excess)
    # The same root twice, each form where it does not cancel.
    metallic = torch.where(
        linear > 0.0,
        2.0 * excess / (linear.clamp_min(0.0) + root),
        (root - linear) / (2.0 * dielectric),
    )
    metallic = torch.where(is_metal, metallic.clamp(0.0, 1.0), torch.zeros_like(metallic))
    from_body = divide_where(body, 1.0 - metallic)
    from_specular = divide_where(specular - dielectric * (1.0 - metallic), metallic)
    base = torch.lerp(from_body, from_specular, (metallic**2).expand_as(from_body))
    return base.clamp(0.0, 1.0), metallic, bright


def _check_stored(normal: Tensor, diffuse: Tensor, specular: Tensor, roughness: Tensor) -> None:
    sizes: dict[str, int] = {}
    for name, value, channels in (
        ("normal", normal, 3),
        ("diffuse", diffuse, 3),
        ("specular", specular, 3),
        ("roughness", roughness, 1),
    ):
        check_shape(name, check_tensor(name, value), ("b", channels, "h", "w"), sizes)
        if value.numel() and not (float(value.min()) >= 0.0 and float(value.max()) <= 1.0):
            raise RangeError(
                f"{name} must hold stored values in [0, 1], got {float(value.min()):g} to "
                f"{float(value.max()):g}; divide 8-bit values by 255"
            )


def _check_dielectric(dielectric: float) -> None:
    if not 0.0 < dielectric < 1.0:
        raise RangeError(f"dielectric must lie between 0 and 1, got {dielectric}; glTF's is 0.04")


def _brightness(colour: Tensor) -> Tensor:
    weights = torch.tensor(_BRIGHTNESS, dtype=colour.dtype, device=colour.device)
    return (colour * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def divide_where(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide where the denominator is above zero; zero elsewhere, and finite gradients."""
    usable = denominator > 0.0
    quotient = numerator / torch.where(usable, denominator, torch.ones_like(denominator))
    return torch.where(usable, quotient, torch.zeros_like(quotient))
