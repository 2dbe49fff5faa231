"""PLY in, ascii and binary of either byte order, and geometry out.

Written afresh: of the kept loaders, plyfile is under the GPL, and trimesh reads lists of a wrong
length and files that end early without a word.
"""

from pathlib import Path

import numpy as np
import torch

from diffgfx.errors import InputError
from diffgfx.io._files import atomic_path, read_bytes, show_path
from diffgfx.io._mesh_build import (
    TRIANGLE_LIMIT,
    Array,
    Corners,
    Layer,
    build_mesh,
    compact,
    fan,
    weld,
)
from diffgfx.io._mtl import default_look
from diffgfx.io._ply_data import Columns, List, read_elements
from diffgfx.scene import Mesh, Model, Part

__all__ = ["read_ply", "write_ply"]

_FILE_LIMIT = 1 << 29
_UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
_CORNER_NAMES = ("vertex_indices", "vertex_index")
_KNOWN = {"x", "y", "z", "nx", "ny", "nz", *(name for pair in _UV_NAMES for name in pair)}


def read_ply(path: Path | str, *, dtype: torch.dtype = torch.float32) -> Model:
    """Read the mesh of a PLY file.

    Elements ``vertex`` (x, y, z; normals nx, ny, nz; texture coordinates s, t or u, v, v up) and
    ``face`` (polygons, which become fans of triangles around their first corner). Where vertices
    carry normals or texture coordinates, positions that are equal to the bit become one vertex;
    without, vertices are as the file has them.

    Args:
        path: The file.
        dtype: Of all tensors, float32 or float64.

    Returns:
        A model of one part of grey plastic; its ``notes`` name properties that are left out.

    Raises:
        InputError: If the file is missing, over 512 MiB, broken, or holds no faces.
    """
    name = show_path(Path(path))
    elements = read_elements(read_bytes(Path(path), _FILE_LIMIT), name)
    vertices, faces = elements.get("vertex", {}), elements.get("face", {})
    points = _columns(vertices, ("x", "y", "z"))
    if points is None:
        found = sorted(vertices)
        raise InputError(f"{name}: vertex must have x, y and z, got {found}; export it again")
    corners = _corners(name, faces, len(points))
    normals = _columns(vertices, ("nx", "ny", "nz"))
    uv = next(filter(_given, (_columns(vertices, pair) for pair in _UV_NAMES)), None)
    layers: dict[str, Layer | None] = {"positions": (points, corners)}
    if normals is not None or uv is not None:
        first, row = weld(points)
        layers["positions"] = compact((points[first], row[corners]))
    layers["normals"] = None if normals is None else compact((normals, corners))
    layers["uv"] = None if uv is None else compact((uv, corners))
    mesh = build_mesh(name, dtype, layers)
    return Model((Part(mesh, default_look(dtype).maps),), notes=_notes(elements))


def _given(value: Array | None) -> bool:
    return value is not None


def _columns(element: Columns, names: tuple[str, ...]) -> Array | None:
    found = (element.get(key) for key in names)
    columns = [column for column in found if isinstance(column, np.ndarray)]
    return np.stack(columns, axis=1) if len(columns) == len(names) else None


def _corners(name: str, faces: Columns, count: int) -> Corners:
    lists = next((faces[key] for key in _CORNER_NAMES if key in faces), None)
    if not isinstance(lists, List) or len(lists.counts) == 0:
        raise InputError(
            f"{name}: file must hold faces with a list vertex_indices, got "
            f"{sorted(faces) or 'no face'}; export it as a mesh of polygons"
        )
    if int(lists.counts.min()) < 3:
        raise InputError(
            f"{name}: faces must have three corners or more, got {int(lists.counts.min())}; "
            "remove those faces"
        )
    if int((lists.counts - 2).sum()) > TRIANGLE_LIMIT:
        raise InputError(
            f"{name}: file must hold at most {TRIANGLE_LIMIT} triangles, got "
            f"{int((lists.counts - 2).sum())}; simplify the mesh"
        )
    values = lists.values
    if not bool(((values >= 0) & (values < count) & (values == np.floor(values))).all()):
        raise InputError(
            f"{name}: faces must index the {count} vertices, got {values.min():g} to "
            f"{values.max():g}; export it again"
        )
    places, _ = fan(lists.counts)
    return values.astype(np.int64)[places]


def _notes(elements: dict[str, Columns]) -> tuple[str, ...]:
    left = [f"vertex property {key}" for key in elements["vertex"] if key not in _KNOWN]
    left += [f"face property {key}" for key in elements["face"] if key not in _CORNER_NAMES]
    left += [f"element {key}" for key in elements if key not in ("vertex", "face")]
    return tuple(f"{thing[:60]!r} is left out" for thing in left)


def write_ply(path: Path | str, mesh: Mesh) -> None:
    """Write positions and triangles of a mesh as binary PLY; normals and uv are left out.

    Raises:
        OutputError: If the file cannot be written.
    """
    points = mesh.positions.detach().cpu().numpy()
    kind = "float" if points.dtype == np.float32 else "double"
    header = [
        "ply", "format binary_little_endian 1.0", "comment diffgfx",
        f"element vertex {len(points)}", *(f"property {kind} {axis}" for axis in "xyz"),
        f"element face {len(mesh.triangles)}", "property list uchar int vertex_indices",
        "end_header", "",
    ]  # fmt: skip
    faces = np.empty(len(mesh.triangles), [("count", "u1"), ("corners", "<i4", (3,))])
    faces["count"] = 3
    faces["corners"] = mesh.triangles.cpu().numpy()
    rows = np.ascontiguousarray(points, points.dtype.newbyteorder("<")).tobytes()
    with atomic_path(Path(path)) as partial:
        partial.write_bytes("\n".join(header).encode("ascii") + rows + faces.tobytes())
