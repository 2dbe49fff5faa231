"""Signed distances of simple shapes, and what they leave open of a staggered grid."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.scene import Region

__all__ = [
    "cell_centres", "coverage", "face_distances", "face_openings", "nodes", "region_distance",
]  # fmt: skip


def _points(counts: Sequence[int], offset: float, cell: float, like: Tensor) -> Tensor:
    axes = [(torch.arange(n).to(like) + offset) * cell for n in reversed(counts)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)


def cell_centres(cells: Sequence[int], cell: float, like: Tensor) -> Tensor:
    """Return the centres of cells [m], shape ([D,] H, W, dim), x first."""
    return _points(cells, 0.5, cell, like)


def nodes(cells: Sequence[int], cell: float, like: Tensor) -> Tensor:
    """Return the corners of cells [m], shape ([D+1,] H+1, W+1, dim), x first."""
    return _points([n + 1 for n in cells], 0.0, cell, like)


def region_distance(region: Region, points: Tensor) -> Tensor:
    """Return the signed distance to a region [m], negative inside, shape of the points less dim."""
    offset = points - points.new_tensor(region.centre)
    distance: Tensor
    if region.shape == "sphere":
        distance = torch.linalg.vector_norm(offset, dim=-1) - region.size[0]
        return distance
    beyond = offset.abs() - points.new_tensor(region.size)
    outside: Tensor = torch.linalg.vector_norm(beyond.clamp_min(0.0), dim=-1)
    return outside + beyond.amax(dim=-1).clamp_max(0.0)


def coverage(distance: Tensor, cell: float) -> Tensor:
    """Return the share of each cell that lies inside, from distances at the centres.

    A surface that crosses a cell straight along an axis is met exactly; a slanted one to some
    percent of the cell.
    """
    return (0.5 - distance / cell).clamp(0.0, 1.0)


def _share(a: Tensor, b: Tensor) -> Tensor:
    """Return the share of a segment on which a linear function with these ends is positive."""
    up, down = a.clamp_min(0.0) + b.clamp_min(0.0), a.clamp_max(0.0) + b.clamp_max(0.0)
    total = up - down
    return torch.where(total > 0.0, up / torch.where(total > 0.0, total, 1.0), 1.0)


def _triangle(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return the share of a triangle on which a linear function of these corners is positive."""
    low, middle, high = torch.stack([a, b, c]).sort(dim=0).values
    one_below = (low < 0.0) & (middle > 0.0)
    one_above = (low < 0.0) & (middle <= 0.0) & (high > 0.0)
    below = _corner(low, middle, high, one_below)
    above = _corner(high, middle, low, one_above)
    uncut = (low >= 0.0).to(low)
    return torch.where(one_below, 1.0 - below, torch.where(one_above, above, uncut))


def _corner(tip: Tensor, one: Tensor, other: Tensor, cut: Tensor) -> Tensor:
    """Return the share of a triangle at a tip of its own sign, 0 where it is not so cut.

    What is not cut is replaced before it is divided: ties would make gradients NaN.
    """
    top = torch.where(cut, tip, 0.0)
    to_one, to_other = (torch.where(cut, tip - end, 1.0) for end in (one, other))
    return (top / to_one) * (top / to_other)


def face_distances(distance: Tensor) -> list[Tensor]:
    """Return the distance at the centre of each face, the mean of its corners, x-faces first.

    Args:
        distance: Signed distance at the nodes [m], shape (B, [D+1,] H+1, W+1).

    Returns:
        2-D x-faces (B, H, W+1) and so on.
    """
    dim = distance.ndim - 1
    found = []
    for axis in range(dim):
        face = distance
        for place in range(1, dim + 1):
            if place != dim - axis:
                count = face.shape[place] - 1
                face = 0.5 * (face.narrow(place, 0, count) + face.narrow(place, 1, count))
        found.append(face)
    return found


def face_openings(distance: Tensor) -> list[Tensor]:
    """Return the share of each face that is outside, x-faces first.

    A face of a 2-D grid is a segment between two nodes, on which the distance is taken as linear.
    One of a 3-D grid is a square, cut in two triangles both ways, of which the mean is taken.

    Args:
        distance: Signed distance at the nodes [m], negative inside, shape (B, [D+1,] H+1, W+1).

    Returns:
        Shares in [0, 1]: 2-D x-faces (B, H, W+1) and so on.

    Gradients: to the distance, where the surface cuts the face.
    """
    if distance.ndim == 3:
        return [
            _share(distance[:, :-1], distance[:, 1:]),
            _share(distance[:, :, :-1], distance[:, :, 1:]),
        ]
    found = []
    for first, second in ((1, 2), (1, 3), (2, 3)):
        length = distance.shape[first] - 1, distance.shape[second] - 1
        corner = [
            distance.narrow(first, i, length[0]).narrow(second, j, length[1])
            for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        a, b, c, d = corner
        halves = [_triangle(a, b, c), _triangle(d, b, c), _triangle(b, a, d), _triangle(c, a, d)]
        found.append(torch.stack(halves).mean(dim=0))
    return found
