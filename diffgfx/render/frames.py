"""Tangents of a mesh from its texture coordinates, for normal maps.

They are found at the vertices, once a mesh, and interpolated like normals. Found at the pixels,
from screen derivatives of position and uv, they would be constant over a triangle, jump at its
edges, cost as much as the picture has pixels, and not be those with which maps are baked.
"""

import torch
from torch import Tensor

from diffgfx.check import check_same_device, check_same_dtype, check_shape, check_tensor
from diffgfx.errors import DeviceError, DtypeError, RangeError
from diffgfx_kernels.torch_.fixed_order import add_at, take_at

__all__ = ["vertex_tangents"]

_PARALLEL = 1e-10
"""Squared sine to the normal below which a direction does not count."""


def vertex_tangents(position: Tensor, normal: Tensor, uv: Tensor, tri: Tensor) -> Tensor:
    """Return the direction of +u at each vertex, and on which side +v lies.

    As MikkTSpace does: the direction of each triangle is laid across the normal of its corner,
    made of length one, and weighed by the corner's angle. Unlike it, corners are joined by the
    index of their vertex alone: vertices that should share a tangent must be one, and a vertex on a
    mirrored seam, which should have two, takes the side of the larger angles.

    Args:
        position: Positions [m], shape (V, 3).
        normal: Normals, any positive length, shape (V, 3).
        uv: Texture coordinates with v up (glTF's v points down), shape (V, 2).
        tri: Vertices of each triangle, int32 or int64, shape (T, 3); either winding.

    Returns:
        Unit tangents xyz across the normal, and w = 1 where +v points along ``normal x tangent``,
        -1 where it points the other way, as in glTF, shape (V, 4). A triangle without area in space
        or in uv does not count. Where none counts, the tangent is the axis farthest from the
        normal, laid across it, with w = 1; where the normal has no length, that axis itself.

    Raises:
        ShapeError, DtypeError, DeviceError, RangeError: If an argument does not fit; it is named.

    Gradients: to positions, normals and uv; w is constant.
    Source: M. S. Mikkelsen, "Simulation of Wrinkled Surfaces Revisited", Univ. of Copenhagen 2008,
    section 2 (tangents) and his MikkTSpace standard (projection, angle weights).
    """
    _check(position, normal, uv, tri)
    if len(tri) == 0 or len(position) == 0:
        return _completed(torch.zeros_like(position), position[:, 0] * 0.0, _unit(normal))
    corner = tri.long().T.reshape(1, -1)  # all first corners, then all second ones, then third
    places = [_corners(values, corner) for values in (position, normal, uv)]
    p, n, t = places[0], _unit(places[1]), places[2]
    edges = [p.roll(-k, dims=0) - p for k in (1, 2)]
    steps = [t.roll(-k, dims=0) - t for k in (1, 2)]
    area = steps[0][..., :1] * steps[1][..., 1:] - steps[0][..., 1:] * steps[1][..., :1]
    along = area.sign() * (steps[1][..., 1:] * edges[0] - steps[0][..., 1:] * edges[1])
    facing = _dot(n, torch.linalg.cross(edges[0], edges[1], dim=-1)).sign()
    weight = torch.where(
        facing * area != 0, _angle(_across(edges[0], n), _across(edges[1], n)), 0.0
    )
    rows = torch.cat([weight * _unit(_across(along, n)), weight * facing * area.sign()], dim=-1)
    total = position.new_zeros((4, len(position)))
    total = add_at(total, corner.expand(4, -1), rows.flatten(0, 1).T).T
    return _completed(total[:, :3], total[:, 3].detach(), _unit(normal))


def _corners(values: Tensor, corner: Tensor) -> Tensor:
    """Return what vertices have, (V, c), at the corners of triangles, shape (3, T, c)."""
    return take_at(values.T[None], corner)[0].T.reshape(3, -1, values.shape[1])


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=-1, keepdim=True)


def _unit(x: Tensor) -> Tensor:
    """Return x / |x|, and zero where x is."""
    squared = _dot(x, x)
    return torch.where(squared > 0, x / torch.where(squared > 0, squared, 1.0).sqrt(), 0.0)


def _across(x: Tensor, n: Tensor) -> Tensor:
    """Return the part of x across a unit normal; zero where that is rounding alone."""
    rest = x - _dot(x, n) * n
    return torch.where(_dot(rest, rest) > _PARALLEL * _dot(x, x), rest, 0.0)


def _angle(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle between vectors [rad]; zero, without a slope, where they are parallel."""
    turn = torch.linalg.cross(a, b, dim=-1)
    squared = _dot(turn, turn)
    fine = squared > 0
    sine = torch.where(fine, squared, 1.0).sqrt()
    return torch.where(fine, torch.atan2(sine, torch.where(fine, _dot(a, b), 1.0)), 0.0)


def _completed(tangent: Tensor, side: Tensor, n: Tensor) -> Tensor:
    """Return unit tangents with w, and one for each vertex that has none."""
    tangent = _across(tangent, n)
    none = _dot(tangent, tangent) == 0
    axis = torch.eye(3, dtype=n.dtype, device=n.device)[n.detach().abs().argmin(dim=-1)]
    w = torch.where((side < 0) & ~none[:, 0], -1.0, 1.0).to(n)
    return torch.cat([_unit(torch.where(none, axis - _dot(axis, n) * n, tangent)), w[:, None]], -1)


def _check(position: Tensor, normal: Tensor, uv: Tensor, tri: Tensor) -> None:
    sizes: dict[str, int] = {}
    given = {"position": position, "normal": normal, "uv": uv}
    for name, value in given.items():
        rule = ("V", 2 if name == "uv" else 3)
        check_shape(name, check_tensor(name, value), rule, sizes)
    check_same_dtype(given)
    device = check_same_device(given)
    if not isinstance(tri, Tensor) or tri.dtype not in (torch.int32, torch.int64):
        kind = getattr(tri, "dtype", type(tri).__name__)
        raise DtypeError(
            f"tri must be an int32 or int64 tensor, got {kind}; convert it with .int()"
        )
    check_shape("tri", tri, ("T", 3), sizes)
    if tri.device != device:
        raise DeviceError(
            f"tri must have the device of position ({device}), got {tri.device}; move it with "
            f".to({device})"
        )
    if tri.numel():
        low, high = int(tri.min()), int(tri.max())
        if low < 0 or high >= sizes["V"]:
            raise RangeError(
                f"tri must hold indices of the {sizes['V']} vertices, got {low} to {high}; count "
                "from 0"
            )
