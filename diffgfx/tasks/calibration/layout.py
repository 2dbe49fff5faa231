"""Where everything lies on a sheet of a given paper.

A ring of square cells runs around the window. Its corners and most of its cells hold tags, the
middle of each side a grey patch, so that some patch is away from the flash's glare in every
photograph. Where the paper is long enough, a second row of tags lies above and below: the wider
tags reach, the better they tell distance from focal length.
"""

from diffgfx.check import check_choice
from diffgfx.errors import RangeError
from diffgfx.scene.sheet import Box, Point, Sheet, Tag

__all__ = ["PAPERS", "lay_out_sheet"]

PAPERS: dict[str, tuple[float, float]] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""Width and height of each paper [mm]."""

_MARGIN = 8.0           # what printers leave white
_TAG = 20.0             # black square: eight modules of 2.5 mm
_CELL = 25.0            # with the white module that must surround it
_PITCH = 25.5           # least distance of cells
_GAP = 4.0              # between window and cells: room for an unsteady knife
_WORDS = 22.0           # height of the ruler and the words above the lower margin
_RULER = 100.0
_SMALLEST = 20.0


def lay_out_sheet(
    paper: str = "a4", window: tuple[float, float] = (100.0, 100.0), grey: float = 0.18
) -> Sheet:
    """Lay out a sheet.

    Args:
        paper: One of `PAPERS`.
        window: Width and height of the window [mm].
        grey: Reflectance that the grey patches are meant to have, in (0, 1].

    Returns:
        The sheet; its ruler counts as measured at its nominal length.

    Raises:
        RangeError: If the paper is unknown, the window does not fit on it, or the grey is none.
    """
    check_choice("paper", paper, tuple(PAPERS))
    if not 0.01 <= grey <= 1.0:
        raise RangeError(f"grey must be a reflectance from 0.01 to 1, got {grey:g}; try 0.18")
    page = PAPERS[paper]
    around = 2.0 * (_MARGIN + _CELL + _GAP)
    largest = page[0] - around, page[1] - around - 2.0 * _WORDS
    for name, side, most in zip(("width", "height"), window, largest, strict=True):
        if not _SMALLEST <= side <= most:
            raise RangeError(
                f"window must have a {name} from {_SMALLEST:g} to {most:g} mm on {paper}, got "
                f"{side:g}; choose another"
            )
    half_x, half_y = (0.5 * side + _GAP + 0.5 * _CELL for side in window)
    across, along = _spread(half_x), _spread(half_y)
    places = [(x, half_y) for x in across] + [(x, -half_y) for x in across]
    places += [(x, y) for y in along[1:-1] for x in (-half_x, half_x)]
    greys = [place for place in places if 0.0 in place]
    tagged = [place for place in places if 0.0 not in place]
    outer = half_y + _PITCH
    if outer + 0.5 * _CELL + _WORDS <= 0.5 * page[1] - _MARGIN:
        tagged += [(x, y) for y in (outer, -outer) for x in across]
    tagged.sort(key=lambda place: (-place[1], place[0]))
    return Sheet(
        page=page,
        origin=(0.5 * page[0], 0.5 * page[1]),
        window=window,
        tags=tuple(Tag(number, place, _TAG) for number, place in enumerate(tagged)),
        greys=tuple(_box(place) for place in greys),
        reflectance=grey,
        ruler=_RULER,
        ruler_measured=_RULER,
    )


def _spread(half: float) -> list[float]:
    """Return an odd number of places from -half to half, as many as there is room for."""
    count = 1 + int(2.0 * half / _PITCH)
    count -= 1 - count % 2
    middle = (count - 1) // 2
    return [half * (k - middle) / middle for k in range(count)]


def _box(place: Point) -> Box:
    (x, y), half = place, 0.5 * _TAG
    return x - half, y - half, x + half, y + half
