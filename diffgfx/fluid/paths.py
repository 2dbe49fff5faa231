"""Which parts of a step let gradients through: the ablations of solver-in-the-loop training."""

from collections.abc import Callable, Collection, Sequence
from typing import Literal, cast, get_args

from torch import Tensor

from diffgfx.check import check_choice

__all__ = ["ALL_PATHS", "Path", "check_paths", "through"]

Path = Literal["advection", "pressure", "diffusion", "forces"]
ALL_PATHS: frozenset[Path] = frozenset(get_args(Path))


def check_paths(paths: Collection[str]) -> frozenset[Path]:
    """Return the paths as a set; raise `RangeError` for an unknown one."""
    for path in paths:
        check_choice("gradient_paths", path, get_args(Path))
    return frozenset(cast(Collection[Path], paths))


def through(
    path: Path,
    paths: Collection[str],
    change: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    values: Sequence[Tensor],
) -> list[Tensor]:
    """Return ``change(values)``; where the path is closed, with the gradient of ``values`` itself.

    What the change adds then counts as a constant: its value is exact, and nothing it read gets a
    gradient through it (as in PICT's switches for its advection and pressure solves).
    """
    changed = list(change(values))
    if path in paths:
        return changed
    return [
        old + (new.detach() - old.detach()) for new, old in zip(changed, values, strict=True)
    ]
