"""Poisson's equation in a box without obstacles, in the eigenvectors of its axes.

Every pair of sides has its own: sines and cosines at half steps, or waves. They are applied as
matrices: exact for every pair and any size, no slower than fast transforms up to some 128 cells (a
product keeps the units busy, a transform waits for memory), and three lines long.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["BoxModes", "box_modes"]


class BoxModes(NamedTuple):
    """Eigenvectors by axis, x first, as columns, and one over the sums of eigenvalues."""

    vectors: tuple[Tensor, ...]
    inverse: Tensor

    def solve(self, right: Tensor) -> Tensor:
        """Return the potential of a right side, (B, cells); a mode without resistance stays out."""
        return self._turn(self._turn(right, True) * self.inverse.reshape(1, -1), False)

    def _turn(self, values: Tensor, into: bool) -> Tensor:
        for axis, vectors in enumerate(self.vectors):
            count = len(vectors)
            after = math.prod(len(v) for v in self.vectors[:axis])
            matrix = vectors.T if into else vectors
            if axis == 0:
                values = values.reshape(-1, count) @ matrix.T
            else:
                values = matrix @ values.reshape(-1, count, after)
        return values.reshape(-1, self.inverse.numel())


def _axis_modes(count: int, low: str, high: str) -> tuple[Tensor, Tensor]:
    """Eigenvectors and eigenvalues of minus the second difference between two sides."""
    place = torch.arange(count, dtype=torch.float64) + 0.5
    order = torch.arange(count, dtype=torch.float64)
    if low == "periodic":
        wave = torch.div(order + 1, 2, rounding_mode="floor")  # 0, 1, 1, 2, 2: a sine, a cosine
        angle = 2.0 * math.pi / count * wave * place[:, None]
        vectors = torch.where(order % 2 == 0, angle.cos(), angle.sin())
        half = math.pi / count * wave
    else:
        order += {("f", "f"): 0.0, ("o", "o"): 1.0}.get((low[0], high[0]), 0.5)
        angle = math.pi / count * order * place[:, None]
        vectors = angle.cos() if low == "fixed" else angle.sin()
        half = 0.5 * math.pi / count * order
    return vectors / vectors.square().sum(dim=0).sqrt(), (2.0 * half.sin()).square()


def box_modes(cells: Sequence[int], sides: Sequence[str], like: Tensor) -> BoxModes:
    """Return the modes of a box; on a CPU those of the last boxes are kept.

    Args:
        cells: Cells along x, y and, in 3-D, z.
        sides: ``"fixed"``, ``"outflow"`` or ``"periodic"``, two an axis.
        like: Gives dtype and device.
    """
    make = _kept_modes if like.device.type == "cpu" else _modes
    return make(tuple(cells), tuple(sides), like.dtype, like.device)


def _modes(
    cells: tuple[int, ...], sides: tuple[str, ...], dtype: torch.dtype, device: torch.device
) -> BoxModes:
    found = [_axis_modes(n, sides[2 * a], sides[2 * a + 1]) for a, n in enumerate(cells)]
    total = torch.zeros((), dtype=dtype, device=device)
    for _, values in reversed(found):
        total = total[..., None] + values.to(total)
    inverse = total.reciprocal().masked_fill_(total == 0.0, 0.0)
    return BoxModes(tuple(v.to(total) for v, _ in found), inverse)


_kept_modes = functools.lru_cache(maxsize=4)(_modes)
"""The steps of a flow ask for the same ones; on a GPU streams would not wait for them."""
