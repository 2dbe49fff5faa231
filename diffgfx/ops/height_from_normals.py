"""Heights from normals by least squares, as a differentiable op."""

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor

from diffgfx.check import check_choice, check_shape, check_tensor
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops.shade_svbrdf import check_size
from diffgfx.types import Backend, Boundary
from diffgfx_kernels import load

__all__ = ["height_from_normals"]


@torch.library.custom_op("diffgfx::height_from_normals", mutates_args=())
def _height(normal: Tensor, size: Sequence[float], boundary: str, backend: str) -> Tensor:
    kernel = load("height_from_normals", backend)
    height: Tensor = kernel.forward(plain(normal), (size[0], size[1]), boundary)
    return height


@_height.register_fake
def _(normal: Tensor, size: Sequence[float], boundary: str, backend: str) -> Tensor:
    b, _, h, w = normal.shape
    return normal.new_empty((b, 1, h, w))


@torch.library.custom_op("diffgfx::height_from_normals_backward", mutates_args=())
def _height_backward(
    g_height: Tensor, normal: Tensor, size: Sequence[float], boundary: str, backend: str
) -> Tensor:
    kernel = load("height_from_normals", backend)
    g_normal: Tensor = kernel.backward(plain(g_height), plain(normal), (size[0], size[1]), boundary)
    return g_normal


@_height_backward.register_fake
def _(
    g_height: Tensor, normal: Tensor, size: Sequence[float], boundary: str, backend: str
) -> Tensor:
    return normal.new_empty(normal.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    normal, size, boundary, backend = inputs
    ctx.save_for_backward(normal)
    ctx.choices = (list(size), boundary, backend)


def _differentiate(ctx, g_height):  # type: ignore[no-untyped-def]
    (normal,) = ctx.saved_tensors
    return _height_backward(g_height, normal, *ctx.choices), None, None, None


_height.register_autograd(_differentiate, setup_context=_save)


def height_from_normals(
    normal: Tensor,
    size: Sequence[float],
    *,
    boundary: Boundary = "free",
    backend: Backend = "auto",
) -> Tensor:
    """Return the heights whose slopes come closest to those of normals.

    The slopes at the faces between texels are recovered from those at their centres, and heights
    fitted to them in least squares: a Poisson equation, solved exactly by transforms. Normals that
    `normals_from_height` made give back their height to rounding, whatever its detail. Smooth
    surfaces are met to third order in the texel, planes and paraboloids exactly. Normals that no
    surface has (noise, a fit's errors) leave their curl behind.

    Args:
        normal: Normals of any positive length, +x right, +y up, shape (B, 3, H, W), row 0 at the
            top. Where n.z is below 0.05 of the length (steeper than 87 degrees, or facing away),
            0.05 takes its place, which limits slopes to 20; a zero normal counts as flat.
        size: Width and height of the sample [m, or any unit]; texels need not be square.
        boundary: Beyond the edge lies nothing (``"free"``: the natural condition of the fit), or
            the other side (``"periodic"``: the mean slope, which no tile can have, is dropped).
        backend: ``"auto"`` takes the fastest one that serves the tensor's device.

    Returns:
        Heights at the texels' centres [unit of ``size``], mean zero, shape (B, 1, H, W).

    Raises:
        ShapeError, DtypeError: If ``normal`` does not fit.
        RangeError: If a size is not above zero, or the boundary is unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to the normal; zero where the slope is limited. No forward mode and no second
    derivative.

    Source: T. Simchony, R. Chellappa, M. Shao, "Direct Analytical Methods for Solving Poisson
    Equations in Computer Vision Problems", PAMI 12(5), 1990; Y. Queau, J.-D. Durou, J.-F. Aujol,
    "Normal Integration: A Survey", JMIV 60, 2018.
    """
    check_tensor("normal", normal)
    check_shape("normal", normal, ("B", 3, "H", "W"), {}, "the channels are x, y and z")
    check_choice("boundary", boundary, get_args(Boundary))
    extent = list(check_size(size))
    refuse_forward_mode("height_from_normals", normal)
    chosen = choose_backend("height_from_normals", backend, normal.device)
    height: Tensor = _height(normal, extent, boundary, chosen)
    return height
