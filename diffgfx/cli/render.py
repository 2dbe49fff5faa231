"""``diffgfx render``: a picture of a file of meshes, its buffers, or a film around it."""

import argparse
import json
from typing import Any

from diffgfx.cli._progress import progress_bars
from diffgfx.cli.material import parse_numbers

__all__ = ["register", "run"]


def register(subparsers: Any) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "render",
        help="picture a file of meshes (.glb, .gltf, .obj, .ply)",
        description="Picture a file of meshes under point and distant lights and a sky, without "
        "shadows. Angles are in degrees, lengths in the file's metres.",
    )
    parser.add_argument("file", metavar="FILE", help="a .glb, .gltf, .obj or .ply")
    parser.add_argument(
        "-o", dest="out", metavar="OUT", required=True,
        help=".png: sRGB, 8 bits; .exr: linear colour R G B, mask A, depth Z, normal N.X N.Y N.Z "
        "and position P.X P.Y P.Z; .mp4: once around the model",
    )  # fmt: skip
    parser.add_argument(
        "--camera", metavar="VIEW",
        help="orbit:AZIMUTH,ELEVATION[,DISTANCE] about the model's middle (default orbit:30,20, "
        "all of it in view), or file[:N], the file's own camera",
    )  # fmt: skip
    parser.add_argument(
        "--light", metavar="LIGHT", action="append", default=[],
        help="point:X,Y,Z,INTENSITY, distant:X,Y,Z,IRRADIANCE (from there), camera:INTENSITY (a "
        "point at the eye) or sky:RADIANCE, with one number of light or R,G,B; can be repeated "
        "(default: the file's lights, or a key light and a faint sky)",
    )  # fmt: skip
    parser.add_argument(
        "--size", type=int, default=512, help="pixels along the longer side (default 512)"
    )
    parser.add_argument(
        "--aspect", type=float, default=1.0, help="width by height of the picture (default 1)"
    )
    parser.add_argument(
        "--samples", type=int, default=4, help="samples a pixel, a square number (default 4)"
    )
    parser.add_argument(
        "--material", metavar="MATERIAL",
        help="worn instead of the file's: a folder written by diffgfx capture, or a .glb",
    )  # fmt: skip
    parser.add_argument(
        "--repeat", metavar="U,V", help="repeat the maps along u and v (default 1,1)"
    )
    parser.add_argument(
        "--background", metavar="R,G,B", help="radiance where nothing is (default 0,0,0)"
    )
    parser.add_argument(
        "--exposure", type=float, default=0.0, metavar="STOPS",
        help="brighten .png and .mp4 by so many stops (default 0)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print a summary as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the picture."""
    given: dict[str, Any] = {}
    for name, count, example in (("repeat", 2, "2,2"), ("background", 3, "0.5,0.5,0.5")):
        numbers = parse_numbers(f"--{name}", getattr(args, name), (count,), f"try {example}")
        if numbers is not None:
            given[name] = numbers
    from diffgfx.tasks.mesh import PictureOptions, picture_mesh

    options = PictureOptions(
        camera=args.camera, lights=tuple(args.light), size=args.size, samples=args.samples,
        aspect=args.aspect, material=args.material, exposure=args.exposure, **given,
    )  # fmt: skip
    with progress_bars() as tell:
        summary = picture_mesh(args.file, args.out, options, progress=tell)
    if args.json:
        print(json.dumps(summary))
        return 0
    for note in summary["notes"]:
        print(f"note: {note}")
    print(
        f"{summary['parts']} parts, {summary['triangles']} triangles; wrote {summary['out']}: "
        f"{summary['width']} x {summary['height']}, {summary['seconds']:.2f} s"
    )
    return 0
