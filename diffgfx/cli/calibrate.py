"""``diffgfx calibrate``: photographs of a printed sheet to a capture."""

import argparse
import json
from typing import Any

from diffgfx.cli._progress import progress_bars

__all__ = ["register", "run"]


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "calibrate",
        help="place photographs of a printed sheet and rectify them",
        description="Find the sheet's tags in photographs, solve the lens and where each was "
        "taken, and rectify them to a folder that diffgfx capture takes.",
    )
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+",
        help="JPEG, PNG, EXR, HEIC or camera RAW, by one camera at one zoom; at least four",
    )  # fmt: skip
    parser.add_argument(
        "--sheet", metavar="SHEET.json", required=True, help="what diffgfx sheet wrote"
    )
    parser.add_argument("-o", dest="out", metavar="OUT", required=True, help="folder to be written")
    parser.add_argument(
        "--thickness", type=float, default=0.0, metavar="MM",
        help="height of the printed side above the sample's surface (default 0), such as a card's "
        "thickness; below zero where the sample stands above the sheet",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    parser.add_argument("--json", action="store_true", help="print calibration.json on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diffgfx.cli._memory import keep_freed_memory
    from diffgfx.io import check_output, read_sheet
    from diffgfx.tasks.calibration import MARKER, calibrate_photos, export_calibration

    keep_freed_memory()
    sheet = read_sheet(args.sheet)
    check_output(args.out, args.overwrite, [args.sheet, *args.photos], marker=MARKER)
    with progress_bars() as progress:
        found = calibrate_photos(
            args.photos, sheet, thickness=args.thickness, progress=progress
        )
        record = export_calibration(
            found, args.out, overwrite=args.overwrite, progress=progress
        )
    print(json.dumps(record) if args.json else _summary(record, args.out))
    return 0


def _summary(record: dict[str, Any], out: str) -> str:
    lines = [f"warning: {text}" for text in record["warnings"]]
    rows, columns = record["texels"]
    tags = sum(photo["tags"] for photo in record["photos"])
    lines.append(
        f"placed {len(record['photos'])} photos by {tags} tags, {record['error']:.2f} pixels off"
    )
    lines.append(f"wrote {out}/ with {columns} x {rows} texels: look at detected.png, then "
                 f"diffgfx capture {out} -o MATERIAL")  # fmt: skip
    return "\n".join(lines)
