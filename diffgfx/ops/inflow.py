"""A source of a scalar, as a differentiable op."""

import torch
from torch import Tensor

from diffgfx.check import (
    check_positive,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import RangeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._faces import check_countable
from diffgfx.ops._flow import check_cells
from diffgfx.types import Backend
from diffgfx_kernels import load

__all__ = ["inflow"]


@torch.library.custom_op("diffgfx::inflow", mutates_args=())
def _inflow(
    field: Tensor, mask: Tensor, rate: Tensor, scale: float, replace: bool, backend: str
) -> Tensor:
    kernel = load("inflow", backend)
    value: Tensor = kernel.forward(plain(field), plain(mask), plain(rate), scale, replace)
    return value


@_inflow.register_fake
def _(
    field: Tensor, mask: Tensor, rate: Tensor, scale: float, replace: bool, backend: str
) -> Tensor:
    return field.new_empty(field.shape)


@torch.library.custom_op("diffgfx::inflow_backward", mutates_args=())
def _inflow_backward(
    g_value: Tensor,
    field: Tensor,
    mask: Tensor,
    rate: Tensor,
    scale: float,
    replace: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    kernel = load("inflow", backend)
    found: tuple[Tensor, Tensor, Tensor] = kernel.backward(
        plain(g_value), plain(field), plain(mask), plain(rate), scale, replace
    )
    return found


@_inflow_backward.register_fake
def _(
    g_value: Tensor,
    field: Tensor,
    mask: Tensor,
    rate: Tensor,
    scale: float,
    replace: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        field.new_empty(field.shape), mask.new_empty(mask.shape), rate.new_empty(rate.shape)
    )  # fmt: skip


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    field, mask, rate, *choices = inputs
    ctx.choices = choices
    _scale, replace, _backend = choices
    ctx.save_for_backward(mask, rate, *([field] if replace else []))


def _differentiate(ctx, g_value):  # type: ignore[no-untyped-def]
    mask, rate, *field = ctx.saved_tensors
    # where it was added to, the field was not saved: any of its shape will do
    found = _inflow_backward(g_value, *(field or [g_value]), mask, rate, *ctx.choices)
    return *found, None, None, None


_inflow.register_autograd(_differentiate, setup_context=_save)


def inflow(
    field: Tensor,
    mask: Tensor,
    rate: Tensor,
    dt: float | None = None,
    *,
    replace: bool = False,
    backend: Backend = "auto",
) -> Tensor:
    """Return a field after a step of a source inside a shape.

    A rate adds ``dt rate mask``, which conserves: what is in the box grows by what flows in. With
    ``replace`` the field is set instead: ``(1 - mask) field + mask rate``, the practice for smoke
    that must leave its source with a known density, whatever passes through it.

    Args:
        field: Values of cells [any unit], shape (B, C, [D,] H, W).
        mask: Share of each cell that lies in the source, in [0, 1], shape (B|1, 1, [D,] H, W).
        rate: What a full cell gains [unit/s], shape (B|1, C); with ``replace`` its value [unit].
        dt: Time step [s]; no gradient. Needed without ``replace``, refused with it.
        replace: Whether the field is set, and not added to.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The field [its unit], shape as ``field``.

    Raises:
        ShapeError, DtypeError, DeviceError: If the tensors do not fit each other.
        RangeError: If ``dt`` is not above zero, missing, or given with ``replace``.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``field``, ``mask`` and ``rate``. No forward mode and no second derivative.
    """
    sizes = check_cells("field", field)
    check_countable("field", sizes, field.shape[1])
    check_cells("mask", mask, sizes)
    space = ("D", "H", "W")[-sizes.dim :]
    check_shape("mask", mask, ["B", 1, *space], {})
    check_tensor("rate", rate)
    check_shape("rate", rate, ("B|1", int(field.shape[1])), {"B": sizes.batch})
    named = {"field": field, "mask": mask, "rate": rate}
    check_same_dtype(named)
    check_same_device(named)
    if replace and dt is not None:
        raise RangeError(f"dt must be left out with replace=True, got {dt}; rate is a value then")
    if not replace and dt is None:
        raise RangeError("dt must be given, got None; pass the time step, or replace=True")
    if dt is not None:
        check_positive("dt", dt)
    refuse_forward_mode("inflow", field, mask, rate)
    chosen = choose_backend("inflow", backend, field.device)
    shared = mask.expand(sizes.batch, *mask.shape[1:]), rate.expand(sizes.batch, -1)
    scale = 1.0 if dt is None else float(dt)
    value: Tensor = _inflow(field, *shared, scale, replace, chosen)
    return value
