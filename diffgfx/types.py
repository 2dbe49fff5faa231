"""Shared tensor types, and the units and axis order that every docstring relies on.

Layout is ``(batch, channel, height, width)`` with row 0 at the top; vectors are x first. Lengths
are metres (captures: the unit of their file), angles radians, images linear RGB. A planar sample
lies in z = 0, centred at the origin, +x right, +y up, +z toward the camera.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

__all__ = ["Backend", "Boundary", "Image", "Images", "LossKind", "Maps", "Scalars", "Vectors"]

Backend = Literal["auto", "taichi", "torch"]
"""Which kernels serve an op; ``"auto"`` takes the fastest one that serves the tensors' device."""

Boundary = Literal["free", "periodic"]
"""What lies beyond the edge of a height field: nothing (natural), or its other side."""

LossKind = Literal[
    "log_l1", "log_l2", "log_charbonnier",
    "l1", "l2", "charbonnier",
    "display_l1", "display_l2", "display_charbonnier",
]  # fmt: skip
"""How a difference of radiances is measured."""

Image = Float[Tensor, "batch 3 height width"]
Images = Float[Tensor, "batch pair 3 height width"]
Maps = Float[Tensor, "batch 10 height width"]
Vectors = Float[Tensor, "*batch pair 3"]
Scalars = Float[Tensor, "*batch pair"]
