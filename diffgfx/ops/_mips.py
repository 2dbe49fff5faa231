"""Checks of textures and of their mip levels."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx.check import check_shape, check_tensor
from diffgfx.errors import RangeError, ShapeError
from diffgfx_kernels.sampling import level_sizes

__all__ = ["MOST_NUMBERS", "MadeLevels", "check_faces", "check_mips", "top_level"]

MOST_SIDE = 1 << 16
MOST_LEVELS = 16
MOST_NUMBERS = 2**31 - 8192
"""What a kernel can count in 32 bits."""


class MadeLevels(tuple[Tensor, ...]):
    """Levels that were made of a texture: a look-up sends their gradients to the texture.

    As the mips of nvdiffrast, they hold no graph, and serve any number of look-ups.
    """

    __slots__ = ()


def check_faces(tex: Tensor, cube: bool) -> Tensor:
    """Return a texture as (N, F, h, w, C), F = 6 for a cube and 1 else; raise unless it fits."""
    check_tensor("tex", tex)
    if cube:
        remedy = "a 2-D texture goes with the boundaries wrap, clamp and zero"
        check_shape("tex", tex, ("N", 6, "s", "s", "C"), {}, remedy)
    else:
        remedy = "a cube map (N, 6, s, s, C) goes with the boundary 'cube'"
        check_shape("tex", tex, ("N", "h", "w", "C"), {}, remedy)
    if 0 in tex.shape[1:]:
        raise ShapeError(
            f"tex must have at least one texel and one channel, got {tuple(tex.shape)}; "
            "a constant is a texture of one texel"
        )
    if max(tex.shape[-3:-1]) > MOST_SIDE or tex.numel() > MOST_NUMBERS:
        raise ShapeError(
            f"tex must have sides up to {MOST_SIDE} and at most {MOST_NUMBERS} numbers, got "
            f"{tuple(tex.shape)}; cut it into several"
        )
    return tex if cube else tex[:, None]


def top_level(height: int, width: int, max_mip_level: int | None) -> int:
    """Return the coarsest level of a texture; raise `ShapeError` if one on the way has odd sides.

    Args:
        height: Of the texture [texels].
        width: Of the texture [texels].
        max_mip_level: The coarsest level wanted; None goes on to a single texel.
    """
    if max_mip_level is not None and max_mip_level < 0:
        raise RangeError(
            f"max_mip_level must be at least 0, got {max_mip_level}; 0 is the texture alone"
        )
    limit = MOST_LEVELS if max_mip_level is None else min(max_mip_level, MOST_LEVELS)
    for level in range(limit):
        if height == 1 and width == 1:
            return level
        if any(side > 1 and side % 2 for side in (height, width)):
            raise ShapeError(
                f"tex must have sides that are even or 1 at every mip level that is halved, got "
                f"{height} x {width} (height x width) at level {level}; pass "
                f"max_mip_level={level}, or resize it to powers of two"
            )
        height, width = max(height // 2, 1), max(width // 2, 1)
    return limit


def check_mips(mip: Sequence[Tensor], faces: Tensor, batch: int, cube: bool) -> list[Tensor]:
    """Return custom levels as (N|1, F, h, w, C); raise unless each is half the one before.

    Args:
        mip: Levels from 1 on, shaped as the texture but for height and width.
        faces: The texture, (N, F, h, w, C).
        batch: Of the pixels.
        cube: Whether it is a cube map.
    """
    height, width, channels = faces.shape[2:]
    top_level(height, width, len(mip))
    sizes = level_sizes(height, width, len(mip))
    shaped = []
    for i, level in enumerate(mip):
        name = f"mip[{i}]"
        if i >= 1 and sizes[i] == (1, 1):
            raise ShapeError(
                f"{name} must not follow a level of a single texel, got {len(mip)} levels; "
                "leave it out"
            )
        rule = ("B|1", *((6,) if cube else ()), *sizes[i + 1], channels)
        remedy = "sides halve from level to level"
        check_shape(name, check_tensor(name, level), rule, {"B": batch}, remedy)
        shaped.append(level if cube else level[:, None])
    return shaped
