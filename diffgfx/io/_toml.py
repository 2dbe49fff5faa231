"""Strict TOML: tables whose keys are read by name and kind; a typo is told the nearest name."""

import difflib
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffgfx.errors import InputError
from diffgfx.io._files import read_bytes, show, show_path

__all__ = ["Table", "read_toml"]

_LIMIT_BYTES = 1 << 20
_MISSING = object()


def read_toml(path: Path) -> "Table":
    """Return the table that a TOML file holds.

    Raises:
        InputError: If the file is missing, over 1 MiB, not UTF-8 or not TOML.
    """
    name = show_path(path)
    data = read_bytes(path, _LIMIT_BYTES, "name a scene file, such as plume2d.toml")
    try:
        fields = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: file must be UTF-8 text, got byte {data[error.start]:#04x} at offset "
            f"{error.start}; save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: file must be TOML, got: {error}; correct it there") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{name}: file must be plain TOML, got: {error}; simplify it") from error
    return Table(name, "", fields)


class Table:
    """A table whose keys are taken one by one; `finish` complains of what is left."""

    def __init__(self, file: str, place: str, fields: dict[str, Any]) -> None:
        self._file = file
        self._place = place
        self._fields = dict(fields)
        self._known: list[str] = []

    def where(self, key: str) -> str:
        """Return how a message names a key."""
        return f"{self._file}: {self._place}{key}"

    def fault(self, key: str, rule: str, value: object, remedy: str) -> InputError:
        """Return the error of a key that breaks a rule."""
        return InputError(f"{self.where(key)} must be {rule}, got {show(value)}; {remedy}")

    def take(self, key: str, default: Any = _MISSING) -> Any:
        """Return a value as it stands; a default makes it optional."""
        self._known.append(key)
        if key in self._fields:
            return self._fields.pop(key)
        if default is _MISSING:
            near = difflib.get_close_matches(key, self._fields, n=1)
            hint = f"; is {near[0]!r} meant to be it?" if near else "; add it"
            raise InputError(f"{self.where(key)} is required, got none{hint}")
        return default

    def number(
        self, key: str, bounds: tuple[float, float], remedy: str, default: Any = _MISSING
    ) -> float:
        """Return a finite number within bounds."""
        value = self.take(key, default)
        return self._number(key, value, bounds, remedy)

    def optional(self, key: str, bounds: tuple[float, float], remedy: str) -> float | None:
        """Return a finite number within bounds, or None where the key is left out."""
        value = self.take(key, None)
        return None if value is None else self._number(key, value, bounds, remedy)

    def _number(self, key: str, value: Any, bounds: tuple[float, float], remedy: str) -> float:
        low, high = bounds
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(key, "a number", value, remedy)
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond all doubles
            number = math.inf
        if not (math.isfinite(number) and low <= number <= high):
            raise self.fault(key, f"a finite number from {low:g} to {high:g}", value, remedy)
        return number

    def integer(
        self, key: str, bounds: tuple[int, int], remedy: str, default: Any = _MISSING
    ) -> int:
        """Return a whole number within bounds."""
        value = self.take(key, default)
        low, high = bounds
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fault(key, f"a whole number from {low} to {high}", value, remedy)
        return int(value)

    def numbers(
        self,
        key: str,
        counts: Sequence[int],
        bounds: tuple[float, float],
        remedy: str,
        default: Any = _MISSING,
    ) -> tuple[float, ...]:
        """Return a list of as many finite numbers as one of ``counts``."""
        value = self.take(key, default)
        if not isinstance(value, list | tuple) or len(value) not in counts:
            count = " or ".join(str(n) for n in counts)
            raise self.fault(key, f"a list of {count} numbers", value, remedy)
        return tuple(self._number(f"{key}[{i}]", x, bounds, remedy) for i, x in enumerate(value))

    def choice(self, key: str, choices: Sequence[str], default: Any = _MISSING) -> str:
        """Return one of several words."""
        value = self.take(key, default)
        if not isinstance(value, str) or value not in choices:
            near = difflib.get_close_matches(str(value), choices, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "correct it"
            raise self.fault(key, f"one of {', '.join(choices)}", value, remedy)
        return value

    def table(self, key: str, required: bool = False) -> "Table":
        """Return an inner table; an empty one where it is absent and not required."""
        value = self.take(key) if required else self.take(key, {})
        if not isinstance(value, dict):
            raise self.fault(key, "a table", value, f"write [{key}] and its keys below")
        return Table(self._file, f"{self._place}{key}.", value)

    def tables(self, key: str) -> list["Table"]:
        """Return an array of tables, which may be absent."""
        value = self.take(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self.fault(key, "an array of tables", value, f"write [[{key}]] and its keys")
        return [
            Table(self._file, f"{self._place}{key}[{index}].", entry)
            for index, entry in enumerate(value)
        ]

    def finish(self) -> None:
        """Raise `InputError` for a key that nobody took, naming the nearest right one."""
        for key in self._fields:
            near = difflib.get_close_matches(key, self._known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else "remove it"
            known = ", ".join(dict.fromkeys(self._known))
            raise InputError(
                f"{self.where(key)} must be a known key ({known}), got {show(key)}; {hint}"
            )
