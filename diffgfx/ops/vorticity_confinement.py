"""Vorticity confinement, as a differentiable op."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import (
    check_positive,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._faces import all_plain, check_countable, filled
from diffgfx.ops._flow import check_faces, check_sides
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["vorticity_confinement"]


@torch.library.custom_op("diffgfx::vorticity_confinement", mutates_args=())
def _confinement(
    velocity: Sequence[Tensor],
    strength: Tensor,
    dt: float,
    cell: float,
    sides: str,
    backend: str,
) -> list[Tensor]:
    kernel = load("vorticity_confinement", backend)
    faces: list[Tensor] = kernel.forward(
        all_plain(velocity), plain(strength), dt, cell, sides.split(",")
    )
    return faces


@_confinement.register_fake
def _(
    velocity: Sequence[Tensor],
    strength: Tensor,
    dt: float,
    cell: float,
    sides: str,
    backend: str,
) -> list[Tensor]:
    return [face.new_empty(face.shape) for face in velocity]


@torch.library.custom_op("diffgfx::vorticity_confinement_backward", mutates_args=())
def _confinement_backward(
    g_faces: Sequence[Tensor],
    velocity: Sequence[Tensor],
    strength: Tensor,
    dt: float,
    cell: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], Tensor]:
    kernel = load("vorticity_confinement", backend)
    found: tuple[list[Tensor], Tensor] = kernel.backward(
        all_plain(g_faces), all_plain(velocity), plain(strength), dt, cell, sides.split(",")
    )
    return found


@_confinement_backward.register_fake
def _(
    g_faces: Sequence[Tensor],
    velocity: Sequence[Tensor],
    strength: Tensor,
    dt: float,
    cell: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], Tensor]:
    return [face.new_empty(face.shape) for face in velocity], strength.new_empty(strength.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    velocity, strength, *choices = inputs
    ctx.choices = choices
    ctx.save_for_backward(*velocity, strength)


def _differentiate(ctx, g_faces):  # type: ignore[no-untyped-def]
    *velocity, strength = ctx.saved_tensors
    known = filled(g_faces, velocity)
    found = _confinement_backward(known, velocity, strength, *ctx.choices)
    return *found, None, None, None, None


_confinement.register_autograd(_differentiate, setup_context=_save)


def _checked_strength(strength: Tensor | float, like: Tensor, batch: int) -> Tensor:
    if not isinstance(strength, Tensor):
        return like.new_full((1,), float(strength))
    check_tensor("strength", strength)
    check_shape("strength", strength, ("B|1",), {"B": batch})
    named = {"velocity_x": like, "strength": strength}
    check_same_dtype(named)
    check_same_device(named)
    return strength


def vorticity_confinement(
    velocity: Faces,
    dt: float,
    cell: float,
    sides: Sequence[Side],
    strength: Tensor | float,
    *,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Return a velocity after a step under a force that keeps vortices from wearing down.

    With the vorticity w by central differences at the centres of cells, the force is
    ``strength * cell * (n x w)``, with ``n = g / sqrt(|g|^2 + (0.01 |w| / cell)^2)`` where g is the
    gradient of ``|w|``: a unit vector to within half a percent wherever ``|w|`` changes by a tenth
    a cell. The second term, which the source does not have, lets the force vanish smoothly on
    the ridges of ``|w|``, where g has no direction, and bounds its derivative there. The force of a
    velocity twice as large is twice as large. It is averaged to faces; those on no_slip, free_slip
    and inflow sides stay as they are, and those of an outflow take the force of their one cell.
    Neighbours beyond a side are as the last cell, around a periodic axis they are those of the
    other end.

    Args:
        velocity: Staggered velocity [m/s]: x-faces (B, [D,] H, W+1) and so on.
        dt: Time step [s]; no gradient.
        cell: Side of a cell [m]; no gradient.
        sides: Kinds of the sides (`diffgfx.types.Side`).
        strength: Weight of the force [1/s], as a number or of shape (B|1,); films use 0.1 to 10.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The velocity [m/s], shapes as ``velocity``; both ends of a periodic axis are the same.

    Raises:
        ShapeError, DtypeError, DeviceError: If the tensors do not fit each other.
        RangeError: If ``dt`` or ``cell`` is not above zero, or ``sides`` are unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``velocity`` and ``strength``; that of ``|w|`` is zero where w is. No forward mode
    and no second derivative.

    Source: R. Fedkiw, J. Stam, H. Jensen, "Visual Simulation of Smoke", SIGGRAPH 2001, section 5.
    """
    sizes = check_faces("velocity", velocity)
    check_countable("velocity_x", sizes, sizes.dim)
    strength = _checked_strength(strength, velocity[0], sizes.batch)
    check_positive("dt", dt)
    check_positive("cell", cell)
    kinds = ",".join(check_sides(sides, sizes.dim))
    refuse_forward_mode("vorticity_confinement", *velocity, strength)
    chosen = choose_backend("vorticity_confinement", backend, velocity[0].device)
    shared = strength.expand(sizes.batch)
    faces: list[Tensor] = _confinement(
        list(velocity), shared, float(dt), float(cell), kinds, chosen
    )
    return faces
