"""Scalars carried by limited fluxes through the faces, as a differentiable op.

The value at a face is that of the cell the flow comes from plus half a slope, limited so that no
extremum grows: second order in space where the field is smooth. Beyond a side stands one cell:
mirrored about ``side_value`` where it is fixed, extrapolated along the slope of a ``flux`` side,
and equal to the last one else. Flow that enters brings the value half way between.
"""

from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from diffgfx.check import check_choice
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import check_sides
from diffgfx.ops._transport import (
    check_carried_field,
    check_flow,
    check_rules,
    check_side_value,
    check_step,
    joined,
    parted,
)
from diffgfx.types import Backend, Faces, ScalarSide, Side
from diffgfx_kernels import load
from diffgfx_kernels.transport import Transport

__all__ = ["Limiter", "advect_tvd"]

Limiter = Literal["van_leer", "central", "superbee"]
"""How slopes are limited: harmonic mean; mean, at most twice the smaller; the steepest allowed."""


@torch.library.custom_op("diffgfx::advect_tvd", mutates_args=())
def _advect(
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    numbers: Sequence[float],
    sides: str,
    scalar_sides: str,
    limiter: str,
    backend: str,
) -> Tensor:
    kernel = load("advect_tvd", backend)
    step = Transport(numbers[0], numbers[1], parted(sides), parted(scalar_sides), limiter)
    faces = [plain(face) for face in velocity]
    found: Tensor = kernel.forward(plain(field), faces, plain(side_value), step)
    return found


@_advect.register_fake
def _(field: Tensor, *rest: object) -> Tensor:
    return field.new_empty(field.shape)


@torch.library.custom_op("diffgfx::advect_tvd_backward", mutates_args=())
def _advect_backward(
    g_field: Tensor,
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    numbers: Sequence[float],
    sides: str,
    scalar_sides: str,
    limiter: str,
    backend: str,
) -> list[Tensor]:
    kernel = load("advect_tvd", backend)
    step = Transport(numbers[0], numbers[1], parted(sides), parted(scalar_sides), limiter)
    faces = [plain(face) for face in velocity]
    g_old, g_velocity, g_value = kernel.backward(
        plain(g_field), plain(field), faces, plain(side_value), step
    )
    return [g_old, g_value, *g_velocity]


@_advect_backward.register_fake
def _(
    g_field: Tensor, field: Tensor, velocity: Sequence[Tensor], side_value: Tensor, *rest: object
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in (field, side_value, *velocity)]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    field, velocity, side_value, *choices = inputs
    ctx.save_for_backward(field, side_value, *velocity)
    ctx.choices = choices


def _differentiate(ctx, g_field):  # type: ignore[no-untyped-def]
    field, side_value, *velocity = ctx.saved_tensors
    g_old, g_value, *g_velocity = _advect_backward(
        g_field, field, velocity, side_value, *ctx.choices
    )
    return g_old, g_velocity, g_value, None, None, None, None, None


_advect.register_autograd(_differentiate, setup_context=_save)


def advect_tvd(
    field: Tensor,
    velocity: Faces,
    dt: float,
    cell: float,
    sides: Sequence[Side],
    *,
    limiter: Limiter = "van_leer",
    scalar_sides: Sequence[ScalarSide] | None = None,
    side_value: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Carry scalars by fluxes through the faces, for one explicit Euler step.

    What leaves a cell enters its neighbour, so that the sum over a closed or periodic box stays to
    rounding. Take two steps and their mean with the start for the second-order Runge-Kutta method
    that keeps the bounds of the field; steps of half a cell and less, over the sum of axes, are
    stable.

    Args:
        field: Values at the cells' centres [any unit], shape (B|1, C, [D,] H, W).
        velocity: Staggered velocity [m/s], x-faces first; the grid has one cell an axis or more.
        dt: Time step [s], any finite number; no gradient.
        cell: Side of a cell [m].
        sides: What the flow meets at x low, x high, y low, y high and, in 3-D, z low, z high.
        limiter: ``"van_leer"`` (smooth), ``"central"`` (monotonised central, steeper), or
            ``"superbee"`` (keeps edges sharp, makes steps of slopes).
        scalar_sides: What holds for the field at the same sides; by default ``zero_gradient``, and
            ``periodic`` where the flow is.
        side_value: Values of fixed sides [unit of field] and outward slopes of flux sides [unit of
            field / m], shape (B|1, C, 2 dim); zeros by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        ``field - dt div(velocity field)`` [unit of ``field``], shape (B, C, [D,] H, W). A flow with
        divergence changes a constant.

    Raises:
        ShapeError, DtypeError, DeviceError: If tensors do not go with the velocity.
        RangeError: If a number or a kind of side is not one of those above.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to field, velocity and side_value, exact. Where the velocity of a face is zero, its
    gradient is that of a flow to larger coordinates. No forward mode and no second derivative.

    Source: B. van Leer, "Towards the Ultimate Conservative Difference Scheme" II and III, J.
    Comput. Phys. 14, 1974 and 23, 1977; P. Sweby, SIAM J. Numer. Anal. 21, 1984.
    """
    sizes = check_flow(velocity)
    check_step(dt, cell)
    kinds = check_sides(sides, sizes.dim)
    rules = check_rules(scalar_sides, sides, sizes.dim)
    check_choice("limiter", limiter, get_args(Limiter))
    carried = check_carried_field(field, velocity, sizes)
    given = check_side_value(side_value, carried, sizes.dim)
    refuse_forward_mode("advect_tvd", field, *velocity, side_value)
    chosen = choose_backend("advect_tvd", backend, field.device)
    step = ([float(dt), float(cell)], joined(kinds), joined(rules), limiter, chosen)
    return cast(Tensor, _advect(carried, list(velocity), given, *step))
