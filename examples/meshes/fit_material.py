"""Maps and lights of a sphere from 12 pictures by Mitsuba, proven on 4 others.

    python examples/meshes/fit_material.py [-o OUT]

Diffuse, specular and roughness maps start grey, the lights at wrong places and powers. Without
Mitsuba (``--views own``, or where it is missing) the pictures are this library's own.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import torch

from diffgfx.data import make_material, make_sphere
from diffgfx.scene import MaterialMaps, Model, Part, PointLight
from diffgfx.tasks.mesh import (
    FitOptions,
    Targets,
    export_fit,
    fit_mesh,
    make_targets,
    orbit_views,
)
from diffgfx.tasks.validation.mitsuba import render_mitsuba_views, why_no_mitsuba

VIEWS, HELD = 16, (2, 6, 10, 14)
LAMPS = (
    ((2.5, 3.0, 2.5), (70.0, 66.0, 60.0)), ((-3.5, 1.0, 0.5), (44.0, 50.0, 60.0)),
    ((1.0, -1.5, -4.0), (60.0, 55.0, 50.0)),
)  # fmt: skip


def lamps(move: float = 0.0, gain: float | None = None) -> tuple[PointLight, ...]:
    """Return three points, or a guess of them: moved, white, and at a share of their power."""
    found = []
    for place, power in LAMPS:
        intensity = torch.tensor([power])
        if gain is not None:
            intensity = (gain * intensity.mean()).expand(1, 3)
        found.append(PointLight(torch.tensor([place]) + move, intensity))
    return tuple(found)


def ball(texels: int) -> Part:
    """Return a sphere of varnished wood without relief."""
    maps = make_material("varnished_wood", texels, size=1.0)
    flat = torch.zeros_like(maps.normal)
    flat[:, 2] = 1.0
    true = MaterialMaps(flat, maps.diffuse, maps.specular, maps.roughness.clamp_min(0.25))
    return Part(make_sphere(32), true, "ball")


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Recover maps and lights; return the errors of fitted and held-out views [dB]."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", dest="out", help="folder for the result")
    parser.add_argument("--size", type=int, default=96, help="pixels a side (default 96)")
    parser.add_argument("--texels", type=int, default=128, help="texels a side (default 128)")
    parser.add_argument("--steps", type=int, help="the most steps on each level")
    parser.add_argument("--views", choices=("mitsuba", "own"), default="mitsuba")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    part = ball(args.texels)
    true = Model((part,))
    start = Model(
        (
            Part(
                part.mesh,
                MaterialMaps.from_tensor(
                    torch.tensor([0.0, 0.0, 1.0, 0.4, 0.4, 0.4, 0.04, 0.04, 0.04, 0.5]).view(
                        1, 10, 1, 1
                    )
                ),
            ),
        )
    )
    camera = orbit_views(true, VIEWS)
    guess = lamps(move=0.3, gain=0.8)
    judge = args.views == "mitsuba" and why_no_mitsuba() is None
    if judge:
        images = render_mitsuba_views(part, camera, lamps(), args.size, samples=16)
        names = tuple(f"view_{k:02d}" for k in range(VIEWS))
        targets = Targets(names, images, camera, guess, torch.zeros(1, 3), model=start)
    else:
        targets = make_targets(true, camera, lamps(), args.size, start=start, guess=guess)
    made = time.perf_counter()
    options = FitOptions(
        "material", holdout=HELD, lights="refine", texels=args.texels, steps=args.steps
    )
    result = fit_mesh(targets, options)
    if args.out:
        export_fit(result, args.out)
    held = [result.errors[k] for k in HELD]
    angles = [
        float(torch.rad2deg(torch.acos(torch.cosine_similarity(found.position, lamp.position))))  # type: ignore[union-attr]
        for found, lamp in zip(result.lights, lamps(), strict=True)
    ]
    return {
        "held_out_psnr": sum(e.psnr for e in held) / len(held),
        "held_out_psnr_object": sum(e.psnr_object for e in held) / len(held),
        "light_degrees": sum(angles) / len(angles),
        "by_mitsuba": float(judge),
        "seconds_views": made - begun,
        "seconds": time.perf_counter() - begun,
    }


if __name__ == "__main__":
    print(main(sys.argv[1:]))
