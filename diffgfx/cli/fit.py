"""``diffgfx fit``: the pose, shape, texture or material of a model from pictures of it."""

import argparse
import json
from typing import Any

from diffgfx.cli._progress import progress_bars
from diffgfx.errors import RangeError

__all__ = ["register", "run"]

_WHAT = {
    "pose": "where a model is and how it is turned",
    "shape": "the vertices of a closed mesh, from a sphere where no model is given",
    "texture": "the diffuse map of a model",
    "material": "diffuse, specular and roughness maps of a model",
}


def register(subparsers: Any) -> None:
    """Add the commands to the parser."""
    parser = subparsers.add_parser(
        "fit",
        help="recover pose, shape, texture or material from pictures",
        description="Recover what a model is like from pictures with known cameras, and prove it "
        "on pictures that the fit never saw. docs/meshes.md says what targets.json holds.",
    )
    kinds = parser.add_subparsers(metavar="UNKNOWN", required=True, dest="unknown")
    for name, what in _WHAT.items():
        _add(kinds.add_parser(name, help=what, description=f"Recover {what}."))


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "targets", metavar="TARGETS", help="a targets.json, or the folder that holds it"
    )
    parser.add_argument("-o", dest="out", metavar="OUT", required=True, help="folder to be written")
    parser.add_argument(
        "--holdout", default="auto",
        help="views kept from the fit: auto (a quarter), none, or indices such as 3,6",
    )  # fmt: skip
    parser.add_argument(
        "--lights", choices=("keep", "refine"), default="keep",
        help="refine: solve for the place and power of the lights too (texture and material)",
    )  # fmt: skip
    parser.add_argument(
        "--texels", type=int, default=128,
        help="texels a side of the maps, a power of two (texture and material; default 128)",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=int, default=None, help="the most steps on each level (default: by unknown)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything drawn (default 0)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    parser.add_argument("--json", action="store_true", help="print metrics.json on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    holdout = _holdout(args.holdout)
    from diffgfx.cli._memory import keep_freed_memory
    from diffgfx.io import check_output
    from diffgfx.tasks.mesh import FitOptions, export_fit, fit_mesh, read_targets

    keep_freed_memory()
    options = FitOptions(
        args.unknown, holdout, args.lights, args.texels, args.steps, args.seed, args.device
    )
    targets = read_targets(args.targets)
    assert targets.folder is not None
    check_output(args.out, args.overwrite, [targets.folder])
    with progress_bars() as progress:
        result = fit_mesh(targets, options, progress=progress)
        metrics = export_fit(result, args.out, overwrite=args.overwrite)
    print(json.dumps(metrics) if args.json else _summary(metrics, args.out))
    return 0


def _holdout(text: str) -> Any:
    if text in ("auto", "none"):
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise RangeError(
            f"--holdout must be auto, none or indices separated by commas, got {text!r}; "
            "for the fourth and seventh view write 3,6"
        ) from None


def _summary(metrics: dict[str, Any], out: str) -> str:
    lines = []
    for key, words in (("held_out", "held-out views"), ("fitted", "fitted views")):
        found = metrics[key]
        if found is not None:
            inside = f"{found['psnr_object']:.1f} dB on the model"
            lines.append(f"{words}: rmse {found['rmse']:.4f}, {found['psnr']:.1f} dB, {inside}")
    if metrics["held_out"] is None:
        lines.append("no view was held out, so nothing is proven")
    if "pose" in metrics:
        pose = metrics["pose"]
        place = ", ".join(f"{x:.4f}" for x in pose["translation"])
        lines.append(f"turned by {pose['rotation_degrees']:.2f} degrees, shifted by {place} m")
    if "pose_error" in metrics:
        error = metrics["pose_error"]
        lines.append(
            f"from the reference: {error['rotation_degrees']:.3f} degrees, "
            f"{100.0 * error['translation_of_size']:.3f} % of its size"
        )
    if "chamfer_of_diagonal" in metrics:
        now, before = (metrics[f"chamfer_of_diagonal{end}"] for end in ("", "_at_start"))
        lines.append(f"from the reference: {100 * now:.2f} % of its size, {100 * before:.2f} % at "
                     "the start")  # fmt: skip
    lines.append(f"{metrics['steps']} steps, {metrics['seconds']:.1f} s; wrote {out}/: look at "
                 "compare.png and fit.mp4")  # fmt: skip
    return "\n".join(lines)
