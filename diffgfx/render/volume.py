"""Pictures of smoke that look good without a choice: a key light, a dark background, a camera."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.check import check_positive, check_tensor
from diffgfx.errors import RangeError, ShapeError
from diffgfx.ops import march_volume

__all__ = ["frame_box", "render_smoke"]

BACKGROUND = (0.006, 0.007, 0.010)
ALBEDO = (0.95, 0.95, 0.95)
LIGHT = ((-0.55, 0.75, 0.35), (1.4, 1.33, 1.22), (0.08, 0.10, 0.13))
"""A warm key light from above left, a little to the front, and cool surroundings."""

THICKNESS = 12.0
"""Optical depth of smoke of density 1 over the longest side of the box."""

VIEW = (0.35, 0.22, 1.0)
ANGLE = 0.5
SLICE = 8
"""A flat smoke is seen as a slab of this share of its shorter side."""


def frame_box(
    density: Tensor,
    cell: float,
    pixels: Sequence[int],
    *,
    view: Sequence[float] = VIEW,
    angle: float = ANGLE,
) -> Float[Tensor, "1 6 3"]:
    """Return the camera of `ops.march_volume` that just frames the box of a volume.

    Args:
        density: Shape (b, 1, d, h, w), or (b, 1, h, w) for a slab one cell deep; gives the box,
            the dtype and the device.
        cell: Side of a cell [m].
        pixels: Width and height of the image.
        view: Direction from the box to the eye, not along y; any positive length.
        angle: Angle of view of the image's longer side [rad], below pi; 0 for an orthographic
            camera.

    Returns:
        Rows of the camera, up being +y.

    Raises:
        ShapeError: If ``density`` is no volume.
        RangeError: If the view is along y, or the angle is out of range.
    """
    sizes = density.shape[2:]
    if len(sizes) not in (2, 3):
        raise ShapeError(
            f"density must have shape (b, 1, d, h, w) or (b, 1, h, w), got {tuple(density.shape)}"
        )
    if not 0.0 <= angle < math.pi:
        raise RangeError(f"angle must be at least 0 and below pi, got {angle}")
    depth, height, width = (1, *sizes)[-3:]
    half = 0.5 * cell * torch.tensor([width, height, depth], dtype=torch.float64)
    back = torch.tensor(tuple(view), dtype=torch.float64)
    if float(back[[0, 2]].norm()) == 0.0:
        raise RangeError(f"view must not point along y, got {tuple(view)}; lean it a little")
    back = back / back.norm()
    right = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), back)
    right = right / right.norm()
    up = torch.linalg.cross(back, right)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)
    corners = signs * half
    across, above, nearer = corners @ right, corners @ up, corners @ back
    aspect = pixels[0] / pixels[1]
    zero = torch.zeros(3, dtype=torch.float64)
    if angle == 0.0:
        reach = float(torch.maximum(across.abs() / aspect, above.abs()).max())
        eye = half + back * float(nearer.max() + half.max())
        rows = [eye, right * reach * aspect, up * reach, -back, zero, zero]
    else:
        wide = math.tan(0.5 * angle) * min(1.0, aspect)
        tall = wide / aspect
        distance = float((torch.maximum(across.abs() / wide, above.abs() / tall) + nearer).max())
        rows = [half + back * distance, zero, zero, -back, right * wide, up * tall]
    return torch.stack(rows)[None].to(density)


def render_smoke(
    density: Tensor,
    cell: float,
    *,
    extinction: float | None = None,
    albedo: Tensor | None = None,
    light: Tensor | None = None,
    camera: Tensor | None = None,
    background: Sequence[float] = BACKGROUND,
    pixels: Sequence[int] = (512, 512),
) -> Float[Tensor, "b 3 h w"]:
    """Return pictures of smoke before a dark background, ready to be encoded as sRGB.

    Args:
        density: Concentration of smoke; negative ones, which steppers can leave, count as 0. Shape
            (b, 1, d, h, w), or (b, 1, h, w), which is seen face on as a slab of an eighth of its
            shorter side.
        cell: Side of a cell [m].
        extinction: Of a density of 1 [1/m]; by default 12 over the box's longest side.
        albedo: See `ops.march_volume`; default: 0.95.
        light: See `ops.march_volume`; default: a key light from above left and dim surroundings.
        camera: See `ops.march_volume`; default: that of `frame_box`.
        background: Linear RGB of what lies behind.
        pixels: Width and height of the image.

    Returns:
        Linear RGB, not clipped, row 0 at the top.

    Raises:
        ShapeError, DtypeError, DeviceError, RangeError: See `ops.march_volume`.

    Gradients: to density, albedo and light.
    """
    check_tensor("density", density)
    check_positive("cell", cell)
    if density.ndim not in (4, 5) or 0 in density.shape[1:]:
        raise ShapeError(
            f"density must have shape (b, 1, d, h, w) or (b, 1, h, w), got {tuple(density.shape)}"
        )
    flat = density.ndim == 4
    volume = density
    if flat:
        thick = math.ceil(min(density.shape[2:]) / SLICE)
        volume = density[:, :, None].expand(-1, -1, thick, -1, -1)
    if extinction is None:
        extinction = THICKNESS / (cell * max(volume.shape[2:]))
    check_positive("extinction", extinction)
    if camera is None:
        view, angle = ((0.0, 0.0, 1.0), 0.0) if flat else (VIEW, ANGLE)
        camera = frame_box(volume, cell, pixels, view=view, angle=angle)
    image = march_volume(
        volume.clamp_min(0.0) * extinction,
        density.new_tensor([ALBEDO]) if albedo is None else albedo,
        density.new_tensor([LIGHT]) if light is None else light,
        camera,
        cell,
        pixels=pixels,
    )
    behind = density.new_tensor(tuple(background)).view(1, 3, 1, 1)
    return image[:, :3] + (1.0 - image[:, 3:]) * behind
