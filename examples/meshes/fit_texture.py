"""The diffuse map of a knot from 8 pictures, proven on 4 others.

python examples/meshes/fit_texture.py [-o OUT]
"""

import argparse
import sys
import time
from collections.abc import Sequence

import torch

from diffgfx.data import make_knot, make_material
from diffgfx.scene import Camera, HarmonicsLight, MaterialMaps, Model, Part, PointLight
from diffgfx.tasks.mesh import FitOptions, export_fit, fit_mesh, make_targets, orbit_views

VIEWS, HELD = 12, (1, 4, 7, 10)


def knot(texels: int) -> tuple[Model, Model]:
    """Return a knot of plaster and tiles' colours, and the same in plain grey."""
    maps = make_material("glazed_tiles", texels, size=1.0)
    flat = torch.zeros_like(maps.normal)
    flat[:, 2] = 1.0
    true = MaterialMaps(
        flat, maps.diffuse, torch.full_like(flat, 0.04), torch.full_like(flat[:, :1], 0.6)
    )
    values = torch.tensor([0.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.04, 0.04, 0.04, 0.6])
    grey = MaterialMaps.from_tensor(values.view(1, 10, 1, 1))
    mesh = make_knot(128, 16)
    return Model((Part(mesh, true, "knot"),)), Model((Part(mesh, grey, "knot"),))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Recover the map; return the errors of fitted and held-out views [dB]."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", dest="out", help="folder for the result")
    parser.add_argument("--size", type=int, default=128, help="pixels a side (default 128)")
    parser.add_argument("--texels", type=int, default=128, help="texels a side (default 128)")
    parser.add_argument("--steps", type=int, help="the most steps on each level")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    true, grey = knot(args.texels)
    camera: Camera = orbit_views(true, VIEWS)
    sky = torch.zeros(1, 9, 3)
    sky[:, 0] = 1.0
    lights = (PointLight(camera.position, torch.full((1, 3), 18.0)), HarmonicsLight(sky))
    targets = make_targets(true, camera, lights, args.size, start=grey)
    options = FitOptions("texture", holdout=HELD, texels=args.texels, steps=args.steps)
    result = fit_mesh(targets, options)
    if args.out:
        export_fit(result, args.out)
    fitted = [error for k, error in enumerate(result.errors) if k not in HELD]
    held = [result.errors[k] for k in HELD]
    return {
        "held_out_psnr": sum(e.psnr for e in held) / len(held),
        "held_out_psnr_object": sum(e.psnr_object for e in held) / len(held),
        "fitted_psnr_object": sum(e.psnr_object for e in fitted) / len(fitted),
        "seconds": time.perf_counter() - begun,
    }


if __name__ == "__main__":
    print(main(sys.argv[1:]))
