"""A shape from a sphere by 16 shaded pictures.

    python examples/meshes/fit_shape.py [--mesh spot.obj] [-o OUT]

By default the shape is made here: a sphere with horns and dents.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import torch

from diffgfx.data import make_icosphere
from diffgfx.io import read_mesh
from diffgfx.scene import DistantLight, MaterialMaps, Mesh, Model, Part, PointLight
from diffgfx.tasks.mesh import FitOptions, export_fit, fit_mesh, make_targets, orbit_views

VIEWS = 16
# where a bump grows, how wide it is, and how high
BUMPS = (
    ((0.5, 1.0, 0.3), 0.22, 0.75), ((-0.5, 1.0, 0.3), 0.22, 0.75), ((0.0, 0.1, 1.0), 0.4, 0.45),
    ((0.6, -1.0, 0.5), 0.3, 0.4), ((-0.6, -1.0, 0.5), 0.3, 0.4), ((0.0, -1.0, -0.8), 0.3, 0.4),
    ((0.0, 0.3, -1.0), 0.5, -0.35),
)  # fmt: skip


def imp() -> Mesh:
    """Return a sphere with two horns, a snout, three feet and a hollow back."""
    ball = make_icosphere(5)
    height = torch.ones(len(ball.positions))
    for place, width, most in BUMPS:
        direction = torch.nn.functional.normalize(torch.tensor(place), dim=0)
        angle = torch.acos((ball.positions @ direction).clamp(-1.0, 1.0))
        height = height + most * torch.exp(-0.5 * (angle / width).square())
    return Mesh(height[:, None] * ball.positions, ball.triangles)


def load(path: str) -> Mesh:
    """Return the first mesh of a file, without normals and texture."""
    mesh = read_mesh(path).parts[0].mesh
    return Mesh(mesh.positions, mesh.triangles)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Recover the shape; return the Chamfer distance in percent of the diagonal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mesh", help="a .obj, .ply or .glb of a closed surface without holes")
    parser.add_argument("-o", dest="out", help="folder for the result")
    parser.add_argument("--size", type=int, default=96, help="pixels a side (default 96)")
    parser.add_argument("--steps", type=int, help="the most steps on each level")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    values = torch.tensor([0.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.04, 0.04, 0.04, 0.6])
    grey = MaterialMaps.from_tensor(values.view(1, 10, 1, 1))
    model = Model((Part(load(args.mesh) if args.mesh else imp(), grey, "shape"),))
    camera = orbit_views(model, VIEWS)
    reach = float((camera.position - camera.target).norm(dim=1).mean())
    lights = (DistantLight(torch.tensor([[1.0, 1.0, 1.0]]), torch.full((1, 3), 1.5)),
              PointLight(camera.position, torch.full((1, 3), 2.5 * reach**2)))  # fmt: skip
    targets = make_targets(model, camera, lights, args.size)
    result = fit_mesh(targets, FitOptions("shape", holdout="none", steps=args.steps))
    if args.out:
        export_fit(result, args.out)
    assert result.chamfer is not None
    assert result.chamfer_start is not None
    return {
        "chamfer_percent": 100.0 * result.chamfer,
        "chamfer_percent_at_start": 100.0 * result.chamfer_start,
        "seconds": time.perf_counter() - begun,
    }


if __name__ == "__main__":
    print(main(sys.argv[1:]))
