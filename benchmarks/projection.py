"""Iterations of the pressure solve by geometry and size, and the time that a projection takes.

``python -m benchmarks.projection [--large] [--repeats 5] [--json]``

Iterations are those to a true relative residual of 1e-6 in float64, for the right side of a random
velocity and for one that drives the whole box (a source in one corner and a sink in the other, or
the inflow of the channel). Times are medians in float32 to 1e-3, as a smoke step takes them.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product

import torch
from torch import Tensor

from benchmarks.measure import machine, seconds_of
from diffgfx.ops import project

__all__ = ["SCENES", "Scene", "Solve", "Timing", "count_iterations", "main", "make_scene"]

SCENES = ("free", "disc", "nine discs", "plate", "channel")
TIMED = ((2, 128, "disc"), (2, 128, "free"), (2, 512, "disc"), (3, 32, "disc"), (3, 64, "disc"),
         (3, 64, "free"), (3, 128, "disc"))  # fmt: skip
MOST = 10


@dataclass(frozen=True)
class Scene:
    """A box with something in it: faces' open shares, x first, and the kinds of its sides."""

    openings: list[Tensor]
    sides: list[str]


@dataclass(frozen=True)
class Solve:
    """Iterations to 1e-6, and the residual reached."""

    scene: str
    dim: int
    size: int
    random: int
    driven: int
    residual: float


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of one projection in float32 to 1e-3."""

    scene: str
    dim: int
    size: int
    milliseconds: float
    iterations: int


def _edge_share(one: Tensor, other: Tensor) -> Tensor:
    """Return which part of an edge is outside, from the distances at its ends; slivers close."""
    part = torch.maximum(one, other) / (one - other).abs().clamp_min(1e-30)
    share = torch.where((one > 0) & (other > 0), 1.0, torch.where((one > 0) | (other > 0), part, 0))
    return torch.where(share < 0.02, 0.0, share)


def _shares(distance: Tensor, axis: int) -> Tensor:
    """Return the open shares of the faces across an axis, from distances at the grid's corners."""
    dim = distance.ndim
    across = [d for d in range(dim) if d != dim - 1 - axis]
    found = distance
    count = distance.shape[0] - 1
    first = across[0]
    found = _edge_share(found.narrow(first, 0, count), found.narrow(first, 1, count))
    for d in across[1:]:
        found = 0.5 * (found.narrow(d, 0, count) + found.narrow(d, 1, count))
    return found


def make_scene(name: str, dim: int, size: int) -> Scene:
    """Return one of `SCENES` in a box of ``size`` cells a side, float64, a batch of one.

    The plate lies where no coarse grid has a face, and the channel is half blocked.
    """
    faces = [[size + (place == dim - 1 - a) for place in range(dim)] for a in range(dim)]
    openings = [torch.ones(shape, dtype=torch.float64) for shape in faces]
    sides = ["no_slip"] * (2 * dim)
    if name in ("disc", "nine discs"):
        places = [(0.513,) * dim]
        if name == "nine discs":
            thirds = (1 / 6 + 0.01, 0.51, 5 / 6 + 0.01)
            places = [(*spot, 0.5)[:dim] for spot in product(thirds, repeat=2)]
        radius = 0.17 if name == "disc" else 0.09
        line = torch.arange(size + 1, dtype=torch.float64) / size
        axes = torch.meshgrid(*[line] * dim, indexing="ij")
        spots = [sum((x - c) ** 2 for x, c in zip(axes, spot, strict=True)) for spot in places]
        distance = torch.stack([torch.as_tensor(s).sqrt() for s in spots]).amin(dim=0) - radius
        openings = [_shares(distance, axis) for axis in range(dim)]
    if name == "plate":
        middle = [slice(size // 4 + 1, 3 * size // 4 + 1)] * (dim - 1)
        openings[0][(*middle, size // 2 + 1)] = 0.0
    if name == "channel":
        sides[:2] = ["inflow", "outflow"]
        block = [slice(None)] * (dim - 2)
        low, high, top = int(0.4 * size) + 1, int(0.6 * size), size // 2 + 1
        for axis in range(dim):
            spans = [*block, slice(0, top + (axis == 1)), slice(low, high + (axis == 0))]
            openings[axis][tuple(spans)] = 0.0
    return Scene([share[None] for share in openings], sides)


def random_velocity(scene: Scene, seed: int, dtype: torch.dtype) -> list[Tensor]:
    """Return random faces that are zero on walls and inflows."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for axis, share in enumerate(scene.openings):
        face = torch.randn(share.shape, generator=draw, dtype=torch.float64)
        for end in (0, 1):
            if scene.sides[2 * axis + end] not in ("outflow", "periodic"):
                face.select(-1 - axis, -end).zero_()
        found.append(face.to(dtype))
    return found


def driven_velocity(scene: Scene) -> list[Tensor]:
    """Return faces at rest but for a jet between opposite corners, or but for the inflow."""
    faces = [torch.zeros_like(share) for share in scene.openings]
    if "inflow" in scene.sides:
        faces[0].select(-1, 0).fill_(1.0)
    else:
        corner = (0,) * (faces[0].ndim - 1)
        faces[0][(*corner, 1)], faces[0].flatten()[-2:-1] = 1.0, 1.0
    return faces


def count_iterations(name: str, dim: int, size: int, tolerance: float = 1e-6) -> Solve:
    """Return what it takes to solve a scene; the box without obstacles has openings of one."""
    scene = make_scene(name, dim, size)
    found = [
        project(faces, 1.0 / size, scene.sides, openings=scene.openings, tolerance=tolerance)
        for faces in (random_velocity(scene, 0, torch.float64), driven_velocity(scene))
    ]
    counts = [int(result.iterations) for result in found]
    worst = max(float(result.residual) for result in found)
    return Solve(name, dim, size, *counts, worst)


def _time(dim: int, size: int, name: str, repeats: int) -> Timing:
    scene = make_scene(name, dim, size)
    faces = random_velocity(scene, 0, torch.float32)
    openings = None if name == "free" else [share.float() for share in scene.openings]

    def work() -> object:
        return project(faces, 1.0 / size, scene.sides, openings=openings, tolerance=1e-3)

    result = project(faces, 1.0 / size, scene.sides, openings=openings, tolerance=1e-3)
    return Timing(name, dim, size, 1e3 * seconds_of(work, repeats), int(result.iterations))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 if a solve took more iterations than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.projection", description=__doc__)
    parser.add_argument("--large", action="store_true", help="512 and 128 a side too: minutes")
    parser.add_argument("--repeats", type=int, default=5, help="of each timing")
    parser.add_argument("--json", action="store_true", help="print numbers for programs")
    chosen = parser.parse_args(argv)
    sizes = [(2, n) for n in (32, 64, 128, 256)] + [(3, n) for n in (32, 64)]
    sizes += [(2, 512), (3, 128)] if chosen.large else []
    solves = [count_iterations(name, *size) for name in SCENES for size in sizes]
    last = len(TIMED) if chosen.large else len(TIMED) - 1
    timings = [_time(dim, size, name, chosen.repeats) for dim, size, name in TIMED[:last]]
    if chosen.json:
        rows = {"solves": solves, "timings": timings}
        print(json.dumps({key: [asdict(row) for row in value] for key, value in rows.items()}))
    else:
        print(f"{machine()}\n\nscene | grid | iterations to 1e-6, random | driven | residual")
        for solve in solves:
            grid = f"{solve.size}^{solve.dim}"
            print(
                f"{solve.scene} | {grid} | {solve.random} | {solve.driven} | {solve.residual:.1e}"
            )
        print("\nscene | grid | ms to 1e-3, float32 | iterations")
        for row in timings:
            grid = f"{row.size}^{row.dim}"
            print(f"{row.scene} | {grid} | {row.milliseconds:.2f} | {row.iterations}")
    return int(any(max(solve.random, solve.driven) > MOST for solve in solves))


if __name__ == "__main__":
    raise SystemExit(main())
