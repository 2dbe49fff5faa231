"""Shade flat materials under light/view pairs, one plain torch operation after the other."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.brdf import brdf_cosine, normalise
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward", "render"]


def texel_points(height: int, width: int, size: tuple[float, float], like: Tensor) -> Tensor:
    """Centres of the texels on the sample, row 0 at the top, shape (3, H, W)."""
    x = (torch.arange(width, dtype=like.dtype, device=like.device) + 0.5) / width - 0.5
    y = 0.5 - (torch.arange(height, dtype=like.dtype, device=like.device) + 0.5) / height
    grid_y, grid_x = torch.meshgrid(y * size[1], x * size[0], indexing="ij")
    return torch.stack([grid_x, grid_y, torch.zeros_like(grid_x)])


def render(
    maps: Tensor,
    pairs: Tensor,
    size: tuple[float, float],
    directional: bool,
    orthographic: bool,
    coned: bool,
    ambient: bool = False,
) -> Tensor:
    """Return the radiance, differentiable, shape (B, N, 3, H, W); rows of pairs as in `ops`."""
    point = texel_points(maps.shape[2], maps.shape[3], size, maps)
    column = pairs[..., None, None]
    position, intensity, eye, axis = (column[:, :, 3 * i : 3 * i + 3] for i in range(4))
    cone, surround = column[:, :, 12:13], column[:, :, 13:16]
    toward_light = position.expand(*position.shape[:2], 3, *point.shape[1:])
    toward_light = toward_light if directional else toward_light - point
    light = normalise(toward_light)
    v = normalise(eye.expand_as(toward_light) if orthographic else eye - point)
    n, d, s, r = (maps[:, None, i : i + 3] for i in (0, 3, 6, 9))
    gain = torch.ones_like(light[..., :1, :, :])
    if not directional:
        gain = gain / toward_light.square().sum(dim=2, keepdim=True)
    if coned:
        cosine = -(light * axis).sum(dim=2, keepdim=True)
        inside = cosine > 0
        gain = torch.where(inside, gain * torch.where(inside, cosine, 1.0) ** cone, 0.0)
    radiance: Tensor = brdf_cosine(normalise(n), light, v, d, s, r) * gain * intensity
    if ambient:
        radiance = radiance + surround * (d * (1 - s.amax(dim=2, keepdim=True)) + s)
    return radiance


def forward(
    maps: Tensor,
    pairs: Tensor,
    size: tuple[float, float],
    directional: bool,
    orthographic: bool,
    coned: bool,
) -> Tensor:
    """Return the radiance of every texel, shape (B, N, 3, H, W)."""
    return render(maps, pairs, size, directional, orthographic, coned)


def backward(
    g_image: Tensor,
    maps: Tensor,
    pairs: Tensor,
    size: tuple[float, float],
    directional: bool,
    orthographic: bool,
    coned: bool,
    lit: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to the maps and (zero unless ``lit``) to the pairs."""

    def image(m: Tensor, p: Tensor) -> Tensor:
        return render(m, p, size, directional, orthographic, coned)

    g_maps, g_pairs = pull(image, (maps, pairs), g_image)[1]
    return g_maps, g_pairs if lit else torch.zeros_like(pairs)
