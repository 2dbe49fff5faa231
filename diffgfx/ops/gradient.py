"""Gradient of a field of cells at the faces between them, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive, check_shape
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._faces import all_plain, check_countable, filled, new_faces
from diffgfx.ops._flow import check_cells, check_sides
from diffgfx.types import Backend, Side
from diffgfx_kernels import load

__all__ = ["gradient"]


@torch.library.custom_op("diffgfx::gradient", mutates_args=())
def _gradient(field: Tensor, cell: float, sides: str, backend: str) -> list[Tensor]:
    faces: list[Tensor] = load("gradient", backend).forward(plain(field), cell, sides.split(","))
    return faces


@_gradient.register_fake
def _(field: Tensor, cell: float, sides: str, backend: str) -> list[Tensor]:
    return new_faces(field)


@torch.library.custom_op("diffgfx::gradient_backward", mutates_args=())
def _gradient_backward(
    g_faces: Sequence[Tensor], field: Tensor, cell: float, sides: str, backend: str
) -> Tensor:
    kernel = load("gradient", backend)
    g_field: Tensor = kernel.backward(all_plain(g_faces), plain(field), cell, sides.split(","))
    return g_field


@_gradient_backward.register_fake
def _(g_faces: Sequence[Tensor], field: Tensor, cell: float, sides: str, backend: str) -> Tensor:
    return field.new_empty(field.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    field, *choices = inputs
    ctx.choices = choices
    ctx.save_for_backward(field)


def _differentiate(ctx, g_faces):  # type: ignore[no-untyped-def]
    (field,) = ctx.saved_tensors
    known = filled(g_faces, new_faces(field))
    return _gradient_backward(known, field, *ctx.choices), None, None, None


_gradient.register_autograd(_differentiate, setup_context=_save)


def gradient(
    field: Tensor, cell: float, sides: Sequence[Side], *, backend: Backend = "auto"
) -> list[Tensor]:
    """Return the gradient of a field of cells, at the faces across each axis.

    Differences of the two cells at a face, second order at its centre. It is what a projection
    takes from a velocity: zero where the velocity of a side is fixed, and minus the transpose of
    `divergence` between faces that are not on an outflow.

    Args:
        field: Values of cells [any unit], shape (B, 1, [D,] H, W).
        cell: Side of a cell [m].
        sides: Kinds of the sides (`diffgfx.types.Side`). On no_slip, free_slip and inflow the
            gradient is zero. On an outflow the field is, half a cell from the last cells. Both
            ends of a periodic axis hold the same difference.
        backend: ``"auto"`` takes the fastest one that serves the tensor's device.

    Returns:
        Gradient [unit of ``field`` / m]: x-faces (B, [D,] H, W+1) and so on.

    Raises:
        ShapeError, DtypeError: If ``field`` does not fit.
        RangeError: If ``cell`` is not above zero, or ``sides`` are unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``field``. No forward mode and no second derivative.

    Source: F. Harlow, J. Welch, "Numerical Calculation of Time-Dependent Viscous Incompressible
    Flow of Fluid with Free Surface", Physics of Fluids 8, 1965.
    """
    sizes = check_cells("field", field)
    check_shape("field", field, ["B", 1, *("D", "H", "W")[-sizes.dim :]], {})
    check_countable("field", sizes)
    check_positive("cell", cell)
    kinds = check_sides(sides, sizes.dim)
    refuse_forward_mode("gradient", field)
    chosen = choose_backend("gradient", backend, field.device)
    faces: list[Tensor] = _gradient(field, float(cell), ",".join(kinds), chosen)
    return faces
