"""Scalars carried along a staggered velocity, as a differentiable op.

A cell takes the value that lay a step upstream of its centre. The path is found by the midpoint
rule; velocity and field are read by interpolation that is linear along each axis. A path ends where
it would leave the box, on the side; along a periodic axis it goes on at the other end. Between the
outermost centres and a side, half a cell beyond, values are linear too: they run to ``side_value``
on a ``fixed`` side, along the given slope on a ``flux`` side, and stay what they are where the
gradient is zero. Tangential velocity does likewise: it runs to ``side_velocity`` at ``no_slip`` and
``inflow``, and stays at ``free_slip`` and ``outflow``.

The MacCormack scheme carries the result back along the reversed velocity, and takes half of what
differs from the field off. The result is clamped to the values between which the first pass
interpolated, side values among them. Where one of the two paths leaves the box, or its midpoint
does, the semi-Lagrangian result stands; so it does where the path ahead ends beyond the outermost
centres before an outflow, as the result is not known there.

Gradients go through the values read and through the positions. A position that was clamped to a
side has none along that axis. Where the clamp of values acts, the bound takes the whole gradient of
the result. On a boundary between two cells of an interpolation the slope is that toward larger
coordinates.
"""

from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from diffgfx.check import check_choice
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import check_side_velocity, check_sides
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

__all__ = ["Scheme", "advect"]

Scheme = Literal["maccormack", "semi_lagrangian"]
"""How values are read upstream: second order with a clamp, or first order."""


@torch.library.custom_op("diffgfx::advect", mutates_args=())
def _advect(
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    side_velocity: Tensor,
    numbers: Sequence[float],
    sides: str,
    scalar_sides: str,
    scheme: str,
    backend: str,
) -> Tensor:
    kernel = load("advect", backend)
    step = Transport(numbers[0], numbers[1], parted(sides), parted(scalar_sides), scheme)
    faces = [plain(face) for face in velocity]
    found: Tensor = kernel.forward(
        plain(field), faces, plain(side_value), plain(side_velocity), step
    )
    return found


@_advect.register_fake
def _(field: Tensor, *rest: object) -> Tensor:
    return field.new_empty(field.shape)


@torch.library.custom_op("diffgfx::advect_backward", mutates_args=())
def _advect_backward(
    g_field: Tensor,
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    side_velocity: Tensor,
    numbers: Sequence[float],
    sides: str,
    scalar_sides: str,
    scheme: str,
    backend: str,
) -> list[Tensor]:
    kernel = load("advect", backend)
    step = Transport(numbers[0], numbers[1], parted(sides), parted(scalar_sides), scheme)
    faces = [plain(face) for face in velocity]
    g_old, g_velocity, g_value, g_side = kernel.backward(
        plain(g_field), plain(field), faces, plain(side_value), plain(side_velocity), step
    )
    return [g_old, g_value, g_side, *g_velocity]


@_advect_backward.register_fake
def _(
    g_field: Tensor,
    field: Tensor,
    velocity: Sequence[Tensor],
    side_value: Tensor,
    side_velocity: Tensor,
    *rest: object,
) -> list[Tensor]:
    parts = (field, side_value, side_velocity, *velocity)
    return [part.new_empty(part.shape) for part in parts]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    field, velocity, side_value, side_velocity, *choices = inputs
    ctx.save_for_backward(field, side_value, side_velocity, *velocity)
    ctx.choices = choices


def _differentiate(ctx, g_field):  # type: ignore[no-untyped-def]
    field, side_value, side_velocity, *velocity = ctx.saved_tensors
    g_old, g_value, g_side, *g_velocity = _advect_backward(
        g_field, field, velocity, side_value, side_velocity, *ctx.choices
    )
    return g_old, g_velocity, g_value, g_side, None, None, None, None, None


_advect.register_autograd(_differentiate, setup_context=_save)


def advect(
    field: Tensor,
    velocity: Faces,
    dt: float,
    cell: float,
    sides: Sequence[Side],
    *,
    scheme: Scheme = "maccormack",
    scalar_sides: Sequence[ScalarSide] | None = None,
    side_value: Tensor | None = None,
    side_velocity: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Carry scalars along a staggered velocity for one step.

    A cell takes the value that lay a step upstream of its centre (see the module).
    ``"semi_lagrangian"`` is first order, bounded by what it reads, and stable for any step;
    ``"maccormack"`` is second order, clamped to the same. Only `advect_tvd` conserves mass.

    Args:
        field: Values at the centres of cells [any unit], shape (B|1, C, [D,] H, W).
        velocity: Staggered velocity [m/s], x-faces first.
        dt: Time step [s], any finite number; no gradient.
        cell: Side of a cell [m].
        sides: What the flow meets at x low, x high, y low, y high and, in 3-D, z low, z high.
        scheme: How the value is found.
        scalar_sides: What holds for the field at the same sides; by default ``zero_gradient``, and
            ``periodic`` where the flow is.
        side_value: Values of fixed sides [unit of field], outward slopes of flux sides [that / m],
            shape (B|1, C, 2 dim); zeros by default.
        side_velocity: Velocity of the sides [m/s], tangential components used, shape
            (B|1, 2 dim, dim); at rest by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The carried field [unit of ``field``], shape (B, C, [D,] H, W).

    Raises:
        ShapeError, DtypeError, DeviceError: If tensors do not go with the velocity.
        RangeError: If a number or a kind of side is not one of those above.
        BackendError: If ``backend`` does not serve the device.

    Gradients: to field, velocity, side_value and side_velocity, exact, through values and paths. No
    forward mode and no second derivative.

    Source: J. Stam, "Stable Fluids", SIGGRAPH 1999, section 2.2; A. Selle and others, "An
    Unconditionally Stable MacCormack Method", J. Sci. Comput. 35, 2008, section 3.
    """
    sizes = check_flow(velocity)
    check_step(dt, cell)
    kinds = check_sides(sides, sizes.dim)
    rules = check_rules(scalar_sides, sides, sizes.dim)
    check_choice("scheme", scheme, get_args(Scheme))
    carried = check_carried_field(field, velocity, sizes)
    given = check_side_value(side_value, carried, sizes.dim)
    moving = check_side_velocity(side_velocity, velocity, sizes).expand(sizes.batch, -1, -1)
    refuse_forward_mode("advect", field, *velocity, side_value, side_velocity)
    chosen = choose_backend("advect", backend, field.device)
    step = ([float(dt), float(cell)], joined(kinds), joined(rules), scheme, chosen)
    return cast(Tensor, _advect(carried, list(velocity), given, moving, *step))
