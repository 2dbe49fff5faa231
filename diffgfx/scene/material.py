"""A flat material as ten maps: normal, diffuse, specular (F0) and roughness."""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import ShapeError

__all__ = ["MaterialMaps"]


@dataclasses.dataclass(frozen=True)
class MaterialMaps:
    """An SVBRDF on a planar sample; see `diffgfx.ops.shade_svbrdf` for what the maps mean.

    Attributes:
        normal: Tangent-space normal, +y up, any positive length, shape (b, 3, h, w).
        diffuse: Diffuse albedo d, linear RGB, shape (b, 3, h, w).
        specular: Reflectance at normal incidence F0, linear RGB, shape (b, 3, h, w).
        roughness: Perceptual roughness r, where alpha = r^2, shape (b, 1, h, w).
        size: Width and height of the sample [m; captures: the capture's unit].
    """

    normal: Float[Tensor, "b 3 h w"]
    diffuse: Float[Tensor, "b 3 h w"]
    specular: Float[Tensor, "b 3 h w"]
    roughness: Float[Tensor, "b 1 h w"]
    size: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def from_tensor(
        cls, maps: Float[Tensor, "b c h w"], size: Sequence[float] = (1.0, 1.0)
    ) -> "MaterialMaps":
        """Split the ten-channel tensor n3 d3 s3 r1, shape (b, 10, h, w), without copying it."""
        if maps.ndim != 4 or maps.shape[1] != 10:
            raise ShapeError(f"maps must have shape (b, 10, h, w), got {tuple(maps.shape)}")
        normal, diffuse, specular, roughness = torch.split(maps, [3, 3, 3, 1], dim=1)
        return cls(normal, diffuse, specular, roughness, (float(size[0]), float(size[1])))

    def to_tensor(self) -> Float[Tensor, "b 10 h w"]:
        """Join the maps into the tensor n3 d3 s3 r1 that the ops take, shape (b, 10, h, w)."""
        return torch.cat([self.normal, self.diffuse, self.specular, self.roughness], dim=1)

    @property
    def resolution(self) -> tuple[int, int]:
        """Height and width in texels."""
        return int(self.diffuse.shape[-2]), int(self.diffuse.shape[-1])
