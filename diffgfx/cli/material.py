"""``diffgfx material``: look at a finished material, in numbers or as a picture, or convert it."""

import argparse
import json
import math
import re
from pathlib import Path
from typing import Any

from diffgfx.errors import RangeError

__all__ = ["parse_numbers", "register", "run_convert", "run_info", "run_render"]

_MATERIAL = (
    "a folder written by diffgfx capture, its folder maps, one written by diffgfx material "
    "convert, or a .glb or .gltf"
)
# The keys of diffgfx.io.ENCODINGS, which is too slow to import for a parser.
_ENCODINGS = ("specular", "metallic", "deschaintre", "gao", "materialgan", "unreal")
_TARGETS = (*_ENCODINGS, "maps", "gltf", "materialx")
_SUFFIXES = (".png", ".exr")


def register(subparsers: Any) -> None:
    """Add the command's parsers."""
    parser = subparsers.add_parser(
        "material",
        help="describe, picture or convert a finished material",
        description="Describe a finished material in numbers, picture it under a point light, or "
        "convert it to the files of another system.",
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
    _register_convert(inner)


def _register_convert(inner: Any) -> None:
    convert = inner.add_parser(
        "convert",
        help="write the material as another system stores it",
        description="Write the material as another system stores it, into a folder that appears "
        "whole or not at all; a file beside the maps says what each holds. metallic and specular: "
        "PNG of 16 bits in either workflow. deschaintre, gao, materialgan: their encodings, 8 "
        "bits. unreal: base colour, ORM, specular and a DirectX normal map. gltf: .glb and .gltf. "
        "materialx: a document over the maps. maps: EXR and PNG, as diffgfx capture writes them.",
    )
    convert.add_argument("material", metavar="MATERIAL", help=_MATERIAL)
    convert.add_argument("-o", dest="out", metavar="OUT", required=True, help="folder to be")
    convert.add_argument(
        "--to", dest="target", choices=_TARGETS, required=True, help="what to write"
    )
    convert.add_argument(
        "--from", dest="encoding", choices=_ENCODINGS,
        help="what MATERIAL is encoded as, where it is the folder of another system",
    )  # fmt: skip
    convert.add_argument(
        "--normal", choices=("gl", "dx"),
        help="green of the normal map up (gl) or down (dx), for metallic, specular and unreal "
        "(default: dx for unreal, else gl)",
    )  # fmt: skip
    convert.add_argument(
        "--overwrite", action="store_true", help="replace an earlier conversion of the same kind"
    )
    convert.set_defaults(run=run_convert)


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


def run_convert(args: argparse.Namespace) -> int:
    """Write a material as another system stores it."""
    from diffgfx.tasks.material_convert import convert_material

    done = convert_material(
        args.material, args.out, args.target,
        encoding=args.encoding, normal=args.normal, overwrite=args.overwrite,
    )  # fmt: skip
    for text in done.warnings:
        print(f"warning: {text}")
    measured = "" if done.error is None else f", relative error {done.error:.4f}"
    print(f"wrote {args.out}/ for {args.target}: {len(done.files)} files{measured}")
    return 0


def parse_numbers(
    flag: str, text: str | None, counts: tuple[int, ...], remedy: str | None = None
) -> tuple[float, ...] | None:
    """Return numbers separated by commas.

    Args:
        flag: Name of the flag, for the message.
        text: What the user wrote; None where the flag was not used.
        counts: How many numbers there may be.
        remedy: What to do instead, for the message; None: the words for places above a sample.

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
            f"got {text!r}; {remedy or f'for straight above write {flag} 0,0,2'}"
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
        label = f"height ({facts['units']})" if name == "height" else name
        table.add_row(label, *(_channels(values[key]) for key in ("min", "mean", "max")), share)
    console.print(table)
    energy, alpha, tilt = facts["energy"], facts["alpha"], facts["tilt"]
    console.print(f"d + s > 1 on {energy['share']:.1%} of texels, at most {energy['largest']:.3f}")
    console.print(f"alpha from {alpha['min']:.4f} to {alpha['max']:.4f}")
    console.print(f"normals tilted by {tilt['mean']:.1f} degrees, at most {tilt['max']:.1f}")


def _channels(values: list[float]) -> str:
    return " ".join(f"{value:.4f}" for value in values)
