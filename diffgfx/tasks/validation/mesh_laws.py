"""Laws that pictures of meshes obey whatever they show."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.tasks.validation.case import Case, Context, Measure

__all__ = [
    "LAW_CASES",
    "jittered_grid",
    "miscounted_pixels",
    "order_difference",
    "reciprocity_error",
    "specular_albedo",
]

_SIZE = (24, 32)


def _uniform(draw: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=draw, dtype=torch.float64)


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)


def shade_directions(maps: Tensor, light: Tensor, views: Tensor) -> Tensor:
    """Return f n.l at the normal (0, 0, 1) for one light and views, (3,) and (N, 3): shape (N, 3).

    Each pixel lies where the eye sees it along its own view.
    """
    count = len(views)
    position = -views.T.reshape(1, 3, 1, count).contiguous()
    up = torch.tensor([0.0, 0.0, 1.0], dtype=views.dtype).view(1, 3, 1, 1)
    toward = torch.cat([light, light.new_zeros(1)]).view(1, 1, 4)
    image = ops.shade_mesh(
        position, up.expand_as(position).contiguous(),
        maps.view(1, 10, 1, 1).expand(1, 10, 1, count).contiguous(), toward,
        views.new_ones((1, 1, 3)), views.new_zeros((1, 3)),
    )  # fmt: skip
    return image[0, :, 0].T


def _material(draw: torch.Generator) -> Tensor:
    albedo = _uniform(draw, 0.0, 1.0, 6)
    return torch.cat([torch.tensor([0.0, 0.0, 1.0]), albedo, _uniform(draw, 0.03, 1.0, 1)])


def _slanted(draw: torch.Generator) -> Tensor:
    """A direction above the surface, by 0.05 at least."""
    cosine, turn = _uniform(draw, 0.05, 1.0, 1), _uniform(draw, 0.0, 2.0 * math.pi, 1)
    sine = (1.0 - cosine * cosine).sqrt()
    return torch.cat([sine * torch.cos(turn), sine * torch.sin(turn), cosine])


def reciprocity_error(seed: int) -> float:
    """Swap light and view of a random material; return the largest relative difference of f."""
    draw = torch.Generator().manual_seed(seed)
    maps, light, view = _material(draw), _slanted(draw), _slanted(draw)
    there = shade_directions(maps, light, view[None])[0] / light[2]
    back = shade_directions(maps, view, light[None])[0] / view[2]
    return float(((there - back).abs() / there.abs().clamp_min(1e-12)).max())


def specular_albedo(roughness: float, cosine: float, count: int = 400) -> float:
    """Return the share of light that a white mirror of a roughness sends anywhere.

    Args:
        roughness: Of the mirror, F0 = 1.
        cosine: Of the light with the normal.
        count: Views along each of two angles, spread as half vectors of the highlight are.
    """
    middle = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    u, v = (grid.flatten() for grid in torch.meshgrid(middle, middle, indexing="ij"))
    alpha2 = roughness**4
    upward = ((1.0 - u) / (1.0 - (1.0 - alpha2) * u)).sqrt()
    aside, turn = (1.0 - upward * upward).sqrt(), 2.0 * math.pi * v
    half = torch.stack([aside * torch.cos(turn), aside * torch.sin(turn), upward], dim=1)
    light = torch.tensor([math.sqrt(1.0 - cosine * cosine), 0.0, cosine], dtype=torch.float64)
    toward = half @ light
    views = _unit(2.0 * toward[:, None] * half - light)
    maps = torch.tensor([0.0, 0, 1, 0, 0, 0, 1, 1, 1, roughness], dtype=torch.float64)
    value = shade_directions(maps, light, views)[:, 0] / cosine * views[:, 2]
    density = alpha2 / (math.pi * (1.0 - upward**2 * (1.0 - alpha2)) ** 2) * upward / (4.0 * toward)
    return float(torch.where((toward > 0) & (views[:, 2] > 0), value / density, 0.0).mean())


def order_difference(seed: int) -> tuple[float, float, float]:
    """Draw a net and loose triangles before it again, renumbered, reordered, and turned round.

    Args:
        seed: Of the triangles.

    Returns:
        The largest difference of the antialiased picture with the vertices numbered otherwise, and
        with the triangles in another order; and of interpolated colours with the corners of each
        triangle turned round, where no centre lies on or beyond a side (there barycentrics are
        clamped, and u and v before the third).
    """
    draw = torch.Generator().manual_seed(seed)
    net, joined = jittered_grid(seed)
    # loose ones share no vertex: folded over a common edge, two are equally near on its pixels
    loose = torch.cat([_uniform(draw, -1.2, 1.2, 12, 2), _uniform(draw, -0.9, 0.9, 12, 1)], dim=1)
    w = _uniform(draw, 0.6, 1.6, 12, 1)
    pos = torch.cat([net, torch.cat([loose * w, w], dim=1)])
    count = len(pos)
    tri = torch.cat([joined.long(), torch.arange(len(net), count).view(4, 3)])
    colour = _uniform(draw, 0.0, 1.0, count, 3)
    plain, first, inside = _picture(pos, tri, colour)
    number = torch.randperm(count, generator=draw)
    vertices = _picture(pos[number], torch.argsort(number)[tri], colour[number])[1]
    triangles = _picture(pos, tri[torch.randperm(len(tri), generator=draw)], colour)[1]
    turned, _, also = _picture(pos, tri.roll(1, 1), colour)
    return (
        float((first - vertices).abs().max()),
        float((first - triangles).abs().max()),
        float((inside * also * (plain - turned)).abs().max()),
    )


def _picture(pos: Tensor, tri: Tensor, colour: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Colours before and after antialiasing, and where barycentrics are not clamped."""
    corners = tri.int()
    rast, _ = ops.rasterize(pos[None], corners, _SIZE)
    picture, _ = ops.interpolate(colour[None], rast, corners)
    u, v = rast[..., 0], rast[..., 1]
    inside = (u > 0.0) & (v > 0.0) & (1.0 - u - v > 1e-12)
    smooth = ops.antialias(picture, rast, pos[None].contiguous(), corners)
    return picture, smooth, inside[..., None]


def jittered_grid(seed: int, rows: int = 5, columns: int = 7) -> tuple[Tensor, Tensor]:
    """Return a net of triangles that covers the whole picture, in clip space.

    Every third vertex lies on a pixel's centre or corner, and every vertex has a w of its own.

    Args:
        seed: Of the random numbers.
        rows: Quadrilaterals upward.
        columns: Quadrilaterals across.
    """
    draw = torch.Generator().manual_seed(seed)
    height, width = _SIZE
    y, x = torch.meshgrid(
        torch.linspace(-0.6, height + 0.6, rows + 1, dtype=torch.float64),
        torch.linspace(-0.6, width + 0.6, columns + 1, dtype=torch.float64), indexing="ij",
    )  # fmt: skip
    place = torch.stack([x, y], dim=2).reshape(-1, 2)
    inner = (place > 0.0).all(dim=1) & (place[:, 0] < width) & (place[:, 1] < height)
    place = place + inner[:, None] * _uniform(draw, -1.2, 1.2, len(place), 2)
    special = inner & (torch.arange(len(place)) % 3 == 0)
    place[special] = (2.0 * place[special]).round() / 2.0
    ndc = 2.0 * place / torch.tensor([width, height], dtype=torch.float64) - 1.0
    w = _uniform(draw, 0.5, 2.0, len(place), 1)
    depth = _uniform(draw, -0.5, 0.5, len(place), 1)
    i, j = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    a = (i * (columns + 1) + j).flatten()
    b, c, d = a + 1, a + columns + 2, a + columns + 1
    flip = torch.rand(len(a), generator=draw) < 0.5
    one = torch.where(flip[:, None], torch.stack([a, b, c], 1), torch.stack([a, b, d], 1))
    two = torch.where(flip[:, None], torch.stack([a, c, d], 1), torch.stack([b, c, d], 1))
    return torch.cat([ndc * w, depth * w, w], dim=1), torch.cat([one, two]).int()


def miscounted_pixels(seed: int, dtype: torch.dtype = torch.float64) -> int:
    """Draw each triangle of `jittered_grid` alone; return how many pixels not exactly one covers.

    Args:
        seed: See `jittered_grid`.
        dtype: Of the vertices.
    """
    pos, tri = jittered_grid(seed)
    ranges = torch.tensor([(t, 1) for t in range(len(tri))], dtype=torch.int32)
    rast, _ = ops.rasterize(pos.to(dtype), tri, _SIZE, ranges=ranges, grad_db=False)
    return int(((rast[..., 3] > 0).sum(dim=0) != 1).sum())


def _laws(context: Context) -> Sequence[Measure]:
    swapped = max(reciprocity_error(seed) for seed in range(200))
    context.progress(1, 4, None)
    albedo = max(
        specular_albedo(roughness, cosine)
        for roughness in (0.1, 0.3, 0.6, 1.0) for cosine in (0.1, 0.4, 0.8, 1.0)
    )  # fmt: skip
    context.progress(2, 4, None)
    orders = [order_difference(seed) for seed in range(100)]
    context.progress(3, 4, None)
    holes = [sum(miscounted_pixels(seed, dtype) for seed in range(100)) for dtype in _DTYPES]
    return [
        Measure("reciprocity, 200 materials", swapped, 1e-12, "relative"),
        Measure("albedo of a white mirror, most", albedo, 1.0 + 1e-3, "quadrature to 1e-3"),
        Measure("vertices numbered otherwise", max(a for a, _, _ in orders), 0, "100 scenes"),
        Measure("triangles in another order", max(b for _, b, _ in orders), 1e-12, "100 scenes"),
        Measure("corners turned round", max(c for _, _, c in orders), 1e-10, "100 scenes, inside"),
        Measure("cracks and double hits, float64", holes[0], 0, "pixels of 76800"),
        Measure("cracks and double hits, float32", holes[1], 0, "pixels of 76800"),
    ]


_DTYPES = (torch.float64, torch.float32)

LAW_CASES = (Case("laws", "reciprocity, energy, invariance to order, watertight coverage", _laws),)
