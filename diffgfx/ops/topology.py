"""Which triangles of a mesh meet at each edge: built once, and read by every antialiasing of it."""

import torch
from torch import Tensor

from diffgfx.check import check_shape
from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from diffgfx_kernels.snapping import MOST_TRIANGLES
from diffgfx_kernels.topology import build_topology

__all__ = ["check_topology", "check_triangles", "construct_topology"]


@torch.library.custom_op("diffgfx::construct_topology", mutates_args=())
def _topology(tri: Tensor) -> Tensor:
    if tri.numel() and int(tri.min()) < 0:
        raise RangeError(f"tri must hold vertex numbers from 0, got {int(tri.min())}; drop padding")
    return build_topology(tri)


@_topology.register_fake
def _(tri: Tensor) -> Tensor:
    return tri.new_empty((4, 3 * tri.shape[0]))


def construct_topology(tri: Tensor) -> Tensor:
    """Return what `antialias` needs to know of a mesh's edges, to be built once and kept.

    Vertices are told apart by number: where two have the same place (a seam of texture coordinates)
    the surface ends for this purpose, and both sides count as silhouettes. An edge may have any
    number of triangles. In range mode the triangles of all meshes go in together.

    Args:
        tri: Vertex numbers of triangles, int32, shape (T, 3).

    Returns:
        An int32 tensor of shape (4, 3 T) whose contents may change with the version.

    Raises:
        ShapeError, DtypeError: If ``tri`` is not an int32 tensor (T, 3), or holds over 2^24 rows.
        RangeError: If it holds a negative number.
    """
    check_triangles(tri)
    found: Tensor = _topology(tri)
    return found


def check_triangles(tri: object) -> Tensor:
    """Return triangles if they are an int32 tensor (T, 3) with T <= 2^24; raise otherwise."""
    if not isinstance(tri, Tensor):
        raise DtypeError(
            f"tri must be a torch.Tensor, got {type(tri).__name__}; wrap it in torch.as_tensor"
        )
    if tri.dtype != torch.int32:
        raise DtypeError(f"tri must be int32, got {tri.dtype}; convert it with .int()")
    check_shape("tri", tri, ("T", 3), {}, "three vertex numbers a triangle")
    if tri.shape[0] > MOST_TRIANGLES:
        raise ShapeError(
            f"tri must have at most {MOST_TRIANGLES} triangles, got {tri.shape[0]}; split the mesh"
        )
    return tri


def check_topology(topology: object, tri: Tensor) -> Tensor:
    """Return a topology if it can be that of triangles; raise otherwise."""
    remedy = "pass what construct_topology(tri) returned"
    if not isinstance(topology, Tensor) or topology.dtype != torch.int32:
        kind = topology.dtype if isinstance(topology, Tensor) else type(topology).__name__
        raise DtypeError(f"topology must be an int32 tensor, got {kind}; {remedy}")
    check_shape("topology", topology, (4, 3 * tri.shape[0]), {}, remedy)
    if topology.device != tri.device:
        raise DeviceError(
            f"topology must have the device of tri ({tri.device}), got {topology.device}; "
            f"move it with .to({tri.device})"
        )
    return topology
