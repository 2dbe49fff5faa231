"""Wavefront OBJ with its material library in, and geometry out.

Written afresh: of the kept loaders, tinyobjloader did not come back from hostile files and reads
what is no number as 0, and trimesh joins corners whose texture coordinates differ and skips what is
broken.
"""

import codecs
import io
import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from diffgfx.errors import InputError
from diffgfx.io._files import atomic_path, read_bytes, show, show_path
from diffgfx.io._mesh_build import TRIANGLE_LIMIT, Layer, build_mesh, compact, fan
from diffgfx.io._mtl import Look, default_look, read_mtl
from diffgfx.io._uri import inside_folder
from diffgfx.scene import Mesh, Model, Part

__all__ = ["read_obj", "write_obj"]

_FILE_LIMIT = 1 << 29
_LINE_LIMIT = 1 << 20
_NAME_LIMIT = 1 << 12
_KNOWN_LIMIT = 1 << 20
_KEYS = (("v", "positions", 3), ("vt", "uv", 2), ("vn", "normals", 3))
_IGNORED = frozenset({"g", "o", "s", "vp", "lod", "shadow_obj", "trace_obj", "maplib", "usemap"})


def read_obj(path: Path | str, *, dtype: torch.dtype = torch.float32) -> Model:
    """Read an OBJ file: one part a material.

    Polygons become fans of triangles around their first corner. Positions, texture coordinates (v
    up) and normals keep their own indices; negative ones count from the last row before.

    Args:
        path: The file; its material library and textures must lie in its own folder.
        dtype: Of all tensors, float32 or float64.

    Returns:
        The model; its ``notes`` say what is left out: points, lines, curves, colours of vertices,
        a library that is missing, and what of a material ten maps do not hold.

    Raises:
        InputError: If the file is missing, over 512 MiB, broken, or holds no faces; if a texture is
            missing or lies outside the folder.
    """
    path = Path(path)
    name = show_path(path)
    data = read_bytes(path, _FILE_LIMIT)
    parsed = _Parsed(name)
    for number, words in _statements(data, name):
        parsed.take(number, words)
    return parsed.model(path.parent, dtype)


def _statements(data: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and words of each statement; a backslash joins lines."""
    kept: list[str] = []
    for number, line in enumerate(io.BytesIO(data.removeprefix(codecs.BOM_UTF8)), 1):
        if len(line) > _LINE_LIMIT or len(kept) > _LINE_LIMIT:
            raise InputError(
                f"{name}: line {number} must hold at most {_LINE_LIMIT} letters, got more; "
                "split its polygon"
            )
        words = line.partition(b"#")[0].decode("utf-8", "replace").split()
        if words and words[-1].endswith("\\"):
            kept += [*words[:-1], *filter(None, [words[-1][:-1]])]
            continue
        words, kept = kept + words, []
        if words:
            yield number, words
    if kept:  # the last line asked for one more
        yield number, kept


class _Parsed:
    """What has been read of a file so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values = {key: array("d") for key, _, _ in _KEYS}
        self.rows = {key: 0 for key, _, _ in _KEYS}
        # Of all corners: position, texture, normal (-1: none); of all faces: corners, material.
        self.corners = array("q")
        self.known: dict[str, tuple[int, ...]] = {}
        self.sizes, self.owners = array("q"), array("q")
        self.triangles = 0
        self.materials: dict[str, int] = {"": 0}
        self.material = 0
        self.libraries: dict[str, None] = {}
        self.notes: dict[str, None] = {}

    def fault(self, number: int, rule: str, found: object, remedy: str) -> InputError:
        """Return the error that names file, line, rule, value and remedy."""
        return InputError(f"{self.name}: line {number} {rule}, got {show(found)}; {remedy}")

    def take(self, number: int, words: list[str]) -> None:
        """Take in one statement."""
        key = words[0]
        if key in self.values:
            self._take_row(number, key, words[1:])
        elif key == "f":
            self._take_face(number, words[1:])
        elif key == "usemtl":
            title = " ".join(words[1:])
            self.material = self.materials.setdefault(title, len(self.materials))
        elif key == "mtllib":
            self.libraries.setdefault(" ".join(words[1:]))
        elif key not in _IGNORED:
            self.notes.setdefault(f"{show(key)} statements are left out")
        most = max(len(self.materials), len(self.libraries), len(self.notes))
        if most > _NAME_LIMIT:
            rule = f"must keep to {_NAME_LIMIT} materials, libraries and kinds of statement"
            raise self.fault(number, rule, key, "split the file")

    def _take_row(self, number: int, key: str, words: list[str]) -> None:
        width = {"v": 3, "vt": 2, "vn": 3}[key]
        if key == "vt" and len(words) == 1:
            words = [words[0], "0"]
        try:
            row = [float(word) for word in words[:width]]
        except ValueError:
            row = []
        if len(row) != width or not all(map(math.isfinite, row)):
            rule = f"must hold {width} finite numbers after {key}"
            raise self.fault(number, rule, " ".join(words), "correct that line")
        if key == "v" and len(words) >= 6:
            self.notes.setdefault("colours of vertices are left out")
        self.values[key].extend(row)
        self.rows[key] += 1

    def _take_face(self, number: int, words: list[str]) -> None:
        if len(words) < 3:
            raise self.fault(number, "must hold three corners", words, "remove or complete it")
        for word in words:
            self.corners.extend(self.known.get(word) or self._corner(number, word))
        self.sizes.append(len(words))
        self.owners.append(self.material)
        self.triangles += len(words) - 2
        if self.triangles > TRIANGLE_LIMIT:
            rule = f"must be within the first {TRIANGLE_LIMIT} triangles"
            raise self.fault(number, rule, self.triangles, "simplify the mesh")

    def _corner(self, number: int, word: str) -> tuple[int, ...]:
        """Return the three places that a corner means; those from 1 on mean the same ever after."""
        parts = word.split("/")
        if len(parts) > 3:
            raise self.fault(number, "must have corners v/vt/vn", word, "correct it")
        parts += [""] * (3 - len(parts))
        found = tuple(
            self._index(number, key, part, needed=key == "v")
            for (key, _, _), part in zip(_KEYS, parts, strict=True)
        )
        if "-" not in word:
            if len(self.known) >= _KNOWN_LIMIT:
                self.known.clear()
            self.known[word] = found
        return found

    def _index(self, number: int, key: str, word: str, *, needed: bool) -> int:
        if not word and not needed:
            return -1
        rows = self.rows[key]
        try:
            index = int(word)
        except ValueError:
            index = 0
        place = index - 1 if index > 0 else rows + index
        if index == 0 or not 0 <= place < rows:
            rule = f"must index the {rows} rows of {key} before it, from 1 or from -1 backwards"
            raise self.fault(number, rule, word, "correct the index")
        return place

    def model(self, folder: Path, dtype: torch.dtype) -> Model:
        """Return all that was taken in."""
        if not self.sizes:
            remedy = "export the mesh with faces"
            raise InputError(f"{self.name}: file must hold faces, got none; {remedy}")
        looks = self._looks(folder, dtype)
        sizes = np.frombuffer(self.sizes, np.int64)
        places, face = fan(sizes)
        owner = np.frombuffer(self.owners, np.int64)[face]
        order = np.argsort(owner, kind="stable")
        ends = np.cumsum(np.bincount(owner, minlength=len(self.materials)))
        groups = np.split(places[order], ends[:-1])
        parts = []
        for title, chosen in zip(self.materials, groups, strict=True):
            if len(chosen):
                look = looks.get(title) or default_look(dtype)
                if title and title not in looks:
                    self.notes.setdefault(f"material {show(title)} is not defined")
                layers = self._layers(chosen, textured=look.maps.resolution != (1, 1))
                mesh = build_mesh(self.name, dtype, layers)
                parts.append(Part(mesh, look.maps, title, look.wrap))
        return Model(tuple(parts), notes=tuple(self.notes))

    def _looks(self, folder: Path, dtype: torch.dtype) -> dict[str, Look]:
        looks: dict[str, Look] = {}
        for library in self.libraries:
            place = f"{self.name}: mtllib"
            path = inside_folder(folder, library, place)
            if not path.exists():
                self.notes.setdefault(f"mtllib {show(library)} is missing")
                continue
            wanted = {title for title in self.materials if title}
            found, notes = read_mtl(path, wanted, dtype)
            looks = {**found, **looks}
            for note in notes:
                self.notes.setdefault(note)
        return looks

    def _layers(
        self, places: np.ndarray[tuple[int, ...], np.dtype[np.int64]], *, textured: bool
    ) -> dict[str, Layer | None]:
        layers: dict[str, Layer | None] = {}
        all_corners = np.frombuffer(self.corners, np.int64).reshape(-1, 3)
        for place, (key, title, width) in enumerate(_KEYS):
            values = np.frombuffer(self.values[key], np.float64).reshape(-1, width)
            corners = all_corners[places, place]
            bare = corners < 0
            if bare.all():
                layers[title] = None
                continue
            if bare.any() and (key == "vn" or not textured):
                self.notes.setdefault(f"{title} are left out: some faces have none")
                layers[title] = None
                continue
            if bare.any():
                self.notes.setdefault("faces without texture coordinates take those of (0, 0)")
            layers[title] = compact((values, corners))
        if textured and layers["uv"] is None:
            raise InputError(
                f"{self.name}: a textured material must lie on faces with texture coordinates, got "
                "faces without; unwrap the mesh or remove the texture"
            )
        return layers


def write_obj(path: Path | str, mesh: Mesh) -> None:
    """Write a mesh as OBJ, without material; numbers are read back to the bit.

    Raises:
        OutputError: If the file cannot be written.
    """
    lines = ["# diffgfx"]
    layers = {
        "v": (mesh.positions, mesh.triangles),
        "vt": (mesh.uv, mesh.uv_triangles),
        "vn": (mesh.normals, mesh.normal_triangles),
    }
    columns = []
    for key, (values, corners) in layers.items():
        if values is not None and corners is not None:
            rows = values.detach().cpu().double().tolist()
            lines += [f"{key} " + " ".join(map(repr, row)) for row in rows]
        columns.append(None if corners is None else (corners.cpu().long() + 1).tolist())
    for face in range(len(mesh.triangles)):
        words = []
        for corner in range(3):
            parts = ["" if column is None else str(column[face][corner]) for column in columns]
            words.append("/".join(parts).rstrip("/"))
        lines.append("f " + " ".join(words))
    with atomic_path(Path(path)) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="ascii")
