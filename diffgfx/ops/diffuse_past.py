"""Implicit diffusion of a staggered velocity past solids, as a differentiable op.

A solid is known by the signed distance of each face's centre. Where the step from a point of the
fluid to a neighbour meets a wall, the wall's velocity stands in for the neighbour's, as near as the
wall is: no-slip, to second order, with a symmetric matrix (see `diffgfx.ops.links`). Faces whose
centre lies in the solid take its velocity, whatever of them is open.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from diffgfx.check import check_positive
from diffgfx.errors import DivergedError
from diffgfx.ops._amount import check_amount
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import check_companion, check_faces, check_side_velocity, check_sides
from diffgfx.ops._rules import check_extent, face_rules, face_values
from diffgfx.ops.links import wall_links, wet_points
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["diffuse_past"]

Group = Sequence[Tensor]

_MOST_LEFT = 1e-3
"""Of the right side, after a solve; what rounding leaves is far below."""


@torch.library.custom_op("diffgfx::diffuse_past", mutates_args=())
def _diffuse_past(
    parts: Group,
    links: Group,
    wet: Group,
    solid: Group,
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    kernel = load("diffuse_past", backend)
    groups = ([plain(part) for part in group] for group in (parts, links, wet, solid))
    after, residual = kernel.forward(*groups, plain(values), plain(amount), rules, cell)
    _check_solved("diffuse_past", residual)
    return cast(list[Tensor], after)


def _check_solved(name: str, residual: Tensor) -> None:
    """Raise `DivergedError` where a solve did not get near a solution."""
    worst = float(residual.max()) if residual.numel() else 0.0
    if worst > _MOST_LEFT:
        raise DivergedError(
            f"{name} must be solved to {_MOST_LEFT:g} of its right side, got a residual of "
            f"{worst:.2g}; take a smaller amount, or float64"
        )


@_diffuse_past.register_fake
def _(parts: Group, *rest: object) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in parts]


@torch.library.custom_op("diffgfx::diffuse_past_backward", mutates_args=())
def _diffuse_past_backward(
    g_after: Group,
    after: Group,
    links: Group,
    wet: Group,
    solid: Group,
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    kernel = load("diffuse_past", backend)
    groups = ([plain(part) for part in group] for group in (g_after, after, links, wet, solid))
    g_parts, g_links, g_solid, g_values, g_amount, residual = kernel.backward(
        *groups, plain(values), plain(amount), rules, cell
    )
    _check_solved("the gradient of diffuse_past", residual)
    return [*g_parts, *g_links, *g_solid, g_values, g_amount]


@_diffuse_past_backward.register_fake
def _(
    g_after: Group,
    after: Group,
    links: Group,
    wet: Group,
    solid: Group,
    values: Tensor,
    amount: Tensor,
    *rest: object,
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in (*after, *links, *solid, values, amount)]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    parts, links, wet, solid, values, amount, *choices = inputs
    ctx.save_for_backward(*output, *links, *wet, *solid, values, amount)
    ctx.dim, ctx.choices = len(parts), choices


def _differentiate(ctx, grads):  # type: ignore[no-untyped-def]
    dim = ctx.dim
    *groups, values, amount = ctx.saved_tensors
    after, links = groups[:dim], groups[dim : dim + dim * dim]
    wet, solid = groups[dim + dim * dim : -dim], groups[-dim:]
    given = [
        torch.zeros_like(part) if g is None else g for g, part in zip(grads, after, strict=True)
    ]
    found = _diffuse_past_backward(
        given, after, links, wet, solid, values, amount, *ctx.choices
    )
    *rest, g_values, g_amount = found
    g_links, g_solid = rest[dim : dim + dim * dim], rest[-dim:]
    return rest[:dim], g_links, [None] * dim, g_solid, g_values, g_amount, None, None, None


_diffuse_past.register_autograd(_differentiate, setup_context=_save)


def diffuse_past(
    velocity: Faces,
    distance: Faces,
    amount: Tensor,
    cell: float,
    sides: Sequence[Side],
    *,
    solid_velocity: Faces | None = None,
    side_velocity: Tensor | None = None,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Let viscosity act for one implicit step on a velocity past solids that it sticks to.

    Solves (1 - amount L) x = velocity where fluid is, L being `laplacian` but for the walls of the
    solids, whose velocity is met where they are. Stable for any amount, first order in time;
    ``2 diffuse_past(u + f / 2, distance, a / 2, ...) - u`` is a step of second order under forces
    f (Crank-Nicolson). Work grows as the cells times the root of 1 + amount / cell^2.

    Args:
        velocity: Staggered velocity [m/s], x-faces first.
        distance: Signed distance of each face's centre [m], positive in the fluid, batch B or 1.
        amount: Kinematic viscosity times time step [m^2], shape (B|1,), not below zero.
        cell: Side of a cell [m], above zero; no gradient.
        sides: What the flow meets at x low, x high, y low, y high and so on.
        solid_velocity: Velocity of the solid at each face [m/s], B or 1; None: at rest.
        side_velocity: Velocity of the sides [m/s], shape (B|1, sides, components); only what is
            tangential to a no-slip or inflow side is read. At rest by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The velocity afterwards [m/s]: the solid's where a face's centre lies in it, as it was on
        the sides' own faces.

    Raises:
        ShapeError, DtypeError, DeviceError: If a tensor does not fit the others.
        RangeError: If ``cell`` is not above zero, or ``sides`` are not those of a box.
        DivergedError: If a solve, or that of the gradient, leaves over a thousandth.
        BackendError: If ``backend`` does not serve the device.

    Gradients: to all tensors, by one more solve; to distance as long as no point changes from fluid
    to solid. No forward mode and no second derivative.

    Source: F. Gibou and others, JCP 176, 2002; Y. T. Ng, C. Min, F. Gibou, JCP 228, 2009.
    """
    sizes = check_faces("velocity", velocity)
    check_extent("velocity", sizes)
    check_companion("distance", distance, velocity, sizes)
    check_companion("solid_velocity", solid_velocity, velocity, sizes)
    check_amount(amount, "velocity_x", velocity[0], sizes.batch)
    check_positive("cell", cell)
    rules = face_rules(check_sides(sides, sizes.dim))
    values = face_values(check_side_velocity(side_velocity, velocity, sizes), rules, sizes.batch)
    solid = [torch.zeros_like(u) for u in velocity] if solid_velocity is None else solid_velocity
    refuse_forward_mode("diffuse_past", *velocity, *distance, *solid, amount, side_velocity)
    links, wet = wall_links(distance, sides), wet_points(distance)
    whole = ([part.expand(sizes.batch, *part.shape[1:]) for part in g] for g in (links, wet, solid))
    chosen = choose_backend("diffuse_past", backend, velocity[0].device)
    step = (values, amount.expand(sizes.batch), rules, float(cell), chosen)
    return cast(list[Tensor], _diffuse_past(list(velocity), *whole, *step))
