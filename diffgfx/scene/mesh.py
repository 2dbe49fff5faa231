"""Triangle meshes: shared corners, with separate indices for what differs across a seam."""

import dataclasses
from typing import Literal

import torch
from torch import Tensor

from diffgfx.check import (
    check_choice,
    check_finite,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import DtypeError, RangeError, ShapeError
from diffgfx.scene.material import MaterialMaps

__all__ = ["Mesh", "Part", "Wrap"]

Wrap = Literal["wrap", "clamp"]
"""What a texture shows outside [0, 1]: itself again, or its edge; the modes of `ops.texture`."""

# name of the values, name of their indices, numbers a row
_LAYERS = (
    ("positions", "triangles", 3),
    ("normals", "normal_triangles", 3),
    ("uv", "uv_triangles", 2),
    ("tangents", "tangent_triangles", 4),
)


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles over shared vertices; counter-clockwise seen from outside.

    A vertex is one point of the surface, whatever happens to normals or texture there: silhouettes
    are found by edges that triangles share. So normals, texture coordinates and tangents have rows
    and indices of their own, one index a corner of each triangle, as in OBJ. Gradients flow to
    every floating tensor.

    Attributes:
        positions: Vertices [m], shape (V, 3), float32 or float64.
        triangles: Indices into ``positions``, shape (F, 3), int32.
        normals: Outward normals, any positive length, shape (N, 3); None where there are none.
        normal_triangles: Indices into ``normals``, shape (F, 3), int32.
        uv: Texture coordinates, v up: (0, 0) is the bottom left corner of the maps, shape (T, 2).
        uv_triangles: Indices into ``uv``, shape (F, 3), int32.
        tangents: Direction of growing u, and the sign w of the bitangent w (n x t), which is the
            direction of growing v, shape (K, 4).
        tangent_triangles: Indices into ``tangents``, shape (F, 3), int32.

    Raises:
        ShapeError: If a tensor has another shape, or a layer lacks its values or its indices.
        DtypeError: If values are no floats of one dtype, or indices no int32.
        DeviceError: If the tensors lie on different devices.
        RangeError: If a value is NaN or infinite, or an index out of range.
    """

    positions: Tensor
    triangles: Tensor
    normals: Tensor | None = None
    normal_triangles: Tensor | None = None
    uv: Tensor | None = None
    uv_triangles: Tensor | None = None
    tangents: Tensor | None = None
    tangent_triangles: Tensor | None = None

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        tensors: dict[str, Tensor | None] = {}
        for name, indices, width in _LAYERS:
            values, corners = getattr(self, name), getattr(self, indices)
            if (values is None) != (corners is None):
                lacking, other = (name, indices) if values is None else (indices, name)
                raise ShapeError(f"{lacking} must be given with {other}, got None; give both")
            if values is None:
                continue
            check_shape(name, check_tensor(name, values), ("rows", width), {})
            _check_corners(indices, corners, name, len(values), sizes)
            check_finite(name, values, "remove or repair those rows")
            tensors |= {name: values, indices: corners}
        check_same_device(tensors)
        check_same_dtype({name: tensors.get(name) for name, _, _ in _LAYERS})

    @property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and highest corner of the box around all vertices, shape (3,) each.

        Raises:
            RangeError: If there is no vertex.
        """
        if len(self.positions) == 0:
            raise RangeError("positions must hold a vertex to have bounds, got none; add some")
        return self.positions.amin(dim=0), self.positions.amax(dim=0)


@dataclasses.dataclass(frozen=True)
class Part:
    """A mesh, placed in the world, and what it is made of.

    Attributes:
        mesh: Its vertices lie where they are in the world.
        material: One material (b = 1), row 0 at the top: at v = 1. Without ``mesh.uv`` only maps of
            1 x 1 texels have a meaning.
        name: What the file calls it.
        wrap: What the maps show outside [0, 1].
        two_sided: Whether the back of a triangle shows; else only its front does.

    Raises:
        ShapeError: If there is another number of materials than one, or the maps differ in size or
            are larger than 1 x 1 and the mesh has no ``uv``.
        RangeError: If ``wrap`` is neither.
    """

    mesh: Mesh
    material: MaterialMaps
    name: str = ""
    wrap: Wrap = "wrap"
    two_sided: bool = True

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, channels in (("normal", 3), ("diffuse", 3), ("specular", 3), ("roughness", 1)):
            value = check_tensor(f"material.{name}", getattr(self.material, name))
            check_shape(f"material.{name}", value, (1, channels, "h", "w"), sizes)
        if self.mesh.uv is None and self.material.resolution != (1, 1):
            raise ShapeError(
                "mesh.uv must be given to place maps, got None and maps of "
                f"{self.material.resolution} texels; unwrap the mesh or use 1 x 1 maps"
            )
        check_choice("wrap", self.wrap, ("wrap", "clamp"))


def _check_corners(
    name: str, corners: object, values: str, count: int, sizes: dict[str, int]
) -> None:
    if not isinstance(corners, Tensor) or corners.dtype != torch.int32:
        kind = getattr(corners, "dtype", type(corners).__name__)
        raise DtypeError(f"{name} must be an int32 tensor, got {kind}; convert it with .int()")
    check_shape(name, corners, ("F", 3), sizes, "three indices for each row of triangles")
    if corners.numel():
        low, high = int(corners.min()), int(corners.max())
        if low < 0 or high >= count:
            raise RangeError(
                f"{name} must index the {count} rows of {values}, got {low} to {high}; "
                "remove those triangles or add the rows"
            )
