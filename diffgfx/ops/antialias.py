"""Antialiased silhouettes, and through them gradients of visibility, as a differentiable op.

Two neighbours on which different triangles lie are a pair. The nearer triangle's outline crosses
the line between their centres at some distance from its own pixel's centre; where that is less than
half a pixel, its pixel takes a share of the neighbour's colour, else the neighbour of its own: the
share is the distance from the middle, about 1/2 at most. An edge is an outline if no triangle
continues the surface on its other side, as seen. Moving the edge moves the share: that is the
gradient.

``"nvdiffrast"`` adds the shares of all four neighbours as they are, so that a pixel can give away
twice what it has, and results leave the range of the colours. ``"bounded"`` divides them by their
sum where that exceeds one: every pixel is a convex combination of itself and its neighbours. Where
it does not, both agree but for what the plane cannot say:

- An edge that reaches behind the eye crosses the line where its visible part does. In
  ``"nvdiffrast"`` such ends are divided by their w all the same, as there. Where the near plane
  cuts a triangle, the cut itself is left as it is.
- Where it crosses up to 1/16 of a pixel past the middle, the share goes on growing, to 9/16 at
  most; in ``"nvdiffrast"`` it stays at 1/2.
- All triangles of an edge are looked at; in ``"nvdiffrast"`` the first two.
- A triangle seen exactly edge-on continues nothing.
- Gradients are those of the share; nvdiffrast's are smaller by 1 + 1e-3 px / height of the edge.

Source: S. Laine and others, "Modular Primitives for High-Performance Differentiable Rendering",
TOG 39(6), 2020, section 3.5.
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from diffgfx.check import (
    check_choice,
    check_finite,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import DeviceError, RangeError, ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._nvdiffrast import check_nvdiffrast
from diffgfx.ops._pairs import MOST_NUMBERS
from diffgfx.ops._raster import extremes_of
from diffgfx.ops.topology import check_topology, check_triangles, construct_topology
from diffgfx.types import Backend
from diffgfx_kernels import load

__all__ = ["AntialiasMode", "antialias"]

AntialiasMode = Literal["bounded", "nvdiffrast"]
"""Whether the shares that a pixel takes of its neighbours may exceed one."""


@torch.library.custom_op("diffgfx::antialias", mutates_args=())
def _antialias(
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    topology: Tensor,
    boost: float,
    bounded: bool,
    backend: str,
) -> Tensor:
    _check_values(rast, pos, tri, topology)
    kernel = load("antialias", backend)
    parts = (plain(rast), plain(pos), plain(tri), plain(topology))
    picture: Tensor = kernel.forward(plain(color), *parts, bounded)
    return picture


@_antialias.register_fake
def _(color: Tensor, *rest: object) -> Tensor:
    return color.new_empty(color.shape)


@torch.library.custom_op("diffgfx::antialias_backward", mutates_args=())
def _antialias_backward(
    g_picture: Tensor,
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    topology: Tensor,
    bounded: bool,
    moved: bool,
    backend: str,
) -> tuple[Tensor, Tensor]:
    kernel = load("antialias", backend)
    parts = (plain(color), plain(rast), plain(pos), plain(tri), plain(topology))
    found: tuple[Tensor, Tensor] = kernel.backward(plain(g_picture), *parts, bounded, moved)
    return found


@_antialias_backward.register_fake
def _(
    g_picture: Tensor, color: Tensor, rast: Tensor, pos: Tensor, *rest: object
) -> tuple[Tensor, Tensor]:
    return color.new_empty(color.shape), pos.new_empty(pos.shape)


def _check_values(rast: Tensor, pos: Tensor, tri: Tensor, topology: Tensor) -> None:
    """Raise `RangeError` where a number names no triangle or vertex, or is not finite."""
    vertices, edges = ("vertex", pos.shape[1] - 1), ("edge", 3 * len(tri))
    limits = (
        ("tri", tri, *vertices), ("topology", topology[2], *vertices),
        ("topology", topology[0], *edges), ("topology", topology[1], *edges),
        ("topology", topology[3], *edges),
    )  # fmt: skip
    places, seen, *found = extremes_of(pos, rast[..., 3], *(numbers for _, numbers, *_ in limits))
    if not math.isfinite(sum(places)):
        check_finite("pos", pos, "leave out the vertices that diverged")
    for (name, numbers, kind, most), (low, high) in zip(limits, found, strict=True):
        if numbers.numel() and (low < 0 or high > most):
            raise RangeError(
                f"{name} must hold {kind} numbers from 0 to {most}, got {low:.0f} to {high:.0f}; "
                "pass the positions that it belongs to"
            )
    if not (seen[0] >= 0 and seen[1] <= tri.shape[0]):
        raise RangeError(
            f"rast must hold triangles from 0 (none) to {tri.shape[0]} in its last channel, "
            f"got {seen[0]:g} to {seen[1]:g}; pass what rasterize returned for this tri"
        )


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, boost, bounded, backend = inputs
    ctx.save_for_backward(*tensors)
    ctx.choices = boost, bounded, backend


def _differentiate(ctx, g_picture):  # type: ignore[no-untyped-def]
    boost, bounded, backend = ctx.choices
    moved = ctx.needs_input_grad[2]
    g_color, g_pos = _antialias_backward(g_picture, *ctx.saved_tensors, bounded, moved, backend)
    return g_color, None, boost * g_pos if moved else None, *[None] * 5


_antialias.register_autograd(_differentiate, setup_context=_save)


def antialias(
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    *,
    topology: Tensor | None = None,
    pos_gradient_boost: float = 1.0,
    mode: AntialiasMode = "bounded",
    backend: Backend = "auto",
) -> Tensor:
    """Blend the silhouettes of a rasterised picture, so that it changes smoothly with the mesh.

    Which pixels, triangles and edges take part is held fixed: only the shares have a gradient.
    Where the triangle at a pixel has no outline toward its neighbour, mode ``"bounded"`` follows
    the surface on, across triangles too thin to cover a pixel's centre, until it ends or reaches
    the neighbour. Not blended are intersections, edges inside a surface, and surfaces that cover no
    pixel's centre.

    Args:
        color: The picture, shape (B, H, W, C), row 0 at the bottom.
        rast: What `rasterize` returned, shape (B, H, W, 4); read are depth z/w and triangle.
        pos: Vertices in clip space, shape (B, V, 4), or (V, 4) in range mode.
        tri: Their triangles, int32, shape (T, 3). Neighbours must share their vertices.
        topology: What `construct_topology` returned for ``tri``; built anew each time if left out.
        pos_gradient_boost: Factor on the gradient to ``pos``.
        mode: ``"bounded"`` stays in the range of the colours; ``"nvdiffrast"`` does what it does.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The blended picture, shape (B, H, W, C).

    Raises:
        ShapeError, DtypeError, DeviceError: If a tensor does not fit the others; it is named.
        RangeError: If ``pos`` is not finite, or a number in ``tri``, ``rast`` or ``topology`` names
            nothing, or a choice is not one of those above.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``color``, and to x, y and w of ``pos``; none to its z, nor to ``rast``. In
    nvdiffrast's mode those to ``pos`` are zero where a share is 1/2. No forward mode and no second
    derivative.
    """
    _check_picture(color, rast, pos)
    _check_triangles(tri, pos)
    known = construct_topology(tri) if topology is None else check_topology(topology, tri)
    check_choice("mode", mode, get_args(AntialiasMode))
    boost = float(pos_gradient_boost)
    if not abs(boost) < float("inf"):
        raise RangeError(f"pos_gradient_boost must be a finite number, got {boost}")
    refuse_forward_mode("antialias", color, pos)
    chosen = choose_backend("antialias", backend, pos.device)
    check_nvdiffrast(
        "antialias", chosen, pos,
        mode="has weights of its own alone" if mode == "bounded" else None,
    )  # fmt: skip
    placed = pos if pos.ndim == 3 else pos[None]
    picture: Tensor = _antialias(color, rast, placed, tri, known, boost, mode == "bounded", chosen)
    return picture


def _check_triangles(tri: object, pos: Tensor) -> None:
    """Raise unless triangles fit vertices."""
    triangles = check_triangles(tri)
    if triangles.device != pos.device:
        raise DeviceError(
            f"tri must have the device of color ({pos.device}), got {triangles.device}; "
            f"move it with .to({pos.device})"
        )
    if pos.ndim == 3 and pos.shape[0] * triangles.shape[0] > MOST_NUMBERS:
        raise ShapeError(
            f"tri must have at most {MOST_NUMBERS // pos.shape[0]} triangles for a batch of "
            f"{pos.shape[0]}, got {triangles.shape[0]}; split the batch"
        )


def _check_picture(color: Tensor, rast: Tensor, pos: Tensor) -> None:
    """Raise unless the three tensors fit each other."""
    sizes: dict[str, int] = {}
    check_shape("color", check_tensor("color", color), ("B", "H", "W", "C"), sizes)
    check_shape("rast", check_tensor("rast", rast), ("B", "H", "W", 4), sizes)
    rule = ("V", 4) if check_tensor("pos", pos).ndim == 2 else ("B", "V", 4)
    check_shape("pos", pos, rule, sizes, "or (V, 4) in range mode")
    named = {"color": color, "rast": rast, "pos": pos}
    check_same_dtype(named)
    check_same_device(named)
    for name, value in named.items():
        if 2 * value.numel() > MOST_NUMBERS:
            raise ShapeError(
                f"{name} must have at most {MOST_NUMBERS // 2} numbers, got {value.numel()}; "
                "split the batch"
            )
