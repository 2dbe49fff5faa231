"""Mantaflow grids: lossless round trips, the layout byte by byte, and every fault in one line."""

import gzip
import itertools
import struct
import tracemalloc

import numpy as np
import pytest

from diffgfx.errors import DtypeError, InputError, OutputError, RangeError, ShapeError
from diffgfx.io import (
    CELL_FLAGS,
    GRID_TYPES,
    UniGrid,
    faces_from_mac,
    mac_from_faces,
    read_uni,
    write_uni,
)

RNG = np.random.default_rng(4)
REAL = RNG.standard_normal((2, 3, 4)).astype(np.float32)
WHOLE = RNG.integers(-(2**31), 2**31, (2, 3, 4)).astype(np.int32)
VECTORS = RNG.standard_normal((2, 3, 4, 3)).astype(np.float32)
FLAGS = RNG.choice(list(CELL_FLAGS.values()), (1, 3, 4)).astype(np.int32)
GRIDS = {
    "real": REAL,
    "int": WHOLE,
    "vec3": VECTORS,
    "mac": VECTORS[:1],
    "levelset": REAL,
    "flags": FLAGS,
}
LAYOUT = {"MNT2": "<iiiiii256sQ", "MNT3": "<iiiiii252siQ"}


def packed(values=REAL, magic=b"MNT3", sizes=(4, 3, 2), kind=1, element=1, width=4, frames=0):
    """Return the bytes of a file before compression."""
    end = (b"made by hand", frames, 7) if magic != b"MNT2" else (b"made by hand", 7)
    layout = LAYOUT["MNT2" if magic == b"MNT2" else "MNT3"]
    return magic + struct.pack(layout, *sizes, kind, element, width, *end) + values.tobytes()


def stored(path, data):
    path.write_bytes(gzip.compress(data))
    return path


@pytest.mark.parametrize(("kind", "version"), list(itertools.product(GRIDS, LAYOUT)))
def test_round_trip_is_exact(tmp_path, kind, version):
    info = bytes(RNG.integers(0, 255, 252).astype(np.uint8)) + b"\x01" * 4 * (version == "MNT2")
    grid = UniGrid(GRIDS[kind], GRID_TYPES[kind], version, info=info, timestamp=2**64 - 1)
    write_uni(tmp_path / "a.uni", grid)
    found = read_uni(tmp_path / "a.uni")
    np.testing.assert_array_equal(found.values, grid.values)
    assert found.values.dtype == grid.values.dtype
    assert (found.grid_type, found.version, found.frames) == (grid.grid_type, version, 0)
    assert (found.info, found.timestamp) == (info, 2**64 - 1)


@pytest.mark.parametrize("values", [REAL, VECTORS])
def test_several_frames(tmp_path, values):
    many = np.stack([values, 2 * values, values + 1])
    kind = GRID_TYPES["vec3" if values.ndim == 4 else "real"]
    write_uni(tmp_path / "a.uni", UniGrid(many, kind, frames=3))
    found = read_uni(tmp_path / "a.uni")
    np.testing.assert_array_equal(found.values, many)
    assert found.frames == 3


def test_not_a_number_and_infinity_are_kept(tmp_path):
    values = np.array([[[np.nan, -np.inf, -0.0]]], dtype=np.float32)
    write_uni(tmp_path / "a.uni", UniGrid(values, GRID_TYPES["real"]))
    assert read_uni(tmp_path / "a.uni").values.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    "data",
    [
        packed(),
        packed(magic=b"MNT2"),
        packed(frames=1),
        packed(WHOLE, kind=2, element=0),
        packed(VECTORS, kind=12, element=2, width=12),
        packed(kind=1 | 16 | 1024),
    ],
)
def test_a_file_of_another_hand_is_read_and_written_to_the_byte(tmp_path, data):
    grid = read_uni(stored(tmp_path / "a.uni", data))
    assert grid.info == b"made by hand"
    assert grid.timestamp == 7
    write_uni(tmp_path / "b.uni", grid)
    assert gzip.decompress((tmp_path / "b.uni").read_bytes()) == data


def test_x_runs_fastest(tmp_path):
    values = np.arange(24, dtype=np.float32)
    grid = read_uni(stored(tmp_path / "a.uni", packed(values)))
    assert grid.values.shape == (2, 3, 4)
    assert grid.values[1, 2, 3] == 23.0
    assert grid.values[0, 0, 1] == 1.0
    grid.values[0, 0, 0] = 5.0  # an array of its own


def test_equal_grids_are_equal_files(tmp_path):
    for name in ("a.uni", "b.uni"):
        write_uni(tmp_path / name, UniGrid(REAL, 1))
    assert (tmp_path / "a.uni").read_bytes() == (tmp_path / "b.uni").read_bytes()


def fails(path, text):
    with pytest.raises(InputError) as caught:
        read_uni(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert text in message
    assert "; " in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (packed(magic=b"MNT1"), "magic must be MNT2 or MNT3, got b'MNT1'"),
        (packed(magic=b"M4T3"), "grid must have three axes"),
        (packed(magic=b"\xff\n\0\x80"), "magic must be MNT2 or MNT3"),
        (packed()[:3], "magic must be MNT2 or MNT3"),
        (packed()[:291], "header must hold 288 bytes, got 287"),
        (packed(sizes=(0, 3, 2)), "sizes above zero"),
        (packed(sizes=(4, -3, -2)), "sizes above zero"),
        (packed(frames=-2), "sizes above zero"),
        (packed(element=3), "element type must be 0"),
        (packed(width=8), "must take 4 bytes, got 8"),
        (packed(element=2), "must take 12 bytes, got 4"),
        (packed()[:-1], "values must take 96 bytes, got 95"),
        (packed() + b"\0", "values must take 96 bytes, got more"),
        (packed(sizes=(4, 3, 3)), "values must take 144 bytes, got 96"),
        (packed(sizes=(2**31 - 1,) * 3), "got a file of"),
        (packed(frames=2), "values must take 192 bytes, got 96"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, data, text):
    fails(stored(tmp_path / "a.uni", data), text)


def test_every_truncation_and_every_flipped_byte_of_the_stream_is_noticed(tmp_path):
    path = stored(tmp_path / "a.uni", packed())
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        fails(path, "")
    for place in (0, 1, 2, 30, len(whole) // 2, len(whole) - 6, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        fails(path, "")
    path.write_bytes(packed())
    fails(path, "gzip")


def test_a_missing_file_and_a_folder(tmp_path):
    fails(tmp_path / "none.uni", "must exist")
    fails(tmp_path, "must be a regular file")


def test_a_header_that_asks_for_much_gets_little(tmp_path):
    """Two hundred megabytes within what the stream could hold, of which it holds none."""
    filler = RNG.bytes(200_000)  # does not compress
    data = packed(sizes=(500, 500, 200), values=np.frombuffer(filler, np.uint8))
    path = stored(tmp_path / "a.uni", data)
    tracemalloc.start()
    fails(path, "values must take 200000000 bytes, got 200000")
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("grid", "error", "text"),
    [
        (UniGrid(REAL.astype(np.float64), 1), DtypeError, "values must be int32 or float32"),
        (UniGrid(REAL, 2), DtypeError, "values must be int32 for grid type 2"),
        (UniGrid(WHOLE, 1), DtypeError, "values must be float32 for grid type 1"),
        (UniGrid(WHOLE[..., :3], 4), ShapeError, "values must have shape ([T,] Z, Y, X, 3)"),
        (UniGrid(VECTORS, 1), RangeError, "frames must be the number"),
        (UniGrid(REAL[0], 1), ShapeError, "values must have shape ([T,] Z, Y, X)"),
        (UniGrid(REAL[:0], 1), ShapeError, "values must have shape"),
        (UniGrid(REAL, 1, frames=2), RangeError, "frames must be the number"),
        (UniGrid(np.stack([REAL, REAL]), 1), RangeError, "frames must be the number"),
        (UniGrid(np.stack([REAL, REAL]), 1, "MNT2", 2), RangeError, "version must be MNT3"),
        (UniGrid(REAL, 1, info=b"x" * 253), RangeError, "info must have at most 252 bytes"),
        (UniGrid(REAL, 1, timestamp=-1), RangeError, "timestamp must be"),
        (UniGrid(REAL, 1 | 2**40), RangeError, "grid_type and sizes must fit 32 bits"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_and_nothing_written(tmp_path, grid, error, text):
    with pytest.raises(error) as caught:
        write_uni(tmp_path / "a.uni", grid)
    assert str(caught.value).startswith(text)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_older_file(tmp_path, monkeypatch):
    write_uni(tmp_path / "a.uni", UniGrid(REAL, 1))
    before = (tmp_path / "a.uni").read_bytes()

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gzip.GzipFile, "write", full)
    with pytest.raises(OutputError, match="No space left"):
        write_uni(tmp_path / "a.uni", UniGrid(2 * REAL, 1))
    assert [file.name for file in tmp_path.iterdir()] == ["a.uni"]
    assert (tmp_path / "a.uni").read_bytes() == before


@pytest.mark.parametrize("cells", [(4, 5), (2, 3, 4), (1, 1)])
def test_faces_survive_a_mac_grid(tmp_path, cells):
    dim = len(cells)
    faces = [
        RNG.standard_normal([n + (k == dim - 1 - axis) for k, n in enumerate(cells)]).astype("f4")
        for axis in range(dim)
    ]
    values = mac_from_faces(faces)
    assert values.shape == (*[1] * (3 - dim), *(n + 1 for n in cells), 3)
    write_uni(tmp_path / "a.uni", UniGrid(values, GRID_TYPES["mac"]))
    found = faces_from_mac(read_uni(tmp_path / "a.uni").values)
    assert len(found) == dim
    for one, other in zip(found, faces, strict=True):
        np.testing.assert_array_equal(one, other)
    assert values[(0,) * 3][0] == faces[0][(0,) * dim]  # the lower face of the first cell


def test_faces_of_several_grids_are_refused():
    x, y = np.zeros((4, 6), np.float32), np.zeros((5, 5), np.float32)
    assert mac_from_faces([x, y]).shape == (1, 5, 6, 3)
    for wrong in ([x], [x, x], [x, y, y]):
        with pytest.raises(ShapeError, match="faces must be"):
            mac_from_faces(wrong)
    with pytest.raises(ShapeError, match="values must have shape"):
        faces_from_mac(np.zeros((1, 1, 4, 3), np.float32))
