"""The poses of a capture's photographs: read, taken away, and put in."""

import dataclasses
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import InputError
from diffgfx.scene import Capture, Photo

__all__ = ["positions", "with_positions", "without_poses"]


def positions(
    capture: Capture, chosen: Iterable[int]
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Return the positions of camera and of light of the chosen photographs, float32.

    Raises:
        InputError: If a chosen photograph has none.
    """
    camera, light = [], []
    for index in chosen:
        photo = capture.photos[index]
        if photo.camera is None or photo.light is None:
            raise InputError(
                f"{photo.file}: photos[{index}] must have a camera position, got none; add "
                "photos[].camera to capture.json, or have it solved with --calibration solve"
            )
        camera.append(photo.camera)
        light.append(photo.light)
    return torch.tensor(camera, dtype=torch.float32), torch.tensor(light, dtype=torch.float32)


def without_poses(capture: Capture) -> Capture:
    """Return the capture as if nobody knew where its photographs were taken from."""
    photos = tuple(dataclasses.replace(p, camera=None, light=None) for p in capture.photos)
    return dataclasses.replace(capture, photos=photos)


def with_positions(
    capture: Capture, chosen: Sequence[int], position: Float[Tensor, "n 3"]
) -> Capture:
    """Return the capture with camera and light of each chosen photograph at one place."""
    photos: list[Photo] = list(capture.photos)
    for index, place in zip(chosen, position.tolist(), strict=True):
        x, y, z = place
        photos[index] = dataclasses.replace(photos[index], camera=(x, y, z), light=(x, y, z))
    return dataclasses.replace(capture, photos=tuple(photos))
