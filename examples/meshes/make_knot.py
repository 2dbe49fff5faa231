"""Make ``knot.glb``: a trefoil of a procedural material, for pictures and trials.

    python examples/meshes/make_knot.py [OUT]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from diffgfx.data import make_knot, make_material
from diffgfx.io import write_glb
from diffgfx.scene import Part

MATERIAL, TEXELS = "brushed_brass", 128


def main(argv: Sequence[str] | None = None) -> dict[str, int]:
    """Write the file and return its size."""
    words = sys.argv[1:] if argv is None else argv
    out = Path(words[0]) if words else Path(__file__).with_name("knot.glb")
    write_glb(out, [Part(make_knot(128, 16), make_material(MATERIAL, TEXELS))], color_bits=8)
    return {"bytes": out.stat().st_size}


if __name__ == "__main__":
    print(main())
