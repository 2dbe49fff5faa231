"""How large a model may be, and what a camera must see of it."""

import torch
from torch import Tensor

from diffgfx.errors import InputError
from diffgfx.scene import Camera, Model

__all__ = ["LARGEST", "SMALLEST", "check_extent", "clip_camera"]

# Of lengths [m]; products of four of them are near the ends of float32.
SMALLEST, LARGEST = 1e-6, 1e9
_SPARE = 0.9


def check_extent(name: str, model: Model) -> None:
    """Raise `InputError` unless a model has triangles and a size that pictures can show.

    Args:
        name: What the message calls it: its file.
        model: What is checked.
    """
    if not any(len(part.mesh.triangles) for part in model.parts):
        raise InputError(f"{name}: file must hold a triangle, got none; export the mesh itself")
    low, high = (corner.double() for corner in model.bounds)
    size = float((high - low).norm())
    if not SMALLEST <= size <= LARGEST:
        raise InputError(
            f"{name}: model must be from {SMALLEST:g} to {LARGEST:g} m across, got {size:g}; scale "
            "it"
        )
    away = float(torch.maximum(low.abs(), high.abs()).max())
    if away > LARGEST:
        raise InputError(
            f"{name}: coordinates must be at most {LARGEST:g} m, got {away:g}; move the model to "
            "the origin"
        )


def clip_camera(camera: Camera, pivot: Tensor, model: Model) -> tuple[float, float]:
    """Return near and far between which a model stays, however it turns about a place."""
    centre = pivot.detach().double().reshape(1, 3)
    radius = max(
        float((part.mesh.positions.detach().double() - centre).norm(dim=1).max())
        for part in model.parts
        if len(part.mesh.positions)
    )
    sight = torch.nn.functional.normalize((camera.target - camera.position).double(), dim=1)
    ahead = float(((centre - camera.position.double()) * sight).sum())
    reach = float((centre - camera.position.double()).norm())
    near = _SPARE * max(ahead - radius, 1e-3 * max(reach, SMALLEST))
    return near, max((ahead + radius) / _SPARE, 2.0 * near)
