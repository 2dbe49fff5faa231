"""Small boxes with sides of every kind, and what no box may be."""

from collections.abc import Sequence

from diffgfx.errors import RangeError
from tests.contract.case import Wrong

__all__ = ["CELL", "WRONG_CELL", "WRONG_SIDES", "cells_of", "sides_of"]

CELL = 0.3

SIDES = ("outflow", "no_slip", "periodic", "periodic", "inflow", "free_slip")

WRONG_CELL = (Wrong("cell", lambda cell: 0.0, RangeError, "above zero"),)

WRONG_SIDES = (
    Wrong("sides", lambda sides: sides[:-1], RangeError, "must have"),
    Wrong("sides", lambda sides: ["solid", *sides[1:]], RangeError, "sides[0] must be one of"),
    Wrong(
        "sides",
        lambda sides: ["periodic", "no_slip", *sides[2:]],
        RangeError,
        "must be periodic where",
    ),
)


def cells_of(depth: int, height: int, width: int) -> tuple[int, ...]:
    """Return ([D,] H, W); depth 0 stands for 2-D."""
    return (depth, height, width) if depth else (height, width)


def sides_of(cells: Sequence[int]) -> list[str]:
    """Return sides of every kind; x is periodic in 3-D, y in 2-D."""
    first = len(cells) - 2
    return [SIDES[(2 * first + k) % len(SIDES)] for k in range(2 * len(cells))]
