"""Mantaflow's grid files, ``.uni``: magics MNT2 and MNT3, read and written without loss.

A file is one gzip stream: a magic of 4 bytes, a header of 288 and the values, little-endian, x
running fastest. A grid of a plane has one layer, and its velocities three components nevertheless.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diffgfx.errors import DtypeError, InputError, RangeError, ShapeError
from diffgfx.io._files import atomic_path, check_file, show, show_path

__all__ = [
    "CELL_FLAGS",
    "GRID_TYPES",
    "UniGrid",
    "faces_from_mac",
    "mac_from_faces",
    "read_uni",
    "write_uni",
]

GRID_TYPES = {"real": 1, "int": 2, "vec3": 4, "mac": 4 | 8, "levelset": 1 | 16, "flags": 2 | 32}
"""Bits of a grid's type by what it holds."""

CELL_FLAGS = {"fluid": 1, "obstacle": 2, "empty": 4, "inflow": 8, "outflow": 16, "open": 32}
"""Bits of a cell in a grid of flags."""

_HEADERS = {"MNT2": struct.Struct("<iiiiii256sQ"), "MNT3": struct.Struct("<iiiiii252siQ")}
_INFO = {"MNT2": 256, "MNT3": 252}
_ELEMENTS: dict[int, tuple[str, int]] = {0: ("<i4", 1), 1: ("<f4", 1), 2: ("<f4", 3)}
_MAGIC = 4
_CHUNK = 1 << 20
_MOST_DEFLATED = 1032
"""Bytes that one byte of a deflate stream can stand for, at most."""
_AGAIN = "copy or write the file again"


@dataclass(frozen=True)
class UniGrid:
    """What a file holds, to the bit.

    Attributes:
        values: int32 (Z, Y, X), float32 (Z, Y, X) or vectors, x first, float32 (Z, Y, X, 3); with
            several frames (T, Z, Y, X) and (T, Z, Y, X, 3). A component of a velocity on faces
            (`GRID_TYPES` ``mac``) is that of the cell's lower face.
        grid_type: Bits of `GRID_TYPES`; whatever else a file holds is kept.
        version: The magic. MNT2 has no frames.
        frames: The header's number of frames, 0 or 1 where ``values`` have no axis for them.
        info: A comment of up to 252 bytes, in MNT2 256.
        timestamp: When it was written, as the file has it.
    """

    values: npt.NDArray[np.generic]
    grid_type: int
    version: Literal["MNT2", "MNT3"] = "MNT3"
    frames: int = 0
    info: bytes = b""
    timestamp: int = 0


def read_uni(path: Path | str) -> UniGrid:
    """Read a Mantaflow grid.

    Memory follows what the file holds, whatever its header claims.

    Raises:
        InputError: If there is no such file, it is no MNT2 or MNT3, of another element, or does
            not hold what its header says.
    """
    path = Path(path)
    size = check_file(path)
    name = show_path(path)
    try:
        with gzip.open(path, "rb") as stream:
            return _read(name, stream, size)
    except gzip.BadGzipFile as error:
        raise InputError(
            f"{name}: file must be an intact gzip stream, got one that is not; {_AGAIN}"
        ) from error
    except (EOFError, zlib.error) as error:
        raise InputError(
            f"{name}: gzip stream must be whole, got one cut off or damaged; {_AGAIN}"
        ) from error
    except OSError as error:
        raise InputError(
            f"{name}: file must be readable, got {error.strerror}; check its permissions"
        ) from error


def _read(name: str, stream: gzip.GzipFile, size: int) -> UniGrid:
    magic = stream.read(_MAGIC)
    version = magic.decode("ascii", "replace")
    if version in ("M4T2", "M4T3"):
        raise InputError(
            f"{name}: grid must have three axes, got {version} of four; write it in 3-D"
        )
    if version not in _HEADERS:
        raise InputError(
            f"{name}: magic must be MNT2 or MNT3, got {show(magic)}; write the grid with Mantaflow"
        )
    layout = _HEADERS[version]
    packed = stream.read(layout.size)
    if len(packed) < layout.size:
        raise InputError(
            f"{name}: header must hold {layout.size} bytes, got {len(packed)}; {_AGAIN}"
        )
    x, y, z, grid_type, element, width, info, *rest = layout.unpack(packed)
    frames, timestamp = rest if version == "MNT3" else (0, *rest)
    if min(x, y, z) < 1 or frames < 0:
        raise InputError(
            f"{name}: header must have sizes above zero, got {x} x {y} x {z} and {frames} frames; "
            f"{_AGAIN}"
        )
    dtype, channels = _element(name, element, width)
    shape = (*[frames] * (frames > 1), z, y, x, *[channels] * (channels > 1))
    data = _payload(name, stream, 4 * math.prod(shape), size)
    values = np.frombuffer(data, dtype).reshape(shape).astype(dtype[1:], copy=False)
    return UniGrid(
        values=values,
        grid_type=grid_type,
        version="MNT2" if version == "MNT2" else "MNT3",
        frames=frames,
        info=info.rstrip(b"\0"),
        timestamp=timestamp,
    )


def _element(name: str, element: int, width: int) -> tuple[str, int]:
    if element not in _ELEMENTS:
        raise InputError(
            f"{name}: element type must be 0 (int32), 1 (float32) or 2 (vectors), got {element}; "
            "write a grid, not particles"
        )
    dtype, channels = _ELEMENTS[element]
    if width != 4 * channels:
        raise InputError(
            f"{name}: element type {element} must take {4 * channels} bytes, got {width}; "
            "write it in single precision"
        )
    return dtype, channels


def _payload(name: str, stream: gzip.GzipFile, wanted: int, size: int) -> bytearray:
    """Return the values' bytes, growing with what is there: the header may ask for anything."""
    data = bytearray()
    if wanted <= size * _MOST_DEFLATED:
        while len(data) < wanted:
            chunk = stream.read(min(_CHUNK, wanted - len(data)))
            if not chunk:
                break
            data += chunk
    if len(data) < wanted:
        found = str(len(data)) if data else f"a file of {size} bytes"
        raise InputError(f"{name}: values must take {wanted} bytes, got {found}; {_AGAIN}")
    if stream.read(1):
        raise InputError(f"{name}: values must take {wanted} bytes, got more; {_AGAIN}")
    return data


def write_uni(path: Path | str, grid: UniGrid) -> None:
    """Write a Mantaflow grid, whole or not at all.

    Raises:
        ShapeError, DtypeError, RangeError: If the grid is none that the format can hold.
        OutputError: If the file cannot be written.
    """
    data = _packed(grid)
    with (
        atomic_path(Path(path)) as partial,
        partial.open("wb") as file,
        # no name and no time in the stream: equal grids are equal files
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream,
    ):
        for part in data:
            stream.write(part)


def _packed(grid: UniGrid) -> list[bytes]:
    values = np.asarray(grid.values)
    if values.dtype not in (np.dtype(np.int32), np.dtype(np.float32)):
        raise DtypeError(
            f"values must be int32 or float32, got {values.dtype}; convert them with .astype"
        )
    if grid.version not in _HEADERS:
        raise RangeError(f"version must be MNT2 or MNT3, got {grid.version!r}")
    vectors = bool(grid.grid_type & GRID_TYPES["vec3"])
    axes = values.ndim - vectors
    several = axes == 4
    if axes not in (3, 4) or min(values.shape) < 1 or (vectors and values.shape[-1] != 3):
        rule = "([T,] Z, Y, X, 3)" if vectors else "([T,] Z, Y, X)"
        raise ShapeError(f"values must have shape {rule} for this grid type, got {values.shape}")
    whole = bool(grid.grid_type & GRID_TYPES["int"])
    if (values.dtype == np.dtype(np.int32)) != whole or (whole and vectors):
        raise DtypeError(
            f"values must be {'int32' if whole else 'float32'} for grid type {grid.grid_type}, "
            f"got {values.dtype}"
        )
    wanted = values.shape[0] if several else grid.frames
    if grid.frames != wanted or (several and wanted < 2) or not (several or 0 <= wanted <= 1):
        raise RangeError(
            f"frames must be the number in values {values.shape}, 0 or 1 without an axis for them, "
            f"got {grid.frames}"
        )
    if several and grid.version == "MNT2":
        raise RangeError("version must be MNT3 for several frames, got MNT2")
    return [grid.version.encode(), _header(grid, values, vectors, whole), _bytes(values)]


def _header(grid: UniGrid, values: npt.NDArray[np.generic], vectors: bool, whole: bool) -> bytes:
    room = _INFO[grid.version]
    if len(grid.info) > room:
        raise RangeError(f"info must have at most {room} bytes, got {len(grid.info)}; shorten it")
    if not 0 <= grid.timestamp < 2**64:
        raise RangeError(f"timestamp must be a whole number of 64 bits, got {grid.timestamp}")
    z, y, x = values.shape[: values.ndim - vectors][-3:]
    element = 2 if vectors else int(not whole)
    head: list[Any] = [x, y, z, grid.grid_type, element, 12 if vectors else 4, grid.info]
    if grid.version == "MNT3":
        head.append(grid.frames)
    try:
        return _HEADERS[grid.version].pack(*head, grid.timestamp)
    except struct.error as error:
        raise RangeError(f"grid_type and sizes must fit 32 bits, got {head[:4]}") from error


def _bytes(values: npt.NDArray[np.generic]) -> bytes:
    return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def mac_from_faces(faces: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return a staggered velocity as values of a ``mac`` grid, a cell longer along each axis.

    Such a grid stores a cell's lower faces only, so that the last faces need a further layer; what
    it has besides them is zero. Scalars beside it need the same layer, which Mantaflow takes for
    its border.

    Args:
        faces: Of one flow: x-faces ([D,] H, W+1) and so on.

    Returns:
        Shape (D+1, H+1, W+1, 3), in 2-D (1, H+1, W+1, 3).

    Raises:
        ShapeError: If the faces are not those of one grid.
    """
    dim, first = len(faces), faces[0].shape if faces else ()
    cells = (*first[:-1], first[-1] - 1) if first else ()
    for axis, face in enumerate(faces):
        wanted = tuple(n + (k == dim - 1 - axis) for k, n in enumerate(cells))
        if dim not in (2, 3) or len(cells) != dim or face.shape != wanted:
            raise ShapeError(
                "faces must be x-faces, y-faces and, in 3-D, z-faces of one grid, "
                f"got {face.shape} as number {axis + 1} of {dim}"
            )
    values = np.zeros((*[1] * (3 - dim), *(n + 1 for n in cells), 3), np.float32)
    inner = values if dim == 3 else values[0]
    for axis, face in enumerate(faces):
        inner[..., axis][tuple(slice(n) for n in face.shape)] = face
    return values


def faces_from_mac(values: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Return the faces of all cells of a ``mac`` grid whose upper faces it has: but the last layer.

    Args:
        values: Shape (Z, Y, X, 3); one layer is 2-D.

    Returns:
        x-faces ([Z-1,] Y-1, X) and so on.

    Raises:
        ShapeError: If the values are not those of such a grid, or have no such cell.
    """
    shape = values.shape
    if len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < 2:
        raise ShapeError(f"values must have shape (Z, Y, X, 3), Y and X above one, got {shape}")
    inner, dim = (values, 3) if shape[0] > 1 else (values[0], 2)
    found = []
    for axis in range(dim):
        place = dim - 1 - axis
        keep = tuple(slice(n if k == place else n - 1) for k, n in enumerate(inner.shape[:-1]))
        found.append(np.ascontiguousarray(inner[..., axis][keep]))
    return found
