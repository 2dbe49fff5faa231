"""Pictures whose areas and derivatives are known in closed form."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.data import make_icosphere
from diffgfx.ops import AntialiasMode
from diffgfx.tasks.validation.case import Case, Context, Measure

__all__ = ["EXACT_MESH_CASES", "draw_mask", "half_plane", "rotating_square", "sphere_area"]

_QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
_SIZE = (48, 64)
_OFFSETS = (0.06, 0.2, 0.37, 0.63, 0.8, 0.94)
"""Of the edge within a pixel; at 0, 1/2 and 1 the share has kinks."""


def draw_mask(
    pos: Tensor, tri: Tensor, size: tuple[int, int], mode: AntialiasMode = "bounded"
) -> Tensor:
    """Return the antialiased coverage of vertices in clip space (B, V, 4), shape (B, H, W)."""
    rast, _ = ops.rasterize(pos, tri, size)
    covered = (rast[..., 3:] > 0).to(pos)
    return ops.antialias(covered, rast, pos, tri, mode=mode)[..., 0]


def _flat(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Points in pixels from the middle of a picture, (..., 2), as vertices in clip space."""
    half = points.new_tensor([0.5 * size[1], 0.5 * size[0]])
    place = points / half
    zero = torch.zeros_like(place[..., :1])
    return torch.cat([place, zero, zero + 1.0], dim=-1)


def half_plane(lean: float, offset: float, mode: AntialiasMode = "bounded") -> tuple[float, float]:
    """Move the edge of a half-plane that covers all of a picture on one side.

    Args:
        lean: Angle of the edge from the vertical [rad], at most such that it leaves by the upper
            and lower side (or both upright ones).
        offset: Of the edge from the middle, along its normal [pixels].
        mode: Of `ops.antialias`.

    Returns:
        Relative errors of the area in pixels, and of its derivative, which is the edge's length.
    """
    height, width = _SIZE
    reach = 3.0 * (height + width)
    normal = torch.tensor([math.cos(lean), math.sin(lean)], dtype=torch.float64)
    along = torch.stack([-normal[1], normal[0]])
    move = torch.tensor(offset, dtype=torch.float64, requires_grad=True)
    edge = [move * normal + side * reach * along for side in (-1.0, 1.0)]
    corners = torch.stack([edge[0], edge[1], edge[1] - reach * normal, edge[0] - reach * normal])
    area = draw_mask(_flat(corners, _SIZE)[None], _QUAD, _SIZE, mode).sum()
    (slope,) = torch.autograd.grad(area, move)
    steep = abs(math.cos(lean)) * height >= abs(math.sin(lean)) * width
    length = height / abs(math.cos(lean)) if steep else width / abs(math.sin(lean))
    exact = 0.5 * height * width + offset * length
    return float(area.detach()) / exact - 1.0, float(slope) / length - 1.0


def _half_planes(context: Context) -> Sequence[Measure]:
    upright = (0.0, 0.5 * math.pi)
    leaning = tuple(math.radians(angle) for angle in (7.0, -18.0, 31.0, 72.0))
    measures = []
    for name, leans, bar in (("upright", upright, 1e-9), ("leaning", leaning, 0.03)):
        found = [half_plane(lean, 3 + shift) for lean in leans for shift in _OFFSETS]
        area, slope = torch.tensor(found).unbind(1)
        # rows in which rounding to 1/16 pixel puts the edge on the other side of a centre have no
        # gradient: 1/32 of them at most in the mean
        measures += [
            Measure(f"{name}: area, worst", float(area.abs().max()), 1e-3, "relative"),
            Measure(f"{name}: derivative, mean", abs(float(slope.mean())), bar, "less edge length"),
            Measure(f"{name}: derivative, worst", float(slope.abs().max()), 2.5 * bar, "relative"),
        ]
    plain = [abs(half_plane(lean, 3 + s, "nvdiffrast")[1]) for lean in upright for s in _OFFSETS]
    measures.append(Measure("upright, mode nvdiffrast, worst", max(plain), 1e-5, "1e-3 px added"))
    return measures


def rotating_square(side: float, angle: float) -> tuple[float, ...]:
    """Turn a square about the middle of a picture that is 2.75 times its side.

    Its own middle is 0.43 sides away from there.

    Args:
        side: Its side [pixels].
        angle: How far it is turned [rad].

    Returns:
        Errors of the area, its derivative to the side, its derivative to the angle, and of the
        derivative of the first moment ``sum x`` to the angle, over area, twice the side, area, and
        area times the distance of both middles.
    """
    count = 2 * round(1.375 * side)
    turn = torch.tensor(angle, dtype=torch.float64, requires_grad=True)
    length = torch.tensor(side, dtype=torch.float64, requires_grad=True)
    unit = torch.tensor([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)], dtype=torch.float64)
    middle = side * torch.tensor([0.39, 0.18], dtype=torch.float64)
    cos, sin = torch.cos(turn), torch.sin(turn)
    x, y = (length * unit + middle).unbind(1)
    corners = torch.stack([cos * x - sin * y, sin * x + cos * y], dim=1)
    mask = draw_mask(_flat(corners, (count, count))[None], _QUAD, (count, count))[0]
    across = torch.arange(count, dtype=torch.float64) - 0.5 * (count - 1)
    area = mask.sum()
    by_angle, by_side = torch.autograd.grad(area, (turn, length), retain_graph=True)
    (moment_slope,) = torch.autograd.grad((mask * across).sum(), turn)
    exact = side * side
    height = math.sin(angle) * float(middle[0]) + math.cos(angle) * float(middle[1])
    return (
        float(area.detach()) / exact - 1.0,
        float(by_side) / (2.0 * side) - 1.0,
        float(by_angle) / exact,
        (float(moment_slope) + exact * height) / (exact * float(middle.norm())),
    )


def _square(context: Context) -> Sequence[Measure]:
    angles = [math.radians(1.3 + 20.0 * k) for k in range(18)]
    names = ("area", "d area / d side", "d area / d angle", "d moment / d angle")
    measures = []
    for side in (23.3, 93.3, 186.3):
        rows = torch.tensor([rotating_square(side, angle) for angle in angles])
        rms = rows.square().mean(dim=0).sqrt()
        # each corner may lose a pixel of its edges, rounding to 1/16 pixel 1/32 of them
        bars = (0.5 / side, 1.0 / side + 0.03, 1.0 / side + 0.03, 1.0 / side + 0.03)
        measures += [
            Measure(f"side {side:g}: {name}", float(value), bar, "relative, RMS of 18 angles")
            for name, value, bar in zip(names, rms, bars, strict=True)
        ]
        context.progress(len(measures), 12, None)
    return measures


def sphere_area(size: int, subdivisions: int = 5) -> tuple[float, float]:
    """Draw a sphere in perspective, and compare its area with that of the circle it fills.

    Args:
        size: Side of the picture [pixels].
        subdivisions: See `make_icosphere`.

    Returns:
        Relative errors of the area against the circle, and against the polygon that the triangles'
        corners outline in the picture.
    """
    mesh = make_icosphere(subdivisions)
    away, zoom = 3.0, 2.2
    x, y, z = mesh.positions.double().unbind(1)
    depth = away - z
    # off the middle by no round part of a pixel: a symmetric picture has the same error four times
    aside, over = 0.74 / size, -1.38 / size
    pos = torch.stack([zoom * x + aside * depth, zoom * y + over * depth, 0.0 * z, depth], dim=1)
    pos = pos[None]
    area = float(draw_mask(pos, mesh.triangles, (size, size)).sum())
    half = 0.5 * size
    radius = half * zoom / math.sqrt(away * away - 1.0)
    outline = _hull_area(half * torch.stack([zoom * x / depth, zoom * y / depth], dim=1))
    return abs(area / (math.pi * radius * radius) - 1.0), abs(area / outline - 1.0)


def _hull_area(points: Tensor) -> float:
    """Area of the convex hull: the corners that are farthest in some direction, in turn."""
    angles = torch.arange(20000, dtype=torch.float64) * (2.0 * math.pi / 20000)
    ways = torch.stack([torch.cos(angles), torch.sin(angles)])
    outer = points[points.norm(dim=1) > 0.9 * points.norm(dim=1).max()]
    order = torch.unique_consecutive((outer @ ways).argmax(dim=0))
    x, y = outer[order].unbind(1)
    return 0.5 * float((x * y.roll(-1) - y * x.roll(-1)).sum())


def _sphere(context: Context) -> Sequence[Measure]:
    measures = []
    for size in (64, 128, 256, 512):
        circle, polygon = sphere_area(size)
        # the outline of a small picture is too short to average over where it meets the pixels
        bar = 1e-3 if size >= 256 else None
        measures.append(Measure(f"{size}^2, against the circle", circle, bar, "relative"))
        measures.append(Measure(f"{size}^2, against the polygon", polygon, bar, "relative"))
    return measures


EXACT_MESH_CASES = (
    Case("half_plane", "the derivative of its area is the length of its edge", _half_planes),
    Case("square", "a turning square of three sizes: area, moment and their derivatives", _square),
    Case("sphere", "the area of a sphere of 20480 triangles in perspective", _sphere),
)
