"""What a capture is: posed photographs of one flat sample, and what is known of their light."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

__all__ = ["Capture", "GreyBeside", "GreyPatch", "Photo", "Transfer"]

Transfer = Literal["srgb", "gamma2.2", "linear"]
"""How stored pixel values follow from linear light."""

Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Photo:
    """One rectified photograph: the sample fills it edge to edge.

    Attributes:
        file: Path relative to the capture's folder.
        camera: Camera position [capture unit]; None where it is not known.
        light: Flash position [capture unit]; None where it is not known.
        exposure: Known relative exposure (linear factor on the image); None to solve it.
        mask: Path of an image, white where the photo may be used; None for everywhere.
        grey: Linear RGB of each patch of the capture's `GreyBeside`, as this photo would store it;
            None for a patch that the photo does not show, or not well.
    """

    file: str
    camera: Vector | None = None
    light: Vector | None = None
    exposure: float | None = None
    mask: str | None = None
    grey: tuple[Vector | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class GreyPatch:
    """A patch of known diffuse reflectance inside the sample.

    Attributes:
        rect: Left, top, right, bottom as fractions of the sample, row 0 at the top.
        reflectance: Its linear diffuse reflectance, in (0, 1].
    """

    rect: tuple[float, float, float, float]
    reflectance: float


@dataclasses.dataclass(frozen=True)
class GreyBeside:
    """Matt patches of one known reflectance beside the sample, outside the rectified photographs.

    Attributes:
        places: Centre of each patch [capture unit]; they face +z.
        reflectance: Their linear diffuse reflectance, in (0, 1].
        measured: Whether that was measured; else it is what a printer was told to print.
    """

    places: tuple[Vector, ...]
    reflectance: float
    measured: bool = True


@dataclasses.dataclass(frozen=True)
class Capture:
    """The contents of a ``capture.json``.

    Attributes:
        folder: The folder that file names are relative to.
        units: Name of the unit of length, as written in the file.
        sample_size: Width and height of the sample in that unit.
        transfer: Encoding of the photographs.
        photos: The photographs, in the file's order.
        light_power: Known radiant intensity of the flash [radiance x unit^2], per channel;
            None where it is not known.
        grey_patch: A patch of known reflectance, where there is one.
        extra: Every other key of the file: kept, and never used.
        grey_beside: Patches of known reflectance beside the sample, where there are any.
    """

    folder: Path
    units: str
    sample_size: tuple[float, float]
    transfer: Transfer
    photos: tuple[Photo, ...]
    light_power: Vector | None = None
    grey_patch: GreyPatch | None = None
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)
    grey_beside: GreyBeside | None = None
