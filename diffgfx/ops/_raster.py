"""What ops on triangles ask of their arguments: vertices, indices, ranges and image sizes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.check import check_finite, check_same_device, check_shape, check_tensor
from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from diffgfx_kernels.snapping import LARGEST, MOST_SIDE, MOST_TRIANGLES

__all__ = [
    "Mesh",
    "check_mesh",
    "check_ranges",
    "check_resolution",
    "check_vertices",
    "extremes_of",
]

MOST_NUMBERS = 2**31 - 8192
"""What a kernel can count in 32 bits."""


class Mesh(NamedTuple):
    """How many images and vertices a call has."""

    batch: int
    vertices: int


def _check_whole(name: str, value: object, columns: int, remedy: str) -> Tensor:
    """Return ``value`` if it is an int32 tensor (any, columns); raise otherwise."""
    if not isinstance(value, Tensor):
        raise DtypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}; wrap it in torch.as_tensor"
        )
    if value.dtype != torch.int32:
        raise DtypeError(f"{name} must be int32, got {value.dtype}; convert it with .int()")
    check_shape(name, value, ("N", columns), {}, remedy)
    return value


def check_mesh(pos: Tensor, tri: Tensor, ranges: Tensor | None) -> Mesh:
    """Return the sizes of a mesh; raise unless kinds, shapes and devices fit.

    Args:
        pos: Clip-space vertices (B, V, 4), or (V, 4) with ranges.
        tri: Vertices of triangles, int32 (T, 3).
        ranges: First triangle and count of each image, int32 (B, 2), on the CPU.
    """
    check_tensor("pos", pos)
    shape, remedy = ("B", "V", 4), "for (V, 4) give ranges" if pos.ndim == 2 else ""
    if ranges is not None:
        shape, remedy = ("V", 4), "with ranges all images share their vertices"  # type: ignore[assignment]
    check_shape("pos", pos, shape, {}, remedy)
    _check_whole("tri", tri, 3, "three vertices a triangle")
    check_same_device({"pos": pos, "tri": tri})
    if len(tri) > MOST_TRIANGLES:
        raise RangeError(
            f"tri must hold at most {MOST_TRIANGLES} triangles (ids are kept in single precision), "
            f"got {len(tri)}; draw parts of the mesh and keep what is nearest"
        )
    if ranges is None:
        return Mesh(int(pos.shape[0]), int(pos.shape[1]))
    _check_whole("ranges", ranges, 2, "a first triangle and a count an image")
    if ranges.device.type != "cpu":
        raise DeviceError(f"ranges must be on the CPU, got {ranges.device}; move it with .cpu()")
    return Mesh(int(ranges.shape[0]), int(pos.shape[0]))


def check_resolution(resolution: Sequence[int], batch: int) -> tuple[int, int]:
    """Return an image's height and width; raise unless they can be drawn."""
    if len(resolution) != 2:
        raise ShapeError(f"resolution must hold two numbers (height, width), got {len(resolution)}")
    height, width = int(resolution[0]), int(resolution[1])
    for name, count in (("resolution[0] (height)", height), ("resolution[1] (width)", width)):
        if not 1 <= count <= MOST_SIDE:
            raise RangeError(f"{name} must be from 1 to {MOST_SIDE} pixels, got {count}")
    if 4 * batch * height * width > MOST_NUMBERS:
        raise RangeError(
            f"resolution must keep images below {MOST_NUMBERS} numbers in all, got {batch} of "
            f"{height} x {width} x 4; draw fewer at a time"
        )
    return height, width


def extremes_of(*tensors: Tensor) -> list[tuple[float, float]]:
    """Return the least and the largest number of each tensor; NaN comes through.

    All are read at once: a GPU is waited for only once. Of a tensor of none both are zero.
    """
    ends = [
        end.double()
        for tensor in tensors
        for end in (torch.aminmax(tensor) if tensor.numel() else 2 * [tensor.new_zeros(())])
    ]
    numbers = torch.stack(ends).tolist()
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def check_vertices(pos: Tensor, tri: Tensor) -> None:
    """Raise `RangeError` unless coordinates are finite, and every triangle has its vertices.

    Coordinates must also be of a size that can be multiplied.
    """
    (low, high), (first, last) = extremes_of(pos, tri)
    if not (low >= -LARGEST and high <= LARGEST):
        check_finite("pos", pos, "look for a step that was too large, or a division by zero")
        raise RangeError(
            f"pos must lie within +-2^56, got values from {low} to {high}; divide the vertices of "
            "a triangle by a common factor, which changes nothing that is drawn"
        )
    vertices = pos.shape[-2]
    if tri.numel() and (first < 0 or last >= vertices):
        raise RangeError(
            f"tri must hold indices from 0 to {vertices - 1} (pos has {vertices} vertices), got "
            f"{first:.0f} to {last:.0f}; look for indices that start at 1, or for vertices that "
            "were removed"
        )


def check_ranges(ranges: Tensor | None, triangles: int) -> None:
    """Raise `RangeError` unless every range lies within the triangles."""
    if ranges is None:
        return
    for image, (start, count) in enumerate(ranges.tolist()):
        if start < 0 or count < 0 or start + count > triangles:
            raise RangeError(
                f"ranges[{image}] must lie within the {triangles} triangles, got start {start} and "
                f"count {count}; columns are start and count, not start and end"
            )
