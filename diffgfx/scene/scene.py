"""All that a picture of meshes needs, and what a file holds of it."""

import dataclasses

import torch
from torch import Tensor

from diffgfx.check import (
    check_finite,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import RangeError, ShapeError
from diffgfx.scene.camera import Camera
from diffgfx.scene.light import HarmonicsLight, Light, PointLight
from diffgfx.scene.mesh import Part

__all__ = ["Model", "Scene"]


@dataclasses.dataclass(frozen=True)
class Model:
    """What a file of meshes holds.

    Attributes:
        parts: The meshes in the world, one a material.
        cameras: The file's perspective cameras.
        lights: The file's lights.
        notes: One line for each thing in the file that is left out or changed, and where.
    """

    parts: tuple[Part, ...]
    cameras: tuple[Camera, ...] = ()
    lights: tuple[Light, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and highest corner of the box around all parts, shape (3,) each.

        Raises:
            RangeError: If there is no vertex.
        """
        return _bounds(self.parts)


@dataclasses.dataclass(frozen=True)
class Scene:
    """Meshes, a batch of cameras that see them, and lights.

    Camera, lights and background each have a batch of B or of 1, which serves all B pictures; the
    meshes are the same in all of them.

    Attributes:
        parts: The meshes in the world.
        camera: One or B cameras.
        lights: Light adds; without any, everything is black.
        background: Radiance where nothing is, linear RGB, shape (B|1, 3); None: black.

    Raises:
        ShapeError: If the batches do not fit together.
        DtypeError: If tensors have different dtypes.
        DeviceError: If tensors lie on different devices.
        RangeError: If there is no part.
    """

    parts: tuple[Part, ...]
    camera: Camera
    lights: tuple[Light, ...] = ()
    background: Tensor | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise RangeError("parts must hold a mesh, got none; add one")
        batches = {"camera": self.camera.batch}
        tensors: dict[str, Tensor | None] = {"camera": self.camera.position}
        for index, part in enumerate(self.parts):
            tensors[f"parts[{index}].mesh"] = part.mesh.positions
            tensors[f"parts[{index}].material"] = part.material.diffuse
        for index, light in enumerate(self.lights):
            first, second = _tensors(light)
            tensors[f"lights[{index}]"] = first
            batches[f"lights[{index}]"] = max(len(first), len(second))
        if self.background is not None:
            check_shape("background", check_tensor("background", self.background), ("B", 3), {})
            check_finite("background", self.background, "correct it")
            tensors["background"] = self.background
            batches["background"] = len(self.background)
        check_same_dtype(tensors)
        check_same_device(tensors)
        most = max(batches.values())
        for name, batch in batches.items():
            if batch not in (1, most):
                raise ShapeError(f"{name} must have a batch of {most} or 1, got {batch}; repeat it")

    @property
    def batch(self) -> int:
        """Return how many pictures the scene makes."""
        sizes = [self.camera.batch, *(len(t) for light in self.lights for t in _tensors(light))]
        return max([*sizes, 1 if self.background is None else len(self.background)])

    @property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and highest corner of the box around all parts, shape (3,) each.

        Raises:
            RangeError: If there is no vertex.
        """
        return _bounds(self.parts)


def _tensors(light: Light) -> tuple[Tensor, Tensor]:
    if isinstance(light, HarmonicsLight):
        return light.coefficients, light.coefficients
    if isinstance(light, PointLight):
        return light.position, light.intensity
    return light.direction, light.irradiance


def _bounds(parts: tuple[Part, ...]) -> tuple[Tensor, Tensor]:
    boxes = [part.mesh.bounds for part in parts if len(part.mesh.positions)]
    if not boxes:
        raise RangeError("parts must hold a vertex to have bounds, got none; add a mesh")
    low, high = (torch.stack(corners) for corners in zip(*boxes, strict=True))
    return low.amin(dim=0), high.amax(dim=0)
