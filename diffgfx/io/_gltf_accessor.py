"""The numbers of a glTF: accessors as arrays, every bound checked before anything is allocated."""

from typing import Any

import numpy as np
import numpy.typing as npt

from diffgfx.io._gltf_asset import Asset, Fields

__all__ = ["read_accessor", "read_indices"]

Values = npt.NDArray[np.float64]

_KINDS: dict[int, tuple[str, float]] = {
    5120: ("<i1", 127.0),
    5121: ("<u1", 255.0),
    5122: ("<i2", 32767.0),
    5123: ("<u2", 65535.0),
    5125: ("<u4", 0.0),
    5126: ("<f4", 0.0),
}
_INDEX_KINDS = (5121, 5123, 5125)
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
# With bytes behind them, and without: those are zeros that cost a file nothing.
_COUNT_LIMIT, _ZERO_LIMIT = 1 << 25, 1 << 20
_AGAIN = "export the file again"


def read_accessor(asset: Asset, index: object, where: str, widths: tuple[int, ...]) -> Values:
    """Return an accessor's elements as numbers, shape (count, width); integers are normalised.

    Args:
        asset: The file.
        index: The accessor's index, as it stands in the file.
        where: Where it stands, for messages.
        widths: Numbers an element may have.

    Raises:
        InputError: If the accessor does not exist, has another type, leaves its buffer view, or
            holds NaN or infinity.
    """
    raw, normal, place = _read(asset, index, where, widths)
    values = raw.astype(np.float64)
    if normal:
        values = np.maximum(values / normal, -1.0)
    if not bool(np.isfinite(values).all()):
        bad = int((~np.isfinite(values)).sum())
        raise asset.fault(place, "must be finite", f"{bad} NaN or infinite numbers", _AGAIN)
    return values


def read_indices(asset: Asset, index: object, where: str, count: int) -> npt.NDArray[np.int64]:
    """Return an accessor of indices below ``count``, shape (n,).

    Raises:
        InputError: As `read_accessor`; if the numbers are no unsigned integers or out of range.
    """
    fields = asset.item("accessors", index, where)
    if fields.get("componentType") not in _INDEX_KINDS:
        rule = "must hold unsigned integers as indices"
        raise asset.fault(f"accessors[{index}]", rule, fields.get("componentType"), _AGAIN)
    raw, _, place = _read(asset, index, where, (1,))
    found = raw[:, 0].astype(np.int64)
    if len(found) and int(found.max()) >= count:
        raise asset.fault(place, f"must index {count} vertices", int(found.max()), _AGAIN)
    return found


def _read(
    asset: Asset, index: object, where: str, widths: tuple[int, ...]
) -> tuple[npt.NDArray[Any], float, str]:
    """Return stored elements, the number that stands for 1 (or 0), and the place for messages."""
    fields = asset.item("accessors", index, where)
    place = f"accessors[{index}]"
    code, layout = fields.get("componentType"), fields.get("type")
    width = _WIDTHS.get(layout) if isinstance(layout, str) else None
    if not isinstance(code, int) or code not in _KINDS:
        raise asset.fault(f"{place}.componentType", f"must be one of {[*_KINDS]}", code, _AGAIN)
    if width is None or width not in widths:
        rule = f"must have {' or '.join(map(str, widths))} numbers an element as {where}"
        raise asset.fault(f"{place}.type", rule, layout, _AGAIN)
    count = asset.whole(fields, "count", None, place, low=1)
    most = _COUNT_LIMIT if "bufferView" in fields else _ZERO_LIMIT
    if count > most:
        raise asset.fault(f"{place}.count", f"must be at most {most}", count, "split it")
    kind, largest = _KINDS[code]
    dtype = np.dtype(kind)
    if "bufferView" in fields:
        start = asset.whole(fields, "byteOffset", 0, place)
        raw = _rows(asset, fields["bufferView"], place, dtype, (start, count, width))
    else:
        raw = np.zeros((count, width), dtype)
    if "sparse" in fields:
        raw = _apply_sparse(asset, asset.fields(fields, "sparse", place), place, raw)
    flag = fields.get("normalized", False)
    if not isinstance(flag, bool):
        raise asset.fault(f"{place}.normalized", "must be true or false", flag, _AGAIN)
    return raw, largest if flag else 0.0, place


def _rows(
    asset: Asset, view: object, place: str, dtype: np.dtype[Any], shape: tuple[int, int, int]
) -> npt.NDArray[Any]:
    """Return ``shape`` = (first byte, count, width) elements of a buffer view."""
    start, count, width = shape
    data = asset.view(view, f"{place}.bufferView")
    packed = width * dtype.itemsize
    fields = asset.item("bufferViews", view, place)
    stride = asset.whole(fields, "byteStride", packed, f"bufferViews[{view}]", low=1)
    end = start + (count - 1) * stride + packed
    if stride < packed or end > len(data):
        rule = f"must lie within the {len(data)} bytes of bufferViews[{view}]"
        raise asset.fault(place, rule, f"{count} elements to byte {end}", "copy the file again")
    rows = np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))
    return rows.copy()


def _apply_sparse(
    asset: Asset, sparse: Fields, place: str, raw: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    inside = f"{place}.sparse"
    count = asset.whole(sparse, "count", None, inside, low=1)
    if count > len(raw):
        raise asset.fault(f"{inside}.count", f"must be at most {len(raw)}", count, _AGAIN)
    where, what = (asset.fields(sparse, key, inside) for key in ("indices", "values"))
    code = where.get("componentType")
    if code not in _INDEX_KINDS:
        raise asset.fault(f"{inside}.indices", "must hold unsigned integers", code, _AGAIN)
    starts = [
        asset.whole(fields, "byteOffset", 0, f"{inside}.{key}")
        for key, fields in (("indices", where), ("values", what))
    ]
    kind = np.dtype(_KINDS[code][0])
    rows = _rows(asset, where.get("bufferView"), inside, kind, (starts[0], count, 1))[:, 0]
    if int(rows.max()) >= len(raw):
        rule = f"must index {len(raw)} elements"
        raise asset.fault(f"{inside}.indices", rule, int(rows.max()), _AGAIN)
    shape = (starts[1], count, raw.shape[1])
    raw[rows.astype(np.int64)] = _rows(asset, what.get("bufferView"), inside, raw.dtype, shape)
    return raw
