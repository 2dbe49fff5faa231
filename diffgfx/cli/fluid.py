"""``diffgfx fluid``: simulate a scene file, film it, recover what made a film."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from diffgfx.cli._progress import progress_bars

if TYPE_CHECKING:
    from diffgfx.tasks.flow import StepReport

__all__ = ["register", "run_control", "run_render", "run_simulate"]


def register(subparsers: Any) -> None:
    """Add the command's parsers."""
    parser = subparsers.add_parser(
        "fluid",
        help="simulate flows and smoke, film them, recover what made them",
        description="Simulate flows and smoke, film them, and recover what made them.",
    )
    inner = parser.add_subparsers(metavar="ACTION", required=True)
    _add_simulate(inner)
    _add_render(inner)
    _add_control(inner)


def _add_simulate(inner: Any) -> None:
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


def _add_render(inner: Any) -> None:
    render = inner.add_parser(
        "render",
        help="film the frames of a simulation",
        description="Film every frame of a simulation: smoke with one shadowed light, or vorticity "
        "where a flow in 2-D has no smoke. The film appears whole or not at all.",
    )
    render.add_argument("folder", metavar="OUT", help="folder of a simulation")
    render.add_argument(
        "-o", dest="out", metavar="FILM", required=True,
        help="a film if it ends in .mp4, else a folder of pictures frame_0000.png and so on",
    )  # fmt: skip
    render.add_argument(
        "--size", type=int, default=512, help="pixels along the longer side (default 512)"
    )
    render.add_argument(
        "--fps", type=float, default=None,
        help="frames a second of the film (default: real time, at most 30)",
    )  # fmt: skip
    render.add_argument("--overwrite", action="store_true", help="replace an earlier film")
    render.add_argument("--json", action="store_true", help="print a summary as JSON on stdout")
    render.set_defaults(run=run_render)


def _add_control(inner: Any) -> None:
    control = inner.add_parser(
        "control",
        help="recover buoyancy, sources or the first velocity from frames or pictures",
        description="Recover an unknown of a scene, so that its smoke matches the frames of "
        "another simulation, or pictures of smoke as diffgfx fluid render makes them. The folder "
        "OUT appears whole or not at all.",
    )
    control.add_argument(
        "target", metavar="TARGET", help="folder of a simulation, or of pictures frame_0000.png on"
    )
    control.add_argument("-o", dest="out", metavar="OUT", required=True, help="folder to write")
    control.add_argument(
        "--scene", metavar="SCENE.toml", required=True,
        help="the scene file: all but the unknown, and a first guess of that",
    )  # fmt: skip
    control.add_argument(
        "--unknown", choices=("buoyancy", "inflow", "velocity"), required=True,
        help="buoyancy: density_force; inflow: density of each source; velocity: at the start",
    )  # fmt: skip
    control.add_argument(
        "--steps", type=int, default=8, help="most steps of the solver a level (default 8)"
    )
    control.add_argument(
        "--seed", type=int, default=0,
        help="seed of the probes that judge how sure buoyancy or inflow are (default 0)",
    )  # fmt: skip
    control.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where to compute"
    )
    control.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    control.add_argument("--json", action="store_true", help="print result.json on stdout")
    control.set_defaults(run=run_control)


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


def run_render(args: argparse.Namespace) -> int:
    """Run ``fluid render``."""
    from diffgfx.cli._memory import keep_freed_memory
    from diffgfx.tasks.flow import FilmOptions, film_flow

    keep_freed_memory()
    options = FilmOptions(args.size, args.fps, args.overwrite)
    with progress_bars() as tell:
        summary = film_flow(args.folder, args.out, options, progress=tell)
    if args.json:
        print(json.dumps(summary))
    else:
        print(
            f"{summary['frames']} frames of {summary['width']} x {summary['height']} in "
            f"{summary['seconds']:.1f} s; wrote {args.out}"
        )
    return 0


def run_control(args: argparse.Namespace) -> int:
    """Run ``fluid control``."""
    from diffgfx.cli._memory import keep_freed_memory
    from diffgfx.io import check_output
    from diffgfx.tasks.control import RESULT, ControlOptions, control_flow, export_control

    keep_freed_memory()
    options = ControlOptions(args.unknown, args.steps, args.seed, args.device)
    check_output(args.out, args.overwrite, [args.target, args.scene], marker=RESULT)
    with progress_bars() as tell:
        result = control_flow(args.target, args.scene, options, progress=tell)
        numbers = export_control(result, args.out, args.scene, overwrite=args.overwrite)
    if args.json:
        print(json.dumps(numbers))
    else:
        start, found = (
            ", ".join(f"{number:.4g}" for number in numbers[key]) for key in ("start", "recovered")
        )
        print(
            f"{args.unknown} {found} (from {start}) {numbers['unit']}; residual "
            f"{numbers['residual']:.2g} of {numbers['frames']} frames; {numbers['steps']} steps in "
            f"{numbers['seconds']:.1f} s; wrote {args.out}/: look at compare.png"
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
        parts = f" in {report.parts} parts" if report.parts > 1 else ""
        line = (
            f"frame {report.frame}/{report.frames} step {report.step}{parts} CFL "
            f"{report.courant:.2f} "
            f"iterations {report.iterations} div {report.divergence:.1e} m/s {left:.0f} s left"
        )
        print(f"\r\x1b[K{line}" if live else line, end="" if live else "\n", file=sys.stderr)
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if live:
            print(file=sys.stderr)
