"""Meshes: the four raster ops and a lit view, forward and backward, in time and memory.

``python -m benchmarks.raster [--full] [--repeats 7] [--plots docs] [--json]``

The ops are timed together, as a user calls them, and each by itself; float32. The mesh is spot of
the published data, else a knot of as many triangles. Where Mitsuba 3 is installed it draws the same
view with our BRDF written in Python, and both pull a gradient back to the roughness map, one sample
a pixel; it runs in a process of its own, before and after ours. PyTorch3D is not built here: its
time is quoted. ``--full`` adds larger pictures and meshes; ``--plots`` writes what it measured.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import raster_cuda
from benchmarks.measure import Row, machine, peak_memory, return_freed_memory, seconds_of
from benchmarks.plot import write_lines
from benchmarks.raster_work import four_ops, knot_of, lit_view, split, spot, view_of
from diffgfx.cli._memory import keep_freed_memory
from diffgfx.scene import Camera
from diffgfx.tasks.validation.mesh_mitsuba import describe_for_mitsuba
from diffgfx.tasks.validation.mitsuba import mitsuba_environment, why_no_mitsuba

__all__ = ["Limit", "Report", "main", "measure"]

PYTORCH3D_MS = 15e3
"""PyTorch3D 0.7.9's CPU rasteriser on spot at 512^2, as DESIGN.md has it; not measured again."""
SIDES = (256, 512, 1024)
LARGE_SIDE = 2048
TRIANGLES = (1_000, 10_000, 100_000)
MANY = 400_000


@dataclasses.dataclass(frozen=True)
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


@dataclasses.dataclass(frozen=True)
class Report:
    """What was measured, on what, and what could not be.

    Attributes:
        machine: What it ran on.
        limits: Times and memory against bars.
        rows: Ratios against others.
        split: Milliseconds forward and backward of each op, by mesh and picture.
        by_pixels: Milliseconds of the four ops by pixels of the picture.
        by_triangles: The same by triangles, at 512^2.
        missing: What could not be measured, and why.
    """

    machine: str
    limits: list[Limit]
    rows: list[Row]
    split: dict[str, dict[str, tuple[float, float]]]
    by_pixels: list[tuple[float, float]]
    by_triangles: list[tuple[float, float]]
    missing: list[str]


def _peak_floats(side: int) -> float:
    """Peak rise beyond the gradients returned, in floats a pixel, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.raster", "--peak", str(side)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(ran.stdout)


def _measure_peak(side: int) -> float:
    _, part = spot()
    view = view_of(part.mesh, part.material, side)
    returned = view.pos.numel() + view.uv.numel() + view.tex.numel()
    return peak_memory(four_ops(view)) / 4.0 / side**2 - returned / side**2


def _mitsuba_seconds(side: int, repeats: int) -> list[float]:
    _, part = spot()
    camera = Camera.framing(part.mesh.bounds, 0.6, 0.3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.npz"
        np.savez(path, **describe_for_mitsuba(part, camera, side, 1))
        command = [sys.executable, "-m", "benchmarks.raster_mitsuba", str(path), str(repeats)]
        ran = subprocess.run(
            command, env=mitsuba_environment(), check=True, capture_output=True, text=True
        )
    seconds: list[float] = json.loads(ran.stdout.splitlines()[-1])
    return seconds


def _cuda_rows(repeats: int) -> list[Row]:
    """In a process of its own: Taichi serves one device in each."""
    command = [sys.executable, "-m", "benchmarks.raster_cuda", "--json", "--repeats", str(repeats)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    names = [field.name for field in dataclasses.fields(Row)]
    found = json.loads(ran.stdout.splitlines()[-1])
    return [Row(**{name: row[name] for name in names}) for row in found]


def _lit_row(side: int, repeats: int) -> Row:
    _, part = spot()
    theirs = _mitsuba_seconds(side, repeats)
    ours = seconds_of(lit_view(part, side), repeats)
    theirs += _mitsuba_seconds(side, repeats)
    name = f"lit view {side}^2, forward + d/d roughness, Mitsuba's over ours"
    return Row(name, 1e3 * ours, 1e3 * statistics.median(theirs), 3.0, "ms")


def measure(
    repeats: int = 7,
    *,
    side: int = 512,
    large: tuple[int, int] = (1024, 100_000),
    sides: Sequence[int] = SIDES,
    triangles: Sequence[int] = TRIANGLES,
) -> Report:
    """Measure. It changes how this process allocates, for good.

    Args:
        repeats: Timed runs, of which the median.
        side: Of the picture of spot [pixels].
        large: Side and triangles of the larger case.
        sides: Of the pictures over which time is plotted.
        triangles: Of the meshes over which time is plotted.
    """
    keep_freed_memory()
    name, part = spot()
    view = view_of(part.mesh, part.material, side)
    count = len(part.mesh.triangles)
    total = 1e3 * seconds_of(four_ops(view), repeats)
    many = knot_of(large[1])
    many_view = view_of(many.mesh, many.material, large[0])
    title = f"{name}, {count} triangles, {side}^2"
    many_title = f"knot, {len(many.mesh.triangles)} triangles, {large[0]}^2"
    limits = [
        Limit(f"four ops, forward + backward: {title}", total, 40.0, "ms"),
        Limit(
            f"four ops, forward + backward: {many_title}",
            1e3 * seconds_of(four_ops(many_view), repeats), 250.0, "ms",
        ),
        Limit(f"memory beyond gradients: {title}", _peak_floats(side), 64.0, "floats a pixel"),
    ]  # fmt: skip
    rows = [Row(f"PyTorch3D's CPU rasteriser (quoted), {title}", total, PYTORCH3D_MS, 300.0, "ms")]
    missing = ["PyTorch3D: not built here; 15 s is what DESIGN.md quotes"]
    why = why_no_mitsuba()
    if why is None:
        rows.append(_lit_row(side, repeats))
    else:
        missing.append(f"Mitsuba: {why}")
    no_cuda = raster_cuda.why_not()
    if no_cuda is None:
        rows += _cuda_rows(repeats)
    else:
        missing.append(f"CUDA against nvdiffrast: {no_cuda}")
    by_pixels = [
        (float(n * n), 1e3 * seconds_of(four_ops(view_of(part.mesh, part.material, n)), repeats))
        for n in sides
    ]
    by_triangles = []
    for wanted in triangles:
        knot = knot_of(wanted)
        seconds = seconds_of(four_ops(view_of(knot.mesh, knot.material, 512)), repeats)
        by_triangles.append((float(len(knot.mesh.triangles)), 1e3 * seconds))
    splits = {title: split(view, repeats), many_title: split(many_view, repeats)}
    return Report(machine(), limits, rows, splits, by_pixels, by_triangles, missing)


def _plot(report: Report, folder: Path) -> None:
    axes = ("pixels", "ms, four ops forward + backward")
    write_lines(folder / "raster_pixels.svg", "Time against pixels", axes, {
        "measured": report.by_pixels, "linear": _linear(report.by_pixels),
    })  # fmt: skip
    axes = ("triangles", axes[1])
    lines = {"measured, 512^2": report.by_triangles, "linear": _linear(report.by_triangles)}
    write_lines(folder / "raster_triangles.svg", "Time against triangles", axes, lines)


def _linear(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The line through the last point and the origin."""
    x, y = points[-1]
    return [(at, y * at / x) for at, _ in points]


def _print(report: Report) -> None:
    print(f"{report.machine}\n\nclaim | ours | bar or theirs | ratio | bar |")
    for limit in report.limits:
        word = "pass" if limit.passed else "FALLS SHORT"
        print(f"{limit.name} | {limit.value:.1f} {limit.unit} | {limit.bar:g} | | | {word}")
    for row in report.rows:
        word = "pass" if row.passed else "FALLS SHORT"
        ours, theirs = f"{row.ours:.1f} {row.unit}", f"{row.theirs:.0f} {row.unit}"
        print(f"{row.name} | {ours} | {theirs} | {row.ratio:.1f} | {row.bar:g} | {word}")
    for title, ops in report.split.items():
        print(f"\n{title} | forward ms | backward ms")
        for name, (forward, backward) in ops.items():
            print(f"{name} | {forward:.2f} | {backward:.2f}")
    for title, points in (("pixels", report.by_pixels), ("triangles", report.by_triangles)):
        print(f"\n{title} | ms | ns each")
        for count, ms in points:
            print(f"{count:.0f} | {ms:.1f} | {1e6 * ms / count:.0f}")
    for reason in report.missing:
        print(f"not measured: {reason}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.raster", description=about)
    parser.add_argument("--full", action="store_true", help="2048^2 and 400 k triangles too")
    parser.add_argument("--repeats", type=int, default=7, help="timed runs, of which the median")
    parser.add_argument("--plots", type=Path, help="folder for two plots as SVG")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--peak", type=int, metavar="SIDE", help="print peak memory, no more")
    args = parser.parse_args(argv)
    if args.peak:
        return_freed_memory()
        print(_measure_peak(args.peak))
        return 0
    more = {"sides": (*SIDES, LARGE_SIDE), "triangles": (*TRIANGLES, MANY)} if args.full else {}
    report = measure(args.repeats, **more)
    if args.plots:
        _plot(report, args.plots)
    if args.json:
        plain = {**vars(report)}
        plain["limits"] = [{**vars(x), "passed": x.passed} for x in report.limits]
        plain["rows"] = [{**vars(r), "ratio": r.ratio, "passed": r.passed} for r in report.rows]
        print(json.dumps(plain))
    else:
        _print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
