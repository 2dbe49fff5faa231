"""How far apart two surfaces are, and two poses of one mesh."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.scene import Mesh

__all__ = ["PoseError", "chamfer_distance", "pose_error", "sample_surface"]

_POINTS, _BLOCK = 20_000, 1000


def sample_surface(mesh: Mesh, count: int = _POINTS, seed: int = 0) -> Tensor:
    """Return points spread evenly over a mesh by area, shape (count, 3), float32; no gradient."""
    corners = mesh.positions.detach().double().cpu()[mesh.triangles.long().cpu()]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    generator = torch.Generator().manual_seed(seed)
    weight = area.norm(dim=1).cumsum(0)
    # one point in each of `count` equal shares of the area
    share = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    chosen = torch.searchsorted(weight, share.double() * weight[-1]).clamp_max(len(weight) - 1)
    u, v = torch.rand((2, count, 1), generator=generator, dtype=torch.float64)
    root = u.sqrt()
    a, b, c = corners[chosen].unbind(1)
    points: Tensor = (1.0 - root) * a + root * (1.0 - v) * b + root * v * c
    return points.float()


def chamfer_distance(first: Mesh, second: Mesh, seed: int = 0) -> float:
    """Return the mean distance from each of two surfaces to the nearest point of the other [m].

    Half the sum of both ways' means, over 20000 points each; their own spacing counts in it, so
    that equal surfaces are about a third of that spacing apart.
    """
    a, b = sample_surface(first, seed=seed), sample_surface(second, seed=seed + 1)
    return 0.5 * (_nearest(a, b) + _nearest(b, a))


def _nearest(points: Tensor, others: Tensor) -> float:
    blocks = torch.split(points, _BLOCK)
    found = [torch.cdist(block, others).amin(dim=1) for block in blocks]
    return float(torch.cat(found).double().mean())


class PoseError(NamedTuple):
    """How two poses of the same vertices differ.

    Attributes:
        rotation: Angle between them [rad].
        translation: Distance between their middles, in units of the diagonal of the true box.
    """

    rotation: float
    translation: float


def pose_error(found: Tensor, true: Tensor) -> PoseError:
    """Compare vertices (V, 3) with the same vertices at their true place.

    Source: W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta
    Crystallographica A32, 1976.
    """
    found, true = found.detach().double(), true.detach().double()
    middles = [0.5 * (x.amin(dim=0) + x.amax(dim=0)) for x in (found, true)]
    means = [x.mean(dim=0) for x in (found, true)]
    u, _, v = torch.linalg.svd((found - means[0]).T @ (true - means[1]))
    sign = torch.linalg.det(u @ v).sign()
    rotation = u @ torch.diag(torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign])) @ v
    skew = 0.5 * (rotation - rotation.T)
    sine = torch.stack([skew[2, 1], skew[0, 2], skew[1, 0]]).norm()
    angle = torch.atan2(sine, 0.5 * (rotation.trace() - 1.0))
    # the middle of the true box, carried by the pose that was found
    carried = means[0] + (middles[1] - means[1]) @ rotation.T
    size = (true.amax(dim=0) - true.amin(dim=0)).norm()
    return PoseError(float(angle), float((carried - middles[1]).norm() / size))
