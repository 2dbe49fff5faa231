"""Velocity at the centres of cells: the mean of two faces."""

from collections.abc import Sequence

from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.staggered import centres

__all__ = ["backward", "forward"]


def forward(velocity: Sequence[Tensor], sides: Sequence[str]) -> Tensor:
    """Return the velocity at centres, shape (B, dim, [D,] H, W)."""
    return centres(velocity, sides)


def backward(g_field: Tensor, velocity: Sequence[Tensor], sides: Sequence[str]) -> list[Tensor]:
    """Return the gradient to the velocity."""
    return pull(lambda *faces: centres(faces, sides), tuple(velocity), g_field)[1]
