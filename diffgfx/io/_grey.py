"""What ``capture.json`` says of greys: a patch in the sample, or patches beside it."""

from typing import Any, cast

from diffgfx.errors import InputError
from diffgfx.io._files import show
from diffgfx.io._json import Fields, read_flag, read_number, read_numbers
from diffgfx.scene import Capture, GreyBeside, GreyPatch

__all__ = [
    "beside_fields",
    "check_grey_counts",
    "read_grey_beside",
    "read_grey_patch",
    "read_readings",
]

_REFLECTANCES = (1e-6, 1.0)
_REACH = 1e6
_RADIANCES = (1e-9, 1e9)
_MOST = 64

Vector = tuple[float, float, float]


def read_grey_patch(where: str, value: Any) -> GreyPatch | None:
    """Return a patch in the sample, or None where none is named; raise `InputError` if bad."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InputError(
            f"{where} must be an object with rect and reflectance, got {show(value)}; correct it"
        )
    remedy = "give left, top, right, bottom as fractions of the sample"
    rect = read_numbers(f"{where}.rect", value.get("rect"), 4, (0.0, 1.0), remedy)
    if not (rect[0] < rect[2] and rect[1] < rect[3]):
        raise InputError(f"{where}.rect must span an area, got {show(value['rect'])}; {remedy}")
    return GreyPatch(
        cast(tuple[float, float, float, float], rect), _reflectance(where, value)
    )


def read_grey_beside(where: str, value: Any) -> GreyBeside | None:
    """Return the patches beside the sample, or None; raise `InputError` if they are bad."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InputError(
            f"{where} must be an object with places and reflectance, got {show(value)}; correct it"
        )
    places = value.get("places")
    remedy = "give the centre of each patch as x, y, z from the sample's centre"
    if not isinstance(places, list) or not 1 <= len(places) <= _MOST:
        raise InputError(
            f"{where}.places must be a list of 1 to {_MOST} positions, got {show(places)}; {remedy}"
        )
    found = [read_numbers(f"{where}.places[{k}]", place, 3, (-_REACH, _REACH), remedy)
             for k, place in enumerate(places)]  # fmt: skip
    measured = read_flag(
        f"{where}.measured", value.get("measured", True),
        "give false where the reflectance is what was to be printed",
    )  # fmt: skip
    return GreyBeside(cast(tuple[Vector, ...], tuple(found)), _reflectance(where, value), measured)


def read_readings(where: str, value: Any) -> tuple[Vector | None, ...]:
    """Return what one photograph shows of the patches; raise `InputError` if that is no RGB."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST:
        raise InputError(
            f"{where} must be a list of at most {_MOST} readings, got {show(value)}; give RGB or "
            "null for each of grey_beside.places"
        )
    remedy = "give linear RGB above zero, or null where the patch cannot be read"
    return tuple(
        None if entry is None
        else cast(Vector, read_numbers(f"{where}[{k}]", entry, 3, _RADIANCES, remedy))
        for k, entry in enumerate(value)
    )  # fmt: skip


def check_grey_counts(name: str, capture: Capture) -> None:
    """Raise `InputError` unless every photograph has a reading, or null, for every patch beside."""
    places = 0 if capture.grey_beside is None else len(capture.grey_beside.places)
    for index, photo in enumerate(capture.photos):
        if photo.grey and len(photo.grey) != places:
            raise InputError(
                f"{name}: photos[{index}].grey must have an entry for each of the {places} "
                f"grey_beside.places, got {len(photo.grey)}; write null for a patch not seen"
            )
    if places and not any(entry for photo in capture.photos for entry in photo.grey):
        raise InputError(
            f"{name}: grey_beside must be seen in a photo, got no photos[].grey; "
            "give the readings or leave grey_beside out"
        )


def beside_fields(beside: GreyBeside) -> Fields:
    """Return what ``capture.json`` says of patches beside the sample."""
    return {
        "places": beside.places,
        "reflectance": beside.reflectance,
        "measured": beside.measured,
    }


def _reflectance(where: str, value: Fields) -> float:
    return read_number(
        f"{where}.reflectance", value.get("reflectance"), _REFLECTANCES,
        "give the linear diffuse reflectance, such as 0.18",
    )  # fmt: skip
