"""Smoke seen by pinhole and orthographic cameras, under lights from every side."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds

__all__ = ["CASES"]

CELL = 0.3
SIDES = ((-0.5, 0.3, 0.8), (0.4, -0.9, -0.3), (-0.7, -0.2, 0.4))
"""Directions to lights: each has another main axis, or the other end of one."""


def build_smoke(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    depth: int = 3,
    height: int = 4,
    width: int = 5,
    rows: int = 3,
    columns: int = 4,
    flat: bool = False,
    dense: float = 1.0,
) -> dict[str, Any]:
    """Return arguments of `ops.march_volume`.

    Args:
        dtype: Of all tensors.
        device: Of all tensors.
        batch: Volumes, each with colours, light and camera of its own.
        seed: Of the random numbers.
        depth: Cells toward the eye.
        height: Cells upward.
        width: Cells rightward.
        rows: Pixels down.
        columns: Pixels across.
        flat: A slab one cell deep, seen by an orthographic camera.
        dense: Factor on the density: 1 is thin, 20 hides what lies behind a cell.
    """
    draw = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=draw, dtype=torch.float64)

    cells = (height, width) if flat else (depth, height, width)
    sides = torch.tensor([SIDES[(seed + b) % 3] for b in range(batch)], dtype=torch.float64)
    toward = sides.view(batch, 1, 3) + uniform(-0.05, 0.05, batch, 1, 3)
    x, y, z = CELL * width, CELL * height, CELL * (1 if flat else depth)
    eye = [(0.4 * x, 0.6 * y, z + 2.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)]
    way = [(0.03, -0.04, -1.0), (0.3 * x, 0.05, 0.0), (0.02, 0.3 * y, 0.1)]
    if flat:
        eye[1:], way[1:] = [(0.45 * x, 0.1, 0.0), (0.0, 0.45 * y, 0.2)], [(0.0,) * 3] * 2
    camera = torch.tensor(eye + way, dtype=torch.float64) + uniform(-0.01, 0.01, batch, 6, 3)
    if flat:
        camera[:, 4:] = 0.0
    found = {
        "density": dense * uniform(0.2, 2.0, batch, 1, *cells),
        "albedo": uniform(0.3, 0.9, batch, 3),
        "light": torch.cat([toward, uniform(0.5, 2.0, batch, 2, 3)], dim=1),
        "camera": camera,
    }
    placed = {name: value.to(device, dtype) for name, value in found.items()}
    return {**placed, "cell": CELL, "pixels": (columns, rows)}


_WRONG = (
    Wrong("density", resized(1, 2), ShapeError, "must have one channel"),
    Wrong("density", resized(3, 0), ShapeError, "at least one cell an axis"),
    Wrong("density", lambda value: value[0, 0], ShapeError, "must have shape (B, C, H, W)"),
    Wrong("albedo", resized(1, 4), ShapeError, "albedo must have shape (B|1, 3)"),
    Wrong("albedo", resized(0, 3), ShapeError, "albedo must have shape (B|1, 3)"),
    Wrong("light", resized(1, 2), ShapeError, "light must have shape (B|1, 3, 3)"),
    Wrong("camera", resized(1, 4), ShapeError, "camera must have shape (B|1, 6, 3)"),
    Wrong(
        "camera", lambda value: value.requires_grad_(), RangeError, "must not require a gradient"
    ),
    Wrong("cell", lambda _: 0.0, RangeError, "cell must be a finite number above zero"),
    Wrong("pixels", lambda _: (4,), ShapeError, "pixels must hold two numbers"),
    Wrong("pixels", lambda _: (4, 0), RangeError, "pixels[1] (height) must be at least 1"),
    Wrong("pixels", lambda _: (1 << 15, 1 << 15), ShapeError, "render fewer at a time"),
)

_make = partial(
    Case,
    op="march_volume",
    call=ops.march_volume,
    build=build_smoke,
    differentiable=("density", "albedo", "light"),
    shared=("albedo", "light", "camera"),
    large={"depth": 9, "height": 11, "width": 13, "rows": 37, "columns": 41},
)

CASES = (
    _make("march_volume", wrong=wrong_kinds("density", "albedo", "light", "camera") + _WRONG),
    _make("march_volume[flat]", build=partial(build_smoke, flat=True, rows=2, columns=3)),
    _make(
        "march_volume[dense]",
        slow=True,
        build=partial(build_smoke, depth=1, height=2, width=3, rows=2, columns=3, dense=20.0),
    ),
)
