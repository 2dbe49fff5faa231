"""Which texels showed a highlight: where a photograph tells of gloss."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diffgfx.render import render_planar
from diffgfx.scene import MaterialMaps

__all__ = ["SPECULAR_SHARE", "seen_highlights", "usable_texels"]

SPECULAR_SHARE = 0.1
"""A lobe counts as seen where it is at least so much of a texel's light. On a matte dielectric it
is 3 %, and as broad as the diffuse one: no photograph shows it."""

_USABLE = 0.5
"""A photograph tells of a texel when at least so much of it is neither clipped nor masked."""


def usable_texels(
    saturated: Float[Tensor, "n 1 h w"], valid: Float[Tensor, "n 1 h w"]
) -> Bool[Tensor, "n h w"]:
    """Say of which texels photographs tell; see `io.PhotoSet` for both arguments."""
    usable: Tensor = (1.0 - saturated[:, 0]) * valid[:, 0] > _USABLE
    return usable


def seen_highlights(
    maps: MaterialMaps,
    light: Float[Tensor, "n 3"],
    camera: Float[Tensor, "n 3"],
    usable: Bool[Tensor, "n h w"],
) -> Bool[Tensor, "h w"]:
    """Say which texels of a material showed a highlight.

    A texel did if in one photograph where it can be used the tangent of the angle between its
    normal and the half vector is at most its alpha (GGX is then above a quarter of its peak), and
    the specular lobe is a tenth of its light or more.

    Args:
        maps: The material.
        light: Place of the light of each photograph [unit of ``maps.size``].
        camera: Place of the eye, likewise.
        usable: Where each photograph may be used.
    """
    height, width = maps.resolution
    x = ((torch.arange(width) + 0.5) / width - 0.5) * maps.size[0]
    y = (0.5 - (torch.arange(height) + 0.5) / height) * maps.size[1]
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    texel = torch.stack([columns, rows, torch.zeros_like(rows)])
    normal = torch.nn.functional.normalize(maps.normal.cpu(), dim=1)[0]
    alpha = maps.roughness.cpu()[0, 0].square()
    whole = maps.to_tensor().cpu()
    mirror = torch.cat([whole[:, :3], 0.0 * whole[:, 3:6], whole[:, 6:]], dim=1)
    seen = torch.zeros(height, width, dtype=torch.bool)
    for source, eye, use in zip(light.cpu(), camera.cpu(), usable.cpu(), strict=True):
        toward = [
            torch.nn.functional.normalize(place[:, None, None] - texel, dim=0)
            for place in (source, eye)
        ]
        half = torch.nn.functional.normalize(toward[0] + toward[1], dim=0)
        along = (half * normal).sum(dim=0)
        across = torch.linalg.cross(half, normal, dim=0).norm(dim=0)
        seen |= use & (across <= alpha * along) & _shines(whole, mirror, maps.size, (source, eye))
    return seen


def _shines(
    whole: Tensor, mirror: Tensor, size: tuple[float, float], places: tuple[Tensor, Tensor]
) -> Bool[Tensor, "h w"]:
    """Say where a lobe is a tenth of the light or more: of maps, and of their lobe alone."""
    light, camera = (place.to(whole)[None, None] for place in places)
    alone, lit = (
        render_planar(
            material,
            size,
            light_position=light,
            light_intensity=torch.ones(1, 1, 3).to(whole),
            camera_position=camera,
        )[0, 0].sum(dim=0)
        for material in (mirror, whole)
    )
    return alone >= SPECULAR_SHARE * lit
