"""Staggered velocity from that at the centres of cells, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.errors import ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._faces import all_plain, check_countable, filled, new_faces
from diffgfx.ops._flow import check_cells, check_sides
from diffgfx.types import Backend, Side
from diffgfx_kernels import load

__all__ = ["to_faces"]


@torch.library.custom_op("diffgfx::to_faces", mutates_args=())
def _faces(field: Tensor, sides: str, backend: str) -> list[Tensor]:
    faces: list[Tensor] = load("to_faces", backend).forward(plain(field), sides.split(","))
    return faces


@_faces.register_fake
def _(field: Tensor, sides: str, backend: str) -> list[Tensor]:
    return new_faces(field)


@torch.library.custom_op("diffgfx::to_faces_backward", mutates_args=())
def _faces_backward(g_faces: Sequence[Tensor], field: Tensor, sides: str, backend: str) -> Tensor:
    kernel = load("to_faces", backend)
    g_field: Tensor = kernel.backward(all_plain(g_faces), plain(field), sides.split(","))
    return g_field


@_faces_backward.register_fake
def _(g_faces: Sequence[Tensor], field: Tensor, sides: str, backend: str) -> Tensor:
    return field.new_empty(field.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    field, *choices = inputs
    ctx.choices = choices
    ctx.save_for_backward(field)


def _differentiate(ctx, g_faces):  # type: ignore[no-untyped-def]
    (field,) = ctx.saved_tensors
    known = filled(g_faces, new_faces(field))
    return _faces_backward(known, field, *ctx.choices), None, None


_faces.register_autograd(_differentiate, setup_context=_save)


def to_faces(field: Tensor, sides: Sequence[Side], *, backend: Backend = "auto") -> list[Tensor]:
    """Return a velocity at faces: the mean of the two cells at each.

    Args:
        field: Velocity at the centres of cells [m/s], shape (B, dim, [D,] H, W), x first.
        sides: Kinds of the sides (`diffgfx.types.Side`). On a side a face takes the value of its
            one cell; both ends of a periodic axis hold the same mean.
        backend: ``"auto"`` takes the fastest one that serves the tensor's device.

    Returns:
        Staggered velocity [m/s]: x-faces (B, [D,] H, W+1) and so on; second order between cells,
        first order on sides.

    Raises:
        ShapeError, DtypeError: If ``field`` does not fit.
        RangeError: If ``sides`` are unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``field``. No forward mode and no second derivative.
    """
    sizes = check_cells("field", field)
    if field.shape[1] != sizes.dim:
        raise ShapeError(
            f"field must have one channel an axis, here {sizes.dim}, got {tuple(field.shape)}"
        )
    check_countable("field", sizes, sizes.dim)
    kinds = check_sides(sides, sizes.dim)
    refuse_forward_mode("to_faces", field)
    chosen = choose_backend("to_faces", backend, field.device)
    faces: list[Tensor] = _faces(field, ",".join(kinds), chosen)
    return faces
