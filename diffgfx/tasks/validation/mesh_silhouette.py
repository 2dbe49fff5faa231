"""Gradients of silhouettes against differences of pictures that are not antialiased at all.

A hard picture, of which each pixel shows what its centre sees, jumps; its mean over many sub-pixel
shifts is the picture through a box filter, and its differences are the derivative of that. Only
coverage enters, no share, no edge and no backward pass.
"""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.data import make_cube, make_knot
from diffgfx.scene import Mesh
from diffgfx.tasks.validation.case import Case, Context, Measure

__all__ = ["MESHES", "MOTIONS", "SILHOUETTE_CASES", "compare_silhouettes"]

MOTIONS = ("x", "y", "turn", "size")
_SHIFTS = 8
"""Sub-pixel shifts along x, and as many along y."""
_STEP = 1.0
"""Half the distance between the two pictures of a difference, as motion of the outline [pixels]."""


MESHES = {"cube": 12, "knot": 640}
"""Triangles of each: one of few large ones, one whose triangles are thin along the outline."""


def _mesh(name: str) -> Mesh:
    if name == "knot":
        return make_knot(40, 8)
    cube = make_cube()
    tilt = torch.tensor([[0.8, 0.0, 0.6], [0.36, 0.8, -0.48], [-0.48, 0.6, 0.64]])
    return Mesh(cube.positions @ tilt.T, cube.triangles)


def _views(mesh: Mesh, motion: Tensor) -> Tensor:
    """Return clip space (1, V, 4), moved along x, y [half pictures], turned [rad], enlarged."""
    across, up, turn, size = motion.unbind()
    x, y, z = mesh.positions.double().unbind(1)
    cos, sin = torch.cos(0.3 + turn), torch.sin(0.3 + turn)
    grown = 0.9 * (1.0 + size)
    x, y = grown * (cos * x - sin * y), grown * (sin * x + cos * y)
    depth = 3.6 - z
    pos = [2.0 * x + across * depth, 2.0 * y + up * depth, 0.1 * depth - z, depth]
    return torch.stack(pos, dim=1)[None]


def _weights(pos: Tensor) -> Tensor:
    """Smooth colours of vertices, (1, V, 2): white, and waves over the surface."""
    place = pos.detach()[0, :, :2] / pos.detach()[0, :, 3:]
    wave = 0.6 + 0.4 * torch.sin(5.0 * place[:, 0] + 3.0 * place[:, 1])
    return torch.stack([torch.ones_like(wave), wave], dim=1)[None]


def _shifted(pos: Tensor, size: int, count: int) -> Tensor:
    """The same for count^2 shifts within a pixel, (count^2, V, 4)."""
    step = (torch.arange(count, dtype=pos.dtype) + 0.5) / count - 0.5
    over = torch.cartesian_prod(step, step) * (2.0 / size)
    zero = torch.zeros_like(over)
    return pos + pos[..., 3:] * torch.cat([over, zero], dim=1)[:, None]


def _value(pos: Tensor, tri: Tensor, colour: Tensor, size: int, smooth: bool) -> Tensor:
    """Sum of two colours of every picture, each weighted by where it is, (2,) [picture areas]."""
    rast, _ = ops.rasterize(pos, tri, (size, size))
    picture, _ = ops.interpolate(colour, rast, tri)
    if smooth:
        picture = ops.antialias(picture, rast, pos, tri)
    at = (2.0 * torch.arange(size, dtype=pos.dtype) + 1.0) / size - 1.0
    weight = (1.0 + 0.5 * at[:, None]) * (1.0 + 0.7 * at) + torch.cos(4.0 * at)
    return (picture * weight[..., None]).sum(dim=(0, 1, 2)) / (len(pos) * size * size)


def compare_silhouettes(
    name: str, size: int, shifts: int = _SHIFTS
) -> dict[str, tuple[float, float]]:
    """Compare gradients to four motions of a mesh with differences.

    Args:
        name: One of `MESHES`.
        size: Side of the picture [pixels].
        shifts: Sub-pixel shifts along each axis, over which differences are averaged; gradients
            are over 4 x 4 of them.

    Returns:
        For each of `MOTIONS`, the difference of the derivative of the mask, and of a coloured
        picture, over the largest of the four.
    """
    mesh = _mesh(name)
    tri = mesh.triangles
    motion = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    colour = _weights(_views(mesh, motion))
    value = _value(_shifted(_views(mesh, motion), size, 4), tri, colour, size, True)
    gradients = [torch.autograd.grad(v, motion, retain_graph=True)[0] for v in value]
    # a turn moves the outline by about 0.7 half pictures a radian, and so does growth
    step = _STEP * 2.0 / size
    slopes = []
    with torch.no_grad():
        for index in range(len(MOTIONS)):
            by = step / (1.0 if index < 2 else 0.7)
            ends = []
            for sign in (1.0, -1.0):
                moved = motion.detach().clone()
                moved[index] = sign * by
                at = _shifted(_views(mesh, moved), size, shifts)
                ends.append(_value(at, tri, colour, size, False))
            slopes.append((ends[0] - ends[1]) / (2.0 * by))
    ours, wanted = torch.stack(gradients, dim=1), torch.stack(slopes)
    apart = (ours - wanted).abs() / wanted.abs().amax(dim=0)
    return {
        way: (mask, colour) for way, (mask, colour) in zip(MOTIONS, apart.tolist(), strict=True)
    }


def _measure(name: str, context: Context) -> Sequence[Measure]:
    measures = []
    for size, bar in _BARS.items():
        for way, errors in compare_silhouettes(name, size).items():
            for what, error in zip(("mask", "colour"), errors, strict=True):
                note = f"of the largest; step {_STEP:g} pixel, {_SHIFTS}^2 shifts"
                measures.append(Measure(f"{size}^2: d {what} / d {way}", error, bar, note))
        context.progress(len(measures), 24, None)
    return measures


_BARS = {64: 0.1, 128: 0.05, 256: 0.03}
"""By side of the picture: outlines lose gradient at corners, and 1/32 by rounding coverage."""

SILHOUETTE_CASES = tuple(
    Case(
        f"silhouettes_{name}",
        f"gradients to motion of a {name} of {count} triangles against differences of hard "
        "pictures, means over shifts",
        functools.partial(_measure, name),
    )
    for name, count in MESHES.items()
)  # fmt: skip
