"""Implicit diffusion of a staggered velocity and of scalars, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive
from diffgfx.ops._amount import check_amount
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import (
    check_cells,
    check_faces,
    check_scalar_sides,
    check_side_velocity,
    check_sides,
)  # fmt: skip
from diffgfx.ops._rules import cell_rules, cell_values, check_extent, face_rules, face_values
from diffgfx.types import Backend, Faces, ScalarSide, Side
from diffgfx_kernels import load

__all__ = ["diffuse", "diffuse_scalar"]


@torch.library.custom_op("diffgfx::diffuse", mutates_args=())
def _diffuse(
    parts: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    kernel = load("diffuse", backend)
    after: list[Tensor] = kernel.forward(
        [plain(part) for part in parts], plain(values), plain(amount), rules, cell
    )
    return after


@_diffuse.register_fake
def _(
    parts: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in parts]


@torch.library.custom_op("diffgfx::diffuse_backward", mutates_args=())
def _diffuse_backward(
    g_after: Sequence[Tensor],
    parts: Sequence[Tensor],
    after: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    kernel = load("diffuse", backend)
    given, before, found = ([plain(part) for part in group] for group in (g_after, parts, after))
    g_parts, g_values, g_amount = kernel.backward(
        given, before, found, plain(values), plain(amount), rules, cell
    )
    return [*g_parts, g_values, g_amount]


@_diffuse_backward.register_fake
def _(
    g_after: Sequence[Tensor],
    parts: Sequence[Tensor],
    after: Sequence[Tensor],
    values: Tensor,
    amount: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in (*parts, values, amount)]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    parts, values, amount, rules, cell, backend = inputs
    ctx.count = len(parts)
    ctx.save_for_backward(*parts, *output, values, amount)
    ctx.choices = (list(rules), cell, backend)


def _differentiate(ctx, g_after):  # type: ignore[no-untyped-def]
    *both, values, amount = ctx.saved_tensors
    parts, after = both[: ctx.count], both[ctx.count :]
    given = [
        torch.zeros_like(part) if g_part is None else g_part
        for g_part, part in zip(g_after, parts, strict=True)
    ]
    found = _diffuse_backward(given, parts, after, values, amount, *ctx.choices)
    *g_parts, g_values, g_amount = found
    return g_parts, g_values, g_amount, None, None, None


_diffuse.register_autograd(_differentiate, setup_context=_save)


def diffuse(
    velocity: Faces,
    amount: Tensor,
    cell: float,
    sides: Sequence[Side],
    *,
    side_velocity: Tensor | None = None,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Let viscosity act on a velocity for one implicit step (backward Euler).

    Solves (1 - amount L) x = velocity, L being `laplacian`. Stable for any amount, first order in
    time. A step of second order (Crank-Nicolson) adds half of the Laplacian first:
    ``diffuse(v + a / 2 * laplacian(v), a / 2)``. The operator of a box is a sum of one an axis, so
    that its eigenvectors solve it directly, whatever the amount: nothing iterates, and a batch is
    solved as each of its members is. What is left over is the rounding of the result, times
    1 + 4 dim amount / cell^2. A velocity on which viscosity does not act comes back as it was. Work
    grows as cells times cells a side.

    Args:
        velocity: Staggered velocity [m/s]: 2-D x-faces (B, H, W+1), y-faces (B, H+1, W), 3-D with
            z-faces; of a periodic axis the last faces are not read.
        amount: Kinematic viscosity times time step [m^2], shape (B|1,), not below zero.
        cell: Side of a cell [m], above zero; no gradient.
        sides: What the flow meets at x low, x high, y low, y high and so on.
        side_velocity: Velocity of the sides [m/s], shape (B|1, sides, components); only what is
            tangential to a no-slip or inflow side is read. At rest by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The velocity afterwards [m/s], shaped as ``velocity``: as it was where it is given (the
        sides' own faces, but at an outflow), equal on both ends of a periodic axis. Its divergence
        is not zero beside walls: project it.

    Raises:
        ShapeError, DtypeError, DeviceError: If a tensor does not fit the others.
        RangeError: If ``cell`` is not above zero, or ``sides`` are not those of a box.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to the velocity, the amount and the velocity of the sides, by one more solve. No
    forward mode and no second derivative.

    Source: R. Lynch, J. Rice, D. Thomas, "Direct Solution of Partial Difference Equations by
    Tensor Product Methods", Numerische Mathematik 6, 1964.
    """
    sizes = check_faces("velocity", velocity)
    check_extent("velocity", sizes)
    check_amount(amount, "velocity_x", velocity[0], sizes.batch)
    check_positive("cell", cell)
    rules = face_rules(check_sides(sides, sizes.dim))
    wall = check_side_velocity(side_velocity, velocity, sizes)
    refuse_forward_mode("diffuse", *velocity, amount, side_velocity)
    chosen = choose_backend("diffuse", backend, velocity[0].device)
    values, shares = face_values(wall, rules, sizes.batch), amount.expand(sizes.batch)
    after: list[Tensor] = _diffuse(list(velocity), values, shares, rules, float(cell), chosen)
    return after


def diffuse_scalar(
    field: Tensor,
    amount: Tensor,
    cell: float,
    scalar_sides: Sequence[ScalarSide],
    *,
    side_value: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Let fields of cells diffuse for one implicit step (backward Euler).

    Solves (1 - amount L) x = field, L being `laplacian_scalar`, as `diffuse` does.

    Args:
        field: Values at the cells' centres [any unit], shape (B, C, [D,] H, W).
        amount: Diffusivity times time step [m^2], shape (B|1,), not below zero.
        cell: Side of a cell [m], above zero; no gradient.
        scalar_sides: What holds at x low, x high, y low, y high and so on.
        side_value: A number a channel and side, shape (B|1, C, sides): the value at a fixed side
            [unit of the field]; the derivative along the outward normal [unit/m] at one of flux; of
            the others it is not read. Zeros by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The field afterwards, shaped as ``field``.

    Raises:
        ShapeError, DtypeError, DeviceError: If a tensor does not fit the others.
        RangeError: If ``cell`` is not above zero, or ``scalar_sides`` are not those of a box.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to the field, the amount and the numbers of the sides, by one more solve. No forward
    mode and no second derivative.

    Source: that of `diffuse`.
    """
    sizes = check_cells("field", field)
    check_extent("field", sizes)
    check_amount(amount, "field", field, sizes.batch)
    check_positive("cell", cell)
    kinds = check_scalar_sides(scalar_sides, sizes.dim)
    values = cell_values(side_value, field, sizes, kinds, cell)
    refuse_forward_mode("diffuse_scalar", field, amount, side_value)
    chosen = choose_backend("diffuse", backend, field.device)
    channels = int(field.shape[1])
    shares = amount.expand(sizes.batch)[:, None].expand(-1, channels).reshape(-1)
    start = [field.flatten(0, 1)]
    after: list[Tensor] = _diffuse(start, values, shares, cell_rules(kinds), float(cell), chosen)
    return after[0].view(field.shape)
