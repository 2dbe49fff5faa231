"""``capture.json``: what is known of a set of photographs, read from anyone and written back.

The file is taken for hostile: it is bounded in size and depth, every number is checked, and a
photograph must lie inside the file's own folder.
"""

import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, cast

from diffgfx.errors import InputError, RangeError
from diffgfx.io._files import atomic_path, check_file, show, show_path
from diffgfx.io._grey import (
    beside_fields,
    check_grey_counts,
    read_grey_beside,
    read_grey_patch,
    read_readings,
)
from diffgfx.io._json import Fields, check_plain, read_number, read_numbers, read_object
from diffgfx.scene import Capture, Photo, Transfer

__all__ = ["known_length", "metres_per_unit", "read_capture", "write_capture"]

_UNITS: dict[str, float | None] = {
    "mm": 1e-3, "cm": 1e-2, "m": 1.0, "in": 0.0254, "inch": 0.0254,
    "half widths of the sample": None,
}
_TRANSFERS = ("srgb", "gamma2.2", "linear")
_CAPTURE_KEYS = frozenset(
    {"units", "sample_size", "transfer", "photos", "light_power", "grey_patch", "grey_beside"}
)
_PHOTO_KEYS = frozenset({"file", "camera", "light", "exposure", "mask", "grey"})
_LENGTHS = (1e-6, 1e6)          # what single precision squares, and a camera can be moved by
_FACTORS = (1e-9, 1e9)
_NAME_LIMIT = 255
_NEAREST = 1e-3                 # of the sample's longer side


def metres_per_unit(units: str) -> float | None:
    """Return the length of a capture's unit [m]; None for a unit relative to the sample.

    Raises:
        RangeError: If a ``capture.json`` may not use that unit.
    """
    if units not in _UNITS:
        raise RangeError(
            f"units must be one of {', '.join(_UNITS)}, got {show(units)}; correct it in the file "
            "that names it"
        )
    return _UNITS[units]


def known_length(units: str) -> float | None:
    """Return the length of a unit [m]; None for one that has none, or that nobody knows."""
    return _UNITS.get(units)


def read_capture(path: Path | str, *, check_files: bool = True, posed: bool = True) -> Capture:
    """Read a ``capture.json`` and hold it against every rule that needs no pixels.

    Required: ``units`` (mm, cm, m, in), ``sample_size`` ([w, h], or one number for a square),
    ``transfer`` (srgb, gamma2.2, linear), ``photos[].file`` and, for every photo alike, ``camera``
    or ``light`` or both: where only one is given the flash sits at the camera. Optional:
    ``photos[].exposure``, ``.mask`` and ``.grey``, ``light_power`` (number or RGB), ``grey_patch``,
    ``grey_beside``. A null counts as absent. Other keys, those of a photo included, are kept for
    `write_capture`.

    Args:
        path: The file, or the folder that holds it.
        check_files: Also check that photographs and masks exist as files inside the folder. Without
            it names are only checked not to leave the folder.
        posed: Whether all must have poses; if not, those that are given are checked all the same.

    Returns:
        The capture; ``folder`` is absolute. Keys of photos that are not used are kept under
        ``extra["photos"]`` by file name.

    Raises:
        InputError: One line naming file, rule, value and remedy, for whatever is wrong.
    """
    path = Path(path)
    try:
        if path.is_dir():
            path = path / "capture.json"
        fields = read_object(
            path, "name a folder that holds a capture.json, or the file",
            "write an object with units, sample_size, transfer and photos",
        )
        folder = path.parent.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{show_path(path)}: path must be readable, got {error}") from error
    name = show_path(path)
    size = _size(f"{name}: sample_size", _need(name, fields, "sample_size"))
    photos, extras = _photos(name, _need(name, fields, "photos"), size, posed)
    extra = {key: value for key, value in fields.items() if key not in _CAPTURE_KEYS}
    if extras:
        extra["photos"] = extras
    check_plain(name, extra)
    capture = Capture(
        folder=folder,
        units=_choice(f"{name}: units", _need(name, fields, "units"), tuple(_UNITS)),
        sample_size=size,
        transfer=cast(
            Transfer, _choice(f"{name}: transfer", _need(name, fields, "transfer"), _TRANSFERS)
        ),
        photos=photos,
        light_power=_light_power(f"{name}: light_power", fields.get("light_power")),
        grey_patch=read_grey_patch(f"{name}: grey_patch", fields.get("grey_patch")),
        extra=extra,
        grey_beside=read_grey_beside(f"{name}: grey_beside", fields.get("grey_beside")),
    )
    check_grey_counts(name, capture)
    if check_files:
        _check_files(name, folder, photos)
    return capture


def write_capture(path: Path | str, capture: Capture) -> None:
    """Write a capture so that `read_capture` returns it again.

    The file appears whole or not at all.

    Args:
        path: The file, or an existing folder, in which it is named ``capture.json``.
        capture: What to write; its ``extra`` keys are written beside the others.

    Raises:
        RangeError: If a number is NaN or infinite, or ``extra`` is not JSON.
        OutputError: If the file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "capture.json"
    per_file: dict[str, Fields] = capture.extra.get("photos", {})
    photos = []
    for photo in capture.photos:
        entry: Fields = {"file": photo.file, "camera": photo.camera, "light": photo.light,
                         "exposure": photo.exposure, "mask": photo.mask, "grey": photo.grey or None}
        entry = {key: value for key, value in entry.items() if value is not None}
        photos.append({**per_file.get(photo.file, {}), **entry})
    fields: Fields = {"units": capture.units, "sample_size": capture.sample_size,
                      "transfer": capture.transfer}
    if capture.light_power is not None:
        fields["light_power"] = capture.light_power
    if capture.grey_patch is not None:
        patch = capture.grey_patch
        fields["grey_patch"] = {"rect": patch.rect, "reflectance": patch.reflectance}
    if capture.grey_beside is not None:
        fields["grey_beside"] = beside_fields(capture.grey_beside)
    fields["photos"] = photos
    fields |= {key: value for key, value in capture.extra.items() if key not in _CAPTURE_KEYS}
    try:
        text = json.dumps(fields, indent=1, allow_nan=False) + "\n"
    except (ValueError, TypeError, RecursionError) as error:
        raise RangeError(
            f"capture must hold finite numbers and plain values, got: {error}; correct it"
        ) from error
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _need(name: str, fields: Fields, key: str) -> Any:
    if fields.get(key) is None:
        raise InputError(f"{name}: {key} is required, got none; add it")
    return fields[key]


def _choice(where: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise InputError(
            f"{where} must be one of {', '.join(choices)}, got {show(value)}; correct it"
        )
    return value


def _size(where: str, value: Any) -> tuple[float, float]:
    remedy = "give width and height of the sample in the capture's unit"
    if isinstance(value, list):
        width, height = read_numbers(where, value, 2, _LENGTHS, remedy)
        return width, height
    side = read_number(where, value, _LENGTHS, remedy)
    return side, side


def _light_power(where: str, value: Any) -> tuple[float, float, float] | None:
    if value is None:
        return None
    remedy = "give a number or RGB above zero, or leave it out to have it solved"
    bounds = (1e-12, 1e12)
    if isinstance(value, list):
        return cast(tuple[float, float, float], read_numbers(where, value, 3, bounds, remedy))
    power = read_number(where, value, bounds, remedy)
    return power, power, power


def _photos(
    name: str, value: Any, size: tuple[float, float], posed: bool
) -> tuple[tuple[Photo, ...], dict[str, Fields]]:
    """Return the photographs and, by file name, the keys of theirs that are not used."""
    if not isinstance(value, list) or not value:
        raise InputError(f"{name}: photos must be a list of at least one photo, got {show(value)}; "
                         "add an object with file and camera for each")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise InputError(
                f"{name}: photos[{index}] must be an object with a file, got {show(entry)}; "
                "correct it"
            )
    if posed:
        _check_pose_counts(name, value)
    photos: list[Photo] = []
    extras: dict[str, Fields] = {}
    seen: dict[str, int] = {}
    for index, entry in enumerate(value):
        where = f"{name}: photos[{index}]"
        photo = _photo(where, entry, size)
        same = seen.setdefault(str(PurePosixPath(photo.file)), index)
        if same != index:
            raise InputError(
                f"{where}.file must be named once, got {show(photo.file)} of photos[{same}] again; "
                "remove one of the two"
            )
        photos.append(photo)
        rest = {key: item for key, item in entry.items() if key not in _PHOTO_KEYS}
        if rest:
            extras[photo.file] = rest
    return tuple(photos), extras


def _check_pose_counts(name: str, entries: list[Fields]) -> None:
    given = False
    for key in ("camera", "light"):
        missing = [index for index, entry in enumerate(entries) if entry.get(key) is None]
        if 0 < len(missing) < len(entries):
            raise InputError(
                f"{name}: {key} must be given for every photo or none, got "
                f"{len(entries) - len(missing)} for {len(entries)} photos; "
                f"add photos[{missing[0]}].{key}"
            )
        given |= not missing
    if not given:
        raise InputError(
            f"{name}: every photo must have a pose, got neither camera nor light for "
            f"{len(entries)} photos; add photos[].camera as [x, y, z], or have poses solved with "
            "diffgfx capture --calibration solve"
        )


def _photo(where: str, entry: Fields, size: tuple[float, float]) -> Photo:
    camera = _position(f"{where}.camera", entry.get("camera"), size)
    light = _position(f"{where}.light", entry.get("light"), size)
    exposure, mask = entry.get("exposure"), entry.get("mask")
    if exposure is not None:
        exposure = read_number(f"{where}.exposure", exposure, _FACTORS,
                           "give the linear factor on the image, or leave it out to have it solved")
    return Photo(
        file=_file_name(f"{where}.file", entry.get("file")),
        camera=camera if camera is not None else light,
        light=light if light is not None else camera,
        exposure=exposure,
        mask=None if mask is None else _file_name(f"{where}.mask", mask),
        grey=read_readings(f"{where}.grey", entry.get("grey")),
    )


def _position(
    where: str, value: Any, size: tuple[float, float]
) -> tuple[float, float, float] | None:
    if value is None:
        return None
    remedy = "give x, y, z in the capture's unit, from the sample's centre, z toward the camera"
    position = read_numbers(where, value, 3, (-_LENGTHS[1], _LENGTHS[1]), remedy)
    lowest = _NEAREST * max(size)
    if position[2] < lowest:
        raise InputError(
            f"{where} must lie above the sample's plane, z >= {lowest:g}, got z = {position[2]:g}; "
            f"{remedy}"
        )
    return cast(tuple[float, float, float], position)


def _file_name(where: str, value: Any) -> str:
    remedy = "name a file in the folder of capture.json"
    if not isinstance(value, str) or not 1 <= len(value) <= _NAME_LIMIT or not value.isprintable():
        raise InputError(
            f"{where} must be a file name of 1 to {_NAME_LIMIT} printable characters, got "
            f"{show(value)}; {remedy}"
        )
    windows = PureWindowsPath(value)
    if PurePosixPath(value).is_absolute() or windows.anchor or ".." in windows.parts:
        raise InputError(
            f"{where} must stay inside the folder of capture.json, got {show(value)}; {remedy}"
        )
    return value


def _check_files(name: str, folder: Path, photos: tuple[Photo, ...]) -> None:
    seen: dict[Path, int] = {}
    for index, photo in enumerate(photos):
        for key, file in (("file", photo.file), ("mask", photo.mask)):
            if file is not None:
                path = _inside(name, folder, f"photos[{index}].{key}", file)
                same = seen.setdefault(path, index) if key == "file" else index
                if same != index:
                    raise InputError(
                        f"{name}: photos[{index}].file must not be that of photos[{same}], got "
                        f"{show(file)}, a link to the same; remove one of the two"
                    )


def _inside(name: str, folder: Path, where: str, file: str) -> Path:
    try:
        path = (folder / file).resolve()
    except (OSError, RuntimeError) as error:    # links in a circle
        raise InputError(
            f"{name}: {where} must lead to a file, got {show(file)}, a link in a circle; correct it"
        ) from error
    if not path.is_relative_to(folder):
        raise InputError(
            f"{name}: {where} must stay inside the folder of capture.json, got {show(file)}, "
            "a link to another place; copy the file there"
        )
    check_file(folder / file, f"correct {where} in {name} or add the file")
    return path
