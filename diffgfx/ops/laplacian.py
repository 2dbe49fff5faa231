"""The Laplacian of a staggered velocity and of scalars, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive
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

__all__ = ["laplacian", "laplacian_scalar"]


@torch.library.custom_op("diffgfx::laplacian", mutates_args=())
def _laplacian(
    parts: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float, backend: str
) -> list[Tensor]:
    kernel = load("laplacian", backend)
    rates: list[Tensor] = kernel.forward(
        [plain(part) for part in parts], plain(values), rules, cell
    )
    return rates


@_laplacian.register_fake
def _(
    parts: Sequence[Tensor], values: Tensor, rules: Sequence[int], cell: float, backend: str
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in parts]


@torch.library.custom_op("diffgfx::laplacian_backward", mutates_args=())
def _laplacian_backward(
    g_rate: Sequence[Tensor],
    parts: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    kernel = load("laplacian", backend)
    g_parts, g_values = kernel.backward(
        [plain(part) for part in g_rate],
        [plain(part) for part in parts],
        plain(values),
        rules,
        cell,
    )
    return [*g_parts, g_values]


@_laplacian_backward.register_fake
def _(
    g_rate: Sequence[Tensor],
    parts: Sequence[Tensor],
    values: Tensor,
    rules: Sequence[int],
    cell: float,
    backend: str,
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in (*parts, values)]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    parts, values, rules, cell, backend = inputs
    ctx.save_for_backward(*parts, values)
    ctx.choices = (list(rules), cell, backend)


def _differentiate(ctx, g_rate):  # type: ignore[no-untyped-def]
    *parts, values = ctx.saved_tensors
    given = [
        torch.zeros_like(part) if g_part is None else g_part
        for g_part, part in zip(g_rate, parts, strict=True)
    ]
    *g_parts, g_values = _laplacian_backward(given, parts, values, *ctx.choices)
    return g_parts, g_values, None, None, None


_laplacian.register_autograd(_differentiate, setup_context=_save)


def laplacian(
    velocity: Faces,
    cell: float,
    sides: Sequence[Side],
    *,
    side_velocity: Tensor | None = None,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Return the Laplacian of each component of a velocity at its own faces.

    Second differences along each axis (five points in 2-D, seven in 3-D), second order inside.
    Beside a no-slip side or an inflow the tangential velocity goes on as a line through the side's
    own; at a free-slip side and an outflow nothing changes across the side. `diffuse` solves for
    the same operator.

    Args:
        velocity: Staggered velocity [m/s]: 2-D x-faces (B, H, W+1), y-faces (B, H+1, W), 3-D with
            z-faces; of a periodic axis the last faces are not read.
        cell: Side of a cell [m], above zero; no gradient.
        sides: What the flow meets at x low, x high, y low, y high and so on.
        side_velocity: Velocity of the sides [m/s], shape (B|1, sides, components); only what is
            tangential to a no-slip or inflow side is read. At rest by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The Laplacians at the faces [1/(m s)], shaped as ``velocity``: zero where the velocity is
        given (the sides' own faces, but at an outflow), equal on both ends of a periodic axis.

    Raises:
        ShapeError, DtypeError, DeviceError: If a tensor does not fit the others.
        RangeError: If ``cell`` is not above zero, or ``sides`` are not those of a box.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to the velocity and to the velocity of the sides. No forward mode and no second
    derivative.

    Source: F. Harlow, J. Welch, "Numerical Calculation of Time-Dependent Viscous Incompressible
    Flow", Physics of Fluids 8, 1965.
    """
    sizes = check_faces("velocity", velocity)
    check_extent("velocity", sizes)
    check_positive("cell", cell)
    rules = face_rules(check_sides(sides, sizes.dim))
    wall = check_side_velocity(side_velocity, velocity, sizes)
    refuse_forward_mode("laplacian", *velocity, side_velocity)
    chosen = choose_backend("laplacian", backend, velocity[0].device)
    values = face_values(wall, rules, sizes.batch)
    rates: list[Tensor] = _laplacian(list(velocity), values, rules, float(cell), chosen)
    return rates


def laplacian_scalar(
    field: Tensor,
    cell: float,
    scalar_sides: Sequence[ScalarSide],
    *,
    side_value: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Return the Laplacian of fields of cells.

    Second differences along each axis. Beside a side of fixed value the field goes on as a line
    through that value; beside one of fixed flux, with the slope given.

    Args:
        field: Values at the cells' centres [any unit], shape (B, C, [D,] H, W).
        cell: Side of a cell [m], above zero; no gradient.
        scalar_sides: What holds at x low, x high, y low, y high and so on.
        side_value: A number a channel and side, shape (B|1, C, sides): the value at a fixed side
            [unit of the field]; the derivative along the outward normal [unit/m] at one of flux; of
            the others it is not read. Zeros by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The Laplacians [unit/m^2], shaped as ``field``.

    Raises:
        ShapeError, DtypeError, DeviceError: If a tensor does not fit the others.
        RangeError: If ``cell`` is not above zero, or ``scalar_sides`` are not those of a box.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to the field and to the numbers of the sides. No forward mode and no second
    derivative.

    Source: R. LeVeque, "Finite Difference Methods for Ordinary and Partial Differential
    Equations", SIAM 2007, sections 2.12 and 3.2.
    """
    sizes = check_cells("field", field)
    check_extent("field", sizes)
    check_positive("cell", cell)
    kinds = check_scalar_sides(scalar_sides, sizes.dim)
    values = cell_values(side_value, field, sizes, kinds, cell)
    refuse_forward_mode("laplacian_scalar", field, side_value)
    chosen = choose_backend("laplacian", backend, field.device)
    rates: list[Tensor] = _laplacian(
        [field.flatten(0, 1)], values, cell_rules(kinds), float(cell), chosen
    )
    return rates[0].view(field.shape)
