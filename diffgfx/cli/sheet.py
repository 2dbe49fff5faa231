"""``diffgfx sheet``: a sheet to print, and the file that says what is on it."""

import argparse
from pathlib import Path
from typing import Any

from diffgfx.errors import OutputError, RangeError

__all__ = ["register", "run"]


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "sheet",
        help="make a sheet to print, from which photographs are placed",
        description="Write a page of tags around a window for the sample, with grey patches and a "
        "ruler, as PDF, and beside it a .json of the same name for diffgfx calibrate.",
    )
    parser.add_argument(
        "-o", dest="out", metavar="SHEET.pdf", required=True, help="file to be written"
    )
    parser.add_argument("--paper", choices=("a4", "letter"), default="a4", help="size of the paper")
    parser.add_argument(
        "--window", default="100",
        help="side of the window, or width,height [mm] (default 100)",
    )  # fmt: skip
    parser.add_argument(
        "--grey", type=float, default=0.18,
        help="reflectance of the grey patches, as measured or meant (default 0.18)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    window = _window(args.window)
    path = Path(args.out)
    if path.suffix.lower() != ".pdf":
        raise OutputError(
            f"{path}: sheet must be named as a PDF, got {path.suffix or 'no ending'}; "
            f"name it {path.stem.strip('.') or 'sheet'}.pdf"
        )
    from diffgfx.io import write_sheet, write_sheet_pdf
    from diffgfx.tasks.calibration import lay_out_sheet

    sheet = lay_out_sheet(args.paper, window, args.grey)
    told = path.with_suffix(".json")
    if told.exists():
        raise OutputError(
            f"{told}: must not be there yet, for it may hold what was measured on a printed sheet; "
            "delete it or name another file"
        )
    write_sheet_pdf(path, sheet)
    try:
        write_sheet(told, sheet)
    except BaseException:
        path.unlink(missing_ok=True)  # nothing would say where its tags are
        raise
    print(f"wrote {path} and {told}: print {path.name} at 100 %, and check its ruler")
    return 0


def _window(text: str) -> tuple[float, float]:
    try:
        sides = [float(part) for part in text.split(",")]
        if len(sides) in (1, 2):
            return sides[0], sides[-1]
    except ValueError:
        pass
    raise RangeError(f"--window must be a side or width,height in mm, got {text!r}; such as 100")
