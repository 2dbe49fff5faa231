"""Transport of a scalar and of a velocity, forward and backward: milliseconds, nanoseconds a cell.

``python -m benchmarks.advection [--repeats 7] [--json]``

The flow is smooth, of a Courant number of two at its fastest, in a box of no-slip walls; float32.
Backward is the time of a call with its gradients to everything, less that of the call. The call on
a grid of 4 cells an axis says what is not arithmetic: checks, launches and autograd.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from benchmarks.measure import machine, seconds_of
from diffgfx.ops import advect, advect_tvd, advect_velocity

__all__ = ["Timing", "main", "measure"]

GRIDS = ((128, 128), (512, 512), (64, 64, 64))
WORKS = (
    "scalar semi_lagrangian",
    "scalar maccormack",
    "scalar tvd",
    "velocity semi_lagrangian",
    "velocity maccormack",
)


@dataclass(frozen=True)
class Timing:
    """One op on one grid.

    Attributes:
        work: The op and the scheme.
        grid: Cells.
        forward: Median [ms].
        backward: Median of both, less that of the forward pass [ms].
        forward_cell: Forward, a cell [ns].
        backward_cell: Backward, a cell [ns].
        call: The forward pass on 4 cells an axis [ms].
    """

    work: str
    grid: tuple[int, ...]
    forward: float
    backward: float
    forward_cell: float
    backward_cell: float
    call: float


def _flow(cells: tuple[int, ...]) -> list[Tensor]:
    """Waves, the fastest of two cells a second."""
    faces = []
    for k in range(len(cells)):
        shape = [n + (place == len(cells) - 1 - k) for place, n in enumerate(cells)]
        ranges = [torch.linspace(0.0, 2 * math.pi * (1 + k + i), n) for i, n in enumerate(shape)]
        grids = torch.meshgrid(*ranges, indexing="ij")
        faces.append(2.0 * torch.stack(grids).sin().mean(dim=0)[None])
    return faces


def _work(name: str, cells: tuple[int, ...]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return a call without gradients and one with."""
    kind, scheme = name.split()
    sides = ("no_slip",) * (2 * len(cells))
    velocity = [face.requires_grad_() for face in _flow(cells)]
    field = torch.rand((1, 1, *cells), generator=torch.Generator().manual_seed(0)).requires_grad_()
    dt = 0.2 if scheme == "tvd" else 1.0

    def call() -> list[Tensor]:
        if kind == "velocity":
            return advect_velocity(None, velocity, dt, 1.0, sides, scheme=scheme)  # type: ignore[arg-type]
        if scheme == "tvd":
            return [advect_tvd(field, velocity, dt, 1.0, sides)]
        return [advect(field, velocity, dt, 1.0, sides, scheme=scheme)]  # type: ignore[arg-type]

    def forward() -> object:
        with torch.no_grad():
            return call()

    def both() -> object:
        found = call()
        leaves = velocity if kind == "velocity" else [field, *velocity]
        return torch.autograd.grad(found, leaves, [torch.ones_like(part) for part in found])

    return forward, both


def measure(repeats: int = 7, grids: Sequence[tuple[int, ...]] = GRIDS) -> list[Timing]:
    """Time every op on every grid."""
    found = []
    for cells in grids:
        count = math.prod(cells)
        for name in WORKS:
            forward, both = (seconds_of(work, repeats) for work in _work(name, cells))
            call = seconds_of(_work(name, (4,) * len(cells))[0], repeats)
            back = both - forward
            found.append(
                Timing(
                    name, cells, 1e3 * forward, 1e3 * back, 1e9 * forward / count,
                    1e9 * back / count, 1e3 * call,
                )
            )  # fmt: skip
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.advection", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="timed runs, of which the median")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(argv)
    found = measure(chosen.repeats)
    if chosen.json:
        rows = [asdict(row) for row in found]
        print(json.dumps({"machine": machine(), "timings": rows}, indent=2))
        return 0
    print(machine())
    print("work | grid | forward ms | ns a cell | backward ms | ns a cell | the call ms")
    for row in found:
        grid = "x".join(str(n) for n in row.grid)
        print(
            f"{row.work} | {grid} | {row.forward:.2f} | {row.forward_cell:.0f} | "
            f"{row.backward:.2f} | {row.backward_cell:.0f} | {row.call:.2f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
