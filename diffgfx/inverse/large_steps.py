"""Vertices as the smooth image of unknowns, so that descent moves the surface as a whole.

``u = (I + lambda L) x`` with L the combinatorial Laplacian (valence on the diagonal, -1 for each
edge). Descent on u moves x by ``(I + lambda L)^-2`` times its gradient, which is smooth however
rough that gradient is, and yet every x has its u: nothing is forbidden, as a penalty would.

Source: B. Nicolet, A. Jacobson and W. Jakob, "Large Steps in Inverse Rendering of Geometry", ACM
TOG 40(6), 2021, equations 5, 6 and 9.
"""

from typing import Any

import torch
from torch import Tensor

from diffgfx.check import check_shape
from diffgfx.errors import DivergedError, RangeError

__all__ = ["LargeSteps"]

_TOLERANCE = 1e-6
_MOST_ROUNDS = 1000


class LargeSteps:
    """The map between vertices x and unknowns u for one list of triangles.

    Args:
        triangles: Indices of vertices, shape (F, 3). Vertices doubled at seams must be fused.
        vertices: How many there are.
        smoothness: lambda, >= 0; about 10 to 50 edges' reach grows with its root.

    Raises:
        ShapeError: If ``triangles`` has another shape.
        RangeError: If ``smoothness`` is negative, or an index is no vertex.
    """

    def __init__(self, triangles: Tensor, vertices: int, smoothness: float) -> None:
        check_shape("triangles", triangles, ("F", 3), {})
        if not 0.0 <= smoothness < float("inf"):
            raise RangeError(f"smoothness must be a number of at least 0, got {smoothness}; try 20")
        corners = triangles.long()
        if corners.numel() and not 0 <= int(corners.min()) <= int(corners.max()) < vertices:
            raise RangeError(f"triangles must index {vertices} vertices; pass those they belong to")
        edges = torch.cat([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        edges = torch.unique(torch.cat([edges, edges.flip(1)]), dim=0)
        edges = edges[edges[:, 0] != edges[:, 1]]
        valence = torch.bincount(edges[:, 0], minlength=vertices)
        self._around = _rows(edges, valence)
        self._smoothness = smoothness
        self._diagonal = (1.0 + smoothness * valence.double())[:, None]

    def unknowns(self, positions: Tensor) -> Tensor:
        """Return u of vertices (V, c), float64; no gradient."""
        return self._times(positions.detach().double())

    def positions(self, unknowns: Tensor, first: Tensor | None = None) -> Tensor:
        """Return the vertices x of u (V, c), float64.

        Args:
            unknowns: u, float64.
            first: A guess of x, from which to begin.

        Raises:
            DivergedError: If conjugate gradients do not converge, which numbers that are not
                finite bring about.

        Gradients: to ``unknowns``, by one more solve.
        """
        found: Tensor = _Solve.apply(unknowns, self, first)  # type: ignore[no-untyped-call]
        return found

    def _times(self, x: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(x, (0, 0, 0, 1))
        return self._diagonal * x - self._smoothness * padded[self._around].sum(dim=1)

    def solve(self, u: Tensor, first: Tensor | None = None) -> Tensor:
        """Return x of u by conjugate gradients, preconditioned by the diagonal; no gradient."""
        x = u / self._diagonal if first is None else first.detach().double().clone()
        residual = u - self._times(x)
        ahead = residual / self._diagonal
        along = ahead.clone()
        power = (residual * ahead).sum(0)
        wanted = _TOLERANCE**2 * u.square().sum(0)
        for _ in range(_MOST_ROUNDS):
            if bool((residual.square().sum(0) <= wanted).all()):
                return x
            image = self._times(along)
            length = power / (along * image).sum(0).clamp_min(torch.finfo(u.dtype).tiny)
            x = x + length * along
            residual = residual - length * image
            ahead = residual / self._diagonal
            before, power = power, (residual * ahead).sum(0)
            along = ahead + power / before.clamp_min(torch.finfo(u.dtype).tiny) * along
        raise DivergedError(
            f"conjugate gradients must reach {_TOLERANCE:g} within {_MOST_ROUNDS} rounds, got "
            f"{float(residual.norm()):.3g} of {float(u.norm()):.3g}; lower smoothness"
        )


def _rows(edges: Tensor, valence: Tensor) -> Tensor:
    """Return the neighbours of each vertex, a row each, filled up with the number of vertices."""
    count, most = len(valence), int(valence.max()) if len(valence) else 0
    rows = torch.full((count, most), count, device=edges.device)
    first = torch.nn.functional.pad(valence.cumsum(0), (1, 0))[:-1]
    place = torch.arange(len(edges), device=edges.device) - first[edges[:, 0]]
    rows[edges[:, 0], place] = edges[:, 1]
    return rows


class _Solve(torch.autograd.Function):
    """x of u; the matrix is symmetric, so the gradient is that of u solved likewise."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, system: LargeSteps, first: Tensor | None) -> Tensor:
        ctx.system = system
        return system.solve(u.detach(), first)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.system.solve(gradient.double()), None, None
