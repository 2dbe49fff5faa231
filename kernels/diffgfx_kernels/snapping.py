"""The lattice on which coverage is decided, and how wide its integers are.

Projected vertices are rounded to 1/16 of a pixel. A side of a triangle is then a line
``A x + B y + C`` with whole numbers, evaluated at the centre of a pixel, which lies on the lattice:
what two triangles share is decided once, exactly. A vertex behind the eye, or farther than the
guard band from the corner of the image, has no place on the lattice. A side that ends there starts
at the other end's place and keeps its direction, in 30 bits; a side with both ends there is a line
in 40 bits. Both come from the homogeneous ends before rounding, in float64 and with the same
magnitudes whichever end is named first, so that neighbours still agree about every pixel, and all
sides that meet at a place go through it exactly.

All of it stays below 2^62: a place times a direction is below 2^59 for each of two terms, and a
line's constant is at most 2^60.
"""

__all__ = [
    "AIM", "BEYOND", "GUARD", "LARGEST", "LINE", "MOST_SIDE", "MOST_TRIANGLES", "SUBPIXELS",
]  # fmt: skip

SUBPIXELS = 16
"""Parts of a pixel along an axis."""

GUARD = float(2**28)
"""How far from the image's corner a vertex may lie to be rounded [parts of a pixel]."""

AIM = float(2**30)
"""Largest component of a direction."""

LINE = float(2**40)
"""Largest slope of a line between two ends that have no place."""

BEYOND = float(2**60)
"""Largest constant of such a line."""

MOST_SIDE = 2**15
"""Most pixels along a side of an image."""

MOST_TRIANGLES = 2**24
"""Most triangles: single precision, in which they are named from 1 on, counts no further."""

LARGEST = float(2**56)
"""Largest coordinate of a vertex: products of two, and their gradients, stay finite."""
