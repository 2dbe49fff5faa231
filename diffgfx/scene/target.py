"""Pictures that a fit of meshes is to match, and how they were taken."""

import dataclasses
from pathlib import Path

from torch import Tensor

from diffgfx.scene.camera import Camera
from diffgfx.scene.capture import Transfer
from diffgfx.scene.light import Light

__all__ = ["TargetSet"]


@dataclasses.dataclass(frozen=True)
class TargetSet:
    """What a ``targets.json`` says: N pictures of one model under the same lights.

    Attributes:
        folder: Where the file lies; other files are named relative to it.
        files: Names of the pictures, all of one size.
        camera: N cameras.
        lights: Lights, each for all pictures or, where it goes with the camera, one for each.
        background: Radiance where nothing is, linear RGB, shape (1, 3).
        transfer: How the pictures' values are encoded; an EXR is always linear.
        masks: Names of pictures that are white where the model is; None: there are none.
        model: Name of the file of meshes that a fit starts from; None: a grey sphere.
        reference: Name of the file of the true meshes, only to measure by; None: there is none.
    """

    folder: Path
    files: tuple[str, ...]
    camera: Camera
    lights: tuple[Light, ...]
    background: Tensor
    transfer: Transfer = "srgb"
    masks: tuple[str, ...] | None = None
    model: str | None = None
    reference: str | None = None
