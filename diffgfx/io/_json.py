"""Strict JSON from files that nobody vouches for: bounded in size and depth, no repeated keys."""

import json
import math
from pathlib import Path
from typing import Any

from diffgfx.errors import InputError
from diffgfx.io._files import read_bytes, show, show_path

__all__ = ["Fields", "check_plain", "read_flag", "read_number", "read_numbers", "read_object"]

_LIMIT_BYTES = 4 << 20
_LIMIT_DEPTH = 32

Fields = dict[str, Any]


def read_object(path: Path, missing: str, wanted: str) -> Fields:
    """Return the JSON object that a file holds.

    NaN and Infinity, which are not JSON, are let through so that the reader can say where they
    stand; `check_plain` finds those in values that nobody reads.

    Args:
        path: The file.
        missing: The remedy where the file is missing or unreadable.
        wanted: The remedy where it holds something else than an object.

    Raises:
        InputError: If the file is missing, over 4 MiB, not UTF-8, not JSON, nested deeper than 32
            levels, repeats a key, or is not an object.
    """
    name = show_path(path)
    data = read_bytes(path, _LIMIT_BYTES, missing)

    def unique(pairs: list[tuple[str, Any]]) -> Fields:
        fields: Fields = {}
        for key, value in pairs:
            if key in fields:
                raise InputError(f"{name}: a key must occur once, got {show(key)} twice; drop one")
            fields[key] = value
        return fields

    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=unique)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name}: file must be JSON, got {error.msg} at line {error.lineno} "
            f"column {error.colno}; correct it there"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: file must be UTF-8 text, got byte {data[error.start]:#04x} at offset "
            f"{error.start}; save it as UTF-8"
        ) from error
    except RecursionError as error:
        raise InputError(
            f"{name}: JSON must be nested at most {_LIMIT_DEPTH} levels deep; flatten it"
        ) from error
    except ValueError as error:                # an integer of thousands of digits
        raise InputError(f"{name}: numbers must be finite, got one too long; shorten it") from error
    if not isinstance(value, dict):
        raise InputError(f"{name}: file must hold a JSON object, got {show(value)}; {wanted}")
    _check_depth(name, value)
    return value


def check_plain(name: str, value: object) -> None:
    """Raise `InputError` if NaN or Infinity, which are not JSON, occur anywhere in ``value``."""
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise InputError(f"{name}: numbers must be finite, got {item}; remove it")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def read_number(where: str, value: Any, bounds: tuple[float, float], remedy: str) -> float:
    """Return a finite number within bounds, or raise `InputError`; NaN is outside of all."""
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where} must be a number, got {show(value)}; {remedy}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not low <= number <= high:               # false for NaN too
        raise InputError(
            f"{where} must be a finite number from {low:g} to {high:g}, got {show(value)}; {remedy}"
        )
    return number


def read_flag(where: str, value: Any, remedy: str) -> bool:
    """Return true or false, or raise `InputError`."""
    if not isinstance(value, bool):
        raise InputError(f"{where} must be true or false, got {show(value)}; {remedy}")
    return value


def read_numbers(
    where: str, value: Any, count: int, bounds: tuple[float, float], remedy: str
) -> tuple[float, ...]:
    """Return a list of so many finite numbers within bounds, or raise `InputError`."""
    if not isinstance(value, list) or len(value) != count:
        raise InputError(f"{where} must be a list of {count} numbers, got {show(value)}; {remedy}")
    return tuple(
        read_number(f"{where}[{index}]", entry, bounds, remedy) for index, entry in enumerate(value)
    )


def _check_depth(name: str, value: object) -> None:
    stack: list[tuple[object, int]] = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if depth > _LIMIT_DEPTH:
            raise InputError(
                f"{name}: JSON must be nested at most {_LIMIT_DEPTH} levels deep; flatten it"
            )
        if isinstance(item, dict):
            stack.extend((entry, depth + 1) for entry in item.values())
        elif isinstance(item, list):
            stack.extend((entry, depth + 1) for entry in item)
