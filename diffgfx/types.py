"""Shared tensor types, and the units and axis order that every docstring relies on.

Layout is ``(batch, channel, height, width)`` with row 0 at the top; vectors are x first. Lengths
are metres (captures: the unit of their file), angles radians, images linear RGB. A planar sample
lies in z = 0, centred at the origin, +x right, +y up, +z toward the camera.
"""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

__all__ = [
    "Backend",
    "Boundary",
    "Faces",
    "Image",
    "Images",
    "LossKind",
    "Maps",
    "ScalarSide",
    "Scalars",
    "Side",
    "Vectors",
]

Backend = Literal["auto", "taichi", "torch", "nvdiffrast"]
"""Which kernels serve an op; ``"auto"`` takes the fastest one that serves the tensors' device."""

Boundary = Literal["free", "periodic"]
"""What lies beyond the edge of a height field: nothing (natural), or its other side."""

Side = Literal["no_slip", "free_slip", "inflow", "outflow", "periodic"]
"""What a fluid meets at a side of its box. Order: x low, x high, y low, y high, z low, z high.

The normal velocity on a side is that of its faces: ops leave it as it is, but at an outflow. Walls
and inflows may have a tangential velocity too. The faces of both ends of a periodic axis are one:
ops read the first and write both.
"""

ScalarSide = Literal["fixed", "flux", "zero_gradient", "periodic"]
"""What holds for a scalar at a side: its value, its flux, no flux, or what the far side has."""

Faces = Sequence[Tensor]
"""Staggered velocity [m/s], index growing with the coordinate: row 0 is the bottom.

2-D: x-faces (B, H, W+1), y-faces (B, H+1, W). 3-D: x-faces (B, D, H, W+1), y-faces (B, D, H+1, W),
z-faces (B, D+1, H, W).
"""

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
