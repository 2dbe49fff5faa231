"""How a texture is read, beside its tensors, and the sizes of its mip levels."""

from typing import NamedTuple

__all__ = ["Sampling", "level_sizes", "level_starts"]


class Sampling(NamedTuple):
    """How a texture is read.

    Attributes:
        filter: ``"nearest"``, ``"linear"``, ``"linear-mipmap-nearest"`` or
            ``"linear-mipmap-linear"``.
        boundary: ``"wrap"``, ``"clamp"``, ``"zero"`` or ``"cube"``.
        top: The coarsest level; 0 is the texture itself.
        derived: Levels from 1 on are means of the texture, which takes their gradient.
    """

    filter: str
    boundary: str
    top: int
    derived: bool


def level_sizes(height: int, width: int, top: int) -> list[tuple[int, int]]:
    """Return (height, width) of levels 0 to ``top``: each half of the one before, at least 1."""
    return [(max(height >> level, 1), max(width >> level, 1)) for level in range(top + 1)]


def level_starts(faces: int, sizes: list[tuple[int, int]]) -> list[int]:
    """Return where each level from 1 on starts among packed ones [texels], and where they end.

    Args:
        faces: Faces of the texture, 1 or 6.
        sizes: Of levels, from 0 on.
    """
    starts = [0]
    for height, width in sizes[1:]:
        starts.append(starts[-1] + faces * height * width)
    return starts
