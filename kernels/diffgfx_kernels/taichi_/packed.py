"""Pack fields and velocities for the kernels of `carry`, and run them forward and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import carry, carry_adjoint, runtime
from diffgfx_kernels.taichi_.carry_lanes import lanes_for
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.transport import rule_bits
from diffgfx_kernels.taichi_.transport_adjoint import Windows, windows_for
from diffgfx_kernels.transport import Transport, scalar_rules, velocity_rules

__all__ = ["Carrier", "pack", "unpack"]


def pack(parts: Sequence[Tensor], side: Tensor) -> Tensor:
    """Lay tensors of one batch, and the numbers on the sides, one after another: (B, N)."""
    return torch.cat([part.flatten(1) for part in (*parts, side)], dim=1)


def unpack(packed: Tensor, parts: Sequence[Tensor], side: Tensor) -> list[Tensor]:
    """Take them apart again, each in storage of its own."""
    shapes = [part.shape for part in (*parts, side)]
    counts = [shape[1:].numel() for shape in shapes]
    pieces = packed.split(counts, dim=1)
    return [
        piece.reshape(shape).clone(memory_format=torch.contiguous_format)
        for piece, shape in zip(pieces, shapes, strict=True)
    ]


def _lattices(scalar: bool, dim: int) -> tuple[int, int]:
    return (1, 1) if scalar else (0, dim)


@dataclass(frozen=True)
class Carrier:
    """Runs the kernels for one kind of carried thing.

    Attributes:
        cells: Of the grid, ([D,] H, W).
        channels: Of a field; 1 for a velocity.
        scalar: Whether a field is carried.
        sides: Numbers on the sides of one carried item.
        step: The step.
    """

    cells: tuple[int, ...]
    channels: int
    scalar: bool
    sides: int
    step: Transport

    @property
    def dim(self) -> int:
        """The number of axes."""
        return len(self.cells)

    @property
    def lattices(self) -> tuple[int, int]:
        """1 where lattices begin with the centres, 0 where with x-faces; and how many there are."""
        return _lattices(self.scalar, self.dim)

    def _sizes(self) -> tuple[int, int, int]:
        return (self.cells[-1], self.cells[-2], self.cells[0] if self.dim == 3 else 1)

    def _rules(self) -> tuple[int, int]:
        flow = rule_bits(velocity_rules(self.step.sides), self.step.sides)
        if not self.scalar:
            return flow, flow
        rules = scalar_rules(self.step.scalar_sides, self.step.cell)
        return flow, rule_bits(rules, self.step.sides)

    def _numbers(self) -> tuple[Any, ...]:
        return (
            *self._sizes(), self.channels, *self._rules(), self.step.step, 0.5 * self.step.cell
        )  # fmt: skip

    def _first_pass(self, velocity: Tensor, carried: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The semi-Lagrangian value, and for MacCormack the bounds of each."""
        grid, bounded = grid_for(carried.device), int(self.step.scheme == "maccormack")
        value = torch.empty_like(carried)
        low = torch.empty_like(carried) if bounded else value
        high = torch.empty_like(carried) if bounded else value
        carry.carry_back(
            velocity, carried, value, low, high, *self._numbers(), grid.chunks, grid.spread,
            *self.lattices, bounded, lanes_for(carried.device), self.dim, runtime.real_of(carried),
        )  # fmt: skip
        value[:, -self.sides :] = carried[:, -self.sides :]
        return value, low, high

    def forward(self, velocity: Tensor, carried: Tensor) -> Tensor:
        """Return the carried thing one step later, packed; its numbers on the sides stay."""
        value, low, high = self._first_pass(velocity, carried)
        if self.step.scheme == "semi_lagrangian":
            return value
        grid, out = grid_for(carried.device), torch.empty_like(carried)
        carry.correct(
            velocity, carried, value, low, high, out, *self._numbers(), grid.chunks, grid.spread,
            *self.lattices, lanes_for(carried.device), self.dim, runtime.real_of(carried),
        )  # fmt: skip
        return out

    def _windows(self, velocity: Tensor) -> Windows:
        last = self.cells[0] + 1
        for n in self.cells[1:]:
            last *= n
        reach = velocity[:, -(last + 2 * self.dim * self.dim) :]
        return windows_for(reach, self.cells[0], self.step.step)

    def _window(self, like: Tensor, windows: Windows, scalar: bool, sides: int) -> Tensor:
        """Zeros for the windows of all slabs."""
        inner = self.cells[1:]
        planes = self.channels if scalar else 0
        for n in inner:
            planes *= n
        for axis in range(0 if scalar else self.dim):
            plane = 1
            for place, n in enumerate(reversed(inner)):
                plane *= n + (place == axis)
            planes += plane
        return like.new_zeros((windows.slabs * len(like), windows.rows * planes + sides))

    def _total(self, window: Tensor, like: Tensor, windows: Windows, scalar: bool) -> Tensor:
        """Add the windows up."""
        total = torch.empty_like(like)
        flow = self._rules()[0]
        channels = self.channels if scalar else 1
        sides = self.sides if scalar == self.scalar else 2 * self.dim * self.dim
        carry_adjoint.add_windows(
            window, total, *self._sizes(), channels, self.cells[0], sides, flow, *windows,
            grid_for(like.device).spread, *_lattices(scalar, self.dim), self.dim,
        )  # fmt: skip
        return total

    def backward(self, g_out: Tensor, velocity: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients to the carried thing and to the velocity, both packed."""
        spread, real = grid_for(carried.device).spread, runtime.real_of(carried)
        windows = self._windows(velocity)
        flow_window = self._window(velocity, windows, False, 2 * self.dim * self.dim)
        window = self._window(carried, windows, self.scalar, self.sides)
        bounded = self.step.scheme == "maccormack"
        g_value, g_low, g_high = g_out, g_out, g_out
        g_sides = torch.zeros_like(carried[:, -self.sides :])
        counts = (*self._numbers(), *windows, spread, *self.lattices)
        if bounded:
            value, g_low, g_high = self._first_pass(velocity, carried)
            value_window = torch.zeros_like(window)
            carry_adjoint.correct_gradient(
                velocity, carried, value, g_low, g_high, g_out, flow_window, window, value_window,
                *counts, self.dim, real,
            )  # fmt: skip
            g_value = self._total(value_window, carried, windows, self.scalar)
            g_sides = g_value[:, -self.sides :]
            del value, value_window  # as large as the rest together
        carry_adjoint.carry_gradient(
            velocity, carried, g_value, g_low, g_high, flow_window, window, *counts, bounded,
            self.dim, real,
        )  # fmt: skip
        g_carried = self._total(window, carried, windows, self.scalar)
        g_carried[:, -self.sides :] += g_sides
        return g_carried, self._total(flow_window, velocity, windows, False)
