"""A glTF file that nobody vouches for: its container, its JSON by checked access, its images.

Everything that is read is checked where it is read, so that a broken or hostile file ends in one
line that names the place in the file, and never in a traceback.
"""

import json
import math
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from diffgfx.errors import InputError
from diffgfx.io._files import show
from diffgfx.io._header import PIXEL_LIMIT, inspect_image
from diffgfx.io._native import captured_messages
from diffgfx.io._uri import read_uri

__all__ = ["Asset", "Fields", "parse_glb", "parse_gltf"]

Fields = dict[str, Any]

_JSON_CHUNK = 0x4E4F534A
_BINARY_CHUNK = 0x004E4942
_AGAIN = "export the file again"
# Braces, brackets and commas bound how many objects a JSON becomes, each of some 100 bytes.
_JSON_MARKS_LIMIT = 3_000_000
_MAXIMA = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


class Asset:
    """The JSON and the binary part of a glTF, and the file's name for messages.

    With a ``folder``, buffers and images may lie in files inside it or in data URIs; without, all
    must lie in the binary part.
    """

    def __init__(self, name: str, root: Fields, blob: bytes, folder: Path | None = None) -> None:
        self.name = name
        self.root = root
        self.blob = blob
        self.folder = folder
        self._buffers: dict[int, bytes] = {}

    def fault(self, where: str, rule: str, found: object, remedy: str) -> InputError:
        """Return the error that names file, place, rule, value and remedy on one line."""
        return InputError(f"{self.name}: {where} {rule}, got {show(found)}; {remedy}")

    def item(self, kind: str, index: object, where: str) -> Fields:
        """Return object ``index`` of the top-level list ``kind``."""
        entries = self.root.get(kind, [])
        if not isinstance(entries, list):
            raise self.fault(kind, "must be a list", entries, _AGAIN)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(entries):
            raise self.fault(where, f"must name one of {len(entries)} {kind}", index, _AGAIN)
        if not isinstance(entries[index], dict):
            raise self.fault(f"{kind}[{index}]", "must be an object", entries[index], _AGAIN)
        return cast(Fields, entries[index])

    def fields(self, owner: Fields, key: str, where: str) -> Fields:
        """Return the object ``owner[key]``; empty where it is absent."""
        value = owner.get(key, {})
        if not isinstance(value, dict):
            raise self.fault(f"{where}.{key}", "must be an object", value, _AGAIN)
        return cast(Fields, value)

    def number(
        self,
        owner: Fields,
        key: str,
        default: float,
        where: str,
        *,
        low: float = 0.0,
        high: float = math.inf,
    ) -> float:
        """Return the finite number ``owner[key]``, which must lie in [low, high]."""
        value = owner.get(key, default)
        if not _is_number(value) or not low <= value <= high:
            rule = f"must be a number in [{low}, {high}]"
            raise self.fault(f"{where}.{key}", rule, value, _AGAIN)
        return float(value)

    def numbers(
        self,
        owner: Fields,
        key: str,
        default: tuple[float, ...],
        where: str,
        *,
        low: float = 0.0,
        high: float = math.inf,
    ) -> tuple[float, ...]:
        """Return the finite numbers ``owner[key]`` in [low, high], as many as the default holds."""
        value = owner.get(key, list(default))
        if not (
            isinstance(value, list)
            and len(value) == len(default)
            and all(_is_number(entry) and low <= entry <= high for entry in value)
        ):
            rule = f"must be a list of {len(default)} numbers in [{low}, {high}]"
            raise self.fault(f"{where}.{key}", rule, value, _AGAIN)
        return tuple(float(entry) for entry in value)

    def entries(self, owner: Fields, key: str, where: str) -> list[Any]:
        """Return the list ``owner[key]``; empty where it is absent."""
        value = owner.get(key, [])
        if not isinstance(value, list):
            raise self.fault(f"{where}.{key}", "must be a list", value, _AGAIN)
        return value

    def whole(
        self, owner: Fields, key: str, default: int | None, where: str, *, low: int = 0
    ) -> int:
        """Return the whole number ``owner[key]``, at least ``low``."""
        value = owner.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**62:
            raise self.fault(f"{where}.{key}", f"must be a whole number >= {low}", value, _AGAIN)
        return value

    def buffer(self, index: object, where: str) -> bytes:
        """Return the bytes of a buffer: the binary part, or with a folder a file or data URI."""
        fields = self.item("buffers", index, where)
        if "uri" not in fields and index == 0:
            return self.blob
        if self.folder is None or "uri" not in fields:
            raise self.fault(
                where,
                "must be the binary part of the file",
                fields.get("uri", index),
                "export as one self-contained GLB",
            )
        key = cast(int, index)
        if key not in self._buffers:
            place = f"{self.name}: buffers[{key}].uri"
            self._buffers[key] = read_uri(self.folder, fields["uri"], place)
        return self._buffers[key]

    def view(self, index: object, where: str) -> bytes:
        """Return the bytes of a buffer view, which must lie within its buffer."""
        view = self.item("bufferViews", index, where)
        place = f"bufferViews[{index}]"
        data = self.buffer(view.get("buffer"), f"{place}.buffer")
        start, length = view.get("byteOffset", 0), view.get("byteLength")
        if not (
            isinstance(start, int)
            and isinstance(length, int)
            and start >= 0
            and length > 0
            and start + length <= len(data)
        ):
            rule = f"must lie within the {len(data)} bytes of the binary part"
            raise self.fault(place, rule, [start, length], "the file may be cut: copy it again")
        return data[start : start + length]

    def image(
        self, index: object, where: str, pixels: int = PIXEL_LIMIT
    ) -> npt.NDArray[np.float64]:
        """Return stored values of a texture's image in [0, 1], RGBA, shape (h, w, 4).

        One of more than ``pixels`` pixels is refused before it is decoded.
        """
        texture = self.item("textures", index, where)
        source = texture.get("source")
        if source is None:
            found = sorted(self.fields(texture, "extensions", f"textures[{index}]"))
            raise self.fault(
                f"textures[{index}]", "must hold a PNG or JPEG", found, "export without compression"
            )
        image = self.item("images", source, f"textures[{index}].source")
        place = f"images[{source}]"
        if "bufferView" not in image and "uri" in image and self.folder is not None:
            data = read_uri(self.folder, image["uri"], f"{self.name}: {place}.uri")
            return _decode(data, f"{self.name}: {place}", pixels)
        if "bufferView" not in image:
            remedy = "export as one self-contained GLB"
            raise self.fault(place, "must be embedded in a buffer view", image.get("uri"), remedy)
        data = self.view(image["bufferView"], f"{place}.bufferView")
        return _decode(data, f"{self.name}: {place}", pixels)


def parse_glb(data: bytes, name: str, folder: Path | None = None) -> Asset:
    """Take a GLB apart.

    Args:
        data: The bytes of the file.
        name: The file's name for messages.
        folder: Where files that it names must lie; None if it must be self-contained.

    Returns:
        Its JSON and its binary part, which is empty where the file has none.

    Raises:
        InputError: If it is not a GLB of version 2, is truncated, or its JSON cannot be read.
    """
    if len(data) < 12 or data[:4] != b"glTF":
        raise InputError(
            f"{name}: file must be a binary glTF (GLB), got bytes {data[:4]!r}; export as .glb"
        )
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise InputError(f"{name}: GLB must be of version 2, got {version}; export it as glTF 2.0")
    if length > len(data):
        raise InputError(
            f"{name}: GLB must be complete, got {len(data)} of {length} bytes; copy it again"
        )
    chunks: dict[int, bytes] = {}
    offset = 12
    while offset + 8 <= length:
        size, kind = struct.unpack_from("<II", data, offset)
        offset += 8
        if offset + size > length:
            raise InputError(
                f"{name}: GLB chunk must lie within the file, got {size} bytes at {offset} of "
                f"{length}; copy it again"
            )
        chunks.setdefault(kind, data[offset : offset + size])
        offset += size
    if _JSON_CHUNK not in chunks:
        raise InputError(f"{name}: GLB must hold a JSON chunk, got none; {_AGAIN}")
    root = _parse_json(chunks[_JSON_CHUNK], name, "a GLB")
    return Asset(name, root, chunks.get(_BINARY_CHUNK, b""), folder)


def parse_gltf(data: bytes, name: str, folder: Path) -> Asset:
    """Take a ``.gltf`` apart: JSON, with buffers and images in ``folder`` or in data URIs.

    Raises:
        InputError: If its JSON cannot be read.
    """
    return Asset(name, _parse_json(data, name, "a glTF"), b"", folder)


def _parse_json(data: bytes, name: str, kind: str) -> Fields:
    marks = sum(data.count(mark) for mark in (b"{", b"[", b","))
    if marks > _JSON_MARKS_LIMIT:
        raise InputError(
            f"{name}: JSON of {kind} must hold at most {_JSON_MARKS_LIMIT} entries, got {marks}; "
            "split the file"
        )
    try:
        root = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:80]
        raise InputError(f"{name}: JSON of {kind} must parse, got: {reason}; {_AGAIN}") from error
    if not isinstance(root, dict):
        raise InputError(f"{name}: JSON of {kind} must be an object, got {show(root)}; {_AGAIN}")
    return root


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:                       # an integer beyond the range of floats
        return False


def _decode(data: bytes, name: str, most: int) -> npt.NDArray[np.float64]:
    import cv2

    header = inspect_image(data, name)
    if header.width * header.height > most:
        raise InputError(
            f"{name}: image must hold at most {most} pixels, got {header.width} x "
            f"{header.height}; reduce it"
        )
    pixels = None
    try:
        with captured_messages() as messages:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        messages.append(str(error))
    damaged = "premature end" in "".join(messages).lower()
    if header.kind == "exr" or pixels is None or damaged or pixels.dtype not in _MAXIMA:
        raise InputError(f"{name}: image must be a whole PNG or JPEG of 8 or 16 bits; {_AGAIN}")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    channels = pixels.shape[2]
    values = pixels / _MAXIMA[pixels.dtype]
    colour = values[..., 2::-1] if channels >= 3 else np.repeat(values[..., :1], 3, axis=2)
    alpha = values[..., -1:] if channels in (2, 4) else np.ones_like(values[..., :1])
    return np.concatenate([colour, alpha], axis=2)
