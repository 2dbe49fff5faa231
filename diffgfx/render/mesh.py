"""Pictures of meshes: rasterise, interpolate, read maps, shade, antialias (deferred shading)."""

import dataclasses
import math
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from diffgfx.errors import RangeError, ShapeError
from diffgfx.ops import antialias, construct_topology, interpolate, rasterize, shade_mesh
from diffgfx.render.buffers import Buffers
from diffgfx.render.geometry import Geometry, Layer, gather_geometry
from diffgfx.render.kept import Kept
from diffgfx.render.lamps import gather_lamps
from diffgfx.render.surface import Packed, pack_maps, read_maps
from diffgfx.scene import Camera, DistantLight, HarmonicsLight, PointLight, Scene
from diffgfx.types import Backend

__all__ = ["render"]


def render(
    scene: Scene,
    size: int | tuple[int, int],
    *,
    samples: int = 1,
    kept: Kept | None = None,
    backend: Backend = "auto",
) -> Buffers:
    """Return pictures of a scene, one for each camera, light and background of its batch.

    The nearest surface at each pixel is shaded by `ops.shade_mesh` under point and distant lights
    and harmonics, without shadows or interreflection; edges are antialiased against what lies
    behind. The back of a part that is not two-sided is not there.

    Args:
        scene: Meshes, cameras and lights.
        size: Height and width in pixels; one number for a square.
        samples: Samples a pixel, a square number: the picture is made that much larger and
            averaged.
        kept: What pictures of the same meshes and maps share; None makes it for this one.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device; nvdiffrast
            serves some of the ops alone, not a whole picture.

    Returns:
        Colour, mask, depth, normal and position, row 0 at the top.

    Raises:
        ShapeError: If ``size`` is no number or pair of numbers of at least 1.
        RangeError: If ``samples`` is not a square number.
        DtypeError, DeviceError: If the scene's tensors do not fit together; they are named.

    Gradients: to vertices, normals, texture coordinates, tangents, maps, cameras, lights and
    background; to the shape of silhouettes through colour and mask.
    """
    height, width = check_picture_size(size)
    side = _check_samples(samples)
    keep = Kept() if kept is None else kept
    geometry = gather_geometry(scene.parts, keep)
    packed = pack_maps(scene.parts, geometry.tangents is not None, keep, backend)
    model = _Model(geometry, packed, keep)
    if scene.batch > 1 and not all(part.two_sided for part in scene.parts):
        return _join([_render(one, model, (height, width, side), backend) for one in _each(scene)])
    return _render(scene, model, (height, width, side), backend)


def check_picture_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return height and width; raise unless they are whole numbers of at least 1."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, int) and n >= 1 for n in pair):
        raise ShapeError(
            f"size must be a whole number of pixels or (height, width), got {size}; try 512"
        )
    return pair[0], pair[1]


def _check_samples(samples: int) -> int:
    side = math.isqrt(max(samples, 0)) if isinstance(samples, int) else 0
    if side < 1 or side * side != samples:
        raise RangeError(f"samples must be a square number, got {samples}; take 1, 4, 9 or 16")
    return side


class _Model(NamedTuple):
    """What does not depend on cameras and lights."""

    geometry: Geometry
    packed: tuple[Packed, ...]
    keep: Kept


def _render(scene: Scene, model: _Model, sizes: tuple[int, int, int], backend: Backend) -> Buffers:
    """Return one batch of pictures; sizes are height, width and samples along a pixel's side."""
    height, width, side = sizes
    geometry = model.geometry
    clip = project_vertices(scene, geometry.positions.values, width / height)
    front = _sides(scene, geometry)
    corners = _without_backs(scene, geometry, front)
    rast, rast_db = rasterize(clip, corners, (side * height, side * width), backend=backend)
    pixels = _look_up(geometry, clip, rast, rast_db, front, backend)
    covered = (rast[..., 3:] > 0).to(clip)
    maps = read_maps(
        scene.parts, model.packed, geometry, rast, pixels.uv, pixels.uv_da, backend
    )  # fmt: skip
    colour = _shade(scene, maps, pixels, covered, backend)
    if scene.background is not None:
        colour = colour + (1.0 - covered) * scene.background[:, None, None, :]
    smooth = antialias(
        torch.cat([colour, covered], dim=3), rast, clip, corners,
        topology=model.keep(construct_topology, corners), backend=backend,
    )  # fmt: skip
    return _buffers(smooth, pixels, covered, side)


def project_vertices(scene: Scene, positions: Tensor, aspect: float) -> Tensor:
    """Return vertices (V, 3) in the clip space of each picture, y downward, (B, V, 4).

    Row 0, which the ops have at the bottom, so is the top: no picture has to be turned over.
    """
    matrix = scene.camera.projection_matrix(aspect) @ scene.camera.view_matrix()
    matrix = matrix * matrix.new_tensor([1.0, -1.0, 1.0, 1.0])[:, None]
    clip = positions @ matrix[:, :, :3].mT + matrix[:, None, :, 3]
    return clip.expand(scene.batch, -1, -1).contiguous()


def _sides(scene: Scene, geometry: Geometry) -> Tensor:
    """Return 1 for triangles whose front a camera sees and -1 for the others, (B, F)."""
    position, corners = geometry.positions
    a, b, c = (position.detach()[corners[:, k].long()] for k in range(3))
    toward = scene.camera.position.detach()[:, None] - a
    front = (torch.linalg.cross(b - a, c - a) * toward).sum(dim=2) >= 0.0
    return torch.where(front, 1.0, -1.0).to(position).expand(scene.batch, -1)


def _without_backs(scene: Scene, geometry: Geometry, front: Tensor) -> Tensor:
    """Return the corners, those of one-sided triangles seen from behind put into one point."""
    corners = geometry.positions.corners
    if all(part.two_sided for part in scene.parts):
        return corners
    kept = front[0] > 0
    for index, part in enumerate(scene.parts):
        if part.two_sided:
            kept[geometry.first[index] : geometry.first[index + 1]] = True
    return torch.where(kept[:, None], corners, corners[:, :1])


class _Pixels(NamedTuple):
    """What meshes are at each pixel's centre, row 0 at the top.

    Position, depth and tangent lie in planes, (B, channels, H, W), as shading takes them; normal
    and texture coordinates, whose v points down, in rows, (B, H, W, channels).
    """

    position: Tensor
    depth: Tensor
    normal: Tensor
    tangent: Tensor | None
    uv: Tensor
    uv_da: Tensor


def _look_up(
    geometry: Geometry, clip: Tensor, rast: Tensor, rast_db: Tensor, front: Tensor,
    backend: Backend,
) -> _Pixels:  # fmt: skip
    position, corners = geometry.positions
    values = torch.cat([position.expand(len(clip), -1, -1), clip[..., 3:]], dim=2)
    place = _planes(interpolate(values, rast, corners, backend=backend)[0])
    side = _side_at(front, rast)
    normal = side * _interpolate(geometry.normals, rast, backend)
    uv, uv_da = interpolate(
        _downward(geometry.uv.values)[None], rast, geometry.uv.corners, rast_db=rast_db,
        diff_attrs="all", backend=backend,
    )
    tangent = None
    if geometry.tangents is not None:  # as glTF: on a back, the whole frame turns round
        tangent = _planes(side * _interpolate(geometry.tangents, rast, backend))
    return _Pixels(place[:, :3], place[:, 3:], normal, tangent, uv, uv_da)


def _downward(uv: Tensor) -> Tensor:
    """Turn v round: maps keep their row 0 at the top."""
    return uv * uv.new_tensor([1.0, -1.0]) + uv.new_tensor([0.0, 1.0])


def _interpolate(layer: Layer, rast: Tensor, backend: Backend) -> Tensor:
    return interpolate(layer.values[None], rast, layer.corners, backend=backend)[0]


def _side_at(front: Tensor, rast: Tensor) -> Tensor:
    """Return 1 at pixels that see a front, -1 at those that see a back, else 0, (B, H, W, 1)."""
    known = torch.nn.functional.pad(front, (1, 0))
    first = known.shape[1] * torch.arange(len(rast), device=rast.device)
    at = rast[..., 3].long() + first[:, None, None]
    return known.reshape(-1).index_select(0, at.view(-1)).view_as(rast[..., 3:])


def _shade(
    scene: Scene, maps: Tensor, pixels: _Pixels, covered: Tensor, backend: Backend
) -> Tensor:
    lamps = gather_lamps(scene.lights, pixels.position)
    colour = shade_mesh(
        pixels.position, _planes(pixels.normal), maps, lamps.lights, lamps.radiance,
        scene.camera.position, tangent=pixels.tangent, harmonics=lamps.harmonics,
        mask=_planes(covered), backend=backend,
    )  # fmt: skip
    return colour.permute(0, 2, 3, 1)


def _planes(rows: Tensor) -> Tensor:
    return rows.permute(0, 3, 1, 2).contiguous()


def _buffers(smooth: Tensor, pixels: _Pixels, covered: Tensor, side: int) -> Buffers:
    """Average the samples of each pixel."""
    share = _planes(covered)
    normal = covered * normalize(pixels.normal, dim=3)  # in rows: norms across planes are slow
    planes = [_planes(smooth), pixels.depth, _planes(normal), pixels.position]
    if side > 1:
        mean = torch.nn.functional.avg_pool2d
        share = mean(share, side)
        weight = torch.where(share > 0.0, 1.0 / share, 0.0)
        planes = [mean(plane, side) for plane in planes]
        planes[1:] = [weight * plane for plane in planes[1:]]
        planes[2] = normalize(planes[2], dim=1)
    smooth, depth, normal, position = planes
    return Buffers(smooth[:, :3], smooth[:, 3:], depth, normal, position)


def _each(scene: Scene) -> list[Scene]:
    """Take a batch of pictures apart."""
    return [
        dataclasses.replace(
            scene,
            camera=_pick(scene.camera, index),
            lights=tuple(_pick(light, index) for light in scene.lights),
            background=None if scene.background is None else _row(scene.background, index),
        )
        for index in range(scene.batch)
    ]


Batched = TypeVar("Batched", bound=Camera | PointLight | DistantLight | HarmonicsLight)


def _pick(batched: Batched, index: int) -> Batched:
    """Return a camera or a light as the picture of this number has it."""
    tensors: dict[str, Any] = {
        field.name: _row(value, index)
        for field in dataclasses.fields(batched)
        if isinstance(value := getattr(batched, field.name), Tensor)
    }
    return dataclasses.replace(batched, **tensors)


def _row(value: Tensor, index: int) -> Tensor:
    return value if len(value) == 1 else value[index : index + 1]


def _join(pictures: list[Buffers]) -> Buffers:
    names = [field.name for field in dataclasses.fields(Buffers)]
    return Buffers(*(torch.cat([getattr(one, name) for one in pictures]) for name in names))
