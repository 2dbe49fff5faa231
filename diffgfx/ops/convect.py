"""Convection of a staggered velocity by itself, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import check_faces, check_side_velocity, check_sides
from diffgfx.ops._rules import check_extent, face_rules, face_values
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["convect"]


@torch.library.custom_op("diffgfx::convect", mutates_args=())
def _convect(
    velocity: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float, backend: str
) -> list[Tensor]:
    kernel = load("convect", backend)
    rates: list[Tensor] = kernel.forward(
        [plain(face) for face in velocity], plain(values), rules, cell
    )
    return rates


@_convect.register_fake
def _(
    velocity: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float, backend: str
) -> list[Tensor]:
    return [face.new_empty(face.shape) for face in velocity]


@torch.library.custom_op("diffgfx::convect_backward", mutates_args=())
def _convect_backward(
    g_rate: Sequence[Tensor],
    velocity: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    kernel = load("convect", backend)
    g_velocity, g_values = kernel.backward(
        [plain(part) for part in g_rate],
        [plain(face) for face in velocity],
        plain(values),
        rules,
        cell,
    )
    return [*g_velocity, g_values]


@_convect_backward.register_fake
def _(
    g_rate: Sequence[Tensor],
    velocity: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in (*velocity, values)]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    velocity, values, rules, cell, backend = inputs
    ctx.save_for_backward(*velocity, values)
    ctx.choices = (list(rules), cell, backend)


def _differentiate(ctx, g_rate):  # type: ignore[no-untyped-def]
    *velocity, values = ctx.saved_tensors
    given = [
        torch.zeros_like(face) if part is None else part
        for part, face in zip(g_rate, velocity, strict=True)
    ]
    *g_velocity, g_values = _convect_backward(given, velocity, values, *ctx.choices)
    return g_velocity, g_values, None, None, None


_convect.register_autograd(_differentiate, setup_context=_save)


def convect(
    velocity: Faces,
    cell: float,
    sides: Sequence[Side],
    *,
    side_velocity: Tensor | None = None,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Return how fast a flow's own motion changes its velocity: -div(u u).

    Momentum moves through the sides of the volume around each face, as the mean velocity that
    carries it times the mean that is carried. The scheme is second order and conserves momentum;
    where the flow is free of divergence (to rounding) between walls and periodic sides, the kinetic
    energy too. An equation in time needs a step that is stable on the imaginary axis, such as
    Runge-Kutta of third order, with |u| dt / cell up to about one.

    At an outflow the normal velocity of the side itself changes by one-sided differences of first
    order, as in -max(u.n, 0) du/dn - (tangential convection): what the flow has passed is carried
    out, and where fluid comes back in, it brings no change along the normal with it. Tangential
    velocity comes back in as it is inside.

    Args:
        velocity: Staggered velocity [m/s]: 2-D x-faces (B, H, W+1), y-faces (B, H+1, W), 3-D with
            z-faces; of a periodic axis the last faces are not read.
        cell: Side of a cell [m], above zero; no gradient.
        sides: What the flow meets at x low, x high, y low, y high and so on. The normal velocity
            of a side is that of its faces.
        side_velocity: Velocity of the sides [m/s], shape (B|1, sides, components); only what is
            tangential to a no-slip or inflow side is read. At rest by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The rates at the faces [m/s^2], shaped as ``velocity``: zero where the velocity is given
        (the sides' own faces, but at an outflow), equal on both ends of a periodic axis.

    Raises:
        ShapeError, DtypeError, DeviceError: If a tensor does not fit the others.
        RangeError: If ``cell`` is not above zero, or ``sides`` are not those of a box.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to the velocity and to the velocity of the sides. No forward mode and no second
    derivative.

    Source: F. Harlow, J. Welch, "Numerical Calculation of Time-Dependent Viscous Incompressible
    Flow", Physics of Fluids 8, 1965; Y. Morinishi, T. Lund, O. Vasilyev, P. Moin, "Fully
    Conservative Higher Order Finite Difference Schemes for Incompressible Flow", JCP 143, 1998,
    section 4.1 (divergence form, second order).
    """
    sizes = check_faces("velocity", velocity)
    check_extent("velocity", sizes)
    check_positive("cell", cell)
    rules = face_rules(check_sides(sides, sizes.dim))
    wall = check_side_velocity(side_velocity, velocity, sizes)
    refuse_forward_mode("convect", *velocity, side_velocity)
    chosen = choose_backend("convect", backend, velocity[0].device)
    values = face_values(wall, rules, sizes.batch)
    rates: list[Tensor] = _convect(list(velocity), values, rules, float(cell), chosen)
    return rates
