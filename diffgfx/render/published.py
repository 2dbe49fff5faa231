"""Two published image models, as their authors computed them, for parity with published pictures.

Renderers of flat samples lit by a flash at the camera, with the approximations of their sources: a
Schlick masking term, a spherical-Gaussian Fresnel term, and in MaterialGAN's case an epsilon that
lowers the peak of a glossy highlight to a few percent. They are not this library's BRDF
(`diffgfx.ops.shade_svbrdf`): they show that maps and poses of these systems are read as meant.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.check import (
    check_positive,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.types import Images

__all__ = ["render_gao", "render_materialgan"]

# 2^(-5.55473 - 6.98316): the spherical-Gaussian stand-in for (1 - v.h)^5, at v.h = 1 as the half
# vector of a flash at the camera is the view direction.
_FRESNEL = 2.0 ** (-5.55473 - 6.98316)
_GAMMA = 2.2


def render_gao(maps: Float[Tensor, "b c h w"], camera: Float[Tensor, "n 3"]) -> Images:
    """Render the sample [-1, 1]^2 by the equations of Gao 2019: no falloff, Lambert not dimmed.

    Texels lie at ``linspace(-1, 1, size)``, edges included, as in the source.

    Args:
        maps: The maps n3 d3 s3 r1, linear (`diffgfx.io.encodings.from_gao`), shape (b, 10, h, w).
        camera: Camera and flash position [half widths of the sample], shape (n, 3).

    Returns:
        Display values clip(linear, 0, 1)^(1/2.2) in [0, 1], shape (b, n, 3, h, w).

    Raises:
        ShapeError: If a shape differs from the above.
        DtypeError: If ``camera`` has another dtype than ``maps``.
        DeviceError: If ``camera`` lives on another device than ``maps``.

    Gradients: of plain torch; infinite where the image is black, through the display encoding.
    Source: the rendering code beside D. Gao et al., "Deep Inverse Rendering for High-Resolution
    SVBRDF Estimation from an Arbitrary Number of Images", SIGGRAPH 2019.
    """
    _check(maps, camera)
    height, width = maps.shape[-2:]
    x = torch.linspace(-1.0, 1.0, width, dtype=maps.dtype, device=maps.device)
    y = torch.linspace(1.0, -1.0, height, dtype=maps.dtype, device=maps.device)
    _, diffuse, specular, roughness = torch.split(maps.unsqueeze(1), [3, 3, 3, 1], dim=2)
    cosine, _ = _flash(maps, camera, x, y)

    alpha = roughness**2
    distribution = (alpha / (cosine**2 * (alpha**2 - 1.0) + 1.0)) ** 2 / math.pi
    masking = (cosine * (1.0 - alpha / 2.0) + alpha / 2.0) ** 2
    fresnel = specular + (1.0 - specular) * _FRESNEL
    brdf = diffuse / math.pi + distribution * fresnel / (4.0 * masking)
    image: Tensor = math.pi * brdf * cosine
    return image.clamp(0.0, 1.0).pow(1.0 / _GAMMA)


def render_materialgan(
    maps: Float[Tensor, "b c h w"],
    camera: Float[Tensor, "n 3"],
    size: Sequence[float],
    *,
    power: float = 1500.0,
) -> Images:
    """Render a sample by the equations of MaterialGAN: inverse square, epsilons in the quotients.

    Args:
        maps: The maps n3 d3 s3 r1, linear (`diffgfx.io.encodings.from_materialgan`), shape
            (b, 10, h, w).
        camera: Camera and flash position [cm], shape (n, 3).
        size: Width and height of the sample [cm].
        power: Power of the flash [radiance x cm^2]; 1500 throughout the publication.

    Returns:
        Display values clip(linear, 1e-6, 1)^(1/2.2), shape (b, n, 3, h, w).

    Raises:
        ShapeError: If a shape differs from the above.
        DtypeError: If ``camera`` has another dtype than ``maps``.
        DeviceError: If ``camera`` lives on another device than ``maps``.
        RangeError: If a size or the power is not above zero.

    Gradients: of plain torch; zero where the image is clipped.
    Source: the rendering code beside Y. Guo et al., "MaterialGAN: Reflectance Capture using a
    Generative SVBRDF Model", SIGGRAPH Asia 2020.
    """
    _check(maps, camera)
    check_positive("size[0]", size[0])
    check_positive("size[1]", size[1])
    check_positive("power", power)
    height, width = maps.shape[-2:]
    columns = torch.arange(width, dtype=maps.dtype, device=maps.device)
    rows = torch.arange(height, dtype=maps.dtype, device=maps.device)
    x = ((columns + 0.5) / width - 0.5) * size[0]
    y = -((rows + 0.5) / height - 0.5) * size[1]
    _, diffuse, specular, roughness = torch.split(maps.unsqueeze(1), [3, 3, 3, 1], dim=2)
    cosine, squared_distance = _flash(maps, camera, x, y)

    alpha = roughness**2
    spread = cosine**2 * alpha**2 + 1.0 - cosine**2
    distribution = alpha**2 / (math.pi * spread**2 + 1e-6)
    k = alpha / 2.0 + 1e-6
    masking = (cosine / (cosine * (1.0 - k) + k)) ** 2
    fresnel = specular + (1.0 - specular) * _FRESNEL
    brdf = diffuse * (1.0 - specular) / math.pi
    brdf = brdf + distribution * fresnel * masking / (4.0 * cosine**2 + 1e-6)
    image: Tensor = power * brdf * cosine / squared_distance
    return image.clamp(1e-6, 1.0).pow(1.0 / _GAMMA)


def _check(maps: Tensor, camera: Tensor) -> None:
    check_shape("maps", check_tensor("maps", maps), ("b", 10, "h", "w"), {})
    check_shape("camera", check_tensor("camera", camera), ("n", 3), {})
    check_same_dtype({"maps": maps, "camera": camera})
    check_same_device({"maps": maps, "camera": camera})


def _flash(maps: Tensor, camera: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return max(n.l, 0), (b, n, 1, h, w), and the squared distance, (1, n, 1, h, w)."""
    texels = torch.stack([x.expand(len(y), len(x)), y.unsqueeze(1).expand(len(y), len(x))])
    texels = torch.cat([texels, torch.zeros_like(texels[:1])])
    offset = camera.view(1, -1, 3, 1, 1) - texels.view(1, 1, 3, len(y), len(x))
    squared_distance = (offset**2).sum(dim=2, keepdim=True)
    normal = torch.nn.functional.normalize(maps[:, :3], dim=1).unsqueeze(1)
    cosine = (normal * offset).sum(dim=2, keepdim=True) / squared_distance.sqrt()
    return cosine.clamp_min(0.0), squared_distance
