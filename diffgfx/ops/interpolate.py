"""Attributes of vertices at the pixels of a rasterised mesh, as a differentiable op.

A pixel that sees point (u, v) of a triangle takes ``u S0 + v S1 + (1 - u - v) S2`` of the values at
its corners; it changes from pixel to pixel by ``dS/dX = (S0 - S2) du/dX + (S1 - S2) dv/dX``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import (
    check_choice,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._nvdiffrast import check_nvdiffrast
from diffgfx.ops._raster import extremes_of
from diffgfx.types import Backend
from diffgfx_kernels import load
from diffgfx_kernels.snapping import MOST_TRIANGLES

__all__ = ["interpolate"]

MOST_NUMBERS = 2**31 - 8192
"""What a kernel can count in 32 bits."""


def _plain_or_none(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else plain(tensor)


@torch.library.custom_op("diffgfx::interpolate", mutates_args=())
def _interpolate(
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    rast_db: Tensor | None,
    diff: Sequence[int],
    backend: str,
) -> tuple[Tensor, Tensor]:
    _check_vertices(tri, attr.shape[1])
    kernel = load("interpolate", backend)
    out, da, wrong = kernel.forward(
        plain(attr), plain(rast), plain(tri), _plain_or_none(rast_db), list(diff)
    )
    if wrong != 0:
        raise RangeError(
            f"rast must hold numbers of triangles from 0 (none) to {tri.shape[0]} in its last "
            f"channel, got {wrong:g}; pass what rasterize made with this mesh"
        )
    return out, da


@_interpolate.register_fake
def _(
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    rast_db: Tensor | None,
    diff: Sequence[int],
    backend: str,
) -> tuple[Tensor, Tensor]:
    shape = rast.shape[:3]
    return rast.new_empty((*shape, attr.shape[2])), rast.new_empty((*shape, 2 * len(diff)))


@torch.library.custom_op("diffgfx::interpolate_backward", mutates_args=())
def _interpolate_backward(
    g_out: Tensor,
    g_da: Tensor,
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    rast_db: Tensor | None,
    diff: Sequence[int],
    wanted: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    kernel = load("interpolate", backend)
    found: tuple[Tensor, Tensor, Tensor] = kernel.backward(
        plain(g_out), plain(g_da), plain(attr), plain(rast), plain(tri),
        _plain_or_none(rast_db), list(diff), wanted,
    )  # fmt: skip
    return found


@_interpolate_backward.register_fake
def _(
    g_out: Tensor,
    g_da: Tensor,
    attr: Tensor,
    rast: Tensor,
    *rest: object,
) -> tuple[Tensor, Tensor, Tensor]:
    shape = rast.shape
    return attr.new_empty(attr.shape), rast.new_empty(shape), rast.new_empty(shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    attr, rast, tri, rast_db, diff, backend = inputs
    ctx.save_for_backward(attr, rast, tri, rast_db)
    ctx.choices = (list(diff), backend)


def _differentiate(ctx, g_out, g_da):  # type: ignore[no-untyped-def]
    attr, rast, tri, rast_db = ctx.saved_tensors
    diff, backend = ctx.choices
    wanted = ctx.needs_input_grad[0]
    g_attr, g_rast, g_db = _interpolate_backward(
        g_out, g_da, attr, rast, tri, rast_db, diff, wanted, backend
    )
    return (
        g_attr if wanted else None, g_rast, None, None if rast_db is None else g_db, None, None,
    )  # fmt: skip


_interpolate.register_autograd(_differentiate, setup_context=_save)


def interpolate(
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    *,
    rast_db: Tensor | None = None,
    diff_attrs: Sequence[int] | str | None = None,
    backend: Backend = "auto",
) -> tuple[Tensor, Tensor]:
    """Return attributes of vertices at every pixel, and how they change from pixel to pixel.

    Args:
        attr: Values at the vertices [any unit], shape (B|1, V, A), or (V, A) for all of the batch.
        rast: What `rasterize` returns, shape (B, H, W, 4): u, v, depth, and the triangle's number
            counted from 1; 0 where there is none.
        tri: Vertices of each triangle, int32, shape (T, 3), in [0, V).
        rast_db: Derivatives of u and v by the pixel, (du/dX, du/dY, dv/dX, dv/dY) [1/pixel], shape
            (B, H, W, 4); needed with ``diff_attrs``.
        diff_attrs: Channels whose derivatives are wanted: a list of them, ``"all"`` or None.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The values [unit of ``attr``], shape (B, H, W, A), and (dA/dX, dA/dY) of each wanted channel
        in turn [that / pixel], shape (B, H, W, 2 len(diff_attrs)); zero at empty pixels. Row 0 is
        at the bottom.

    Raises:
        ShapeError, DtypeError, DeviceError, RangeError: If an argument does not fit; it is named.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to attr, to u and v of rast (none to depth and number) and to rast_db. Sums are made
    in one order, run for run. No forward mode and no second derivative.

    Source: S. Laine et al., "Modular Primitives for High-Performance Differentiable Rendering",
    ACM TOG 39(6), 2020, section 3.3.
    """
    values = attr[None] if isinstance(attr, Tensor) and attr.ndim == 2 else attr
    _check(values, rast, tri, rast_db)
    channels = values.shape[2]
    diff = _check_diff(diff_attrs, channels, rast_db)
    refuse_forward_mode("interpolate", attr, rast, rast_db)
    chosen = choose_backend("interpolate", backend, rast.device)
    check_nvdiffrast("interpolate", chosen, rast)
    db = rast_db if diff else None
    out, da = _interpolate(values, rast, tri, db, diff, chosen)
    return out, da


def _check(attr: Tensor, rast: Tensor, tri: Tensor, rast_db: Tensor | None) -> None:
    sizes: dict[str, int] = {}
    check_shape("rast", check_tensor("rast", rast), ("B", "H", "W", 4), sizes)
    check_tensor("attr", attr)
    check_shape("attr", attr, ("B|1", "V", "A"), sizes, "or (V, A) for all of a batch")
    if not isinstance(tri, Tensor) or tri.dtype != torch.int32:
        kind = tri.dtype if isinstance(tri, Tensor) else type(tri).__name__
        raise DtypeError(f"tri must be an int32 torch.Tensor, got {kind}; convert it with .int()")
    check_shape("tri", tri, ("T", 3), sizes)
    if rast_db is not None:
        check_shape("rast_db", check_tensor("rast_db", rast_db), ("B", "H", "W", 4), sizes)
    floats = {"rast": rast, "attr": attr, "rast_db": rast_db}
    check_same_dtype(floats)
    check_same_device(floats)
    if tri.device != rast.device:
        raise DeviceError(
            f"tri must have the device of rast ({rast.device}), got {tri.device}; "
            f"move it with .to({rast.device})"
        )
    if tri.shape[0] > MOST_TRIANGLES:
        raise RangeError(
            f"tri must hold at most {MOST_TRIANGLES} triangles, got {tri.shape[0]}; split the mesh"
        )
    most = max(rast.numel(), attr.numel(), rast.shape[:3].numel() * 2 * attr.shape[2])
    if attr.requires_grad:  # each corner of a triangle has sums of its own
        most = max(most, len(attr) * tri.numel() * attr.shape[2])
    if most > MOST_NUMBERS:
        raise ShapeError(
            f"attr, rast and tri must need at most {MOST_NUMBERS} numbers, got {most} of attr "
            f"{tuple(attr.shape)}, rast {tuple(rast.shape)} and {len(tri)} triangles; interpolate "
            "fewer at a time"
        )


def _check_diff(
    diff_attrs: Sequence[int] | str | None, channels: int, rast_db: Tensor | None
) -> list[int]:
    if diff_attrs is None:
        return []
    if isinstance(diff_attrs, str):
        check_choice("diff_attrs", diff_attrs, ("all",))
        diff = list(range(channels))
    else:
        diff = [int(channel) for channel in diff_attrs]
    for channel in diff:
        if not 0 <= channel < channels:
            raise RangeError(
                f"diff_attrs must hold channels from 0 to {channels - 1}, got {channel}; "
                "leave it out or pass 'all'"
            )
    if diff and rast_db is None:
        raise ShapeError(
            "rast_db must be given where diff_attrs asks for derivatives, got None; "
            "pass the second result of rasterize"
        )
    return diff


def _check_vertices(tri: Tensor, vertices: int) -> None:
    """Raise `RangeError` if a triangle names a vertex that is not there."""
    if tri.numel():
        ((low, high),) = extremes_of(tri)
        if low < 0 or high >= vertices:
            raise RangeError(
                f"tri must hold vertices from 0 to {vertices - 1}, got "
                f"{low if low < 0 else high:.0f}; it belongs to another mesh"
            )
