"""Vorticity of a staggered velocity, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._faces import all_plain, check_countable
from diffgfx.ops._flow import check_faces, check_side_velocity, check_sides
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["curl"]


@torch.library.custom_op("diffgfx::curl", mutates_args=())
def _curl(
    velocity: Sequence[Tensor], side_velocity: Tensor, cell: float, sides: str, backend: str
) -> Tensor:
    kernel = load("curl", backend)
    value: Tensor = kernel.forward(
        all_plain(velocity), plain(side_velocity), cell, sides.split(",")
    )
    return value


@_curl.register_fake
def _(
    velocity: Sequence[Tensor], side_velocity: Tensor, cell: float, sides: str, backend: str
) -> Tensor:
    batch, *cells, faces = velocity[0].shape
    channels = 3 if len(velocity) == 3 else 1
    return velocity[0].new_empty((batch, channels, *cells, faces - 1))


@torch.library.custom_op("diffgfx::curl_backward", mutates_args=())
def _curl_backward(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    cell: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], Tensor]:
    kernel = load("curl", backend)
    found: tuple[list[Tensor], Tensor] = kernel.backward(
        plain(g_value), all_plain(velocity), plain(side_velocity), cell, sides.split(",")
    )
    return found


@_curl_backward.register_fake
def _(
    g_value: Tensor,
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    cell: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], Tensor]:
    return [v.new_empty(v.shape) for v in velocity], side_velocity.new_empty(side_velocity.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    velocity, side_velocity, *choices = inputs
    ctx.choices = choices
    ctx.save_for_backward(*velocity, side_velocity)


def _differentiate(ctx, g_value):  # type: ignore[no-untyped-def]
    *velocity, side_velocity = ctx.saved_tensors
    g_velocity, g_side = _curl_backward(g_value, velocity, side_velocity, *ctx.choices)
    return g_velocity, g_side, None, None, None


_curl.register_autograd(_differentiate, setup_context=_save)


def curl(
    velocity: Faces,
    cell: float,
    sides: Sequence[Side],
    *,
    side_velocity: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Return the vorticity at the centres of cells.

    Central differences over two cells of the velocity at centres, which is the mean of two faces:
    second order everywhere. What lies one cell beyond a side is, for a component along the side:

    - no_slip and inflow: ``(8 w - 6 u + v) / 3`` of the side's velocity w, the last cell's u and
      its inner neighbour's v, a parabola through all three (``2 w - u``, a line, would be first
      order there, and serves where there is one cell only);
    - free_slip and outflow: as in the last cell, second order where the normal derivative is zero;
    - periodic: the other end, the first face being read in place of the last.

    Args:
        velocity: Staggered velocity [m/s]: x-faces (B, [D,] H, W+1) and so on.
        cell: Side of a cell [m].
        sides: Kinds of the sides (`diffgfx.types.Side`).
        side_velocity: Velocity of each side's wall or inflow [m/s], (B|1, 2 dim, dim), of which
            the components along the side count; None: at rest.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Vorticity [1/s]: dv/dx - du/dy of shape (B, 1, H, W), or vectors (B, 3, D, H, W).

    Raises:
        ShapeError, DtypeError, DeviceError: If the tensors do not fit each other.
        RangeError: If ``cell`` is not above zero, or ``sides`` are unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``velocity`` and ``side_velocity``. No forward mode and no second derivative.
    """
    sizes = check_faces("velocity", velocity)
    check_countable("velocity_x", sizes, sizes.dim)
    check_positive("cell", cell)
    kinds = check_sides(sides, sizes.dim)
    known = check_side_velocity(side_velocity, velocity, sizes)
    refuse_forward_mode("curl", *velocity, known)
    chosen = choose_backend("curl", backend, velocity[0].device)
    shared = known.expand(sizes.batch, -1, -1)
    value: Tensor = _curl(list(velocity), shared, float(cell), ",".join(kinds), chosen)
    return value
