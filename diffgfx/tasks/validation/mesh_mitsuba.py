"""Mitsuba 3 as judge of pictures of meshes and of their derivative images.

Both draw the same triangles under a point light at the eye, where no shadow shows. Mitsuba shades
with our BRDF, written in Python, over its own geometry and look-up, at the same points of each
pixel. Its derivatives are asked for twice: from its projective integrator, and as central
differences of its pictures with the same random numbers, which need neither its edge sampling nor
its automatic derivative to be right. Ours to motion are
those of the backward pass: each pixel is a picture of its own, so that one pass serves all of them.
Ours to maps and light are differences too, and the backward pass must give their sum.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffgfx.inverse import area_average
from diffgfx.io import decode_transfer, from_metallic, read_image, read_mesh
from diffgfx.render import render
from diffgfx.render.geometry import gather_geometry
from diffgfx.render.kept import Kept
from diffgfx.scene import Camera, MaterialMaps, Part, PointLight, Scene
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.mitsuba import run_in_mitsuba, why_no_mitsuba
from diffgfx.tasks.validation.outside import published_folder, why_no_data

__all__ = ["MESH_MITSUBA_CASES", "derivative_images", "describe_for_mitsuba", "load_model"]

_FILES = {"spot": ("spot/spot.obj", 0.6, 0.3), "boombox": ("boombox/boombox.glb", 0.7, 0.35)}
_SIDE = 18
"""Samples along each side of a cropped pixel: sixteen that count, and a rim for the antialiasing.

Among the horns of spot, outlines are bent within a pixel: with four a side the largest errors of a
pixel are as large as the derivative, with sixteen a tenth of that.
"""

_TEXELS, _ROUGH = 64, 0.3  # of BoomBox's maps where derivatives are judged

_ACROSS = 8
"""Samples along each side of a pixel of a picture.

On both sides they lie in the middles of squares: sparks of a sharp highlight on a map of normals
would take many thousands to settle, and each shows here in both pictures or in none.
"""


@dataclasses.dataclass(frozen=True)
class _Crop(Camera):
    """A camera of which each picture shows one square of the whole.

    Attributes:
        middle: Of the square, in [-1, 1], shape (B, 2).
        half: Half its side, the whole being 2.
    """

    middle: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(1, 2))
    half: float = 1.0

    def projection_matrix(self, aspect: float) -> Tensor:
        whole = super().projection_matrix(aspect)
        shift = self.middle[:, :, None] * whole[:, 3:]
        return torch.cat(
            [(whole[:, :2] - shift) / self.half, whole[:, 2:].expand(len(shift), -1, -1)], dim=1
        )


def load_model(data: Path, name: str) -> tuple[Part, Camera]:
    """Read a model of the published data, and look at it.

    Args:
        data: The folder of published data.
        name: ``"spot"`` or ``"boombox"``.

    Returns:
        Its one part in float64, and a camera.
    """
    file, azimuth, elevation = _FILES[name]
    model = read_mesh(data / "meshes" / file, dtype=torch.float64)
    (part,) = model.parts
    if name == "boombox":  # closed: no back shows
        maps = _boombox_maps(data / "meshes" / "boombox")
        part = dataclasses.replace(part, material=maps, two_sided=True)
    camera = Camera.framing(model.bounds, azimuth, elevation)
    as_double = {
        key: getattr(camera, key).double() for key in ("position", "target", "up", "fov_y")
    }
    return part, dataclasses.replace(camera, **as_double)


def _boombox_maps(folder: Path) -> MaterialMaps:
    """Its maps, which lie beside the published file and not in it."""

    def read(kind: str) -> Tensor:
        pixels = torch.from_numpy(read_image(folder / f"BoomBox_{kind}.png")).double()
        return pixels[..., :3].permute(2, 0, 1)[None]

    base = decode_transfer(read("baseColor"), "srgb")
    packed = read("occlusionRoughnessMetallic")
    rough = packed[:, 1:2].clamp_min(0.05)
    maps = from_metallic(base, packed[:, 2:3], rough, 2.0 * read("normal") - 1.0)
    return MaterialMaps.from_tensor(maps)


def _light(camera: Camera) -> PointLight:
    """Light at the eye, by which a white matte surface where it looks has a radiance near one."""
    square = (camera.position - camera.target).square().sum()
    return PointLight(camera.position, (math.pi * square).expand(1, 3))


def describe_for_mitsuba(part: Part, camera: Camera, size: int, spp: int) -> dict[str, Any]:
    """Return what `mitsuba_mesh_child` needs of a part with uv, lit from a camera."""
    geometry = gather_geometry((part,), Kept())
    rows = {
        "corners": geometry.positions, "normals": geometry.normals, "uv": geometry.uv,
        "tangents": geometry.tangents,
    }  # fmt: skip
    low, high = part.mesh.bounds
    given = {
        name: layer.values.detach()[layer.corners.long()].numpy()
        for name, layer in rows.items() if layer is not None
    }  # fmt: skip
    return {
        **given,
        "maps": part.material.to_tensor()[0].numpy(),
        "camera": torch.cat([camera.position, camera.target, camera.up]).numpy(),
        "fov_y": np.degrees(float(camera.fov_y[0])),
        "intensity": _light(camera).intensity[0].numpy(),
        "size": size,
        "spp": spp,
        "middle": (0.5 * (low + high)).numpy(),
    }


def _fine_picture(part: Part, camera: Camera, size: int, across: int, tile: int = 32) -> Tensor:
    """Return a picture (3, size, size), ``across`` squared samples a pixel, tile by tile."""
    light, side = _light(camera), tile * across + 2
    rows = []
    for down in range(size // tile):
        row = []
        for right in range(size // tile):
            middle = torch.tensor([[right + 0.5, size // tile - down - 0.5]], dtype=torch.float64)
            fields = {f.name: getattr(camera, f.name) for f in dataclasses.fields(camera)}
            crop = _Crop(
                **fields, middle=2.0 * tile / size * middle - 1.0, half=side / across / size
            )
            with torch.no_grad():
                colour = render(Scene((part,), crop, (light,)), side).colour[0, :, 1:-1, 1:-1]
            row.append(torch.nn.functional.avg_pool2d(colour, across))
        rows.append(torch.cat(row, dim=2))
    return torch.cat(rows, dim=1)


def _compare_image(name: str, context: Context, size: int = 256) -> Sequence[Measure]:
    part, camera = load_model(published_folder(context), name)
    given = describe_for_mitsuba(part, camera, size, _ACROSS**2)
    wanted = run_in_mitsuba("mesh_image", {**given, "regular": True})["image"]
    context.progress(1, 2, None)
    with torch.no_grad():
        found = render(Scene((part,), camera, (_light(camera),)), size, samples=16)
    colour = _fine_picture(part, camera, size, _ACROSS)
    apart = (colour.permute(1, 2, 0) - torch.from_numpy(wanted)).square().mean(dim=2)
    covered = found.mask[0, 0] > 0.999
    inner = covered & ~_near_edge(found.depth[0, 0], covered)
    scale = float(np.quantile(wanted[covered.numpy()], 0.99))
    rmse = float(apart[inner].mean().sqrt())
    coarse = (found.colour[0].permute(1, 2, 0) - torch.from_numpy(wanted)).square().mean(dim=2)
    return [
        Measure("RMSE outside silhouettes", rmse / scale, 0.01, "of the brightest"),
        Measure("  the same in radiance", rmse, 0.01, f"{int(inner.sum())} px"),
        Measure("  of all pixels", float(apart.mean().sqrt()), None, "in radiance"),
        Measure(
            "  with 16 samples a pixel by render", float(coarse[inner].mean().sqrt()), None,
            "in radiance; sparks need more",
        ),
    ]


def _near_edge(depth: Tensor, covered: Tensor) -> Tensor:
    """Pixels within one of the background or of a jump in depth by a tenth of its range."""
    far = float(depth[covered].max())
    jump = 0.1 * (far - float(depth[covered].min()))
    filled = torch.where(covered, depth, 2.0 * far)[None, None]
    pool = torch.nn.functional.max_pool2d
    spread: Tensor = pool(filled, 3, 1, 1) + pool(-filled, 3, 1, 1)
    return spread[0, 0] > jump


def _rotated(vectors: Tensor, axis: Tensor, angle: Tensor) -> Tensor:
    """Turn rows (B, 3) about an axis by angles (B, 1)."""
    along = (vectors @ axis)[:, None] * axis
    across = vectors - along
    turned: Tensor = torch.linalg.cross(axis.expand_as(across), across)
    return along + torch.cos(angle) * across + torch.sin(angle) * turned


def motion_images(
    part: Part, camera: Camera, size: int, along: Tensor, axis: Tensor, chunk: int = 256
) -> tuple[Tensor, Tensor]:
    """Return derivatives of each pixel to a shift and a turn of the mesh, (size, size) each.

    The camera and its light are moved the other way, which is the same picture. Channels are added.

    Args:
        part: The mesh.
        camera: One camera, with a light where it is.
        size: Side of the picture [pixels].
        along: Direction of the shift.
        axis: Of the turn about the middle of the mesh.
        chunk: Pixels in one batch.
    """
    low, high = part.mesh.bounds
    middle = 0.5 * (low + high)
    at = (2.0 * torch.arange(size, dtype=torch.float64) + 1.0) / size - 1.0
    places = torch.cartesian_prod(-at, at).flip(1)  # rows from the top
    found = torch.zeros(2, size * size, dtype=torch.float64)
    for first in range(0, size * size, chunk):
        place = places[first : first + chunk]
        move = torch.zeros(2, len(place), 1, dtype=torch.float64, requires_grad=True)

        def carried(point: Tensor, free: bool = False, move: Tensor = move) -> Tensor:
            if free:
                return _rotated(point.expand(move.shape[1], 3), axis, -move[1])
            about = (point - middle).expand(move.shape[1], 3)
            return _rotated(about, axis, -move[1]) + middle - move[0] * along

        eye = carried(camera.position)
        crop = _Crop(
            eye, carried(camera.target), carried(camera.up, True), camera.fov_y, camera.near,
            camera.far, place, _SIDE / (_SIDE - 2.0) / size,
        )  # fmt: skip
        light = PointLight(eye, _light(camera).intensity)
        colour = render(Scene((part,), crop, (light,)), _SIDE).colour
        value = colour[..., 1:-1, 1:-1].mean(dim=(2, 3)).sum()
        if value.requires_grad:
            found[:, first : first + chunk] = torch.autograd.grad(value, move)[0][..., 0]
    return found[0].view(size, size), found[1].view(size, size)


def derivative_images(part: Part, camera: Camera, size: int, given: dict[str, Any]) -> Any:
    """Return our derivative images by name, (size, size) each, channels added.

    Those to shift and turn come from the backward pass, pixel by pixel; those to roughness, texture
    and light are smooth, and central differences of our own picture.
    """
    along, axis = (torch.from_numpy(given[key]) for key in ("along", "axis"))
    shift, turn = motion_images(part, camera, size, along, axis)
    found = {"translation": shift, "rotation": turn}
    maps, light = part.material.to_tensor(), _light(camera)

    def picture(change: Tensor, brighter: float) -> Tensor:
        moved = dataclasses.replace(part, material=MaterialMaps.from_tensor(maps + change))
        lamp = dataclasses.replace(light, intensity=light.intensity + brighter)
        with torch.no_grad():
            return render(Scene((moved,), camera, (lamp,)), size, samples=16).colour.sum(dim=1)[0]

    rough, coloured = torch.zeros_like(maps), torch.zeros_like(maps)
    rough[:, 9:] = 1.0
    coloured[:, 3:6] = torch.from_numpy(given["pattern"])
    for name, way, step in (("roughness", rough, 1e-4), ("texture", coloured, 1e-3)):
        ends = [picture(sign * step * way, 0.0) for sign in (1.0, -1.0)]
        found[name] = (ends[0] - ends[1]) / (2.0 * step)
    found["light"] = picture(0.0 * rough, 0.5) - picture(0.0 * rough, -0.5)
    return found


def backward_sums(part: Part, camera: Camera, size: int, pattern: Tensor) -> dict[str, float]:
    """Return by how much all pixels together change, by the backward pass alone.

    It must be the sum of the derivative images, which come from differences.
    """
    maps = part.material.to_tensor().clone().requires_grad_()
    light = _light(camera)
    power = light.intensity.clone().requires_grad_()
    shown = dataclasses.replace(part, material=MaterialMaps.from_tensor(maps))
    lamp = dataclasses.replace(light, intensity=power)
    total = render(Scene((shown,), camera, (lamp,)), size, samples=16).colour.sum()
    g_maps, g_power = torch.autograd.grad(total, (maps, power))
    return {
        "roughness": float(g_maps[:, 9:].sum()),
        "texture": float((g_maps[:, 3:6] * pattern).sum()),
        "light": float(g_power.sum()),
    }


def _broadened(part: Part) -> Part:
    """Return a part whose texels and highlights are no smaller than a pixel of a small picture.

    Moving a spark by a quarter of a pixel, as differences do, says nothing of its slope.
    """
    maps = part.material.to_tensor()
    side = min(_TEXELS, *maps.shape[2:])
    maps = area_average(maps, (side, side))
    maps[:, :3] = torch.nn.functional.normalize(maps[:, :3], dim=1)
    maps[:, 9:] = maps[:, 9:].clamp_min(_ROUGH)
    return dataclasses.replace(part, material=MaterialMaps.from_tensor(maps))


def _compare_derivatives(name: str, context: Context, size: int = 64) -> Sequence[Measure]:
    part, camera = load_model(published_folder(context), name)
    if name == "boombox":
        part = _broadened(part)
    low, high = part.mesh.bounds
    radius = 0.5 * float((high - low).norm())
    right = camera.view_matrix()[0, 0, :3]
    height, width = part.material.resolution
    wave = np.sin(np.arange(height)[:, None] * 6.0 / height + np.arange(width) * 9.0 / width)
    given = {
        **describe_for_mitsuba(part, camera, size, 1024),
        "along": right.numpy(), "axis": np.array([0.0, 1.0, 0.0]), "radius": radius,
        "step": 0.25 * 2.0 * radius / size, "pattern": 0.5 + 0.3 * wave,
    }  # fmt: skip
    wanted = []
    for done, job in enumerate(("mesh_projective", "mesh_derivatives"), start=1):
        wanted.append(run_in_mitsuba(job, given))
        context.progress(done, 3, None)
    found = derivative_images(part, camera, size, given)
    measures = []
    for key, image in found.items():
        for judge, theirs in zip(("projective", "differences"), wanted, strict=True):
            measures += _compared(f"d/d {key}, {judge}", image, theirs[key])
    sums = backward_sums(part, camera, size, torch.from_numpy(given["pattern"]))
    for key, value in sums.items():
        whole = float(found[key].sum())
        apart = abs(value - whole) / max(abs(whole), 1e-12)
        measures.append(Measure(f"backward against the sum, d/d {key}", apart, 1e-3, "relative"))
    return measures


def _compared(name: str, ours: Tensor, theirs: Any) -> list[Measure]:
    """Compare a derivative image, channels added, with one of Mitsuba's (h, w, 3)."""
    flat, wanted = ours.flatten(), torch.from_numpy(theirs.sum(axis=2)).flatten()
    correlation = float(torch.corrcoef(torch.stack([flat, wanted]))[0, 1])
    gain = float((flat @ wanted) / (wanted @ wanted))
    return [
        Measure(f"1 - correlation, {name}", 1.0 - correlation, 0.02),
        Measure(f"  ours over theirs, {name}", gain, None, "least squares"),
    ]


def _obstacle(context: Context) -> str | None:
    return why_no_mitsuba() or why_no_data(context)


MESH_MITSUBA_CASES = tuple(
    Case(
        f"{kind}_{name}", about.format(name), functools.partial(measure, name), _obstacle,
        kind == "derivatives",
    )
    for kind, about, measure in (
        ("image", "picture of {} under a light at the eye against Mitsuba 3", _compare_image),
        ("derivatives", "derivative images of {} against Mitsuba's, projective and differences",
         _compare_derivatives),
    )
    for name in _FILES
)  # fmt: skip
