"""A divergence-free velocity by a pressure solve, as a differentiable op.

The result is the nearest velocity that no cell gains fluid by, in the sum of squares over faces
that counts each with its opening, and with a half on an outflow, where half of its cell lies
outside: a symmetric and idempotent map. Without outflow the potential has mean zero, in every
closed pocket by itself.

A box without openings is solved in the eigenvectors of its axes; one with openings by conjugate
gradients with a multigrid cycle, in 4 to 8 iterations to 1e-6 whatever the size. Channels a few
cells wide between long thin walls take more.

Source: A. J. Chorin, "Numerical Solution of the Navier-Stokes Equations", Math. Comp. 22, 1968;
Y. T. Ng, C. Min, F. Gibou, "An Efficient Fluid-Solid Coupling Algorithm for Single-Phase Flows",
JCP 228, 2009 (open shares of faces); O. Tatebe, "The Multigrid Preconditioned Conjugate Gradient
Method", 1993.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.check import check_positive, check_same_device
from diffgfx.errors import DtypeError, RangeError, ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import check_companion, check_faces, check_sides, of_one_batch
from diffgfx.types import Backend, Faces, Side
from diffgfx_kernels import load

__all__ = ["Projection", "project"]

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
EXCESS = {torch.float32: 1e-3, torch.float64: 1e-5}
"""Net flux into a closed pool, over the largest velocity, that still counts as rounding."""


class Projection(NamedTuple):
    """What `project` returns.

    Attributes:
        velocity: Divergence-free faces [m/s], x first.
        pressure: The potential p of the correction [m^2/s], shape (B, 1, [D,] H, W); the pressure
            is p times density over the time step.
        iterations: Of conjugate gradients, int64, shape (B,); 0 where the box was solved at once.
        residual: What net flux is left over what there was, root mean square over cells, measured
            on ``velocity``, float64, shape (B,).
    """

    velocity: list[Tensor]
    pressure: Tensor
    iterations: Tensor
    residual: Tensor


@torch.library.custom_op("diffgfx::project", mutates_args=())
def _project(
    velocity: Sequence[Tensor],
    openings: Sequence[Tensor],
    solid: Sequence[Tensor],
    record: Tensor | None,
    cell: float,
    sides: str,
    tolerance: float,
    backend: str,
) -> list[Tensor]:
    groups = [[plain(face) for face in group] for group in (velocity, openings, solid)]
    kernel = load("project", backend)
    faces, potential, stats = kernel.forward(*groups, cell, sides.split(), tolerance)
    _check_excess(stats[:, 2], velocity[0].dtype)
    return [*faces, potential, stats[:, :2].contiguous()]


def _check_excess(excess: Tensor, dtype: torch.dtype) -> None:
    """Raise `RangeError` where fluid has nowhere to go: no velocity could then be free of it."""
    limit = EXCESS[dtype]
    worst = float(excess.max()) if excess.numel() else 0.0
    if worst > limit:
        raise RangeError(
            f"velocity must bring no net flux into a closed box or pocket, got {worst:.3g} "
            f"faces of the largest velocity; add an outflow, or balance the faces on its sides"
        )


@_project.register_fake
def _(
    velocity: Sequence[Tensor],
    openings: Sequence[Tensor],
    solid: Sequence[Tensor],
    record: Tensor | None,
    cell: float,
    sides: str,
    tolerance: float,
    backend: str,
) -> list[Tensor]:
    x = velocity[0]
    results = [x.new_empty(shape) for shape in _shapes(velocity)]
    return [*results, x.new_empty((x.shape[0], 2), dtype=torch.float64)]


def _shapes(faces: Sequence[Tensor]) -> list[tuple[int, ...]]:
    """Return the shapes of faces and of the potential between them."""
    b, *cells = faces[0].shape
    cells[-1] -= 1
    return [*(tuple(face.shape) for face in faces), (b, 1, *cells)]


@torch.library.custom_op("diffgfx::project_backward", mutates_args=())
def _project_backward(
    grads: Sequence[Tensor],
    projected: Sequence[Tensor],
    openings: Sequence[Tensor],
    solid: Sequence[Tensor],
    cell: float,
    sides: str,
    tolerance: float,
    backend: str,
) -> list[Tensor]:
    kernel = load("project", backend)
    groups = [[plain(face) for face in group] for group in (projected, openings, solid)]
    upstream = [plain(gradient) for gradient in grads]
    *found, stats = kernel.backward(
        upstream[:-1], upstream[-1], *groups, cell, sides.split(), tolerance
    )
    return [*(face for group in found for face in group), stats]


@_project_backward.register_fake
def _(
    grads: Sequence[Tensor],
    projected: Sequence[Tensor],
    openings: Sequence[Tensor],
    solid: Sequence[Tensor],
    cell: float,
    sides: str,
    tolerance: float,
    backend: str,
) -> list[Tensor]:
    x = projected[0]
    faces = (*projected, *openings, *solid)
    stats = x.new_empty((x.shape[0], 2), dtype=torch.float64)
    return [*(face.new_empty(face.shape) for face in faces), stats]


@torch.library.custom_op("diffgfx::project_record", mutates_args=("record",))
def _record(record: Tensor, stats: Tensor) -> None:
    """Write down what a backward solve says of itself; an op, that compiled graphs keep it."""
    if stats.shape[0] > 0:
        same = record.shape[0] == stats.shape[0]
        record.copy_(stats if same else stats.amax(dim=0, keepdim=True))


@_record.register_fake
def _(record: Tensor, stats: Tensor) -> None:
    return None


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    velocity, openings, solid, record, *ctx.choices = inputs
    ctx.counts = (len(velocity), len(openings), len(solid))
    ctx.record = record  # not saved as a value: many backward passes write to it
    ctx.save_for_backward(*output[: len(velocity)], *openings, *solid)


def _differentiate(ctx, grads):  # type: ignore[no-untyped-def]
    dim, opened, moving = ctx.counts
    saved = ctx.saved_tensors
    upstream = [
        saved[0].new_zeros(shape) if gradient is None else gradient
        for gradient, shape in zip(grads, _shapes(saved[:dim]), strict=False)
    ]
    found = _project_backward(
        upstream,
        saved[:dim],
        saved[dim : dim + opened],
        saved[dim + opened :],
        *ctx.choices,
    )
    if ctx.record is not None:
        _record(ctx.record, found.pop())
    groups = (found[:dim], found[dim : dim + opened], found[dim + opened : dim + opened + moving])
    return *groups, None, None, None, None, None


_project.register_autograd(_differentiate, setup_context=_save)


def project(
    velocity: Faces,
    cell: float,
    sides: Sequence[Side],
    *,
    openings: Faces | None = None,
    solid_velocity: Faces | None = None,
    tolerance: float | None = None,
    record: Tensor | None = None,
    backend: Backend = "auto",
) -> Projection:
    """Return the velocity without its divergence: ``u - grad p``, p such that no cell gains fluid.

    Free faces lie between cells, on outflows and on periodic sides; p is zero on an outflow. Faces
    of other sides are fixed. A face open by a share w lets through ``w u + (1 - w) u_solid``.
    Closed free faces get the solid's velocity; cells with closed faces only are solid, p zero.
    The module says in which sense that is the nearest velocity, and how it is solved.

    Args:
        velocity: Faces [m/s], x first: (B, [D,] H, W+1) and so on; a periodic axis' face 0 is read.
        cell: Side of a cell [m]; no gradient.
        sides: What lies beyond x low, x high, y low, y high[, z low, z high].
        openings: Open share of each face, 0..1, batch B or 1; None: nothing stands in the box.
        solid_velocity: Velocity of what closes faces [m/s], batch B or 1; None: at rest.
        tolerance: Share of the right side (root mean square) that may be left and, by Taichi, of
            the largest velocity in a cell; None: 1e-5 in float32, 1e-12 in float64, or rounding.
        record: Receives iterations and true residual of each backward solve, float64, (B, 2), or
            (1, 2) for the largest of the batch.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Velocity, potential, iterations and true residual, as a `Projection`.

    Raises:
        ShapeError, DtypeError, DeviceError: If tensors do not go together.
        RangeError: If a side is unknown or lacks its periodic twin, a number is not above zero, or
            a closed box or pocket takes in more than it lets out.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to velocity, openings and solid velocity, by one more solve; zero to the opening of a
    closed free face: the velocity would jump. No forward mode and no second derivative.
    """
    sizes = check_faces("velocity", velocity)
    if 0 in sizes.cells:
        raise ShapeError(f"velocity_x must have cells along each axis, got {sizes.cells} of them")
    kinds = check_sides(sides, sizes.dim)
    check_positive("cell", cell)
    share = TOLERANCE[velocity[0].dtype] if tolerance is None else tolerance
    check_positive("tolerance", share)
    for name, group in (("openings", openings), ("solid_velocity", solid_velocity)):
        check_companion(name, group, velocity, sizes)
    _check_record(record, velocity[0], sizes.batch)
    given = [of_one_batch(openings), of_one_batch(solid_velocity)]
    refuse_forward_mode("project", *velocity, *given[0], *given[1])
    chosen = choose_backend("project", backend, velocity[0].device)
    *faces, pressure, stats = _project(
        list(velocity), *given, record, float(cell), " ".join(kinds), float(share), chosen
    )
    iterations, residual = stats.detach().unbind(dim=1)
    return Projection(faces, pressure, iterations.to(torch.int64), residual)


def _check_record(record: Tensor | None, first: Tensor, batch: int) -> None:
    """Raise unless a tensor, if there is one, can take what is recorded."""
    if record is None:
        return
    if not isinstance(record, Tensor) or record.dtype != torch.float64 or record.requires_grad:
        kind = f"{record.dtype}" if isinstance(record, Tensor) else type(record).__name__
        raise DtypeError(f"record must be a float64 tensor without gradient, got {kind}")
    if tuple(record.shape) not in ((batch, 2), (1, 2)):
        raise ShapeError(f"record must have shape (B|1, 2), got {tuple(record.shape)}")
    check_same_device({"velocity_x": first, "record": record})
