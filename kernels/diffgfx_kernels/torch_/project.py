"""Make a staggered velocity divergence-free: plain torch, conjugate gradients, implicit gradient.

The corrected velocity is ``u - grad p`` on faces that are free and open, the solid's on faces that
are free and closed, and what it was on fixed ones. The potential p makes the net flux of every cell
vanish. Lengths are counted in cells; ``grad p`` is a difference of p over ``cell``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._C import DispatchKey, _SetExcludeDispatchKeyGuard

from diffgfx_kernels.torch_.fixed_order import add_at

__all__ = ["backward", "corrected", "forward", "net_flux"]

Faces = Sequence[Tensor]
MOST_ITERATIONS = 20000
PATIENCE = 400
"""Iterations without a smaller residual that end a solve; the residual falls by fits and starts."""


def _dim_of(axis: int) -> int:
    """The dimension of a tensor that an axis lies along."""
    return -1 - axis


def _wrapped(face: Tensor, axis: int, sides: Sequence[str]) -> Tensor:
    """Faces of which the last is the first, where the axis is periodic."""
    dim = _dim_of(axis)
    if sides[2 * axis] != "periodic":
        return face
    count = face.shape[dim] - 1
    return torch.cat([face.narrow(dim, 0, count), face.narrow(dim, 0, 1)], dim=dim)


def _free(face: Tensor, axis: int, sides: Sequence[str]) -> Tensor:
    """1 on faces that a potential drives: all but those of walls and inflows."""
    free = torch.ones_like(face)
    for end in (0, 1):
        if sides[2 * axis + end] not in ("outflow", "periodic"):
            free.select(_dim_of(axis), -end).zero_()
    return free


def _slope(potential: Tensor, axis: int, sides: Sequence[str]) -> Tensor:
    """Differences across the faces of an axis; beyond an outflow the potential changes sign."""
    dim = _dim_of(axis)
    count = potential.shape[dim]
    ends = [potential.narrow(dim, 0, 1), potential.narrow(dim, count - 1, 1)]
    low, high = (-ends[0], -ends[1]) if sides[2 * axis] != "periodic" else (ends[1], ends[0])
    return torch.diff(torch.cat([low, potential, high], dim=dim), dim=dim)


def net_flux(velocity: Faces, openings: Faces, solid: Faces, sides: Sequence[str]) -> Tensor:
    """Return what flows into each cell, (B, cells), in units of velocity times a face's area."""
    total: Tensor | None = None
    for axis, face in enumerate(velocity):
        through = face
        if openings:
            through = openings[axis] * face
            if solid:
                through = through + (1.0 - openings[axis]) * solid[axis]
        part = -torch.diff(_wrapped(through, axis, sides), dim=_dim_of(axis))
        total = part if total is None else total + part
    assert total is not None
    return total


def corrected(
    velocity: Faces, potential: Tensor, openings: Faces, solid: Faces, sides: Sequence[str]
) -> list[Tensor]:
    """Return the faces under a potential (B, cells)."""
    found = []
    for axis, face in enumerate(velocity):
        slope = _slope(potential, axis, sides) * _free(potential.new_ones(face.shape), axis, sides)
        value = face - slope
        if openings:
            shut = (openings[axis] <= 0) & (_free(face, axis, sides) > 0)
            value = torch.where(shut, solid[axis] if solid else 0.0, value)
        found.append(_wrapped(value, axis, sides))
    return found


class _System:
    """The matrix, its diagonal, and the pools whose means it does not see."""

    def __init__(self, faces: Faces, openings: Faces, sides: Sequence[str]) -> None:
        self.sides = sides
        like = faces[0]
        self.openings = openings or [torch.ones_like(face[:1]) for face in faces]
        self.free = [
            _wrapped(w, a, sides) * _free(w, a, sides) for a, w in enumerate(self.openings)
        ]
        diagonal: Tensor | float = 0.0
        for a, w in enumerate(self.free):
            dim = _dim_of(a)
            count = w.shape[dim] - 1
            weight = w.clone()
            for end in (0, 1):
                if sides[2 * a + end] == "outflow":
                    weight.select(dim, -end).mul_(2.0)
            if count == 1 and sides[2 * a] == "periodic":
                weight.zero_()
            diagonal = diagonal + weight.narrow(dim, 0, count) + weight.narrow(dim, 1, count)
        assert isinstance(diagonal, Tensor)
        self.diagonal = diagonal
        self.alive = diagonal > 0
        if not openings:
            self.alive = torch.ones_like(self.alive)
        self.pools = self._pools().expand(len(like), *self.alive.shape[1:])

    def _pools(self) -> Tensor:
        """Each cell's pool, from 1; 0 where it is closed or an outflow drains its pool."""
        shape = self.alive.shape
        label = torch.arange(1, self.alive[0].numel() + 1, device=self.alive.device)
        label = label.view(1, *shape[1:]).expand(shape) * self.alive
        drained = torch.zeros_like(self.alive)
        for a, w in enumerate(self.free):
            dim = _dim_of(a)
            for end in (0, 1):
                if self.sides[2 * a + end] == "outflow":
                    drained.select(dim, -end).logical_or_(w.select(dim, -end) > 0)
        while True:
            before, dry = label, drained
            for a, w in enumerate(self.free):
                dim = _dim_of(a)
                count = label.shape[dim]
                for up in (0, 1):
                    if self.sides[2 * a] != "periodic" and count == 1:
                        continue
                    joined = w.narrow(dim, up, count) > 0
                    if self.sides[2 * a] != "periodic":
                        joined.select(dim, -up).zero_()
                    shift = 1 - 2 * up
                    other = torch.roll(label, shift, dim)
                    label = torch.where(joined, torch.maximum(label, other), label)
                    drained = drained | (joined & torch.roll(drained, shift, dim))
            if torch.equal(before, label) and torch.equal(dry, drained):
                return label * ~drained

    def level(self, values: Tensor) -> Tensor:
        """Take the mean of each undrained pool from values, and all from closed cells."""
        sums, sizes = self.sums(values), self.sums(torch.ones_like(values))
        return torch.where(self.alive, values - sums / sizes.clamp_min(1.0), 0.0)

    def sums(self, values: Tensor) -> Tensor:
        """Return the sum over each cell's undrained pool."""
        pool = self.pools.flatten(1)
        total = values.new_zeros((len(values), pool.shape[1] + 1))
        add_at(total, pool, values.flatten(1))
        total[:, 0] = 0.0
        return total.gather(1, pool).view_as(values)

    def times(self, potential: Tensor) -> Tensor:
        """Return the matrix times a potential."""
        total: Tensor | float = 0.0
        for a, w in enumerate(self.free):
            total = total - torch.diff(w * _slope(potential, a, self.sides), dim=_dim_of(a))
        assert isinstance(total, Tensor)
        return torch.where(self.alive, total, 0.0)

    def solve(self, right: Tensor, tolerance: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the solution, and by item the iterations and the true relative residual."""
        inverse = torch.where(self.diagonal > 0, 1.0 / self.diagonal, 0.0)
        rest = self.level(right)
        x, size = torch.zeros_like(rest), _norm(rest)
        ahead = self.level(inverse * rest)
        direction, product = ahead, _dot(rest, ahead)
        count = torch.zeros(len(right), dtype=torch.int64, device=right.device)
        best, waited = _norm(rest), torch.zeros_like(count)
        active = size > 0
        for _ in range(MOST_ITERATIONS):
            if not bool(active.any()):
                break
            bent = self.times(direction)
            curvature = _dot(direction, bent)
            active = active & (curvature > 0)
            step = _spread(torch.where(active, product / curvature, 0.0), rest)
            x = x + step * direction
            rest = self.level(rest - step * bent)
            count += active
            norm = _norm(rest)
            waited = torch.where(norm < best, 0, waited + 1)
            best = torch.minimum(best, norm)
            active = active & (norm > tolerance * size) & (waited < PATIENCE)
            ahead = self.level(inverse * rest)
            following = _dot(rest, ahead)
            ratio = torch.where(product > 0, following / product, 0.0)
            direction, product = ahead + _spread(ratio, rest) * direction, following
        left = _norm(self.level(right) - self.times(x))
        return x, count, torch.where(size > 0, left / size, 0.0)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(dim=1)


def _norm(values: Tensor) -> Tensor:
    return _dot(values, values).sqrt()


def _spread(number: Tensor, like: Tensor) -> Tensor:
    return number.view(-1, *[1] * (like.ndim - 1))


def forward(
    velocity: Faces,
    openings: Faces,
    solid: Faces,
    cell: float,
    sides: Sequence[str],
    tolerance: float,
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return faces, the potential (B, 1, cells), and iterations, residual, excess (B, 3)."""
    shape = list(velocity[0].shape)
    shape[-1] -= 1
    if shape[0] == 0:
        stats = torch.zeros((0, 3), dtype=torch.float64, device=velocity[0].device)
        empty = velocity[0].new_empty((0, 1, *shape[1:]))
        return [face.clone() for face in velocity], empty, stats
    system = _System(velocity, openings, sides)
    right = torch.where(system.alive, net_flux(velocity, openings, solid, sides), 0.0)
    potential, count, _ = system.solve(right, tolerance)
    faces = corrected(velocity, potential, openings, solid, sides)
    left = _norm(torch.where(system.alive, net_flux(faces, openings, solid, sides), 0.0))
    residual = torch.where(_norm(right) > 0, left / _norm(right), 0.0)
    largest = torch.stack(
        [f.abs().flatten(1).amax(1).expand(shape[0]) for f in [*velocity, *solid]]
    ).amax(dim=0)
    net = system.sums(right.double()).abs().flatten(1).amax(dim=1)
    excess = torch.where(net > 0, net / largest, 0.0)
    stats = torch.stack([count.double(), residual.double(), excess.double()], dim=1)
    return faces, (cell * potential)[:, None], stats


def backward(
    g_faces: Faces,
    g_potential: Tensor,
    projected: Faces,
    openings: Faces,
    solid: Faces,
    cell: float,
    sides: Sequence[str],
    tolerance: float,
) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]:
    """Return the gradients to velocity, openings and solids, and iterations and residual (B, 2).

    The implicit function theorem: the potential's own gradient is solved for, and what remains is
    the derivative of the equations at the solution. That of the matrix times the potential and of
    the right side together is the net flux of the projected velocity, as far as openings are
    concerned; on closed faces it jumps, and counts as zero.
    """
    if len(projected[0]) == 0:
        stats = torch.zeros((0, 2), dtype=torch.float64, device=projected[0].device)
        blank = [[torch.zeros_like(f) for f in group] for group in (projected, openings, solid)]
        return blank[0], blank[1], blank[2], stats
    system = _System(projected, openings, sides)
    start = torch.zeros_like(g_potential[:, 0])
    leaves = [value.detach().requires_grad_() for value in (*projected, start, *openings, *solid)]
    dim, count = len(projected), len(openings)
    faces, potential = leaves[:dim], leaves[dim]
    opened, moving = leaves[dim + 1 : dim + 1 + count], leaves[dim + 1 + count :]
    with torch.enable_grad(), _SetExcludeDispatchKeyGuard(DispatchKey.AutogradFunctionality, False):
        moved = corrected(faces, potential, opened, moving, sides)
        pairs = zip(g_faces, moved, strict=True)
        loss = torch.stack([(g * u).sum() for g, u in pairs]).sum()
        seen = torch.autograd.grad(loss, leaves, allow_unused=True)
        direct = [
            torch.zeros_like(x) if g is None else g for g, x in zip(seen, leaves, strict=True)
        ]
        gain = torch.where(system.alive, direct[dim] + cell * g_potential[:, 0], 0.0)
        dual, used, residual = system.solve(gain, tolerance)
        inflow = net_flux(faces, opened, moving, sides)
        found = torch.autograd.grad(inflow, leaves, dual, allow_unused=True)
    total = [d if f is None else d + f for d, f in zip(direct, found, strict=True)]
    g_openings = [
        torch.where((w <= 0) & (_free(w, a, sides) > 0), 0.0, total[dim + 1 + a])
        for a, w in enumerate(openings)
    ]
    stats = torch.stack([used.double(), residual.double()], dim=1)
    return total[:dim], g_openings, total[dim + 1 + count :], stats
