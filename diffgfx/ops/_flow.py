"""What the fluid ops share: checks of faces, cells and sides, with one message format."""

from collections.abc import Sequence
from typing import NamedTuple, get_args

from torch import Tensor

from diffgfx.check import check_choice, check_same_device, check_same_dtype, check_tensor
from diffgfx.errors import RangeError, ShapeError
from diffgfx.types import Faces, ScalarSide, Side

__all__ = [
    "AXES",
    "FlowSizes",
    "check_cells",
    "check_companion",
    "check_faces",
    "check_scalar_sides",
    "check_side_velocity",
    "check_sides",
    "face_shape",
    "of_one_batch",
]

AXES = "xyz"


class FlowSizes(NamedTuple):
    """Sizes of a staggered grid.

    Attributes:
        batch: Flows side by side.
        cells: Cells in the order of the tensors: ([D,] H, W).
    """

    batch: int
    cells: tuple[int, ...]

    @property
    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.cells)


def face_shape(batch: int, cells: Sequence[int], axis: int) -> tuple[int, ...]:
    """Return the shape of the faces across an axis, x being axis 0."""
    place = len(cells) - 1 - axis
    return (batch, *(n + (i == place) for i, n in enumerate(cells)))


def check_faces(name: str, faces: Faces, sizes: FlowSizes | None = None) -> FlowSizes:
    """Raise unless faces are those of one grid; return its sizes.

    Errors name one tensor: ``velocity_x`` and so on. The batch of ``sizes`` may be a batch of one
    here.

    Args:
        name: The argument's name.
        faces: x-faces, y-faces and, in 3-D, z-faces.
        sizes: What the grid must be; by default what the x-faces say.

    Raises:
        DtypeError, DeviceError, ShapeError: If a tensor is of another kind, place or size.
    """
    if isinstance(faces, Tensor) or len(faces) not in (2, 3):
        count = "one tensor" if isinstance(faces, Tensor) else f"{len(faces)} tensors"
        raise ShapeError(
            f"{name} must be a list of x-faces, y-faces and, in 3-D, z-faces, got {count}"
        )
    named = {f"{name}_{AXES[k]}": face for k, face in enumerate(faces)}
    for key, face in named.items():
        check_tensor(key, face)
    dim = len(faces)
    layout = ["B", *("D", "H", "W")[-dim:]]
    rules = [", ".join(f"{s}+1" if s == layout[dim - k] else s for s in layout) for k in range(dim)]
    for rule, (key, face) in zip(rules, named.items(), strict=True):
        if face.ndim != dim + 1:
            raise ShapeError(f"{key} must have shape ({rule}), got {tuple(face.shape)}")
    found = sizes or _sizes_of(faces)
    for k, (key, face) in enumerate(named.items()):
        wanted = face_shape(found.batch, found.cells, k)
        if tuple(face.shape) not in (wanted, (1, *wanted[1:])) or (
            sizes is None and tuple(face.shape) != wanted
        ):
            raise ShapeError(
                f"{key} must have shape ({rules[k]}), here {wanted}, got {tuple(face.shape)}"
            )
    check_same_dtype(named)
    check_same_device(named)
    return found


def check_companion(
    name: str, faces: Faces | None, velocity: Faces, sizes: FlowSizes
) -> None:
    """Raise unless faces, if there are any, go with those of the velocity; batch B or 1.

    Raises:
        DtypeError, DeviceError, ShapeError: If not; errors name one tensor.
    """
    if faces is None:
        return
    if isinstance(faces, Tensor) or len(faces) != sizes.dim:
        count = "one tensor" if isinstance(faces, Tensor) else len(faces)
        raise ShapeError(f"{name} must be a list of {sizes.dim} as velocity is, got {count}")
    for axis, face in zip(AXES, faces, strict=False):
        check_tensor(f"{name}_{axis}", face)
        pair = {"velocity_x": velocity[0], f"{name}_{axis}": face}
        check_same_dtype(pair)
        check_same_device(pair)
    check_faces(name, faces, sizes)


def of_one_batch(faces: Faces | None) -> list[Tensor]:
    """Return faces, of which some may have a batch of one beside others' of more, alike."""
    found = list(faces or ())
    most = 1
    for face in found:
        if face.shape[0] != 1:
            most = face.shape[0]
    return [
        face.expand(most, *face.shape[1:]) if face.shape[0] == 1 != most else face
        for face in found
    ]


def _sizes_of(faces: Faces) -> FlowSizes:
    shape = list(faces[0].shape)
    shape[-1] = max(shape[-1] - 1, 0)
    return FlowSizes(shape[0], tuple(shape[1:]))


def check_cells(name: str, field: Tensor, sizes: FlowSizes | None = None) -> FlowSizes:
    """Raise unless a tensor is a field of cells, (B, C, [D,] H, W), of the grid; return its sizes.

    Raises:
        DtypeError, ShapeError: If it is of another kind or size.
    """
    check_tensor(name, field)
    dims = (2, 3) if sizes is None else (sizes.dim,)
    if field.ndim - 2 not in dims:
        rule = " or ".join("(B, C, D, H, W)" if d == 3 else "(B, C, H, W)" for d in dims)
        raise ShapeError(f"{name} must have shape {rule}, got {tuple(field.shape)}")
    found = FlowSizes(int(field.shape[0]), tuple(field.shape[2:]))
    if sizes is not None and (found.cells != sizes.cells or found.batch not in (1, sizes.batch)):
        raise ShapeError(
            f"{name} must have batch {sizes.batch} and {sizes.cells} cells as the velocity has, "
            f"got {tuple(field.shape)}"
        )
    return found


def check_sides(sides: Sequence[Side], dim: int) -> list[str]:
    """Return the kinds of all sides, two an axis.

    Raises:
        RangeError: If there are not two an axis, one is unknown, or a periodic side has no twin.
    """
    return _checked_sides("sides", sides, dim, get_args(Side))


def check_scalar_sides(sides: Sequence[ScalarSide], dim: int) -> list[str]:
    """Return the kinds of a scalar's sides, two an axis; errors are those of `check_sides`."""
    return _checked_sides("scalar_sides", sides, dim, get_args(ScalarSide))


def _checked_sides(name: str, sides: Sequence[str], dim: int, kinds: tuple[str, ...]) -> list[str]:
    order = ", ".join(f"{axis} low, {axis} high" for axis in AXES[:dim])
    if isinstance(sides, str) or len(sides) != 2 * dim:
        count = repr(sides) if isinstance(sides, str) else len(sides)
        raise RangeError(f"{name} must have {2 * dim} entries ({order}), got {count}")
    for k, side in enumerate(sides):
        check_choice(f"{name}[{k}]", side, kinds)
        if (side == "periodic") != (sides[k ^ 1] == "periodic"):
            raise RangeError(
                f"{name}[{k}] must be periodic where the other side of its axis is, "
                f"got {sides[k]!r} and {sides[k ^ 1]!r}"
            )
    return list(sides)


def check_side_velocity(side_velocity: Tensor | None, velocity: Faces, sizes: FlowSizes) -> Tensor:
    """Return the tangential velocity of the sides, (B|1, 2 dim, dim); at rest if there is none.

    Raises:
        DtypeError, DeviceError, ShapeError: If it does not go with the velocity.
    """
    if side_velocity is None:
        return velocity[0].new_zeros((1, 2 * sizes.dim, sizes.dim))
    check_tensor("side_velocity", side_velocity)
    wanted = (sizes.batch, 2 * sizes.dim, sizes.dim)
    if tuple(side_velocity.shape) not in (wanted, (1, *wanted[1:])):
        raise ShapeError(
            f"side_velocity must have shape (B|1, {wanted[1]}, {wanted[2]}), "
            f"got {tuple(side_velocity.shape)}"
        )
    pair = {"velocity_x": velocity[0], "side_velocity": side_velocity}
    check_same_dtype(pair)
    check_same_device(pair)
    return side_velocity
