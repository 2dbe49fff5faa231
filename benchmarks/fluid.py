"""Flows: iterations of the pressure solve, a smoke step, a batch, a long gradient.

``python -m benchmarks.fluid [--full] [--repeats 5] [--json]``

Smoke steps are those of `diffgfx.tasks.validation.flow_phiflow.unit_plume`, float32, pressure to a
thousandth. Where the environment variable DIFFGFX_PHIFLOW names a python that has PhiFlow, its
compiled torch step takes the same plume with the same schemes (MacCormack for smoke and velocity)
to the same residual, in a process of its own, one after the other. Ours carries heat as well.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from benchmarks.flow_work import (
    TOLERANCE,
    Split,
    grown_plume,
    largest_divergence,
    long_gradient,
    plume_divergence,
    repeat_batch,
    split_step,
)
from benchmarks.measure import (
    Row,
    interleave,
    machine,
    peak_memory,
    return_freed_memory,
)
from benchmarks.projection import SCENES, Solve, count_iterations
from diffgfx.fluid import step
from diffgfx.tasks.validation.flow_phiflow import run_phiflow, unit_plume, why_no_phiflow

__all__ = ["Limit", "Report", "main", "measure"]

GRIDS = ((128, 128), (32, 32, 32), (64, 64, 64))
LARGE = (128, 128, 128)
MOST_MS = {(64, 64, 64): 100.0, LARGE: 1000.0}
PHIFLOW = {(128, 128): 30.0, (32, 32, 32): 20.0}


@dataclass(frozen=True)
class Limit:
    """A number that must not exceed a bar."""

    name: str
    value: float
    bar: float
    unit: str

    @property
    def passed(self) -> bool:
        """Whether it does not."""
        return self.value <= self.bar


@dataclass(frozen=True)
class Report:
    """What was measured, on what, and what could not be."""

    machine: str
    solves: list[Solve]
    splits: list[Split]
    rows: list[Row]
    limits: list[Limit]
    missing: list[str]


def _phiflow_row(cells: tuple[int, ...], grown: int, repeats: int) -> Row:
    """Time both codes on the same plume, from the same step on."""
    _, scene = unit_plume(cells, tolerance=TOLERANCE)
    steps = grown + repeats
    theirs = run_phiflow(
        scene, "mac_cormack", steps, tolerance=TOLERANCE, tracer="euler", compiled=True
    ).seconds[grown:]
    state, scene = grown_plume(cells, grown)
    ours = []
    with torch.no_grad():
        for _ in range(repeats):
            begun = time.perf_counter()
            state = step(state, scene)
            ours.append(time.perf_counter() - begun)
    grid = "x".join(str(n) for n in cells)
    return Row(
        f"smoke step {grid}, PhiFlow's over ours", 1e3 * statistics.median(ours),
        1e3 * float(theirs.median()), PHIFLOW.get(cells, 0.0), "ms",
    )  # fmt: skip


def _batch_row(side: int, count: int, repeats: int) -> Row:
    state, scene = grown_plume((side, side), 5)
    many = repeat_batch(state, count)

    def together() -> object:
        with torch.no_grad():
            return step(many, scene)

    def one_by_one() -> object:
        with torch.no_grad():
            return [step(state, scene) for _ in range(count)]

    ours, theirs = interleave(together, one_by_one, repeats)
    name = f"{count} x {side}^2 smoke steps, a loop over a batch"
    return Row(name, 1e3 * ours, 1e3 * theirs, 2.0, "ms")


def _gradient_limits(side: int, steps: int) -> list[Limit]:
    """Measure a long gradient in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.fluid", "--gradient", str(side), str(steps)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, forward, both = json.loads(ran.stdout)
    name = f"gradient of {steps} steps at {side}^3 in 128 MB"
    return [
        Limit(f"{name}: memory beyond the state", peak / 1e6, 200.0, "MB"),
        Limit(f"{name}: time, in forward passes", both / forward, 6.0, f"of {forward:.1f} s"),
    ]


def _measure_gradient(side: int, steps: int) -> str:
    forward, both = long_gradient((side,) * 3, steps, "128MB")
    long_gradient((side,) * 3, 2, "128MB")[1]()  # compiles
    begun = time.perf_counter()
    forward()
    between = time.perf_counter()
    found = [0.0, between - begun, 0.0]

    def timed() -> None:
        begun = time.perf_counter()
        both()
        found[2] = time.perf_counter() - begun

    found[0] = peak_memory(timed, warm=False)
    return json.dumps(found)


def _solve_limits(solves: Sequence[Solve]) -> list[Limit]:
    """Return the most iterations of each geometry, over all its grids."""
    return [
        Limit(
            f"iterations to 1e-6, {name}, the most",
            max(max(s.random, s.driven) for s in solves if s.scene == name), 10, "",
        )
        for name in SCENES
    ]  # fmt: skip


def measure(
    repeats: int = 5,
    *,
    grids: Sequence[tuple[int, ...]] = GRIDS,
    solved: Sequence[tuple[int, int]] = ((2, 32), (2, 128), (3, 32)),
    batch: tuple[int, int] = (64, 16),
    gradient: tuple[int, int] = (64, 100),
) -> Report:
    """Measure.

    Args:
        repeats: Timed runs, of which the median.
        grids: Of the smoke steps.
        solved: Dimension and cells a side of the pressure solves.
        batch: Cells a side, and how many at once.
        gradient: Cells a side, and steps.
    """
    solves = [count_iterations(name, *size) for name in SCENES for size in solved]
    splits = [split_step(cells, 10, repeats) for cells in grids]
    why = why_no_phiflow()
    compared = [cells for cells in grids if cells in PHIFLOW or len(grids) == 1]
    rows = [] if why else [_phiflow_row(cells, 10, repeats) for cells in compared]
    rows.append(_batch_row(*batch, repeats))
    limits = _solve_limits(solves)
    limits += [
        Limit(f"max div h / U, float32, {name}, the most", most, 1e-5, "")
        for name in SCENES
        for most in [max(largest_divergence(*size, name) for size in solved)]
    ]
    plume = plume_divergence(grids[0], 20)
    limits.append(Limit("max div h / U, float32, first steps of a plume", plume, 1e-5, ""))
    limits += [
        Limit(f"smoke step {split.cells[0]}^3", split.total, MOST_MS[split.cells], "ms")
        for split in splits
        if split.cells in MOST_MS
    ]
    limits += _gradient_limits(*gradient)
    return Report(machine(), solves, splits, rows, limits, [why] if why else [])


def _print(report: Report) -> None:
    print(f"{report.machine}\n\ngeometry | grid | iterations to 1e-6: random | driven | residual")
    for s in report.solves:
        print(f"{s.scene} | {s.size}^{s.dim} | {s.random} | {s.driven} | {s.residual:.1e}")
    print("\nsmoke step | ms | ns a cell | the call alone ms | a copy of the state ms | terms, ms")
    for split in report.splits:
        grid = "x".join(str(n) for n in split.cells)
        terms = ", ".join(f"{name} {ms:.2f}" for name, ms in split.terms.items())
        print(
            f"{grid} | {split.total:.2f} | {1e6 * split.total / split.count:.0f} | "
            f"{split.launch:.2f} | {split.traffic:.2f} | {terms}"
        )
    print("\nclaim | ours | theirs | ratio | bar |")
    for row in report.rows:
        print(
            f"{row.name} | {row.ours:.2f} {row.unit} | {row.theirs:.2f} {row.unit} | "
            f"{row.ratio:.1f} | {row.bar:g} | {'pass' if row.passed else 'FALLS SHORT'}"
        )
    for limit in report.limits:
        print(
            f"{limit.name} | {limit.value:.3g} {limit.unit} | | | {limit.bar:g} | "
            f"{'pass' if limit.passed else 'FALLS SHORT'}"
        )
    for reason in report.missing:
        print(f"not measured: {reason}")


def _as_dict(report: Report) -> dict[str, object]:
    return {
        "machine": report.machine,
        "solves": [vars(s) for s in report.solves],
        "splits": [vars(s) for s in report.splits],
        "rows": [{**vars(r), "ratio": r.ratio, "passed": r.passed} for r in report.rows],
        "limits": [{**vars(x), "passed": x.passed} for x in report.limits],
        "missing": report.missing,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fluid", description=about)
    parser.add_argument("--full", action="store_true", help="512^2 and 128^3 too: minutes more")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs, of which the median")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--gradient", type=int, nargs=2, metavar=("SIDE", "STEPS"),
        help="print peak bytes and seconds of forward and gradient, no more",
    )  # fmt: skip
    args = parser.parse_args(argv)
    if args.gradient:
        return_freed_memory()
        print(_measure_gradient(*args.gradient))
        return 0
    if args.full:
        sizes = [(2, n) for n in (32, 64, 128, 256, 512)] + [(3, n) for n in (32, 64, 128)]
        report = measure(args.repeats, grids=(*GRIDS, LARGE), solved=sizes)
    else:
        report = measure(args.repeats)
    if args.json:
        print(json.dumps(_as_dict(report)))
    else:
        _print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
