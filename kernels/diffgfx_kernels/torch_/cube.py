"""Where directions meet a cube of six faces, and which texels lie past a face's edges.

Face f at s, t in [-1, 1] looks along: 0 (1, -t, -s), 1 (-1, -t, s), 2 (s, 1, t), 3 (s, -1, -t),
4 (s, -t, 1), 5 (-s, -t, -1).
"""

import torch
from torch import Tensor

__all__ = ["face_of", "fold", "on_face"]

S_AXIS, S_SIGN = (2, 2, 0, 0, 0, 0), (-1, 1, 1, 1, 1, -1)
T_AXIS, T_SIGN = (1, 1, 2, 2, 1, 1), (-1, -1, 1, -1, -1, -1)


def _of(table: tuple[int, ...], face: Tensor) -> Tensor:
    return torch.tensor(table, device=face.device)[face]


def face_of(direction: Tensor) -> Tensor:
    """Return the face that a direction (..., 3) meets: that of its largest component.

    z must be larger than both others, and y than x.
    """
    x, y, z = direction.abs().unbind(-1)
    axis = torch.where(z > torch.maximum(x, y), 2, torch.where(y > x, 1, 0))
    along = direction.gather(-1, axis[..., None])[..., 0]
    return 2 * axis + (along < 0)


def on_face(direction: Tensor, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a vector's components along s, t and the outward axis of a face, each (...)."""

    def along(axis: Tensor, sign: Tensor) -> Tensor:
        part = direction.gather(-1, axis[..., None])[..., 0]
        return part * sign.to(direction.dtype)

    s = along(_of(S_AXIS, face), _of(S_SIGN, face))
    t = along(_of(T_AXIS, face), _of(T_SIGN, face))
    return s, t, along(face // 2, 1 - 2 * (face % 2))


def fold(face: Tensor, x: Tensor, y: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return face, x and y of texels up to one past an edge, and whether they are past a corner.

    In units of half a texel from the cube's centre a texel past an edge has ``size`` along the
    neighbour's axis, and ``size - 1`` along the axis of the face: it is the neighbour's outermost.
    Past a corner there is none; the texel is then the corner one of the face.
    """
    over_x, over_y = (x < 0) | (x >= size), (y < 0) | (y >= size)
    corner = over_x & over_y
    inside_x, inside_y = x.clamp(min=0).minimum(size - 1), y.clamp(min=0).minimum(size - 1)
    s, t = 2 * x + 1 - size, 2 * y + 1 - size
    s, t = (
        torch.where(corner, 2 * inside_x + 1 - size, s),
        torch.where(corner, 2 * inside_y + 1 - size, t),
    )
    past = (over_x | over_y) & ~corner
    axis = torch.where(over_x, _of(S_AXIS, face), _of(T_AXIS, face))
    place = torch.zeros((*face.shape, 3), dtype=torch.long, device=face.device)
    place.scatter_(-1, _of(S_AXIS, face)[..., None], (_of(S_SIGN, face) * s)[..., None])
    place.scatter_(-1, _of(T_AXIS, face)[..., None], (_of(T_SIGN, face) * t)[..., None])
    outward = (1 - 2 * (face % 2)) * torch.where(past, size - 1, size)
    place.scatter_(-1, (face // 2)[..., None], outward[..., None])
    sign = place.gather(-1, axis[..., None])[..., 0] < 0
    target = torch.where(past, 2 * axis + sign, face)
    new_s, new_t, _ = on_face(place, target)
    return target, (new_s + size - 1) // 2, (new_t + size - 1) // 2, corner
