"""What a picture of meshes consists of."""

import dataclasses

from jaxtyping import Float
from torch import Tensor

__all__ = ["Buffers"]


@dataclasses.dataclass(frozen=True)
class Buffers:
    """Pictures of a scene, pixel by pixel, row 0 at the top; linear, unclipped.

    Attributes:
        colour: Radiance, linear RGB [W/(m^2 sr)], the background behind it, shape (b, 3, h, w).
        mask: Share of the pixel that meshes cover, 0 to 1, shape (b, 1, h, w).
        depth: Distance from the eye along its line of sight [m], 0 where nothing is, shape
            (b, 1, h, w).
        normal: Unit normal in world axes, toward the eye, before the normal map; 0 where nothing
            is, shape (b, 3, h, w).
        position: Of the surface in the world [m], 0 where nothing is, shape (b, 3, h, w).

    Colour and mask are antialiased, so that they carry gradients of silhouettes. Depth, normal and
    position are those of the surface at the pixel's centre; with several samples a pixel, the mean
    over those that hit one.
    """

    colour: Float[Tensor, "b 3 h w"]
    mask: Float[Tensor, "b 1 h w"]
    depth: Float[Tensor, "b 1 h w"]
    normal: Float[Tensor, "b 3 h w"]
    position: Float[Tensor, "b 3 h w"]
