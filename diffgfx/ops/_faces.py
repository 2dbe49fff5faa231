"""What ops on faces need around their registered calls."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx.errors import ShapeError
from diffgfx.ops._backend import plain
from diffgfx.ops._flow import FlowSizes
from diffgfx.ops._pairs import MOST_NUMBERS

__all__ = ["all_plain", "check_countable", "filled", "new_faces"]


def all_plain(faces: Sequence[Tensor]) -> list[Tensor]:
    """Return faces as kernels take them."""
    return [plain(face) for face in faces]


def filled(grads: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Return gradients of faces, zero where nothing came back."""
    return [
        face.new_zeros(face.shape) if grad is None else grad
        for grad, face in zip(grads, like, strict=True)
    ]


def new_faces(field: Tensor) -> list[Tensor]:
    """Return empty faces around the cells of a field (B, C, [D,] H, W)."""
    cells = field.shape[2:]
    dim = len(cells)
    return [
        field.new_empty((field.shape[0], *(n + int(k == across) for k, n in enumerate(cells))))
        for across in reversed(range(dim))
    ]


def check_countable(name: str, sizes: FlowSizes, channels: int = 1) -> None:
    """Raise `ShapeError` if a kernel would have to count further than 32 bits do."""
    numbers = sizes.batch * channels
    for count in sizes.cells:
        numbers *= count + 1
    if numbers > MOST_NUMBERS:
        raise ShapeError(
            f"{name} must have at most {MOST_NUMBERS} numbers, got {numbers}; "
            "split the batch or the grid"
        )
