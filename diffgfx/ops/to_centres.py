"""Velocity at the centres of cells, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._faces import all_plain, check_countable
from diffgfx.ops._flow import check_faces, check_sides
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["to_centres"]


@torch.library.custom_op("diffgfx::to_centres", mutates_args=())
def _centres(velocity: Sequence[Tensor], sides: str, backend: str) -> Tensor:
    field: Tensor = load("to_centres", backend).forward(all_plain(velocity), sides.split(","))
    return field


@_centres.register_fake
def _(velocity: Sequence[Tensor], sides: str, backend: str) -> Tensor:
    batch, *cells, faces = velocity[0].shape
    return velocity[0].new_empty((batch, len(velocity), *cells, faces - 1))


@torch.library.custom_op("diffgfx::to_centres_backward", mutates_args=())
def _centres_backward(
    g_field: Tensor, velocity: Sequence[Tensor], sides: str, backend: str
) -> list[Tensor]:
    kernel = load("to_centres", backend)
    g_velocity: list[Tensor] = kernel.backward(
        plain(g_field), all_plain(velocity), sides.split(",")
    )
    return g_velocity


@_centres_backward.register_fake
def _(g_field: Tensor, velocity: Sequence[Tensor], sides: str, backend: str) -> list[Tensor]:
    return [face.new_empty(face.shape) for face in velocity]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    velocity, *choices = inputs
    ctx.choices = choices
    ctx.save_for_backward(*velocity)


def _differentiate(ctx, g_field):  # type: ignore[no-untyped-def]
    return _centres_backward(g_field, ctx.saved_tensors, *ctx.choices), None, None


_centres.register_autograd(_differentiate, setup_context=_save)


def to_centres(
    velocity: Faces, *, sides: Sequence[Side] | None = None, backend: Backend = "auto"
) -> Tensor:
    """Return the velocity at the centres of cells: the mean of the two faces across each axis.

    For pictures and networks: the mean of a divergence-free velocity has lost that property.

    Args:
        velocity: Staggered velocity [m/s]: x-faces (B, [D,] H, W+1) and so on.
        sides: Kinds of the sides (`diffgfx.types.Side`). Only periodic ones matter: the first face
            of their axis is read in place of the last. None: every face is read.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Velocity [m/s], shape (B, dim, [D,] H, W), x first; second order.

    Raises:
        ShapeError, DtypeError, DeviceError: If the faces do not fit each other.
        RangeError: If ``sides`` are unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``velocity``. No forward mode and no second derivative.
    """
    sizes = check_faces("velocity", velocity)
    check_countable("velocity_x", sizes, sizes.dim)
    kinds = ["no_slip"] * (2 * sizes.dim) if sides is None else check_sides(sides, sizes.dim)
    refuse_forward_mode("to_centres", *velocity)
    chosen = choose_backend("to_centres", backend, velocity[0].device)
    field: Tensor = _centres(list(velocity), ",".join(kinds), chosen)
    return field
