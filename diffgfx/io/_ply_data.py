"""The elements of a PLY file as columns; whatever the header promises is held against the data."""

import dataclasses
import struct
from array import array
from typing import Any

import numpy as np
import numpy.typing as npt

from diffgfx.errors import InputError
from diffgfx.io._files import show

__all__ = ["Columns", "List", "read_elements"]

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
# How struct names the same numbers.
_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
_HEADER_LIMIT = 1 << 20
_ROW_LIMIT = 1 << 24
# Each line and word of text becomes an object of some 40 bytes.
_WORD_LIMIT = 1 << 25
_WORD_LENGTH = 64
_AGAIN = "copy or export the file again"


@dataclasses.dataclass(frozen=True)
class List:
    """A property of lists.

    Attributes:
        counts: Length of each list.
        values: All lists, one after the other.
    """

    counts: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


Columns = dict[str, npt.NDArray[np.float64] | List]


@dataclasses.dataclass(frozen=True)
class _Property:
    name: str
    kind: str
    count_kind: str | None = None


@dataclasses.dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property]


def read_elements(data: bytes, name: str) -> dict[str, Columns]:
    """Return the columns of each element.

    Args:
        data: The file.
        name: Its name for messages.

    Raises:
        InputError: If header or data are broken, or the file ends early or late.
    """
    elements, order, start = _header(data, name)
    if not order:
        return _ascii(data[start:], name, elements)
    found: dict[str, Columns] = {}
    offset = start
    for element in elements:
        found[element.name], offset = _binary(data, offset, name, element, order)
    if data[offset:].strip():
        raise InputError(
            f"{name}: PLY data must end after its last element, got {len(data) - offset} more "
            f"bytes; {_AGAIN}"
        )
    return found


def _header(data: bytes, name: str) -> tuple[list[_Element], str, int]:
    end = data.find(b"end_header", 0, _HEADER_LIMIT)
    if data[:3] != b"ply" or end < 0:
        raise InputError(f"{name}: file must begin with a PLY header, got {data[:8]!r}; {_AGAIN}")
    start = data.find(b"\n", end) + 1
    if start == 0:
        raise InputError(f"{name}: PLY header must end with a line, got none; {_AGAIN}")
    elements: list[_Element] = []
    order: str | None = None
    for line in data[:end].decode("latin-1").replace("\r", "\n").split("\n")[1:]:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        try:
            if words[0] == "format":
                order = _ORDERS[words[1]]
            elif words[0] == "element":
                _, title, count = words
                if not 0 <= int(count) < 2**40 or title in {e.name for e in elements}:
                    raise ValueError
                elements.append(_Element(title, int(count), []))
            elif words[0] == "property":
                _add_property(elements[-1], words[1:])
            else:
                raise ValueError
        except (ValueError, KeyError, IndexError) as error:
            raise InputError(
                f"{name}: PLY header must consist of format, element and property lines, got "
                f"{show(line)}; {_AGAIN}"
            ) from error
    if order is None:
        raise InputError(f"{name}: PLY header must name its format, got none; {_AGAIN}")
    return elements, order, start


def _add_property(element: _Element, words: list[str]) -> None:
    if words[0] == "list":
        _, count_kind, kind, title = words
        found = _Property(title, _TYPES[kind], _TYPES[count_kind])
    else:
        kind, title = words
        found = _Property(title, _TYPES[kind])
    if title in {known.name for known in element.properties}:
        raise ValueError
    element.properties.append(found)


def _check_room(name: str, element: _Element, size: int, left: int) -> None:
    """Refuse a count that cannot be true before anything of that size is made."""
    if element.count * size > left or (element.count and not element.properties):
        raise InputError(
            f"{name}: element {show(element.name)} must fit in the {left} bytes left, got "
            f"{element.count} rows of {size} bytes or more; {_AGAIN}"
        )


def _checked(name: str, element: _Element, title: str, values: npt.NDArray[Any]) -> Any:
    numbers = values.astype(np.float64)
    if not bool(np.isfinite(numbers).all()):
        raise InputError(
            f"{name}: {show(element.name)} {show(title)} must be finite, got NaN or infinity; "
            "repair those rows"
        )
    return numbers


def _binary(
    data: bytes, offset: int, name: str, element: _Element, order: str
) -> tuple[Columns, int]:
    """Return an element's columns and where the next begins."""
    sizes = [np.dtype(p.count_kind or p.kind).itemsize for p in element.properties]
    _check_room(name, element, sum(sizes), len(data) - offset)
    # Lists of one length each, as the first row's: a table. Others are walked row by row.
    lengths = _row_lengths(data, offset, name, element, order) if element.count else None
    fields: list[Any] = []
    for place, item in enumerate(element.properties):
        if item.count_kind is not None:
            fields.append((f"n{place}", order + item.count_kind))
        width = 1 if lengths is None or item.count_kind is None else lengths[place]
        fields.append((f"v{place}", order + item.kind, (width,)))
    row = np.dtype(fields)
    end = offset + row.itemsize * element.count
    regular = end <= len(data)
    if regular:
        table = np.frombuffer(data, row, element.count, offset)
        regular = all(
            bool((table[f"n{place}"] == (lengths or {}).get(place)).all())
            for place, item in enumerate(element.properties)
            if item.count_kind is not None
        )
    if not regular:
        return _walk(data, offset, name, element, order)
    columns: Columns = {}
    for place, item in enumerate(element.properties):
        values = _checked(name, element, item.name, table[f"v{place}"].reshape(-1))
        if item.count_kind is None:
            columns[item.name] = values
        else:
            counts = np.full(element.count, (lengths or {}).get(place, 0), np.int64)
            columns[item.name] = List(counts, values)
    return columns, end


def _row_lengths(
    data: bytes, offset: int, name: str, element: _Element, order: str
) -> dict[int, int]:
    """Return the length of each list in an element's first row."""
    lengths: dict[int, int] = {}
    for place, item in enumerate(element.properties):
        if item.count_kind is not None:
            count, offset = _take(data, offset, name, order + item.count_kind, 1)
            lengths[place] = _length(name, element, count[0])
        width = lengths.get(place, 1)
        _, offset = _take(data, offset, name, order + item.kind, width)
    return lengths


def _take(
    data: bytes, offset: int, name: str, kind: str, count: int
) -> tuple[npt.NDArray[Any], int]:
    end = offset + np.dtype(kind).itemsize * count
    if end > len(data):
        raise _cut(name, data, end)
    return np.frombuffer(data, kind, count, offset), end


def _cut(name: str, data: bytes, end: int) -> InputError:
    return InputError(
        f"{name}: PLY must be complete, got {len(data)} bytes where {end} or more belong; {_AGAIN}"
    )


def _length(name: str, element: _Element, value: Any) -> int:
    if not (value >= 0 and value == int(value) if np.isfinite(value) else False):
        raise InputError(
            f"{name}: lists of {show(element.name)} must have a length, got {value}; {_AGAIN}"
        )
    return int(value)


def _walk(
    data: bytes, offset: int, name: str, element: _Element, order: str
) -> tuple[Columns, int]:
    """Read an element whose lists differ in length."""
    if element.count > _ROW_LIMIT:
        raise InputError(
            f"{name}: element {show(element.name)} must have at most {_ROW_LIMIT} rows of lists "
            f"that differ, got {element.count}; split the file"
        )
    start = offset
    starts, counts = ([array("q") for _ in element.properties] for _ in range(2))
    plan = [
        (struct.Struct(order + _CODES.get(p.count_kind or "", "")), p.count_kind is not None,
         np.dtype(p.kind).itemsize)
        for p in element.properties
    ]  # fmt: skip
    try:
        for _ in range(element.count):
            for place, (reader, is_list, size) in enumerate(plan):
                count = 1
                if is_list:
                    (length,) = reader.unpack_from(data, offset)
                    count = _length(name, element, length)
                    offset += reader.size
                starts[place].append(offset - start)
                counts[place].append(count)
                offset += count * size
                if offset > len(data):
                    raise struct.error
    except struct.error as error:
        raise _cut(name, data, offset) from error
    columns: Columns = {}
    span = np.frombuffer(data, np.uint8, offset - start, start)
    for place, item in enumerate(element.properties):
        sizes = np.array(counts[place], np.int64)
        first = np.array(starts[place], np.int64)[sizes > 0]
        edges = np.zeros(len(span) + 1, np.int8)
        edges[first] = 1
        edges[first + sizes[sizes > 0] * plan[place][2]] = -1
        chosen = span[np.cumsum(edges[:-1], dtype=np.int8).astype(bool)]
        values = _checked(name, element, item.name, chosen.view(order + item.kind))
        columns[item.name] = values if item.count_kind is None else List(sizes, values)
    return columns, offset


def _ascii(data: bytes, name: str, elements: list[_Element]) -> dict[str, Columns]:
    words = sum(data.count(mark) for mark in (b" ", b"\n", b"\r", b"\t"))
    if words > _WORD_LIMIT:
        raise InputError(
            f"{name}: text must hold at most {_WORD_LIMIT} words, got {words}; save it as binary"
        )
    lines = [line for line in data.replace(b"\r", b"\n").split(b"\n") if line.strip()]
    found: dict[str, Columns] = {}
    first = 0
    for element in elements:
        _check_room(name, element, 2 * len(element.properties), len(data))
        rows = lines[first : first + element.count]
        if len(rows) < element.count:
            raise InputError(
                f"{name}: element {show(element.name)} must have {element.count} lines, got "
                f"{len(rows)}; {_AGAIN}"
            )
        first += element.count
        found[element.name] = _ascii_columns(name, element, rows)
    if first < len(lines):
        raise InputError(
            f"{name}: PLY must end after {first} lines of data, got {len(lines)}; {_AGAIN}"
        )
    return found


def _ascii_columns(name: str, element: _Element, rows: list[bytes]) -> Columns:
    places: list[list[int]] = [[] for _ in element.properties]
    counts: list[list[int]] = [[] for _ in element.properties]
    numbers = _numbers(name, element, b" ".join(rows).split())
    at = 0
    lists = any(item.count_kind is not None for item in element.properties)
    if not lists:
        width = len(element.properties)
        if len(numbers) != width * element.count or any(len(r.split()) != width for r in rows):
            raise _bad_row(name, element)
        table = numbers.reshape(element.count, width)
        return {item.name: table[:, place] for place, item in enumerate(element.properties)}
    for row in rows:
        end = at + len(row.split())
        for place, item in enumerate(element.properties):
            count = 1
            if item.count_kind is not None:
                if at >= end:
                    raise _bad_row(name, element)
                count = _length(name, element, numbers[at])
                at += 1
            if at + count > end:
                raise _bad_row(name, element)
            counts[place].append(count)
            places[place].append(at)
            at += count
        if at != end:
            raise _bad_row(name, element)
    columns: Columns = {}
    for place, item in enumerate(element.properties):
        sizes, starts = np.array(counts[place], np.int64), np.array(places[place], np.int64)
        step = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        values = numbers[np.repeat(starts, sizes) + step]
        columns[item.name] = values if item.count_kind is None else List(sizes, values)
    return columns


def _bad_row(name: str, element: _Element) -> InputError:
    return InputError(
        f"{name}: lines of {show(element.name)} must hold the numbers that the header and their "
        f"lists promise, got others; {_AGAIN}"
    )


def _numbers(name: str, element: _Element, words: list[bytes]) -> npt.NDArray[np.float64]:
    longest = max(map(len, words), default=0)
    if longest > _WORD_LENGTH:  # one width serves all in the array
        raise InputError(
            f"{name}: lines of {show(element.name)} must hold numbers, got a word of {longest} "
            "letters; correct it"
        )
    try:
        numbers = np.array(words, dtype="S").astype(np.float64) if words else np.zeros(0)
    except ValueError as error:
        raise InputError(
            f"{name}: lines of {show(element.name)} must hold numbers, got: "
            f"{show(str(error))}; correct them"
        ) from error
    return np.asarray(_checked(name, element, "numbers", numbers))
