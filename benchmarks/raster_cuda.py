"""The four raster ops on a GPU, beside nvdiffrast's where it is installed.

``python -m benchmarks.raster_cuda [--repeats 20] [--json]``

Both draw the same mesh, look its texture up and blend its outline, forward and backward to
vertices, texture coordinates and texture, float32, called in turn; a GPU is waited for before and
after each. Ours through ``diffgfx.ops``, with its checks; nvdiffrast through its own functions.
"""

import argparse
import dataclasses
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from benchmarks.measure import Row, interleave, machine
from benchmarks.raster_work import View, four_ops, knot_of, split, spot, view_of

__all__ = ["main", "measure", "nvdiffrast_ops", "why_not"]

CASES = ((512, None), (1024, 100_000), (2048, 100_000))
"""Sides of pictures, and triangles of a knot, or None for spot."""


def why_not() -> str | None:
    """Say why nothing can be measured here; None if something can."""
    if not torch.cuda.is_available():
        return "there is no GPU here"
    if importlib.util.find_spec("nvdiffrast") is None:
        return "nvdiffrast is not installed"
    return None


def nvdiffrast_ops(view: View) -> Callable[[], object]:
    """Return what `four_ops` does, by nvdiffrast."""
    import nvdiffrast.torch as peer

    dr: Any = peer
    context = dr.RasterizeCudaContext()
    topology = dr.antialias_construct_topology_hash(view.tri)
    pos, uv, tex = (value.clone().requires_grad_() for value in (view.pos, view.uv, view.tex))
    upstream = torch.ones(1, view.side, view.side, 3, device=pos.device)

    def work() -> object:
        rast, slopes = dr.rasterize(context, pos, view.tri, (view.side, view.side))
        at, at_da = dr.interpolate(uv[None], rast, view.uv_tri, slopes, diff_attrs="all")
        colour = dr.texture(tex, at, uv_da=at_da, max_mip_level=6)
        smooth = dr.antialias(colour, rast, pos, view.tri, topology_hash=topology)
        return torch.autograd.grad(smooth, (pos, uv, tex), upstream)

    return work


def _waited(work: Callable[[], object]) -> Callable[[], object]:
    def both() -> object:
        found = work()
        torch.cuda.synchronize()
        return found

    return both


def _view(side: int, triangles: int | None) -> tuple[str, View]:
    name, part = spot() if triangles is None else ("knot", knot_of(triangles))
    view = view_of(part.mesh, part.material, side).to(torch.device("cuda"))
    return f"{name}, {len(view.tri)} triangles, {side}^2", view


def measure(repeats: int = 20) -> Iterator[tuple[Row, dict[str, tuple[float, float]]]]:
    """Yield a row a case (nvdiffrast's time over ours), and ours op by op."""
    for side, triangles in CASES:
        name, view = _view(side, triangles)
        ours, theirs = interleave(_waited(four_ops(view)), _waited(nvdiffrast_ops(view)), repeats)
        row = Row(f"{name}: four ops", 1e3 * ours, 1e3 * theirs, 1.0 / 3.0, "ms")
        yield row, split(view, repeats, _waited)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.raster_cuda", description=about)
    parser.add_argument("--repeats", type=int, default=20, help="timed runs, of which the median")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    reason = why_not()
    if reason is not None:
        print(f"not measured: {reason}")
        return 0
    if args.json:
        found = [
            {**dataclasses.asdict(row), "ratio": row.ratio, "split": parts}
            for row, parts in measure(args.repeats)
        ]
        print(json.dumps(found))
        return 0
    print(f"{machine()}, {torch.cuda.get_device_name(0)}")
    for row, parts in measure(args.repeats):
        word = "pass" if row.passed else "FALLS SHORT"
        print(f"\n{row.name} | ours {row.ours:.3f} ms | nvdiffrast {row.theirs:.3f} ms | ", end="")
        print(f"{1.0 / row.ratio:.2f} times theirs (bar 3) | {word}")
        for op, (forward, backward) in parts.items():
            print(f"{op} | forward {forward:.3f} ms | backward {backward:.3f} ms", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
