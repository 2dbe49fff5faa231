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

LONGEST = 16
"""The most triangles that the bounded mode looks at between two pixels."""

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
        other: The triangle of the other pixel, -1 if none.
        centre: Its pixel's centre [px], from the middle of the image, shape (N, 2).
        base: The first vertex of the image, among those of the whole batch.
    """

    first: Tensor
    step: int
    sign: Tensor
    triangle: Tensor
    other: Tensor
    centre: Tensor
    base: Tensor


def _pairs(rast: Tensor, per_image: int, upward: bool) -> Pairs:
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
    centre = torch.stack([x, y], dim=1).to(depth)
    sign = torch.where(own, 1.0, -1.0).to(depth)
    return Pairs(first, step, sign, triangle, torch.where(own, id_b, id_a), centre, base)


def _some(pairs: Pairs, which: Tensor, triangle: Tensor) -> Pairs:
    """Return some of the pairs, with other triangles."""
    first, step, sign, _, other, centre, base = pairs
    rest = (sign[which], triangle, other[which], centre[which], base[which])
    return Pairs(first[which], step, *rest)


def _corners(tri: Tensor, pairs: Pairs) -> Tensor:
    """Return the corners of the pairs' triangles, among the vertices of the whole batch, (N, 3)."""
    return tri.long()[pairs.triangle] + pairs.base[:, None]


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


def _sides(
    pos: Tensor, pairs: Pairs, corners: Tensor, edges: Tensor, size: Tensor, bounded: bool, k: int
) -> tuple[Tensor, Tensor]:
    """Say on which side of edge k its own triangle lies, (N,), and each of its group, (N, M).

    Groups that are smaller than the largest repeat their last.
    """
    start, end = edges[:2, 3 * pairs.triangle + k].long()
    a, b, c = corners[:, (k + 1) % 3], corners[:, (k + 2) % 3], corners[:, k]
    count = int((end - start).max()) if len(start) else 0
    places = torch.minimum(
        start[:, None] + torch.arange(count, device=pos.device), end[:, None] - 1
    )
    seen = _see(pos, edges[2][places].long() + pairs.base[:, None], pairs, size, bounded)
    found = [_side(a, b, seen[:, i]) for i in range(count)]
    return _side(a, b, c), torch.stack(found, dim=1) if found else a.new_zeros((len(a), 0))


def _silhouettes(
    pos: Tensor, pairs: Pairs, tri: Tensor, corners: Tensor, edges: Tensor, size: Tensor,
    bounded: bool,
) -> Tensor:  # fmt: skip
    """Say which edges of the triangles have nothing on their other side, shape (N, 3).

    nvdiffrast knows the first two triangles of an edge; the bounded mode looks at all.
    """
    found = []
    for k in range(3):
        own, others = _sides(pos, pairs, corners, edges, size, bounded, k)
        if bounded:
            continued = (others.sign() == -own.sign()[:, None]).any(dim=1) & (own != 0)
            found.append(~continued)
            continue
        start, end = edges[:2, 3 * pairs.triangle + k].long()
        mine = edges[2, start] == tri[pairs.triangle, k]
        other = others.gather(1, (mine & (end - start > 1)).long()[:, None])[:, 0]
        found.append(((other < 0) == (own < 0)) | (end - start < 2))
    return torch.stack(found, dim=1)


def _across(
    pos: Tensor, pairs: Pairs, corners: Tensor, edges: Tensor, size: Tensor, chosen: Tensor
) -> Tensor:
    """Return the triangle that continues the surface beyond the chosen edge of each, or -1."""
    found = torch.full_like(chosen, -1)
    for k in range(3):
        own, others = _sides(pos, pairs, corners, edges, size, True, k)
        if not others.shape[1]:
            continue
        beyond = (others.sign() == -own.sign()[:, None]) & (own != 0)[:, None]
        place = edges[0, 3 * pairs.triangle + k].long() + beyond.long().argmax(dim=1)
        place = place.clamp(max=max(edges.shape[1] - 1, 0))
        triangle = torch.where(beyond.any(dim=1), edges[3, place].long() // 3, -1)
        found = torch.where(chosen == k, triangle, found)
    return found


def _outlines(
    pos: Tensor, pairs: Pairs, tri: Tensor, edges: Tensor, size: Tensor, upward: bool, bounded: bool
) -> Tensor:
    """Return the edge 3 t + k that passes between the pixels of each pair, or -1.

    The bounded mode follows the surface from the triangle at the pixel toward its neighbour: the
    triangles along an outline are often too thin to own a pixel.
    """
    edge = torch.full_like(pairs.triangle, -1)
    left, triangle = torch.arange(len(edge), device=edge.device), pairs.triangle
    for _turn in range(LONGEST if bounded else 1):
        some = _some(pairs, left, triangle)
        corners = _see(pos, _corners(tri, some), some, size, bounded)
        is_open = _silhouettes(pos, some, tri, corners, edges, size, bounded)
        turned = corners[..., [1, 0, 2, 3]] if upward else corners
        found = [
            _crossing(turned[:, (k + 1) % 3], turned[:, (k + 2) % 3], bounded) for k in range(3)
        ]
        at, crosses, steep = (torch.stack(parts, dim=1) for parts in zip(*found, strict=True))
        reach = torch.where(crosses, some.sign[:, None] * at, -torch.inf)
        reach = torch.where(reach.isnan(), -torch.inf, reach)
        chosen = reach.argmax(dim=1, keepdim=True) if len(reach) else reach[:, :1].long()
        way = reach.gather(1, chosen)[:, 0]
        near = (way < 1 + SLACK) & crosses.any(dim=1)
        ends = is_open.gather(1, chosen)[:, 0]
        taken = near & ends & steep.gather(1, chosen)[:, 0] & (way > -SLACK)
        edge[left[taken]] = (3 * triangle + chosen[:, 0])[taken]
        if not bounded or not len(left):
            break
        onward = _across(pos, some, corners, edges, size, chosen[:, 0])
        goes = near & ~ends & (onward >= 0) & (onward != some.other)
        left, triangle = left[goes], onward[goes]
    return edge


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
    pairs = _pairs(rast, pos.shape[1] if len(pos) > 1 else 0, upward)
    size = torch.tensor([rast.shape[2], rast.shape[1]], dtype=pos.dtype, device=pos.device)
    with torch.no_grad():
        edge = _outlines(pos, pairs, tri, edges, size, upward, bounded)
    which = (edge >= 0).nonzero()[:, 0]
    triangle, k = edge[which] // 3, edge[which] % 3
    pairs = _some(pairs, which, triangle)
    corners = _corners(tri, pairs)
    ends = torch.stack([corners.gather(1, (k[:, None] + i) % 3)[:, 0] for i in (1, 2)], dim=1)
    seen = _see(pos, ends, pairs, size, bounded)
    if upward:  # the axis between the two centres is x from here on
        seen = seen[..., [1, 0, 2, 3]]
    at = _crossing(seen[:, 0], seen[:, 1], bounded)[0]
    alpha = 0.5 * pairs.sign - at
    if not bounded:
        way = pairs.sign * at.detach()
        moving = (way > 0) & (way < 1)
        alpha = torch.where(moving, alpha, pairs.sign * (0.5 - way.clamp(0, 1)))
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
