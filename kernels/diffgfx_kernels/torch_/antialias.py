"""Antialias silhouettes, one plain torch operation after the other.

Points of the screen are homogeneous: (x, y, w) in pixels from the centre of the pixel whose
triangle covers the pair. With w = 1 every formula is that of the plane; an edge that reaches behind
the eye needs no division by its ends' w.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.torch_.fixed_order import take_at
from diffgfx_kernels.torch_.pull import pull

__all__ = ["antialias", "backward", "forward"]

SLACK = 1.0 / 16.0
"""How far beyond the two centres an edge may cross: vertices are snapped when pixels are filled."""

EPSILON = 1e-3
"""What nvdiffrast adds to the height of an edge [px] where it divides a gradient by it."""


class Pairs(NamedTuple):
    """Neighbours that different triangles cover.

    Attributes:
        first: The left or lower pixel, in the flattened images, shape (N,).
        step: How much further the second pixel is.
        sign: +1 where the triangle that covers the other is that of the first pixel, else -1.
        triangle: That triangle.
        vertices: Its corners, among those of the whole batch, shape (N, 3).
        centre: Its pixel's centre [px], from the middle of the image, shape (N, 2).
        base: The first vertex of the image, among those of the whole batch.
    """

    first: Tensor
    step: int
    sign: Tensor
    triangle: Tensor
    vertices: Tensor
    centre: Tensor
    base: Tensor


def _pairs(rast: Tensor, tri: Tensor, per_image: int, upward: bool) -> Pairs:
    """Find the pairs that stand side by side, or above each other."""
    _, height, width, _ = rast.shape
    ids, depth = rast[..., 3].long() - 1, rast[..., 2]
    dim = 1 if upward else 2
    sizes = max(rast.shape[dim] - 1, 0)
    a, b = ids.narrow(dim, 0, sizes), ids.narrow(dim, min(1, rast.shape[dim]), sizes)
    image, row, column = (a != b).nonzero().T
    first = (image * height + row) * width + column
    step = width if upward else 1
    id_a, id_b = ids.flatten()[first], ids.flatten()[first + step]
    nearer = depth.flatten()[first] < depth.flatten()[first + step]
    own = (id_b < 0) | ((id_a >= 0) & nearer)
    triangle = torch.where(own, id_a, id_b)
    x = column + ~own * (not upward) + 0.5 - width / 2
    y = row + ~own * upward + 0.5 - height / 2
    base = image * per_image
    vertices = tri.long()[triangle] + base[:, None]
    centre = torch.stack([x, y], dim=1).to(depth)
    return Pairs(
        first, step, torch.where(own, 1.0, -1.0).to(depth), triangle, vertices, centre, base
    )


def _see(pos: Tensor, vertices: Tensor, pairs: Pairs, size: Tensor, bounded: bool) -> Tensor:
    """Return (x, y, w, z) of vertices (N, M) as seen from the pixels, shape (N, M, 4)."""
    flat = pos.reshape(1, -1, 4).transpose(1, 2)
    x, y, z, w = take_at(flat, vertices.reshape(1, -1))[0].view(4, *vertices.shape)
    centre = pairs.centre[:, None]
    if not bounded:
        x, y, z, w = x / w, y / w, z / w, torch.ones_like(w)
    x = x * (size[0] / 2) - centre[..., 0] * w
    y = y * (size[1] / 2) - centre[..., 1] * w
    return torch.stack([x, y, w, z], dim=2)


def _side(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """On which side of the line from a to b a point lies, as seen: a determinant."""
    found: Tensor = torch.linalg.cross(a[:, :3], b[:, :3]).mul(c[:, :3]).sum(dim=1)
    return found


def _silhouettes(
    pos: Tensor, pairs: Pairs, corners: Tensor, edges: Tensor, size: Tensor, bounded: bool
) -> Tensor:
    """Say which edges of the triangles have nothing on their other side, shape (N, 3).

    nvdiffrast knows the first two triangles of an edge; the bounded mode looks at all.
    """
    found = []
    for k in range(3):
        start, end = edges[:2, 3 * pairs.triangle + k].long()
        a, b, c = corners[:, (k + 1) % 3], corners[:, (k + 2) % 3], corners[:, k]
        own = _side(a, b, c)

        def opposite(place: Tensor, a: Tensor = a, b: Tensor = b) -> Tensor:
            vertex = edges[2, place].long() + pairs.base
            return _side(a, b, _see(pos, vertex[:, None], pairs, size, bounded)[:, 0])

        if bounded:
            is_open = torch.ones_like(start, dtype=torch.bool)
            for i in range(int((end - start).max()) if len(start) else 0):
                is_open &= ~(opposite(torch.minimum(start + i, end - 1)).sign() == -own.sign()) | (
                    own == 0
                )
        else:
            second = torch.minimum(start + 1, end - 1)
            mine = edges[2, start].long() + pairs.base == pairs.vertices[:, k]
            other = opposite(torch.where(mine, second, start))
            is_open = ((other < 0) == (own < 0)) | (end - start < 2)
        found.append(is_open)
    return torch.stack(found, dim=1)


def _crossing(a: Tensor, b: Tensor, bounded: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Where edges from a to b cross the axis x, whether they do in sight, and are steep."""
    (xa, ya, wa, za), (xb, yb, wb, zb) = a.unbind(1), b.unbind(1)
    rise, run = yb * wa - ya * wb, xb * wa - xa * wb
    crosses = (ya < 0) != (yb < 0)
    if bounded:
        w = rise * (yb - ya).sign()
        z = (za * yb - zb * ya) * (yb - ya).sign()
        crosses = crosses & (w > 0) & (z + w >= 0)
    safe = torch.where(crosses, rise, 1.0)
    at = torch.where(crosses, xa * yb - xb * ya, 0.0) / safe
    if not bounded:
        at = _with_epsilon(at, safe, a, b)
    return at, crosses, rise.abs() >= run.abs()


def _with_epsilon(at: Tensor, rise: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return a crossing with the gradient that nvdiffrast gives it (`EPSILON`)."""
    (xa, ya), (xb, yb) = a.detach()[:, :2].unbind(1), b.detach()[:, :2].unbind(1)
    rise = rise.detach()
    padded = rise + torch.where(rise < 0, -EPSILON, EPSILON)
    near = at.detach() * rise / padded
    slope_a = torch.stack([yb, near - xb], dim=1) / padded[:, None]
    slope_b = torch.stack([-ya, xa - near], dim=1) / padded[:, None]
    kept = torch.isfinite(slope_a + slope_b).all(dim=1, keepdim=True)
    moved = [
        (torch.where(kept, slope, 0.0) * torch.where(kept, point - point.detach(), 0.0)).sum(dim=1)
        for slope, point in ((slope_a, a[:, :2]), (slope_b, b[:, :2]))
    ]
    return at.detach() + moved[0] + moved[1]


def _shares(
    rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, upward: bool, bounded: bool
) -> tuple[Tensor, Tensor]:
    """Return how much each pixel takes from the next one, and each next one from it.

    Both in the place of the pair's first pixel, shape (B H W).
    """
    pairs = _pairs(rast, tri, pos.shape[1] if len(pos) > 1 else 0, upward)
    size = torch.tensor([rast.shape[2], rast.shape[1]], dtype=pos.dtype, device=pos.device)
    corners = _see(pos, pairs.vertices, pairs, size, bounded)
    is_open = _silhouettes(pos.detach(), pairs, corners.detach(), edges, size, bounded)
    if upward:  # the axis between the two centres is x from here on
        corners = corners[..., [1, 0, 2, 3]]
    found = [_crossing(corners[:, (k + 1) % 3], corners[:, (k + 2) % 3], bounded) for k in range(3)]
    at, crosses, steep = (torch.stack(parts, dim=1) for parts in zip(*found, strict=True))
    reach = torch.where(crosses, pairs.sign[:, None] * at.detach(), -torch.inf)
    reach = torch.where(reach.isnan(), -torch.inf, reach)
    chosen = reach.argmax(dim=1, keepdim=True) if len(reach) else reach[:, :1].long()
    edge, way = at.gather(1, chosen)[:, 0], reach.gather(1, chosen)[:, 0]
    good = (is_open & steep & crosses).gather(1, chosen)[:, 0]
    good = good & (way > -SLACK) & (way < 1 + SLACK)
    moving = (way > 0) & (way < 1)
    alpha = torch.where(moving, 0.5 * pairs.sign - edge, pairs.sign * (0.5 - way.clamp(0, 1)))
    alpha = torch.where(good, alpha, 0.0)
    nothing = alpha.new_zeros(rast.shape[:3].numel())
    toward_first = nothing.scatter(0, pairs.first, torch.where(alpha > 0, alpha, 0.0))
    toward_next = nothing.scatter(0, pairs.first, torch.where(alpha > 0, 0.0, -alpha))
    return toward_first, toward_next


def antialias(
    color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, bounded: bool
) -> Tensor:
    """Return the picture with blended silhouettes, differentiable; see `diffgfx.ops`."""
    steps = (1, rast.shape[2])
    flat = color.reshape(-1, color.shape[3])
    shares, partners = [], []
    for upward in (False, True):
        mine, theirs = _shares(rast, pos, tri, edges, upward, bounded)
        step = steps[upward]
        shares += [mine, theirs.roll(step)]
        partners += [flat.roll(-step, 0), flat.roll(step, 0)]
    if bounded:
        total = shares[0] + shares[1] + shares[2] + shares[3]
        whole = torch.where(total > 1, total, 1.0)
        shares = [share / whole for share in shares]
    added = [share[:, None] * (other - flat) for share, other in zip(shares, partners, strict=True)]
    return (flat + added[0] + added[1] + added[2] + added[3]).view(color.shape)


def forward(
    color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, bounded: bool
) -> Tensor:
    """Return the picture, shape (B, H, W, C)."""
    if not (color.numel() and len(tri)):
        return color.clone()
    return antialias(color, rast, pos, tri, edges, bounded)


def backward(
    g_out: Tensor,
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    edges: Tensor,
    bounded: bool,
    moved: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to the colours and (zero unless ``moved``) to the positions."""
    if not (color.numel() and len(tri)):
        return g_out.clone(), torch.zeros_like(pos)

    def picture(c: Tensor, p: Tensor) -> Tensor:
        return antialias(c, rast, p, tri, edges, bounded)

    g_color, g_pos = pull(picture, (color, pos), g_out)[1]
    return g_color, g_pos if moved else torch.zeros_like(pos)
