"""The printed sheet: tags around a window for the sample, grey patches, and a ruler."""

import dataclasses

__all__ = ["Box", "Point", "Sheet", "Tag"]

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top [mm]."""


@dataclasses.dataclass(frozen=True)
class Tag:
    """One upright AprilTag of the family 36h11.

    Attributes:
        number: Its number in the family.
        centre: Where its centre lies [mm].
        side: Side of its black square [mm].
    """

    number: int
    centre: Point
    side: float

    def corners(self) -> tuple[Point, Point, Point, Point]:
        """Return the corners of the black square [mm]: upper left, and on clockwise."""
        (x, y), half = self.centre, 0.5 * self.side
        left, right, low, high = x - half, x + half, y - half, y + half
        return (left, high), (right, high), (right, low), (left, low)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sheet as it was laid out. Lengths are in mm from the window's centre, +x right, +y up.

    Attributes:
        page: Width and height of the paper [mm].
        origin: Where the window's centre lies, from the paper's lower left corner [mm].
        window: Width and height of the window that the sample shows through [mm].
        tags: The tags, each number once.
        greys: Patches of one grey.
        reflectance: Linear diffuse reflectance of that grey, in (0, 1].
        reflectance_measured: Whether that was read off the paper; else it is what was drawn.
        ruler: Length of the printed ruler [mm].
        ruler_measured: Length that the ruler has on the paper [mm]: what the printer made of it.
    """

    page: tuple[float, float]
    origin: Point
    window: tuple[float, float]
    tags: tuple[Tag, ...]
    greys: tuple[Box, ...]
    reflectance: float
    ruler: float
    ruler_measured: float
    reflectance_measured: bool = False

    def as_printed(self) -> "Sheet":
        """Return the sheet with every length as the printer made it."""
        k = self.ruler_measured / self.ruler

        def pair(two: tuple[float, float]) -> tuple[float, float]:
            return k * two[0], k * two[1]

        return dataclasses.replace(
            self,
            page=pair(self.page),
            origin=pair(self.origin),
            window=pair(self.window),
            tags=tuple(Tag(tag.number, pair(tag.centre), k * tag.side) for tag in self.tags),
            greys=tuple((k * a, k * b, k * c, k * d) for a, b, c, d in self.greys),
            ruler=self.ruler_measured,
        )
