"""Meshes made by formulas: what examples, tests and pictures of materials are drawn on."""

import math

import torch
from torch import Tensor

from diffgfx.errors import RangeError
from diffgfx.scene import Mesh

__all__ = ["make_cube", "make_icosphere", "make_knot", "make_sphere", "subdivide"]


def make_sphere(rings: int = 48, radius: float = 1.0) -> Mesh:
    """Return a sphere about the origin with texture coordinates by longitude and latitude.

    Args:
        rings: Rows of quadrilaterals from pole to pole, at least 3; twice as many go around.
        radius: Of the sphere [m].

    Returns:
        Shared vertices (one at each pole, none doubled at the seam), exact unit normals, uv with
        u from 0 at -z eastward to 1 and v from 0 at the south pole to 1.

    Raises:
        RangeError: If there are fewer than 3 rings.
    """
    _check_count("rings", rings)
    around = 2 * rings
    latitude = math.pi * (torch.arange(1, rings) / rings - 0.5)
    longitude = 2.0 * math.pi * torch.arange(around) / around
    y = torch.sin(latitude)[:, None].expand(-1, around)
    x = torch.cos(latitude)[:, None] * -torch.sin(longitude)
    z = torch.cos(latitude)[:, None] * -torch.cos(longitude)
    inner = torch.stack([x, y, z], dim=2).reshape(-1, 3)
    poles = torch.tensor([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    unit = torch.cat([poles[:1], inner, poles[1:]])
    south, north = 0, 1 + len(inner)

    def at(row: Tensor, column: Tensor) -> Tensor:
        found = 1 + (row - 1) * around + column % around
        return torch.where(row == 0, south, torch.where(row == rings, north, found))

    triangles, uv_triangles = _grid_triangles(rings, around, at)
    rows = torch.arange(rings + 1)[:, None].expand(-1, around + 1)
    columns = torch.arange(around + 1)[None].expand(rings + 1, -1)
    uv = torch.stack([columns / around, rows / rings], dim=2).reshape(-1, 2)
    solid = (triangles[:, 0] != triangles[:, 1]) & (triangles[:, 1] != triangles[:, 2])
    solid &= triangles[:, 0] != triangles[:, 2]
    return Mesh(
        radius * unit, triangles[solid], unit, triangles[solid], uv, uv_triangles[solid]
    )  # fmt: skip


def make_knot(around: int = 192, across: int = 24, radius: float = 0.28) -> Mesh:
    """Return a trefoil knot of round section, about 1 m in radius, with texture coordinates.

    Args:
        around: Rows along the knot, at least 3.
        across: Columns around its section, at least 3.
        radius: Of the section [m].

    Returns:
        Shared vertices, normals of the tube, uv once along the knot and once across it.

    Raises:
        RangeError: If a count is below 3.
    """
    _check_count("around", around)
    _check_count("across", across)
    t = 2.0 * math.pi * torch.arange(around, dtype=torch.float64) / around
    x, y = torch.sin(t) + 2.0 * torch.sin(2.0 * t), torch.cos(t) - 2.0 * torch.cos(2.0 * t)
    curve = torch.stack([x, y, -torch.sin(3.0 * t)], dim=1) / 2.6
    forward = torch.nn.functional.normalize(curve.roll(-1, 0) - curve.roll(1, 0), dim=1)
    aside = torch.nn.functional.normalize(
        torch.linalg.cross(forward, torch.nn.functional.normalize(curve, dim=1)), dim=1
    )
    over = torch.linalg.cross(forward, aside)
    s = 2.0 * math.pi * torch.arange(across, dtype=torch.float64) / across
    normal = (
        torch.cos(s)[None, :, None] * aside[:, None] + torch.sin(s)[None, :, None] * over[:, None]
    )
    positions = curve[:, None] + radius * normal

    def at(row: Tensor, column: Tensor) -> Tensor:
        return row % around * across + column % across

    triangles, uv_triangles = _grid_triangles(around, across, at)
    rows = torch.arange(around + 1)[:, None].expand(-1, across + 1)
    columns = torch.arange(across + 1)[None].expand(around + 1, -1)
    uv = torch.stack([columns / across, rows / around], dim=2).reshape(-1, 2)
    return Mesh(
        positions.reshape(-1, 3).float(), triangles, normal.reshape(-1, 3).float(), triangles,
        uv, uv_triangles,
    )  # fmt: skip


def make_cube(side: float = 1.0) -> Mesh:
    """Return a cube about the origin: 8 shared vertices, flat normals, each face the whole map.

    Args:
        side: Length of an edge [m].
    """
    positions, normals, triangles, faces = [], [], [], []
    for bits in range(8):
        positions.append([side * ((bits >> axis & 1) - 0.5) for axis in range(3)])
    for face in range(6):
        axis, positive = face // 2, face % 2
        normal = [0.0, 0.0, 0.0]
        normal[axis] = 2.0 * positive - 1.0
        normals.append(normal)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        corners = [
            (positive << axis) | (i << first) | (j << second)
            for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))
        ]
        order = (0, 1, 2, 3) if positive else (1, 0, 3, 2)
        a, b, c, d = (corners[k] for k in order)
        triangles += [[a, b, c], [a, c, d]]
        faces += [[face] * 3] * 2
    uv = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    uv_triangles = torch.tensor([[0, 1, 2], [0, 2, 3]] * 6, dtype=torch.int32)
    return Mesh(
        torch.tensor(positions), torch.tensor(triangles, dtype=torch.int32),
        torch.tensor(normals), torch.tensor(faces, dtype=torch.int32), uv, uv_triangles,
    )  # fmt: skip


def make_icosphere(subdivisions: int = 3, radius: float = 1.0) -> Mesh:
    """Return a sphere of nearly equal triangles, 20 * 4^subdivisions of them, without uv.

    Args:
        subdivisions: How often each triangle is cut into four, from 0 to 8.
        radius: Of the sphere [m].

    Raises:
        RangeError: If ``subdivisions`` is out of range.
    """
    if not 0 <= subdivisions <= 8:
        raise RangeError(f"subdivisions must be from 0 to 8, got {subdivisions}; try 4")
    golden = (1.0 + math.sqrt(5.0)) / 2.0
    corners = [(s, t * golden) for s in (-1.0, 1.0) for t in (-1.0, 1.0)]
    points = [(0.0, a, b) for a, b in corners] + [(a, b, 0.0) for a, b in corners]
    points += [(b, 0.0, a) for a, b in corners]
    vertices = torch.nn.functional.normalize(torch.tensor(points, dtype=torch.float64), dim=1)
    triangles = _hull_triangles(vertices)
    for _ in range(subdivisions):
        vertices, triangles = subdivide(vertices, triangles)
        vertices = torch.nn.functional.normalize(vertices, dim=1)
    unit = vertices.float()
    return Mesh(radius * unit, triangles.int(), unit, triangles.int())


def _hull_triangles(points: Tensor) -> Tensor:
    """Triples of mutually nearest points of an icosahedron, counter-clockwise from outside."""
    distance = torch.cdist(points, points)
    edge = float(distance[distance > 1e-9].min())
    near = (distance - edge).abs() < 1e-6
    found = []
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            for k in range(j + 1, len(points)):
                if near[i, j] and near[j, k] and near[i, k]:
                    outward = torch.linalg.det(torch.stack([points[i], points[j], points[k]])) > 0
                    found.append([i, j, k] if outward else [i, k, j])
    return torch.tensor(found)


def subdivide(vertices: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Cut each triangle into four at the middles of its edges, which neighbours share.

    Args:
        vertices: Shape (V, 3).
        triangles: Indices of vertices, shape (F, 3), int64.

    Returns:
        The vertices and then the middles, and four times as many triangles.
    """
    edges = torch.stack([triangles, triangles.roll(-1, 1)], dim=2).reshape(-1, 2)
    unique, place = torch.unique(edges.sort(dim=1).values, dim=0, return_inverse=True)
    middle = len(vertices) + place.view(-1, 3)
    a, b, c = triangles.unbind(1)
    ab, bc, ca = middle.unbind(1)
    cut = [[a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]]
    triangles = torch.cat([torch.stack(three, dim=1) for three in cut])
    return torch.cat([vertices, vertices[unique].mean(dim=1)]), triangles


def _grid_triangles(rows: int, columns: int, at) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]
    """Two triangles for each quadrilateral of a grid: over shared vertices, and over its own uv."""
    i = torch.arange(rows)[:, None].expand(-1, columns)
    j = torch.arange(columns)[None].expand(rows, -1)
    quad = ((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j))
    shared = [at(row, column).reshape(-1) for row, column in quad]
    own = [(row * (columns + 1) + column).reshape(-1) for row, column in quad]

    def split(corners: list[Tensor]) -> Tensor:
        a, b, c, d = corners
        halves = [torch.stack([a, b, c], dim=1), torch.stack([a, c, d], dim=1)]
        return torch.stack(halves, dim=1).reshape(-1, 3).int()

    return split(shared), split(own)


def _check_count(name: str, count: int) -> None:
    if count < 3:
        raise RangeError(f"{name} must be at least 3, got {count}; try 48")
