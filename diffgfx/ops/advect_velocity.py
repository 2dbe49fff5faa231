"""A staggered velocity carried along a staggered velocity, as a differentiable op."""

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor

from diffgfx.check import check_choice
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import check_companion, check_side_velocity, check_sides
from diffgfx.ops._transport import check_flow, check_step, joined, parted
from diffgfx.ops.advect import Scheme
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load
from diffgfx_kernels.transport import Transport

__all__ = ["advect_velocity"]


@torch.library.custom_op("diffgfx::advect_velocity", mutates_args=())
def _advect(
    carried: Sequence[Tensor],
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    numbers: Sequence[float],
    sides: str,
    scheme: str,
    backend: str,
) -> list[Tensor]:
    kernel = load("advect_velocity", backend)
    step = Transport(numbers[0], numbers[1], parted(sides), (), scheme)
    old, faces = ([plain(face) for face in group] for group in (carried, velocity))
    found: list[Tensor] = kernel.forward(old, faces, plain(side_velocity), step)
    return found


@_advect.register_fake
def _(carried: Sequence[Tensor], *rest: object) -> list[Tensor]:
    return [face.new_empty(face.shape) for face in carried]


@torch.library.custom_op("diffgfx::advect_velocity_backward", mutates_args=())
def _advect_backward(
    g_carried: Sequence[Tensor],
    carried: Sequence[Tensor],
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    numbers: Sequence[float],
    sides: str,
    scheme: str,
    backend: str,
) -> list[Tensor]:
    kernel = load("advect_velocity", backend)
    step = Transport(numbers[0], numbers[1], parted(sides), (), scheme)
    g_new, old, faces = ([plain(face) for face in g] for g in (g_carried, carried, velocity))
    g_old, g_velocity, g_side = kernel.backward(g_new, old, faces, plain(side_velocity), step)
    return [g_side, *g_old, *g_velocity]


@_advect_backward.register_fake
def _(
    g_carried: Sequence[Tensor],
    carried: Sequence[Tensor],
    velocity: Sequence[Tensor],
    side_velocity: Tensor,
    *rest: object,
) -> list[Tensor]:
    return [part.new_empty(part.shape) for part in (side_velocity, *carried, *velocity)]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    carried, velocity, side_velocity, *choices = inputs
    ctx.dim = len(velocity)
    ctx.save_for_backward(side_velocity, *carried, *velocity)
    ctx.choices = choices


def _differentiate(ctx, grads):  # type: ignore[no-untyped-def]
    side_velocity, *faces = ctx.saved_tensors
    carried, velocity = faces[: ctx.dim], faces[ctx.dim :]
    upstream = [
        torch.zeros_like(face) if g is None else g for g, face in zip(grads, carried, strict=True)
    ]
    g_side, *g_faces = _advect_backward(upstream, carried, velocity, side_velocity, *ctx.choices)
    return g_faces[: ctx.dim], g_faces[ctx.dim :], g_side, None, None, None, None


_advect.register_autograd(_differentiate, setup_context=_save)


def advect_velocity(
    carried: Faces | None,
    velocity: Faces,
    dt: float,
    cell: float,
    sides: Sequence[Side],
    *,
    scheme: Scheme = "maccormack",
    side_velocity: Tensor | None = None,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Carry a staggered velocity along a staggered velocity for one step.

    Each component is read upstream of its own faces, by the schemes of `advect`. Faces on no-slip,
    free-slip and inflow sides keep their normal velocity; those on an outflow are carried as all
    others. Tangential components run to ``side_velocity`` at no-slip sides and inflows, and stay
    what they are at free-slip sides and outflows. The faces at both ends of a period are one: the
    first is read, and both are written.

    Args:
        carried: What is carried [any unit], x-faces first, shapes as of ``velocity`` or a batch of
            one; None carries the velocity itself.
        velocity: What carries it [m/s]; the grid has one cell an axis or more.
        dt: Time step [s], any finite number; no gradient.
        cell: Side of a cell [m].
        sides: What the flow meets at x low, x high, y low, y high and, in 3-D, z low, z high.
        scheme: How the value is found.
        side_velocity: Velocity of the sides, of which the tangential components are used, for both
            velocities, shape (B|1, 2 dim, dim); at rest by default.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The carried faces, x first, with the batch of ``velocity``.

    Raises:
        ShapeError, DtypeError, DeviceError: If tensors do not go with the velocity.
        RangeError: If a number or a kind of side is not one of those above.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to carried, velocity and side_velocity, as those of `advect`. No forward mode and no
    second derivative.

    Source: as of `advect`.
    """
    sizes = check_flow(velocity)
    check_step(dt, cell)
    kinds = check_sides(sides, sizes.dim)
    check_choice("scheme", scheme, get_args(Scheme))
    old = velocity if carried is None else carried
    check_companion("carried", old, velocity, sizes)
    whole = [face.expand(sizes.batch, *face.shape[1:]) for face in old]
    moving = check_side_velocity(side_velocity, velocity, sizes).expand(sizes.batch, -1, -1)
    refuse_forward_mode("advect_velocity", *whole, *velocity, side_velocity)
    chosen = choose_backend("advect_velocity", backend, velocity[0].device)
    numbers = [float(dt), float(cell)]
    found: list[Tensor] = _advect(
        whole, list(velocity), moving, numbers, joined(kinds), scheme, chosen
    )
    return found
