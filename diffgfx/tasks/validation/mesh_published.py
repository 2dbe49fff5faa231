"""Mitsuba's published derivative references, drawn by the same ops in float64.

Each is a picture, and central differences of it by Mitsuba's path tracer with 12000 samples a
pixel. Those fit that need no shadow, no bounce and no light from an extent: a matt plane under a
constant sky (it shows the sky's radiance times its reflectance), cropped through a wider filter, or
moved; a sphere that glows and grows; and a disk that glows and moves. The eye is at z = 4, with a
50 mm lens on 35 mm film; before the disk at z = 1, with 120 degrees.
"""

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.data import make_icosphere
from diffgfx.io import read_exr
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.outside import published_folder, why_no_data

__all__ = ["PUBLISHED_MESH_CASES"]

_GREY = 0.5
"""Reflectance of the planes, Mitsuba's default."""
_ZOOM = 1.0 / (math.sqrt(36.0**2 + 24.0**2) / 100.0 / math.sqrt(2.0))
"""One over the tangent of half the angle of view, of a 50 mm lens along the film's diagonal."""
_SAMPLES = 4
"""Samples along each side of a pixel."""


def _plane() -> tuple[Tensor, Tensor]:
    corners = torch.tensor([(-1.0, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], dtype=torch.float64)
    return corners, torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)


def _clip(points: Tensor, eye: tuple[float, float]) -> Tensor:
    """Project points for an eye at a height z, with a zoom."""
    x, y, z = points.unbind(-1)
    return torch.stack([eye[1] * x, eye[1] * y, 0.0 * z, eye[0] - z], dim=-1)


def _draw(pos: Tensor, tri: Tensor, middle: Tensor, half: float, side: int) -> Tensor:
    """Coverage of squares of the picture, row 0 at the bottom, (B, side, side).

    Args:
        pos: Vertices of each picture in its clip space, (B, V, 4).
        tri: Triangles.
        middle: Of the squares, in [-1, 1], (B, 2).
        half: Half their side, the picture being 2.
        side: Samples along their sides.
    """
    moved = (pos[..., :2] - middle[:, None] * pos[..., 3:]) / half
    pos = torch.cat([moved, pos[..., 2:]], dim=2).contiguous()
    rast, _ = ops.rasterize(pos, tri, (side, side), grad_db=False)
    covered = (rast[..., 3:] > 0).to(pos)
    return ops.antialias(covered, rast, pos, tri)[..., 0]


def _filter(side: int, deviation: float | None) -> Tensor:
    """Weights of samples around a pixel: of its square, or Mitsuba's Gaussian to 4 deviations."""
    at = ((torch.arange(side, dtype=torch.float64) + 0.5) - 0.5 * side) / _SAMPLES
    if deviation is None:
        row = (at.abs() < 0.5).double()
    else:
        radius = 4.0 * deviation
        fall = torch.exp(-0.5 * (at / deviation) ** 2) - math.exp(-0.5 * (radius / deviation) ** 2)
        row = torch.where(at.abs() < radius, fall, 0.0)
    weight = row[:, None] * row
    return weight / weight.sum()


Moved = Callable[[Tensor, Tensor], Tensor]


def draw_moving(
    points: Tensor,
    tri: Tensor,
    move: Moved,
    size: int,
    *,
    deviation: float | None = None,
    eye: tuple[float, float] = (4.0, _ZOOM),
) -> tuple[Tensor, Tensor]:
    """Return the coverage of each pixel, and its derivative to one number.

    Args:
        points: Vertices (V, 3).
        tri: Triangles.
        move: Takes points (1, V, 3) and numbers (B, 1, 1); returns where they lie, (B, V, 3).
        size: Side of the picture [pixels].
        deviation: Of a Gaussian filter [pixels]; None: each pixel is the mean over its square.
        eye: Its z, and its zoom.

    Each pixel is a picture of its own with a number of its own, so that one backward pass gives
    the derivatives of all of them. Row 0 is at the top.
    """
    side = _SAMPLES + 2 if deviation is None else int(8 * deviation * _SAMPLES) + 2
    weight = _filter(side, deviation)
    at = (2.0 * torch.arange(size, dtype=torch.float64) + 1.0) / size - 1.0
    places = torch.cartesian_prod(-at, at).flip(1)
    values, slopes = [], []
    for middle in places.split(512):
        number = torch.zeros(len(middle), 1, 1, dtype=torch.float64, requires_grad=True)
        pos = _clip(move(points[None], number), eye)
        image = _draw(pos, tri, middle, side / _SAMPLES / size, side)
        value = (image * weight).sum(dim=(1, 2))
        (slope,) = torch.autograd.grad(value.sum(), number)
        values.append(value.detach())
        slopes.append(slope[:, 0, 0])
    return torch.cat(values).view(size, size), torch.cat(slopes).view(size, size)


def _shift(points: Tensor, number: Tensor) -> Tensor:
    return points + number * points.new_tensor([1.0, 0.0, 0.0])


def _grow(points: Tensor, number: Tensor) -> Tensor:
    return points * (1.0 + number)


def _crop_window() -> tuple[Tensor, Tensor]:
    """A matt plane under a sky of one, 32 x 32 of 64 x 64 pixels; derivative to its reflectance."""
    covered, _ = draw_moving(*_plane(), _shift, 64, deviation=0.5)
    part = covered[20:52, 32:64]
    # around it is the sky itself
    return _GREY * part + (1.0 - part), part


def _rectangle() -> tuple[Tensor, Tensor]:
    covered, slope = draw_moving(*_plane(), _shift, 128)
    return _GREY * covered + (1.0 - covered), (_GREY - 1.0) * slope


def _sphere() -> tuple[Tensor, Tensor]:
    mesh = make_icosphere(5)
    return draw_moving(mesh.positions.double(), mesh.triangles, _grow, 64)


def _disk() -> tuple[Tensor, Tensor]:
    """Radiance of two before a sky of a fifth, turned by 60 degrees, 512 triangles."""
    angle = 2.0 * math.pi * torch.arange(512, dtype=torch.float64) / 512
    x, y = 1.5 * torch.cos(angle), 1.5 * torch.sin(angle)
    lean = math.radians(60.0)
    rim = torch.stack([0.2 + math.cos(lean) * x, y, -1.0 - math.sin(lean) * x], dim=1)
    points = torch.cat([rim, torch.tensor([[0.2, 0.0, -1.0]], dtype=torch.float64)])
    first = torch.arange(512)
    tri = torch.stack([first, (first + 1) % 512, torch.full_like(first, 512)], dim=1).int()
    eye = (1.0, 1.0 / math.tan(math.radians(60.0)))
    covered, slope = draw_moving(points, tri, _shift, 64, eye=eye)
    return 0.2 + 1.8 * covered, 1.8 * slope


_SCENES: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "crop_window": _crop_window,
    "translate_diffuse_rectangle_constant": _rectangle,
    "scale_sphere_emitter_on_black": _sphere,
    "translate_disk_emitter_on_gray": _disk,
}


def _reference(context: Context, name: str, kind: str) -> Tensor:
    path = published_folder(context) / "mitsuba_ad_refs" / f"test_{name}_image_{kind}_ref.exr"
    return torch.from_numpy(read_exr(path)).double().mean(dim=2)


def _measure(name: str, context: Context) -> Sequence[Measure]:
    picture, slope = _SCENES[name]()
    wanted, wanted_slope = (_reference(context, name, kind) for kind in ("primal", "fwd"))
    apart = float((picture - wanted).square().mean().sqrt())
    both = torch.stack([slope.flatten(), wanted_slope.flatten()])
    total = float(slope.sum() / wanted_slope.sum() - 1.0)
    if name in ("scale_sphere_emitter_on_black", "crop_window"):
        totals = [Measure("sum of the derivative", abs(total), 0.03, "relative")]
    else:  # what enters on one side leaves on the other
        halves = [image[:, : image.shape[1] // 2].sum() for image in (slope, wanted_slope)]
        total = float(halves[0] / halves[1] - 1.0)
        totals = [Measure("sum of the derivative, left half", abs(total), 0.03, "relative")]
    return [
        Measure("RMSE of the picture", apart, 0.01),
        Measure("1 - correlation of the derivative", 1.0 - float(torch.corrcoef(both)[0, 1]), 0.02),
        *totals,
    ]


PUBLISHED_MESH_CASES = tuple(
    Case(
        f"reference_{name}",
        "picture and derivative image against Mitsuba's published finite differences",
        functools.partial(_measure, name), why_no_data,
    )
    for name in _SCENES
)  # fmt: skip
