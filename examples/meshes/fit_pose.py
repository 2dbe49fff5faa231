"""Where a cube and a knot stand and how they are turned, each from one picture.

    python examples/meshes/fit_pose.py [-o OUT]

Both start as their files have them, 25 to 30 degrees and a tenth of their size away.
"""

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from diffgfx.data import make_cube, make_knot
from diffgfx.scene import Camera, DistantLight, HarmonicsLight, MaterialMaps, Mesh, Model, Part
from diffgfx.tasks.mesh import FitOptions, export_fit, fit_mesh, make_targets, rotation_matrix

COLOURS = (
    (0.8, 0.1, 0.1), (0.1, 0.7, 0.2), (0.1, 0.2, 0.8), (0.8, 0.7, 0.1), (0.7, 0.2, 0.7),
    (0.1, 0.7, 0.7),
)  # fmt: skip
MOTIONS = {
    "cube": ((0.35, -0.3, 0.2), (0.08, -0.05, 0.1)),
    "knot": ((-0.25, 0.3, -0.2), (-0.06, 0.05, -0.08)),
}


def paint(colour: tuple[float, float, float]) -> MaterialMaps:
    """Return one colour, half rough."""
    values = torch.tensor([0.0, 0.0, 1.0, *colour, 0.04, 0.04, 0.04, 0.5])
    return MaterialMaps.from_tensor(values.view(1, 10, 1, 1))


def cube() -> Model:
    """Return a cube whose faces are parts, each of its colour: their edges then are outlines."""
    mesh = make_cube()
    assert mesh.normals is not None
    assert mesh.normal_triangles is not None
    parts = []
    for face, colour in enumerate(COLOURS):
        rows = slice(2 * face, 2 * face + 2)
        flat = Mesh(mesh.positions, mesh.triangles[rows], mesh.normals, mesh.normal_triangles[rows])
        parts.append(Part(flat, paint(colour), f"face {face}"))
    return Model(tuple(parts))


def knot() -> Model:
    """Return a knot of one colour."""
    return Model((Part(make_knot(96, 12), paint((0.7, 0.45, 0.25)), "knot"),))


def moved(model: Model, turn: Sequence[float], shift: Sequence[float]) -> Model:
    """Return a model turned about its middle and shifted by parts of its size."""
    rotation = rotation_matrix(torch.tensor(turn))
    low, high = model.bounds
    middle, size = 0.5 * (low + high), (high - low).norm()
    place = middle + size * torch.tensor(shift)
    parts = []
    for part in model.parts:
        assert part.mesh.normals is not None
        mesh = dataclasses.replace(
            part.mesh, positions=(part.mesh.positions - middle) @ rotation.T + place,
            normals=part.mesh.normals @ rotation.T,
        )  # fmt: skip
        parts.append(dataclasses.replace(part, mesh=mesh))
    return Model(tuple(parts))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Recover both poses; return how far off they are in degrees and in percent of the size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", dest="out", help="folder for the results, one a model")
    parser.add_argument("--size", type=int, default=128, help="pixels a side (default 128)")
    parser.add_argument("--steps", type=int, help="the most steps on each level")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    numbers = {}
    sky = torch.zeros(1, 9, 3)
    sky[:, 0] = 1.5
    lights = (DistantLight(torch.tensor([[0.5, 1.0, 0.8]]), torch.full((1, 3), 2.0)),
              HarmonicsLight(sky))  # fmt: skip
    for name, model in (("cube", cube()), ("knot", knot())):
        camera = Camera.framing(model.bounds, 0.5, 0.35, margin=1.4)
        true = moved(model, *MOTIONS[name])
        targets = make_targets(true, camera, lights, args.size, start=model)
        result = fit_mesh(targets, FitOptions("pose", steps=args.steps))
        assert result.pose is not None
        numbers[f"{name}_degrees"] = math.degrees(result.pose.rotation)
        numbers[f"{name}_percent"] = 100.0 * result.pose.translation
        if args.out:
            export_fit(result, Path(args.out) / name)
    return {**numbers, "seconds": time.perf_counter() - begun}


if __name__ == "__main__":
    print(main(sys.argv[1:]))
