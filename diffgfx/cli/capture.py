"""``diffgfx capture``: a material from flash photographs."""

import argparse
import json
from typing import Any

from diffgfx.cli._progress import progress_bars
from diffgfx.errors import RangeError

__all__ = ["progress_bars", "register", "run"]


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "capture",
        help="recover a material from flash photographs and prove it",
        description="Recover SVBRDF maps from rectified flash photographs, and prove them on "
        "photographs that the fit never saw.",
    )
    parser.add_argument("input", metavar="DIR|capture.json", help="the capture")
    parser.add_argument("-o", dest="out", metavar="OUT", required=True, help="folder to be written")
    parser.add_argument(
        "--resolution", type=int, default=1024, help="texels along the longer side (default 1024)"
    )
    parser.add_argument(
        "--holdout", default="auto",
        help="photographs kept from the fit: auto (a quarter), none, or indices such as 3,6",
    )  # fmt: skip
    parser.add_argument(
        "--final", choices=("split", "all"), default="split",
        help="all: refit on every photograph after the proof",
    )  # fmt: skip
    parser.add_argument(
        "--prior", choices=("smooth", "dip", "none"), default="smooth",
        help="smooth: shared materials, edge-aware; dip: untrained network, up to 256 texels",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", choices=("keep", "refine", "solve"), default="keep",
        help="refine: let each camera move a little; solve: find all poses, use none that is given",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of everything drawn (default 0)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    parser.add_argument("--json", action="store_true", help="print metrics.json on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diffgfx.cli._memory import keep_freed_memory
    from diffgfx.io import check_output, read_capture
    from diffgfx.tasks.capture import CaptureOptions, capture_material, export_capture

    keep_freed_memory()
    options = CaptureOptions(
        args.resolution, parse_holdout(args.holdout), args.final, args.prior, args.calibration,
        args.seed, args.device,
    )  # fmt: skip
    capture = read_capture(args.input, posed=args.calibration != "solve")
    check_output(args.out, args.overwrite, [capture.folder])
    with progress_bars() as progress:
        result = capture_material(capture, options, progress=progress)
        metrics = export_capture(
            capture, result, options, args.out, overwrite=args.overwrite, progress=progress
        )
    if args.json:
        print(json.dumps(metrics))
    else:
        print(_summary(metrics, args.out))
    return 0


def parse_holdout(text: str) -> Any:
    """Return ``auto``, ``none`` or a tuple of indices."""
    if text in ("auto", "none"):
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise RangeError(
            f"--holdout must be auto, none or indices separated by commas, got {text!r}; "
            "for the fourth and seventh photograph write 3,6"
        ) from None


def _summary(metrics: dict[str, Any], out: str) -> str:
    held = [photo for photo in metrics["photos"] if photo["held_out"]]
    lines = [f"warning: {text}" for text in metrics["warnings"]]
    fitted = f"fitted rmse {metrics['fitted']:.4f}"
    if held:
        names = ", ".join(photo["file"] for photo in held)
        on_it = any(photo["pose"] == "solved on this photo" for photo in held)
        own = "; pose and exposure solved on each, maps frozen" if on_it else ""
        lines.append(f"held-out rmse {metrics['held_out']:.4f} ({names}{own}), {fitted}")
    else:
        lines.append(f"{fitted}; no photograph was held out, so nothing is proven")
    lines.append(f"next photo: {metrics['next_photo']['place']}")
    lines.append(
        f"fit {metrics['seconds']['fit']:.1f} s at {metrics['resolution'][0]} x "
        f"{metrics['resolution'][1]}; wrote {out}/: open report.html"
    )
    return "\n".join(lines)
