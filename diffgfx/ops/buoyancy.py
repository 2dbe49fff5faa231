"""Buoyancy, as a differentiable op."""

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
from diffgfx.ops._faces import all_plain, check_countable
from diffgfx.ops._flow import check_cells, check_faces, check_sides
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["buoyancy"]


@torch.library.custom_op("diffgfx::buoyancy", mutates_args=())
def _buoyancy(
    velocity: Sequence[Tensor],
    field: Tensor,
    force: Tensor,
    dt: float,
    sides: str,
    backend: str,
) -> list[Tensor]:
    kernel = load("buoyancy", backend)
    faces: list[Tensor] = kernel.forward(
        all_plain(velocity), plain(field), plain(force), dt, sides.split(",")
    )
    return faces


@_buoyancy.register_fake
def _(
    velocity: Sequence[Tensor],
    field: Tensor,
    force: Tensor,
    dt: float,
    sides: str,
    backend: str,
) -> list[Tensor]:
    return [face.new_empty(face.shape) for face in velocity]


@torch.library.custom_op("diffgfx::buoyancy_backward", mutates_args=())
def _buoyancy_backward(
    g_faces: Sequence[Tensor],
    field: Tensor,
    force: Tensor,
    dt: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], Tensor, Tensor]:
    kernel = load("buoyancy", backend)
    found: tuple[list[Tensor], Tensor, Tensor] = kernel.backward(
        all_plain(g_faces), plain(field), plain(force), dt, sides.split(",")
    )
    return found


@_buoyancy_backward.register_fake
def _(
    g_faces: Sequence[Tensor],
    field: Tensor,
    force: Tensor,
    dt: float,
    sides: str,
    backend: str,
) -> tuple[list[Tensor], Tensor, Tensor]:
    g_velocity = [face.new_empty(face.shape) for face in g_faces]
    return g_velocity, field.new_empty(field.shape), force.new_empty(force.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    velocity, field, force, *choices = inputs
    ctx.choices = choices
    ctx.shapes = [face.shape for face in velocity]
    ctx.save_for_backward(field, force)


def _differentiate(ctx, g_faces):  # type: ignore[no-untyped-def]
    field, force = ctx.saved_tensors
    known = [
        field.new_zeros(shape) if g_face is None else g_face
        for g_face, shape in zip(g_faces, ctx.shapes, strict=True)
    ]
    found = _buoyancy_backward(known, field, force, *ctx.choices)
    return *found, None, None, None


_buoyancy.register_autograd(_differentiate, setup_context=_save)


def buoyancy(
    velocity: Faces,
    field: Tensor,
    force: Tensor,
    dt: float,
    sides: Sequence[Side],
    *,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Return a velocity after a step under a force in proportion to a scalar.

    ``u + dt force f``, with the scalar f the mean of the two cells at a face (second order), or the
    one cell at an outflow. Faces on no_slip, free_slip and inflow sides stay as they are.

    Args:
        velocity: Staggered velocity [m/s]: x-faces (B, [D,] H, W+1) and so on.
        field: Density or temperature [any unit], shape (B|1, 1, [D,] H, W).
        force: Acceleration for one unit of ``field`` [m/s^2 / unit], shape (B|1, dim), x first.
        dt: Time step [s]; no gradient.
        sides: Kinds of the sides (`diffgfx.types.Side`).
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The velocity [m/s], shapes as ``velocity``; both ends of a periodic axis are the same.

    Raises:
        ShapeError, DtypeError, DeviceError: If the tensors do not fit each other.
        RangeError: If ``dt`` is not above zero, or ``sides`` are unknown.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to ``velocity``, ``field`` and ``force``. No forward mode and no second derivative.

    Source: N. Foster, D. Metaxas, "Modeling the Motion of a Hot, Turbulent Gas", SIGGRAPH 1997,
    section 3.3 (the Boussinesq force).
    """
    sizes = check_faces("velocity", velocity)
    check_countable("velocity_x", sizes, sizes.dim)
    check_cells("field", field, sizes)
    check_shape("field", field, ["B", 1, *("D", "H", "W")[-sizes.dim :]], {})
    check_tensor("force", force)
    check_shape("force", force, ("B|1", sizes.dim), {"B": sizes.batch})
    named = {"velocity_x": velocity[0], "field": field, "force": force}
    check_same_dtype(named)
    check_same_device(named)
    check_positive("dt", dt)
    kinds = check_sides(sides, sizes.dim)
    refuse_forward_mode("buoyancy", *velocity, field, force)
    chosen = choose_backend("buoyancy", backend, velocity[0].device)
    faces: list[Tensor] = _buoyancy(
        list(velocity),
        field.expand(sizes.batch, *field.shape[1:]),
        force.expand(sizes.batch, -1),
        float(dt), ",".join(kinds), chosen,
    )  # fmt: skip
    return faces
