"""``diffgfx fluid``: simulate a scene file."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffgfx.tasks.flow import StepReport

__all__ = ["register", "run_simulate"]


def register(subparsers: Any) -> None:
    """Add the command's parsers."""
    parser = subparsers.add_parser(
        "fluid",
        help="simulate flows and smoke",
        description="Simulate flows and smoke, and look at them.",
    )
    inner = parser.add_subparsers(metavar="ACTION", required=True)
    simulate = inner.add_parser(
        "simulate",
        help="simulate a scene file into a folder of frames",
        description="Simulate a scene file into OUT/frames/NNNNNN.npz, each the whole state of a "
        "restart, written whole or not at all. Killed at any moment, a run loses at most one frame "
        "and goes on with --resume as if it had never stopped.",
    )
    simulate.add_argument("scene", metavar="SCENE.toml", help="the scene file")
    simulate.add_argument("-o", dest="out", metavar="OUT", required=True, help="folder to write")
    simulate.add_argument(
        "--frames", type=int, default=None, help="frames to make (default: what the scene says)"
    )
    simulate.add_argument("--resume", action="store_true", help="go on with an earlier run in OUT")
    simulate.add_argument(
        "--preview", choices=("mp4", "png", "none"), default="mp4",
        help="pictures of the frames as they come: a film (default), single pictures, or none",
    )  # fmt: skip
    simulate.add_argument(
        "--format", choices=("npz", "uni"), default="npz",
        help="uni writes each frame as Mantaflow grids too, OUT/uni/*.uni (default: npz)",
    )  # fmt: skip
    simulate.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where to compute"
    )
    simulate.add_argument("--json", action="store_true", help="print a summary as JSON on stdout")
    simulate.set_defaults(run=run_simulate)


def run_simulate(args: argparse.Namespace) -> int:
    """Run ``fluid simulate``."""
    from diffgfx.cli._memory import keep_freed_memory
    from diffgfx.tasks.flow import SimulateOptions, simulate_flow

    keep_freed_memory()
    options = SimulateOptions(args.frames, args.resume, args.preview, args.format, args.device)
    with _progress() as tell:
        summary = simulate_flow(args.scene, args.out, options, progress=tell)
    if args.json:
        print(json.dumps(summary))
    else:
        print(
            f"{summary['made']} frames in {summary['seconds']:.1f} s, to step {summary['step']} "
            f"at {summary['time']:.3g} s; wrote {args.out}/"
        )
    return 0


_QUIET_SECONDS = 10.0


@contextlib.contextmanager
def _progress() -> Iterator[Callable[["StepReport"], None]]:
    """Show step, Courant number, iterations, divergence and the time left on stderr."""
    begun = time.monotonic()
    first: list[int] = []
    shown = begun
    live = sys.stderr.isatty()

    def tell(report: "StepReport") -> None:
        nonlocal shown
        now = time.monotonic()
        if not first:
            first.append(report.frame - 1)
        done = report.frame - first[0]
        left = (now - begun) / done * (report.frames - report.frame)
        if not live and report.frame < report.frames and now - shown < _QUIET_SECONDS:
            return
        shown = now
        line = (
            f"frame {report.frame}/{report.frames} step {report.step} CFL {report.courant:.2f} "
            f"iterations {report.iterations} div {report.divergence:.1e} m/s {left:.0f} s left"
        )
        print(f"\r\x1b[K{line}" if live else line, end="" if live else "\n", file=sys.stderr)
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if live:
            print(file=sys.stderr)
