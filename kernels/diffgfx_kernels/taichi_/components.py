"""Components of a staggered grid side by side in one tensor (B, P), and where each of them lies.

A grid of two axes is one of three that is one point deep. Points lie with x fastest. Where both
ends of an axis are one point, both hold the same here. Rules are those of `sides`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.sides import HELD, TWIN, WRAP, rules_of

__all__ = [
    "Layout", "lay_out", "line_of", "once", "pack", "pull_back", "row_at", "share_of", "unpack",
]  # fmt: skip

FIRST_ROW, START, POINTS, STRIDE, RULES = 0, 1, 2, 5, 8


class Layout(NamedTuple):
    """How components are packed.

    Attributes:
        shapes: Of the components, without the batch.
        rows: Rows of all components.
        rules: At the sides of each component.
        plan: The same as a table of numbers, a row a component: its first row and point, and for
            the axes x, y, z the points, the strides and the rules at both ends.
    """

    shapes: list[tuple[int, ...]]
    rows: int
    rules: list[int]
    plan: Tensor

    @property
    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.shapes[0])

    @property
    def sizes(self) -> list[int]:
        """Return the points of each component."""
        return [_product(shape) for shape in self.shapes]

    def rule(self, component: int, axis: int) -> tuple[int, int]:
        """Return the rules at both ends of an axis of a component."""
        return rules_of(self.rules, component, axis, self.dim)

    def views(self, packed: Tensor) -> list[Tensor]:
        """Return the components in a packed tensor."""
        parts = packed.split(self.sizes, dim=1)
        return [part.unflatten(1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def ends(self, packed: Tensor, rule: int) -> list[tuple[Tensor, Tensor]]:
        """Return views of the first and last points of all axes that have a rule at their ends.

        Where only one end has it, it stands for both.
        """
        found = []
        for c, view in enumerate(self.views(packed)):
            for a in range(self.dim):
                place, count = self.dim - a, view.shape[self.dim - a]
                at = [k for k, r in zip((0, count - 1), self.rule(c, a), strict=True) if r == rule]
                if at:
                    found.append((view.select(place, at[0]), view.select(place, at[-1])))
        return found


def _product(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def lay_out(parts: Sequence[Tensor], rules: Sequence[int]) -> Layout:
    """Return how the components are packed."""
    shapes = [tuple(part.shape[1:]) for part in parts]
    dim, row, start, table = len(shapes[0]), 0, 0, []
    for c, shape in enumerate(shapes):
        x, y, z = (*reversed(shape), 1)[:3]
        own = [rule for a in range(dim) for rule in rules_of(rules, c, a, dim)]
        flat = [WRAP] * (6 - len(own))
        table.append([row, start, x, y, z, 1, x, x * y, *own, *flat])
        row += y * z
        start += x * y * z
    plan = torch.tensor(table, dtype=torch.int32).to(parts[0].device)
    return Layout(shapes, row, list(rules), plan)


def pack(parts: Sequence[Tensor], layout: Layout) -> Tensor:
    """Return the components side by side; a copy."""
    packed = torch.cat([part.flatten(1) for part in parts], dim=1)
    for first, last in layout.ends(packed, TWIN):
        last.copy_(first)
    return packed


def pull_back(g_parts: Sequence[Tensor], layout: Layout, held: bool = False) -> Tensor:
    """Return the gradients on results side by side, a copy: of twins, both hold the sum.

    Args:
        g_parts: The gradients.
        layout: How the components are packed.
        held: Keep those of held points too, which by default are dropped.
    """
    packed = torch.cat([part.flatten(1) for part in g_parts], dim=1)
    for first, last in [] if held else layout.ends(packed, HELD):
        first.zero_()
        last.zero_()
    for first, last in layout.ends(packed, TWIN):
        first.add_(last)
        last.copy_(first)
    return packed


def once(packed: Tensor, layout: Layout) -> Tensor:
    """Return packed numbers with zero at the second of each pair of twins; written in place."""
    for _, last in layout.ends(packed, TWIN):
        last.zero_()
    return packed


def unpack(packed: Tensor, layout: Layout) -> list[Tensor]:
    """Return the components as tensors of their own."""
    return [view.clone(memory_format=torch.contiguous_format) for view in layout.views(packed)]


@ti.func
def share_of(chunk, chunks, rows):
    """The rows that fall to a chunk: the first, and the one after the last."""
    share = (rows + chunks - 1) // chunks
    first = ti.min(chunk * share, rows)
    return first, ti.min(first + share, rows)


@ti.func
def row_at(row, plan: ti.template(), count: ti.template()):
    """Whose row it is of ``count`` components', where it starts, and its place along each axis."""
    component = 0
    for k in ti.static(range(1, count)):
        if row >= plan[k, FIRST_ROW]:
            component = k
    within = row - plan[component, FIRST_ROW]
    lines = plan[component, POINTS + 1]
    place = ti.Vector([0, within % lines, within // lines])
    return component, plan[component, START] + within * plan[component, POINTS], place


@ti.func
def line_of(component, axis, plan: ti.template()):
    """The points, the stride and the rules at both ends of an axis of a component."""
    return ti.Vector(
        [
            plan[component, POINTS + axis],
            plan[component, STRIDE + axis],
            plan[component, RULES + 2 * axis],
            plan[component, RULES + 2 * axis + 1],
        ]
    )
