"""Shading and the rendering loss, value and gradient, against eager torch on the same equation.

``python -m benchmarks.shade [--size 512] [--pairs 9] [--repeats 7] [--json]``

The equation is `diffgfx_kernels.torch_.shade_svbrdf.render`, run eagerly under autograd; both sides
are compared before they are timed. Time: medians of interleaved runs in one process, once with
glibc as it is, and once keeping freed memory as the command line does, for both sides alike: fresh
pages cost much on a virtual machine, and most of them fall to eager torch. Memory: the rise of
resident memory at its peak, each method in a process of its own in which glibc returns freed blocks
at once; for shading, the picture and the gradient that both sides return are taken off.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.measure import (
    NOISE,
    Row,
    interleave,
    machine,
    peak_memory,
    return_freed_memory,
    seconds_of,
)
from diffgfx.cli._memory import keep_freed_memory
from diffgfx.ops import shade_svbrdf, svbrdf_render_loss
from diffgfx_kernels.torch_.shade_svbrdf import render

__all__ = ["Limit", "Report", "main", "measure"]

SIZE = (1.0, 1.0)
EPSILON = 0.01
KINDS = (("shade", 15.0, "shade + backward"), ("loss", 20.0, "loss + gradient"))
FLOPS = {"shade": 116 + 192, "loss": 299}
"""Operations a texel and pair, counted in the machine code of the vectorised loops."""

Work = Callable[[], Tensor]


@dataclass(frozen=True)
class Limit:
    """What our time is made of.

    Attributes:
        name: The method.
        total: Median time [ms].
        launch: The same on 8 x 8 texels: calls, checks, autograd and launches [ms].
        traffic: A copy of as many bytes as must be read and written [ms].
        gigaflops: Arithmetic over what is left [1e9 operations a second, all cores].
    """

    name: str
    total: float
    launch: float
    traffic: float
    gigaflops: float


@dataclass(frozen=True)
class Report:
    """What was measured, on what, and what limits it."""

    machine: str
    rows: list[Row]
    limits: list[Limit]


def _inputs(side: int, pairs: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 10, side, side, generator=generator) * 0.6 + 0.2
    maps[:, :2] -= 0.5
    maps[:, 2] = 1.0
    position = torch.randn(1, pairs, 3, generator=generator) * 0.4
    position[..., 2] = 2.0
    intensity = torch.full((1, pairs, 3), 10.0)
    return maps, position, intensity


def _works(side: int, pairs: int) -> dict[str, Work]:
    """Return the four methods; each returns the gradient to the maps."""
    maps, position, intensity = _inputs(side, pairs)
    rows = torch.cat([position, intensity, position, torch.zeros(1, pairs, 7)], dim=-1)
    target = shade_svbrdf(maps, position, intensity, position, SIZE) * 0.9
    upstream = torch.ones_like(target)
    leaf = maps.requires_grad_()

    def gradient(value: Tensor, upstream: Tensor | None = None) -> Tensor:
        return torch.autograd.grad(value, leaf, upstream)[0]

    def eager() -> Tensor:
        return render(leaf, rows, SIZE, False, False, False)

    return {
        "shade ours": lambda: gradient(
            shade_svbrdf(leaf, position, intensity, position, SIZE), upstream
        ),
        "shade eager": lambda: gradient(eager(), upstream),
        "loss ours": lambda: gradient(
            svbrdf_render_loss(leaf, target, position, intensity, position, SIZE).sum()
        ),
        "loss eager": lambda: gradient(
            ((eager() + EPSILON).log() - (target + EPSILON).log()).abs().mean()
        ),
    }


def _check_agreement(works: dict[str, Work]) -> None:
    for kind, _, _ in KINDS:
        ours, theirs = works[f"{kind} ours"](), works[f"{kind} eager"]()
        scale = float(theirs.abs().max())
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * scale)


def _peak(name: str, side: int, pairs: int) -> float:
    command = [sys.executable, "-m", "benchmarks.shade", "--size", str(side)]
    command += ["--pairs", str(pairs), "--peak", name]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(result.stdout)


def _time_rows(works: dict[str, Work], repeats: int, allocator: str) -> list[Row]:
    rows = []
    for kind, bar, label in KINDS:
        ours, theirs = interleave(works[f"{kind} ours"], works[f"{kind} eager"], repeats)
        rows.append(Row(f"{label}: time, {allocator}", 1e3 * ours, 1e3 * theirs, bar, "ms"))
    return rows


def _memory_rows(side: int, pairs: int) -> list[Row]:
    rows = []
    returned = 4.0 * side * side * (3 * pairs + 10)
    for kind, _, label in KINDS:
        off = returned if kind == "shade" else 0.0
        what = "memory beyond picture and gradient" if off else "memory in all"
        peaks = [_peak(f"{kind} {whose}", side, pairs) - off for whose in ("ours", "eager")]
        mib = [max(peak, NOISE) / 2**20 for peak in peaks]
        rows.append(Row(f"{label}: {what}", mib[0], mib[1], 20.0, "MiB"))
    return rows


def _limits(works: dict[str, Work], side: int, pairs: int, repeats: int) -> list[Limit]:
    small = _works(8, pairs)
    # maps in and picture out; maps and its gradient in, gradient out | maps and target in, gradient
    # out, and once more through autograd's factor
    planes = {"shade": (10 + 3 * pairs) + (20 + 3 * pairs), "loss": 10 + 3 * pairs + 10 + 20}
    limits = []
    for kind, _, label in KINDS:
        total = seconds_of(works[f"{kind} ours"], repeats)
        launch = seconds_of(small[f"{kind} ours"], repeats)
        source = torch.ones(planes[kind] * side * side // 2)
        place = torch.empty_like(source)
        traffic = seconds_of(lambda: place.copy_(source), repeats)  # noqa: B023, used at once
        left = max(total - launch - traffic, 1e-9)
        flops = FLOPS[kind] * pairs * side * side
        limits.append(Limit(label, 1e3 * total, 1e3 * launch, 1e3 * traffic, 1e-9 * flops / left))
    return limits


def measure(side: int = 512, pairs: int = 9, repeats: int = 7) -> Report:
    """Measure every claim of the shading row, and what limits our side.

    It changes how this process allocates, for good.

    Args:
        side: Texels a side.
        pairs: Light/view pairs.
        repeats: Counted runs of each method, after one that is not.

    Raises:
        AssertionError: If the two sides' gradients differ.
    """
    works = _works(side, pairs)
    _check_agreement(works)
    rows = _time_rows(works, repeats, "glibc as it is")
    if keep_freed_memory():
        rows += _time_rows(works, repeats, "memory kept")
    limits = _limits(works, side, pairs, repeats)
    return Report(machine(), rows + _memory_rows(side, pairs), limits)


def _print(report: Report, side: int, pairs: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=max(Console().width, 110))
    console.print(f"{pairs} pairs x {side}^2 texels, float32; {report.machine}", highlight=False)
    table = Table("", "ours", "eager torch", "ratio", "bar", "")
    for row in report.rows:
        less = "< " if row.unit == "MiB" and row.ours <= NOISE / 2**20 else ""
        table.add_row(
            row.name, f"{less}{row.ours:.1f} {row.unit}", f"{row.theirs:.1f} {row.unit}",
            f"{'> ' if less else ''}{row.ratio:.1f}", f"{row.bar:g}",
            "pass" if row.passed else "FALLS SHORT",
        )  # fmt: skip
    console.print(table)
    for limit in report.limits:
        rest = limit.total - limit.launch - limit.traffic
        console.print(
            f"{limit.name}: {limit.total:.1f} ms = {limit.launch:.1f} calls and launches + "
            f"{limit.traffic:.1f} at the speed of a copy + {rest:.1f} arithmetic "
            f"({limit.gigaflops:.0f} GFLOP/s)",
            highlight=False,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shade", description=about)
    parser.add_argument("--size", type=int, default=512, help="texels a side")
    parser.add_argument("--pairs", type=int, default=9, help="light/view pairs")
    parser.add_argument("--repeats", type=int, default=7, help="counted runs of each")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--peak", help="print the peak memory of one method in bytes, no more")
    args = parser.parse_args(argv)
    if args.peak:
        return_freed_memory()
        print(peak_memory(_works(args.size, args.pairs)[args.peak]))
        return 0
    report = measure(args.size, args.pairs, args.repeats)
    if args.json:
        rows = [{**vars(row), "ratio": row.ratio, "passed": row.passed} for row in report.rows]
        limits = [vars(limit) for limit in report.limits]
        print(json.dumps({"machine": report.machine, "rows": rows, "limits": limits}))
    else:
        _print(report, args.size, args.pairs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
