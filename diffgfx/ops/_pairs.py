"""Light/view pairs as the shading ops take them: checked, broadcast, packed 16 numbers a row."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from diffgfx.check import check_same_device, check_same_dtype, check_shape, check_tensor
from diffgfx.errors import ShapeError

__all__ = ["PAIR_SIZE", "check_maps", "pack_pairs"]

PAIR_SIZE = 16
"""Light position 3, intensity 3, camera position 3, axis 3, cone 1, ambient 3."""

MOST_NUMBERS = 2**31 - 8192
"""What a kernel can count in 32 bits, with room for a tile."""

REQUIRED = ("light_position", "light_intensity", "camera_position")


def check_maps(maps: Tensor, sizes: dict[str, int], name: str = "maps") -> None:
    """Raise unless ``maps`` is a float tensor of shape (B, 10, H, W)."""
    check_tensor(name, maps)
    remedy = "the channels are normal 3, diffuse 3, specular 3, roughness 1"
    check_shape(name, maps, ("B", 10, "H", "W"), sizes, remedy)


def pack_pairs(maps: Tensor, given: Mapping[str, Tensor | None], sizes: dict[str, int]) -> Tensor:
    """Check the pairs against the maps and pack them, differentiably, into rows of 16 numbers.

    Args:
        maps: Already checked.
        given: ``light_position``, ``light_intensity``, ``camera_position`` and, where there are
            any, ``axis``, ``cone`` and ``ambient``.
        sizes: The sizes of the maps by letter; edited in place.

    Returns:
        Rows of shape (B, N, 16), or (1, N, 16) where all materials share their pairs.
    """
    for name, value in given.items():
        if value is not None or name in REQUIRED:
            rule = ("B|1", "N") if name == "cone" else ("B|1", "N", 3)
            check_shape(name, check_tensor(name, value), rule, sizes)
    check_same_dtype({"maps": maps, **given})
    check_same_device({"maps": maps, **given})
    position, intensity, camera = (cast(Tensor, given[name]) for name in REQUIRED)
    _check_countable(maps, int(position.shape[1]))
    axis, cone, ambient = (given.get(name) for name in ("axis", "cone", "ambient"))
    if cone is None:
        axis, cone = torch.zeros_like(position), position.new_zeros(position.shape[:2])
    else:
        axis = -position if axis is None else axis
        axis = axis / axis.square().sum(dim=-1, keepdim=True).sqrt()
    if ambient is None:
        ambient = torch.zeros_like(intensity)
    parts = [position, intensity, camera, axis, cone[..., None], ambient]
    count = next((part.shape[0] for part in parts if part.shape[0] != 1), 1)
    return torch.cat([part.expand(count, -1, -1) for part in parts], dim=-1)


def _check_countable(maps: Tensor, pairs: int) -> None:
    batch, channels, height, width = maps.shape
    numbers = max(channels, 3 * pairs) * batch * height * width
    if numbers > MOST_NUMBERS:
        raise ShapeError(
            f"maps and pictures must have at most {MOST_NUMBERS} numbers each, got {numbers} of "
            f"{batch} materials x {pairs} pairs x {width} x {height} texels; shade fewer at a time"
        )
