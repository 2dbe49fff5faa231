"""Fluid ops as the contract tests call them: named tensors in, one tensor out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

__all__ = ["by_face", "draw_field", "draw_velocity", "flattened"]

AXES = "xyz"


def flattened(parts: Tensor | Sequence[Tensor]) -> Tensor:
    """Return tensors of one batch as one of shape (B, P)."""
    listed = [parts] if isinstance(parts, Tensor) else list(parts)
    return torch.cat([part.flatten(1) for part in listed], dim=1)


def _call(op: Callable[..., Any], groups: tuple[str, ...], pick: slice, **arguments: Any) -> Tensor:
    gathered = dict(arguments)
    for group in groups:
        parts = [gathered.pop(f"{group}_{axis}", None) for axis in AXES]
        if any(part is not None for part in parts):
            gathered[group] = [part for part in parts if part is not None]
    value = op(**gathered)
    return flattened(value if isinstance(value, Tensor) else list(value)[pick])


def by_face(
    op: Callable[..., Any], *groups: str, pick: slice = slice(None)
) -> Callable[..., Tensor]:
    """Return the op as a function of ``velocity_x``, ``velocity_y``...: one tensor, (B, P).

    Args:
        op: The public op.
        groups: Arguments that are lists of faces, by default ``velocity``.
        pick: Which of several results to look at.
    """
    return partial(_call, op, groups or ("velocity",), pick)


def draw_velocity(
    cells: Sequence[int], dtype: torch.dtype, device: str, batch: int, draw: torch.Generator
) -> dict[str, Tensor]:
    """Return random ``velocity_x`` and so on of a grid of cells ([D,] H, W)."""
    found = {}
    for k in range(len(cells)):
        shape = [n + (place == len(cells) - 1 - k) for place, n in enumerate(cells)]
        face = torch.randn((batch, *shape), generator=draw, dtype=torch.float64)
        found[f"velocity_{AXES[k]}"] = face.to(device, dtype)
    return found


def draw_field(
    cells: Sequence[int],
    dtype: torch.dtype,
    device: str,
    batch: int,
    draw: torch.Generator,
    channels: int = 1,
) -> Tensor:
    """Return a random field of cells, (B, C, [D,] H, W)."""
    field = torch.randn((batch, channels, *cells), generator=draw, dtype=torch.float64)
    return field.to(device, dtype)
