"""What the benchmark of meshes runs: a mesh in view, the four ops on it, and a lit picture."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.measure import seconds_of
from diffgfx import ops
from diffgfx.data import make_knot
from diffgfx.io import read_mesh
from diffgfx.render import Kept, render
from diffgfx.scene import Camera, MaterialMaps, Mesh, Part, PointLight, Scene
from diffgfx.tasks.validation.data_folder import find_data_folder

__all__ = ["View", "four_ops", "knot_of", "light_of", "lit_view", "split", "spot", "view_of"]

_TEXELS = 512

Work = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class View:
    """A mesh in clip space, and what the four ops need of it.

    Attributes:
        pos: Vertices, (1, V, 4).
        tri: Triangles, (T, 3).
        uv: Texture coordinates, (U, 2).
        uv_tri: Triangles over them.
        tex: A texture, (1, h, w, 3).
        topology: Of the triangles.
        side: Of the picture [pixels].
    """

    pos: Tensor
    tri: Tensor
    uv: Tensor
    uv_tri: Tensor
    tex: Tensor
    topology: Tensor
    side: int

    def to(self, device: torch.device) -> "View":
        """Return the same on a device."""
        tensors = {
            field.name: getattr(self, field.name).to(device)
            for field in dataclasses.fields(self)
            if field.name != "side"
        }
        return dataclasses.replace(self, **tensors)


def spot() -> tuple[str, Part]:
    """Return spot with its texture if it is there, else a knot of as many triangles."""
    data = find_data_folder()
    file: Path = data.folder / "meshes" / "spot" / "spot.obj"
    if data.found and file.is_file():
        return "spot", read_mesh(file).parts[0]
    return "knot", knot_of(5856)


def knot_of(triangles: int) -> Part:
    """Return a knot of about as many triangles, with maps."""
    across = max(3, round(math.sqrt(triangles / 16.0)))
    mesh = make_knot(max(3, round(triangles / (2.0 * across))), across)
    return Part(mesh, _maps())


def _maps() -> MaterialMaps:
    draw = torch.Generator().manual_seed(0)
    maps = 0.1 + 0.8 * torch.rand(1, 10, _TEXELS, _TEXELS, generator=draw)
    maps[:, :2] *= 0.0
    maps[:, 2] = 1.0
    return MaterialMaps.from_tensor(maps)


def view_of(mesh: Mesh, material: MaterialMaps, side: int) -> View:
    """Look at a mesh so that all of it is seen."""
    camera = Camera.framing(mesh.bounds, 0.6, 0.3)
    matrix = (camera.projection_matrix(1.0) @ camera.view_matrix())[0]
    pos = mesh.positions @ matrix[:, :3].T + matrix[:, 3]
    assert mesh.uv is not None
    assert mesh.uv_triangles is not None
    tex = material.diffuse.permute(0, 2, 3, 1).flip(1).contiguous()
    topology = ops.construct_topology(mesh.triangles)
    return View(pos[None], mesh.triangles, mesh.uv, mesh.uv_triangles, tex, topology, side)


def four_ops(view: View) -> Callable[[], object]:
    """Return the four ops, forward and backward to vertices, texture coordinates and texture."""
    pos, uv, tex = (value.clone().requires_grad_() for value in (view.pos, view.uv, view.tex))
    upstream = torch.ones(1, view.side, view.side, 3, device=pos.device)

    def work() -> object:
        rast, slopes = ops.rasterize(pos, view.tri, (view.side, view.side))
        at, at_da = ops.interpolate(uv, rast, view.uv_tri, rast_db=slopes, diff_attrs="all")
        colour = ops.texture(tex, at, uv_da=at_da, max_mip_level=6)
        smooth = ops.antialias(colour, rast, pos, view.tri, topology=view.topology)
        return torch.autograd.grad(smooth, (pos, uv, tex), upstream)

    return work


def split(
    view: View, repeats: int, timed: Callable[[Work], Work] = lambda work: work
) -> dict[str, tuple[float, float]]:
    """Return milliseconds of each op by itself, forward and backward.

    Args:
        view: What to draw.
        repeats: Timed runs, of which the median.
        timed: What to make of a piece of work before it is timed.
    """
    pos, uv, tex = (value.clone().requires_grad_() for value in (view.pos, view.uv, view.tex))
    size = (view.side, view.side)
    rast, slopes = (part.detach() for part in ops.rasterize(pos, view.tri, size))
    rasted = [part.clone().requires_grad_() for part in (rast, slopes)]
    at, at_da = (
        part.detach().requires_grad_()
        for part in ops.interpolate(uv, rast, view.uv_tri, rast_db=slopes, diff_attrs="all")
    )
    colour = ops.texture(tex, at, uv_da=at_da, max_mip_level=6).detach().requires_grad_()
    works: dict[str, tuple[Callable[[], Tensor | tuple[Tensor, ...]], tuple[Tensor, ...]]] = {
        "rasterize": (lambda: ops.rasterize(pos, view.tri, size), (pos,)),
        "interpolate": (
            lambda: ops.interpolate(
                uv, rasted[0], view.uv_tri, rast_db=rasted[1], diff_attrs="all"
            ),
            (uv, *rasted),
        ),
        "texture": (
            lambda: ops.texture(tex, at, uv_da=at_da, max_mip_level=6), (tex, at, at_da),
        ),
        "antialias": (
            lambda: ops.antialias(colour, rast, pos, view.tri, topology=view.topology),
            (colour, pos),
        ),
    }  # fmt: skip
    found = {}
    for name, (forward, leaves) in works.items():
        out = forward()
        outs = out if isinstance(out, tuple) else (out,)
        ones = [torch.ones_like(part) for part in outs]

        def backward(outs=outs, leaves=leaves, ones=ones) -> object:  # type: ignore[no-untyped-def]
            return torch.autograd.grad(outs, leaves, ones, retain_graph=True)

        both = (timed(forward), timed(backward))
        found[name] = (1e3 * seconds_of(both[0], repeats), 1e3 * seconds_of(both[1], repeats))
    return found


def light_of(camera: Camera) -> PointLight:
    """A light at the eye, as in the validation against Mitsuba."""
    square = (camera.position - camera.target).square().sum()
    return PointLight(camera.position, (math.pi * square).expand(1, 3))


def lit_view(part: Part, side: int) -> Callable[[], object]:
    """Return direct light at one sample a pixel, forward and d(sum)/d roughness map."""
    camera = Camera.framing(part.mesh.bounds, 0.6, 0.3)
    maps = part.material
    rough = maps.roughness.clone().requires_grad_()
    shown = dataclasses.replace(part, material=dataclasses.replace(maps, roughness=rough))
    scene, kept = Scene((shown,), camera, (light_of(camera),)), Kept()

    def work() -> object:
        return torch.autograd.grad(render(scene, side, kept=kept).colour.sum(), rough)

    return work
