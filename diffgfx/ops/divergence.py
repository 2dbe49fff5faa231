"""Divergence of a staggered velocity, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive, check_same_device, check_same_dtype, check_tensor
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._faces import all_plain, check_countable
from diffgfx.ops._flow import AXES, FlowSizes, check_faces, check_sides, of_one_batch
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["divergence"]


@torch.library.custom_op("diffgfx::divergence", mutates_args=())
def _divergence(
    velocity: Sequence[Tensor], openings: Sequence[Tensor], cell: float, sides: str, backend: str
) -> Tensor:
    kernel = load("divergence", backend)
    value: Tensor = kernel.forward(all_plain(velocity), all_plain(openings), cell, sides.split(","))
    return value


@_divergence.register_fake
def _(
    velocity: Sequence[Tensor], openings: Sequence[Tensor], cell: float, sides: str, backend: str
) -> Tensor:
    batch, *cells, faces = velocity[0].shape
    return velocity[0].new_empty((batch, 1, *cells, faces - 1))


@torch.library.custom_op("diffgfx::divergence_backward", mutates_args=())
def _divergence_backward(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    openings: Sequence[Tensor],
    cell: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], list[Tensor]]:
    kernel = load("divergence", backend)
    found: tuple[list[Tensor], list[Tensor]] = kernel.backward(
        plain(g_value), all_plain(velocity), all_plain(openings), cell, sides.split(",")
    )
    return found


@_divergence_backward.register_fake
def _(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    openings: Sequence[Tensor],
    cell: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], list[Tensor]]:
    return [v.new_empty(v.shape) for v in velocity], [o.new_empty(o.shape) for o in openings]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    velocity, openings, *choices = inputs
    ctx.dim, ctx.choices = len(velocity), choices
    ctx.save_for_backward(*velocity, *openings)


def _differentiate(ctx, g_value):  # type: ignore[no-untyped-def]
    saved = ctx.saved_tensors  # once: a checkpoint unpacks no tensor twice
    velocity, openings = saved[: ctx.dim], saved[ctx.dim :]
    g_velocity, g_openings = _divergence_backward(g_value, velocity, openings, *ctx.choices)
    return g_velocity, g_openings, None, None, None


_divergence.register_autograd(_differentiate, setup_context=_save)


def _checked_openings(openings: Faces, velocity: Faces, sizes: FlowSizes) -> list[Tensor]:
    for axis, opening in zip(AXES, openings, strict=False):  # their number is checked below
        pair = {"velocity_x": velocity[0], f"openings_{axis}": opening}
        check_tensor(f"openings_{axis}", opening)
        check_same_dtype(pair)
        check_same_device(pair)
    check_faces("openings", openings, sizes)
    return of_one_batch(openings)


def divergence(
    velocity: Faces,
    cell: float,
    *,
    openings: Faces | None = None,
    sides: Sequence[Side] | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Return what flows out of each cell through its faces, over its volume.

    Args:
        velocity: Staggered velocity [m/s]: x-faces (B, [D,] H, W+1) and so on.
        cell: Side of a cell [m].
        openings: Open share of each face in [0, 1], shapes as ``velocity`` with a batch of B or 1;
            None: all are open.
        sides: Kinds of the sides (`diffgfx.types.Side`). Only periodic ones matter: the first face
            of their axis is read in place of the last. None: every face is read.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Divergence [1/s], shape (B, 1, [D,] H, W): sum of openings times velocity over ``cell``.
        Second order at the centres of cells.

    Raises:
        ShapeError, DtypeError, DeviceError: If the tensors do not fit each other.
        RangeError: If ``cell`` is not above zero, or ``sides`` are unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``velocity`` and ``openings``. No forward mode and no second derivative.

    Source: F. Harlow, J. Welch, "Numerical Calculation of Time-Dependent Viscous Incompressible
    Flow of Fluid with Free Surface", Physics of Fluids 8, 1965; openings: C. Batty, F. Bertails,
    R. Bridson, "A Fast Variational Framework for Accurate Solid-Fluid Coupling", SIGGRAPH 2007.
    """
    sizes = check_faces("velocity", velocity)
    check_countable("velocity_x", sizes)
    check_positive("cell", cell)
    kinds = ["no_slip"] * (2 * sizes.dim) if sides is None else check_sides(sides, sizes.dim)
    known = [] if openings is None else _checked_openings(openings, velocity, sizes)
    refuse_forward_mode("divergence", *velocity, *known)
    chosen = choose_backend("divergence", backend, velocity[0].device)
    value: Tensor = _divergence(list(velocity), known, float(cell), ",".join(kinds), chosen)
    return value
