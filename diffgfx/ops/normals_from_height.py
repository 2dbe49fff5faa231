"""Normals of a height field, as a differentiable op."""

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor

from diffgfx.check import check_choice, check_shape, check_tensor
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops.shade_svbrdf import check_size
from diffgfx.types import Backend, Boundary
from diffgfx_kernels import load

__all__ = ["normals_from_height"]


@torch.library.custom_op("diffgfx::normals_from_height", mutates_args=())
def _normals(height: Tensor, size: Sequence[float], boundary: str, backend: str) -> Tensor:
    kernel = load("normals_from_height", backend)
    normal: Tensor = kernel.forward(plain(height), (size[0], size[1]), boundary)
    return normal


@_normals.register_fake
def _(height: Tensor, size: Sequence[float], boundary: str, backend: str) -> Tensor:
    b, _, h, w = height.shape
    return height.new_empty((b, 3, h, w))


@torch.library.custom_op("diffgfx::normals_from_height_backward", mutates_args=())
def _normals_backward(
    g_normal: Tensor, height: Tensor, size: Sequence[float], boundary: str, backend: str
) -> Tensor:
    kernel = load("normals_from_height", backend)
    g_height: Tensor = kernel.backward(plain(g_normal), plain(height), (size[0], size[1]), boundary)
    return g_height


@_normals_backward.register_fake
def _(
    g_normal: Tensor, height: Tensor, size: Sequence[float], boundary: str, backend: str
) -> Tensor:
    return height.new_empty(height.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    height, size, boundary, backend = inputs
    ctx.save_for_backward(height)
    ctx.choices = (list(size), boundary, backend)


def _differentiate(ctx, g_normal):  # type: ignore[no-untyped-def]
    (height,) = ctx.saved_tensors
    return _normals_backward(g_normal, height, *ctx.choices), None, None, None


_normals.register_autograd(_differentiate, setup_context=_save)


def normals_from_height(
    height: Tensor,
    size: Sequence[float],
    *,
    boundary: Boundary = "free",
    backend: Backend = "auto",
) -> Tensor:
    """Return the unit normals of height fields.

    The slope at a texel is a third-order mean of the differences to its neighbours. It leans to one
    side, so that every wave, down to two texels, leaves a trace in the normals, and
    `height_from_normals` returns the height exactly but for its mean. Quadratic surfaces get their
    exact normals. A mirrored surface has mirrored normals up to that order, and not beyond.

    Args:
        height: Heights at the texels' centres [unit of ``size``], shape (B, 1, H, W), row 0 at the
            top.
        size: Width and height of the sample [m, or any unit]; texels need not be square.
        boundary: Beyond the edge lies nothing (``"free"``: slopes are extrapolated), or the other
            side (``"periodic"``). An axis of one texel is flat.
        backend: ``"auto"`` takes the fastest one that serves the tensor's device.

    Returns:
        Unit normals, +x right, +y up, +z out of the surface, shape (B, 3, H, W).

    Raises:
        ShapeError, DtypeError: If ``height`` does not fit.
        RangeError: If a size is not above zero, or the boundary is unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to the height. No forward mode and no second derivative.

    Source: for the upwind-biased difference, B. P. Leonard, "A stable and accurate convective
    modelling procedure based on quadratic upstream interpolation", CMAME 19, 1979.
    """
    check_tensor("height", height)
    remedy = "a height field has one channel"
    check_shape("height", height, ("B", 1, "H", "W"), {}, remedy)
    check_choice("boundary", boundary, get_args(Boundary))
    extent = list(check_size(size))
    refuse_forward_mode("normals_from_height", height)
    chosen = choose_backend("normals_from_height", backend, height.device)
    normal: Tensor = _normals(height, extent, boundary, chosen)
    return normal
