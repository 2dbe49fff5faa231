"""Triangles drawn into buffers of ids, barycentrics and depth, as a differentiable op.

At the centre (fx, fy) of a pixel, in [-1, 1], with vertices (X, Y, Z, W) in clip space:
``q_i = (X_i - fx W_i, Y_i - fy W_i)``, ``a_0 = q_1 x q_2`` and so on, and ``b_i = a_i / sum a``.
No vertex is divided by its W, so that triangles may reach behind the eye. Barycentrics are clamped
to the triangle: coverage is decided on vertices rounded to 1/16 of a pixel, so that a centre just
outside may be covered.

Source: M. Olano and T. Greer, "Triangle Scan Conversion using 2D Homogeneous Coordinates", Graphics
Hardware 1997; S. Laine et al., "Modular Primitives for High-Performance Differentiable Rendering",
TOG 39(6), 2020, section 3.2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_same_device, check_same_dtype, check_shape, check_tensor
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._nvdiffrast import check_nvdiffrast
from diffgfx.ops._raster import (
    check_mesh,
    check_ranges,
    check_resolution,
    check_vertices,
)
from diffgfx.types import Backend
from diffgfx_kernels import load

__all__ = ["rasterize"]

_NO_DEPTH = "has no gradient to depth (pass grad_z=False)"


@torch.library.custom_op("diffgfx::rasterize", mutates_args=())
def _rasterize(
    pos: Tensor,
    tri: Tensor,
    ranges: Tensor | None,
    below: Tensor | None,
    size: Sequence[int],
    sloped: bool,
    with_z: bool,
    backend: str,
) -> tuple[Tensor, Tensor]:
    check_vertices(pos, tri)  # here, because a compiled graph cannot look at values
    check_ranges(ranges, len(tri))
    kernel = load("rasterize", backend)
    found: tuple[Tensor, Tensor] = kernel.forward(
        plain(pos), plain(tri), None if ranges is None else plain(ranges),
        None if below is None else plain(below), (size[0], size[1]), sloped,
    )  # fmt: skip
    return found


@_rasterize.register_fake
def _(
    pos: Tensor,
    tri: Tensor,
    ranges: Tensor | None,
    below: Tensor | None,
    size: Sequence[int],
    sloped: bool,
    with_z: bool,
    backend: str,
) -> tuple[Tensor, Tensor]:
    batch = pos.shape[0] if ranges is None else ranges.shape[0]
    shape = (batch, size[1], size[0])
    return pos.new_empty((*shape, 4)), pos.new_empty((*shape, 4 if sloped else 0))


@torch.library.custom_op("diffgfx::rasterize_backward", mutates_args=())
def _rasterize_backward(
    g_rast: Tensor,
    g_slopes: Tensor,
    pos: Tensor,
    tri: Tensor,
    rast: Tensor,
    shared: bool,
    with_z: bool,
    backend: str,
) -> Tensor:
    kernel = load("rasterize", backend)
    g_pos: Tensor = kernel.backward(
        plain(g_rast), plain(g_slopes), plain(pos), plain(tri), plain(rast), shared, with_z
    )
    return g_pos


@_rasterize_backward.register_fake
def _(g_rast: Tensor, g_slopes: Tensor, pos: Tensor, *rest: object) -> Tensor:
    return pos.new_empty(pos.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    pos, tri, ranges, _below, _size, _sloped, with_z, backend = inputs
    ctx.save_for_backward(pos, tri, output[0])
    ctx.choices = (ranges is not None, with_z, backend)
    ctx.set_materialize_grads(False)


def _differentiate(ctx, g_rast, g_slopes):  # type: ignore[no-untyped-def]
    pos, tri, rast = ctx.saved_tensors
    if g_rast is None and g_slopes is None:
        return (None,) * 8
    if g_slopes is None:
        g_slopes = rast.new_empty((*rast.shape[:3], 0))
    if g_rast is None:
        g_rast = torch.zeros_like(rast)
    g_pos = _rasterize_backward(g_rast, g_slopes, pos, tri, rast, *ctx.choices)
    return g_pos, None, None, None, None, None, None, None


_rasterize.register_autograd(_differentiate, setup_context=_save)


def rasterize(
    pos: Tensor,
    tri: Tensor,
    resolution: Sequence[int],
    *,
    ranges: Tensor | None = None,
    grad_db: bool = True,
    grad_z: bool = True,
    below: Tensor | None = None,
    backend: Backend = "auto",
) -> tuple[Tensor, Tensor]:
    """Draw triangles: what each pixel's centre sees nearest.

    A point is visible where |x|, |y| and |z| are at most w, as in OpenGL; triangles may reach
    behind the eye, and are seen from both sides. The nearest z/w wins, and of equal ones the lowest
    index. A centre on the side that two triangles share belongs to one of them. Vertices beyond
    2^24 pixels from the image's corner are not rounded to 1/16 of a pixel, but kept as directions.

    Args:
        pos: Vertices (x, y, z, w) in clip space, within +-2^56, shape (B, V, 4); with ``ranges``
            (V, 4), the same in every image.
        tri: Vertices of each triangle, int32, shape (T, 3), at most 2^24 triangles.
        resolution: Height and width of the images [pixels].
        ranges: First triangle and count of each image, int32, shape (B, 2), on the CPU. By default
            each image shows all triangles at positions of its own.
        grad_db: Whether to give the slopes of u and v, and their gradients.
        grad_z: Whether z/w has a gradient.
        below: The ``rast`` of a layer: only what lies deeper at each pixel is drawn, and nothing
            where it is empty. Drawing so again and again peels a scene. No gradient.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Two tensors with row 0 at the bottom. ``rast`` (B, H, W, 4): u and v, the weights of
        vertices 0 and 1, depth z/w, and the triangle's index + 1; all zero where nothing is seen.
        ``rast_db`` (B, H, W, 4): du/dX, du/dY, dv/dX, dv/dY [1/pixel], or (B, H, W, 0) without
        ``grad_db``.

    Raises:
        ShapeError, DtypeError, DeviceError, RangeError: If an argument does not fit (a vertex that
            is not finite, an index that no vertex has, too many triangles); it is named.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to pos, from u, v and their slopes to x, y, w, and from z/w to all four; what is seen
    where is held fixed. Zero where a barycentric is clamped, and where a triangle is so thin that
    its area is lost in rounding. No forward mode and no second derivative.
    """
    mesh = check_mesh(pos, tri, ranges)
    height, width = check_resolution(resolution, mesh.batch)
    above = _checked_layer(below, pos, (mesh.batch, height, width, 4))
    refuse_forward_mode("rasterize", pos)
    chosen = choose_backend("rasterize", backend, pos.device)
    check_nvdiffrast(
        "rasterize", chosen, pos,
        below="peels by calls of its own" if below is not None else None,
        grad_z=_NO_DEPTH if grad_z and pos.requires_grad else None,
    )  # fmt: skip
    rast, slopes = _rasterize(pos, tri, ranges, above, [width, height], grad_db, grad_z, chosen)
    return rast, slopes


def _checked_layer(below: Tensor | None, pos: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """Return the layer to draw below; raise unless it goes with the positions."""
    if below is None:
        return None
    check_tensor("below", below)
    check_shape("below", below, shape, {}, "pass a layer's rast")
    check_same_dtype({"pos": pos, "below": below})
    check_same_device({"pos": pos, "below": below})
    return below.detach()
