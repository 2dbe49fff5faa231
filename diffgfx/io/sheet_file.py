"""``sheet.json``: where everything lies on a printed sheet, and what was measured on it.

Three of its entries are for the user to correct: ``ruler.measured``, ``grey.reflectance``, and
``grey.measured``, which says that somebody has. The file is taken for hostile, as every file is.
"""

import json
from pathlib import Path
from typing import Any, cast

from diffgfx.errors import InputError, RangeError
from diffgfx.io._files import atomic_path, show, show_path
from diffgfx.io._json import Fields, read_flag, read_number, read_numbers, read_object
from diffgfx.scene.sheet import Box, Sheet, Tag

__all__ = ["read_sheet", "write_sheet"]

_FAMILY = "tag36h11"
_FAMILY_SIZE = 587
_KEYS = frozenset({"units", "family", "page", "origin", "window", "tags", "grey", "ruler"})
_REACH = (-5000.0, 5000.0)      # mm
_LENGTHS = (0.1, 5000.0)
_FEWEST, _MOST = 4, _FAMILY_SIZE
_GREYS = 64
_STRETCH = 0.2                  # a printer's worst: "fit to page" is within a few per cent
_FROM_SHEET = "write a new file with diffgfx sheet"


def read_sheet(path: Path | str) -> Sheet:
    """Read a ``sheet.json``.

    Returns:
        The sheet as laid out; `Sheet.as_printed` gives it as measured.

    Raises:
        InputError: One line naming file, rule, value and remedy, for whatever is wrong.
    """
    path = Path(path)
    name = show_path(path)
    fields = read_object(path, "name the sheet.json that diffgfx sheet wrote", _FROM_SHEET)
    unknown = sorted(set(fields) - _KEYS)
    if unknown:
        raise InputError(
            f"{name}: keys must be among {', '.join(sorted(_KEYS))}, got {show(unknown[0])}; "
            "remove it"
        )
    for key, value in (("units", "mm"), ("family", _FAMILY)):
        if fields.get(key) != value:
            raise InputError(
                f"{name}: {key} must be {value}, got {show(fields.get(key))}; {_FROM_SHEET}"
            )
    grey = _object(f"{name}: grey", fields.get("grey"))
    ruler = _object(f"{name}: ruler", fields.get("ruler"))
    length = _length(f"{name}: ruler.nominal", ruler.get("nominal"))
    bounds = ((1.0 - _STRETCH) * length, (1.0 + _STRETCH) * length)
    return Sheet(
        page=_pair(f"{name}: page", fields.get("page"), _LENGTHS),
        origin=_pair(f"{name}: origin", fields.get("origin"), _REACH),
        window=_pair(f"{name}: window", fields.get("window"), _LENGTHS),
        tags=_tags(f"{name}: tags", fields.get("tags")),
        greys=_boxes(f"{name}: grey.patches", grey.get("patches")),
        reflectance=read_number(
            f"{name}: grey.reflectance", grey.get("reflectance"), (0.01, 1.0),
            "give the reflectance that was measured, such as 0.18",
        ),
        ruler=length,
        ruler_measured=read_number(
            f"{name}: ruler.measured", ruler.get("measured"), bounds,
            "give the printed ruler's length in mm, or print again at 100 %",
        ),
        reflectance_measured=read_flag(
            f"{name}: grey.measured", grey.get("measured", False),
            "give true where grey.reflectance was measured on the paper",
        ),
    )  # fmt: skip


def write_sheet(path: Path | str, sheet: Sheet) -> None:
    """Write a sheet so that `read_sheet` returns it again; the file appears whole or not at all.

    Raises:
        RangeError: If a number is NaN or infinite.
        OutputError: If the file cannot be written.
    """
    fields: Fields = {
        "units": "mm",
        "family": _FAMILY,
        "page": sheet.page,
        "origin": sheet.origin,
        "window": sheet.window,
        "ruler": {"nominal": sheet.ruler, "measured": sheet.ruler_measured},
        "grey": {
            "reflectance": sheet.reflectance,
            "measured": sheet.reflectance_measured,
            "patches": sheet.greys,
        },
        "tags": [{"id": t.number, "centre": t.centre, "side": t.side} for t in sheet.tags],
    }
    try:
        text = json.dumps(fields, indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise RangeError(f"sheet must hold finite numbers, got: {error}; correct it") from error
    with atomic_path(Path(path)) as partial:
        partial.write_text(text, encoding="utf-8")


def _object(where: str, value: Any) -> Fields:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be an object, got {show(value)}; {_FROM_SHEET}")
    return value


def _length(where: str, value: Any) -> float:
    return read_number(where, value, _LENGTHS, "give a length in mm")


def _pair(where: str, value: Any, bounds: tuple[float, float]) -> tuple[float, float]:
    first, second = read_numbers(where, value, 2, bounds, "give two lengths in mm")
    return first, second


def _tags(where: str, value: Any) -> tuple[Tag, ...]:
    if not isinstance(value, list) or not _FEWEST <= len(value) <= _MOST:
        raise InputError(
            f"{where} must be a list of {_FEWEST} to {_MOST} tags, got {show(value)}; {_FROM_SHEET}"
        )
    tags: dict[int, Tag] = {}
    for index, entry in enumerate(value):
        here = f"{where}[{index}]"
        fields = _object(here, entry)
        number = fields.get("id")
        if type(number) is not int or not 0 <= number < _FAMILY_SIZE or number in tags:
            raise InputError(
                f"{here}.id must be a whole number from 0 to {_FAMILY_SIZE - 1}, each once, got "
                f"{show(number)}; {_FROM_SHEET}"
            )
        centre = _pair(f"{here}.centre", fields.get("centre"), _REACH)
        tags[number] = Tag(number, centre, _length(f"{here}.side", fields.get("side")))
    return tuple(tags.values())


def _boxes(where: str, value: Any) -> tuple[Box, ...]:
    if not isinstance(value, list) or len(value) > _GREYS:
        raise InputError(
            f"{where} must be a list of at most {_GREYS} boxes, got {show(value)}; {_FROM_SHEET}"
        )
    boxes = []
    for index, entry in enumerate(value):
        remedy = "give left, bottom, right, top in mm"
        box = cast(Box, read_numbers(f"{where}[{index}]", entry, 4, _REACH, remedy))
        if not (box[0] < box[2] and box[1] < box[3]):
            raise InputError(f"{where}[{index}] must span an area, got {show(entry)}; {remedy}")
        boxes.append(box)
    return tuple(boxes)
