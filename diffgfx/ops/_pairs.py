"""Light/view pairs as the shading ops take them: checked, broadcast, packed 16 numbers a row."""

import torch
from torch import Tensor

from diffgfx.check import check_same_device, check_same_dtype, check_shape, check_tensor

__all__ = ["PAIR_SIZE", "check_maps", "pack_pairs"]

PAIR_SIZE = 16
"""Light position 3, intensity 3, camera position 3, axis 3, cone 1, ambient 3."""


def check_maps(maps: Tensor, sizes: dict[str, int], name: str = "maps") -> None:
    """Raise unless ``maps`` is a float tensor of shape (B, 10, H, W)."""
    check_tensor(name, maps)
    remedy = "the channels are normal 3, diffuse 3, specular 3, roughness 1"
    check_shape(name, maps, ("B", 10, "H", "W"), sizes, remedy)


def pack_pairs(
    maps: Tensor,
    light_position: Tensor,
    light_intensity: Tensor,
    camera_position: Tensor,
    sizes: dict[str, int],
    *,
    axis: Tensor | None,
    cone: Tensor | None,
    ambient: Tensor | None,
) -> Tensor:
    """Check the pairs against the maps and pack them, differentiably, into rows of 16 numbers.

    Returns:
        Rows of shape (B, N, 16), or (1, N, 16) where all materials share their pairs.
    """
    vectors = {
        "light_position": light_position,
        "light_intensity": light_intensity,
        "camera_position": camera_position,
        "axis": axis,
        "ambient": ambient,
    }
    for name, value in {**vectors, "cone": cone}.items():
        if value is None:
            continue
        check_tensor(name, value)
        rule = ("B|1", "N") if name == "cone" else ("B|1", "N", 3)
        check_shape(name, value, rule, sizes)
    everything = {"maps": maps, **vectors, "cone": cone}
    check_same_dtype(everything)
    check_same_device(everything)
    if axis is None:
        axis = torch.zeros_like(light_position)
        if cone is not None:
            axis = -light_position
    if cone is not None:
        axis = axis / axis.square().sum(dim=-1, keepdim=True).sqrt()
    else:
        cone = light_position.new_zeros(light_position.shape[:2])
    if ambient is None:
        ambient = torch.zeros_like(light_intensity)
    parts = [light_position, light_intensity, camera_position, axis, cone[..., None], ambient]
    count = next((part.shape[0] for part in parts if part.shape[0] != 1), 1)
    return torch.cat([part.expand(count, -1, -1) for part in parts], dim=-1)
