"""``diffgfx material``: look at a finished material, in numbers or as a picture."""

import argparse
import json
import math
import re
from pathlib import Path
from typing import Any

from diffgfx.errors import RangeError

__all__ = ["parse_numbers", "register", "run_info", "run_render"]

_MATERIAL = "a folder written by diffgfx capture, its folder maps, or a .glb"
_SUFFIXES = (".png", ".exr")


def register(subparsers: Any) -> None:
    """Add the command's parsers."""
    parser = subparsers.add_parser(
        "material",
        help="describe or picture a finished material",
        description="Describe a finished material in numbers, or picture it under a point light.",
    )
    inner = parser.add_subparsers(metavar="ACTION", required=True)
    info = inner.add_parser(
        "info",
        help="print resolution, size and the range of each map",
        description="Print resolution, size, least, mean and greatest value of each map, the share "
        "of saturated texels (a channel of at least 0.98, colours sRGB-encoded), of texels that "
        "reflect more than they may (d + s > 1), and the range of alpha.",
    )
    info.add_argument("material", metavar="MATERIAL", help=_MATERIAL)
    info.add_argument("--json", action="store_true", help="print one JSON object instead")
    info.set_defaults(run=run_info)
    render = inner.add_parser(
        "render",
        help="picture the material under a point light",
        description="Picture the material under a point light. The sample fills the frame, without "
        "perspective; the camera only decides where highlights fall. Places are in units of the "
        "sample's longer side, from its centre: x to the right, y up, z toward the viewer.",
    )
    render.add_argument("material", metavar="MATERIAL", help=_MATERIAL)
    render.add_argument(
        "-o", dest="out", metavar="PICTURE", required=True,
        help="the file: .png is sRGB with 8 bits, .exr linear and unclipped",
    )  # fmt: skip
    render.add_argument(
        "--light", metavar="X,Y,Z[,POWER]",
        help="place and power of the light (default -0.2,0.3,2 and metered: nine tenths of the "
        "picture below 0.6 of full scale)",
    )  # fmt: skip
    render.add_argument("--camera", metavar="X,Y,Z", help="place of the eye (default 0.2,-0.2,2)")
    render.add_argument(
        "--size", type=int, default=512, help="pixels along the longer side (default 512)"
    )
    # argparse takes "-0.2,0.3,2" for a flag unless it looks like a negative number.
    render._negative_number_matcher = re.compile(r"^-[\d.]")
    render.set_defaults(run=run_render)


def run_info(args: argparse.Namespace) -> int:
    """Print the facts about a material."""
    from diffgfx.tasks.material import describe_material, load_material

    facts = describe_material(load_material(args.material))
    if args.json:
        print(json.dumps(facts, indent=2))
    else:
        _print_facts(facts)
    return 0


def run_render(args: argparse.Namespace) -> int:
    """Write a picture of a material."""
    suffix = Path(args.out).suffix.lower()
    if suffix not in _SUFFIXES:
        raise RangeError(
            f"-o must end in {' or '.join(_SUFFIXES)}, got {args.out!r}; add .png for a picture "
            "to look at"
        )
    light = parse_numbers("--light", args.light, (3, 4))
    camera = parse_numbers("--camera", args.camera, (3,))
    given: dict[str, Any] = {"size": args.size}
    if light is not None:
        given |= {"light": light[:3], "power": light[3] if len(light) == 4 else None}
    if camera is not None:
        given["camera"] = camera

    from diffgfx.io import encode_transfer, write_exr, write_png
    from diffgfx.tasks.material import load_material, picture_material

    picture = picture_material(load_material(args.material).maps, **given)
    rows = picture.image.permute(1, 2, 0)
    if suffix == ".exr":
        write_exr(args.out, rows.numpy())
    else:
        write_png(args.out, encode_transfer(rows, "srgb").numpy())
    height, width = rows.shape[:2]
    print(f"wrote {args.out}: {width} x {height}, light power {picture.power:.4g}")
    return 0


def parse_numbers(
    flag: str, text: str | None, counts: tuple[int, ...]
) -> tuple[float, ...] | None:
    """Return numbers separated by commas.

    Args:
        flag: Name of the flag, for the message.
        text: What the user wrote; None where the flag was not used.
        counts: How many numbers there may be.

    Returns:
        The numbers; None for None.

    Raises:
        RangeError: If there are more or fewer, or one is not a finite number.
    """
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in counts or not all(math.isfinite(number) for number in numbers):
        raise RangeError(
            f"{flag} must be {' or '.join(map(str, counts))} finite numbers separated by commas, "
            f"got {text!r}; for straight above write {flag} 0,0,2"
        )
    return numbers


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns, rows = facts["resolution"]
    width, height = facts["size"]
    console = Console(highlight=False)
    console.print(f"{columns} x {rows} texels, {width:g} x {height:g} {facts['units']}")
    table = Table("map", "least", "mean", "greatest", "saturated")
    for name, values in facts["maps"].items():
        saturated = facts["saturated"].get(name)
        share = "" if saturated is None else f"{saturated:.1%}"
        label = f"height [{facts['units']}]" if name == "height" else name
        table.add_row(label, *(_channels(values[key]) for key in ("min", "mean", "max")), share)
    console.print(table)
    energy, alpha, tilt = facts["energy"], facts["alpha"], facts["tilt"]
    console.print(f"d + s > 1 on {energy['share']:.1%} of texels, at most {energy['largest']:.3f}")
    console.print(f"alpha from {alpha['min']:.4f} to {alpha['max']:.4f}")
    console.print(f"normals tilted by {tilt['mean']:.1f} degrees, at most {tilt['max']:.1f}")


def _channels(values: list[float]) -> str:
    return " ".join(f"{value:.4f}" for value in values)
