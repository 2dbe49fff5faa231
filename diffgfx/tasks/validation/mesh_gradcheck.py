"""The raster ops and the shading of meshes against differences in float64, on small pictures."""

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.tasks.validation.case import Case, Context, Measure
from diffgfx.tasks.validation.mesh_differences import compare_gradients

__all__ = ["CHECKED", "GRADCHECK_CASES", "check_op"]

_SIZE = (6, 8)
_ERROR = 1e-6
_PARITY = 1e-2
_SWITCHES = 0.1
_SEEDS = (10, 100)

Build = Callable[[torch.Generator], tuple[Callable[..., Tensor], dict[str, Tensor]]]


def _uniform(draw: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=draw, dtype=torch.float64)


def _mesh(draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """A strip of four triangles over the picture, two loose ones, one of them from behind."""
    strip = torch.tensor(
        [(-0.9, -0.7), (-0.5, 0.6), (0.0, -0.8), (0.1, 0.7), (0.7, -0.6), (0.8, 0.5)],
        dtype=torch.float64,
    )
    loose = _uniform(draw, -1.1, 1.1, 6, 2)
    place = torch.cat([strip + _uniform(draw, -0.15, 0.15, 6, 2), loose])
    w = _uniform(draw, 0.7, 1.5, 12, 1)
    w[11] = -0.4
    depth = _uniform(draw, -0.5, 0.5, 12, 1)
    pos = torch.cat([place * w.abs(), depth * w.abs(), w], dim=1)[None]
    tri = [(0, 2, 1), (1, 2, 3), (2, 4, 3), (3, 4, 5), (6, 7, 8), (9, 10, 11)]
    return pos, torch.tensor(tri, dtype=torch.int32)


def _rasterize(draw: torch.Generator) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
    pos, tri = _mesh(draw)

    def function(pos: Tensor) -> Tensor:
        return torch.cat([part[..., :4] for part in ops.rasterize(pos, tri, _SIZE)], dim=3)

    return function, {"pos": pos.requires_grad_()}


def _interpolate(draw: torch.Generator) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
    pos, tri = _mesh(draw)
    rast, slopes = ops.rasterize(pos, tri, _SIZE)
    inputs = {
        "attr": _uniform(draw, -1.0, 1.0, 1, 12, 3).requires_grad_(),
        "rast": rast.requires_grad_(),
        "rast_db": slopes.requires_grad_(),
    }
    number = rast.detach()[..., 3:]

    def function(attr: Tensor, rast: Tensor, rast_db: Tensor) -> Tensor:
        # depth and number have no gradient: differences must not move them
        held = torch.cat([rast[..., :2], (0.0 * number).expand_as(rast[..., 3:]),
                          number.expand_as(rast[..., 3:])], dim=3)  # fmt: skip
        return torch.cat(
            ops.interpolate(attr, held, tri, rast_db=rast_db, diff_attrs=[0, 2]), dim=3
        )

    return function, inputs


def _texture(
    draw: torch.Generator, *, boundary: str, cube: bool
) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
    height, width = _SIZE
    shape = (1, 6, 4, 4, 2) if cube else (1, 8, 4, 2)
    axes = 3 if cube else 2
    uv = _uniform(draw, -1.0, 1.0, 1, height, width, axes)
    if cube:
        uv[..., 2] = uv[..., 2].sign() * 1.2
    inputs = {
        "tex": _uniform(draw, 0.0, 1.0, *shape).requires_grad_(),
        "uv": uv.requires_grad_(),
        "uv_da": _uniform(draw, -0.5, 0.5, 1, height, width, 2 * axes).requires_grad_(),
        "mip_level_bias": _uniform(draw, -0.3, 0.3, 1, height, width).requires_grad_(),
    }

    def function(**given: Tensor) -> Tensor:
        return ops.texture(
            **given, filter_mode="linear-mipmap-linear", boundary_mode=boundary  # type: ignore[arg-type]
        )  # fmt: skip

    return function, inputs


def _construct_mip(draw: torch.Generator) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
    def function(tex: Tensor) -> Tensor:
        return torch.cat([level.flatten(1) for level in ops.construct_mip(tex)], dim=1)

    return function, {"tex": _uniform(draw, 0.0, 1.0, 1, 8, 4, 2).requires_grad_()}


def _antialias(
    draw: torch.Generator, *, mode: str
) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
    pos, tri = _mesh(draw)
    rast, _ = ops.rasterize(pos, tri, _SIZE)
    topology = ops.construct_topology(tri)

    def function(color: Tensor, xy: Tensor, w: Tensor) -> Tensor:
        # the op has no gradient to z, so that z is no input here
        batch = len(xy)
        moved = torch.cat([xy, pos[..., 2:3].expand(batch, -1, -1), w], dim=2)
        drawn = rast.expand(batch, -1, -1, -1).contiguous()
        return ops.antialias(color, drawn, moved, tri, topology=topology, mode=mode)  # type: ignore[arg-type]

    color = _uniform(draw, 0.0, 1.0, 1, *_SIZE, 2)
    inputs = {"color": color, "xy": pos[..., :2].clone(), "w": pos[..., 3:].clone()}
    return function, {name: value.requires_grad_() for name, value in inputs.items()}


def _shade_mesh(draw: torch.Generator) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
    height, width = _SIZE
    image = (1, 3, height, width)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).view(1, 3, 1, 1)
    hand = 2.0 * _uniform(draw, 0.0, 1.0, 1, 1, height, width).round() - 1.0
    across = _uniform(draw, -1.0, 1.0, *image)
    bent = 0.3 * _uniform(draw, -1.0, 1.0, *image) + up
    albedo = _uniform(draw, 0.05, 0.8, 1, 6, height, width)
    rough = _uniform(draw, 0.08, 0.9, 1, 1, height, width)
    lamps = _uniform(draw, -0.8, 0.8, 1, 2, 3) + up.view(1, 1, 3)
    inputs = {
        "position": 0.4 * _uniform(draw, -1.0, 1.0, *image),
        "normal": up + 0.3 * _uniform(draw, -1.0, 1.0, *image),
        "maps": torch.cat([bent, albedo, rough], dim=1),
        "lights": 2.0 * lamps,
        "radiance": _uniform(draw, 0.5, 2.0, 1, 2, 3),
        "camera_position": _uniform(draw, -0.5, 0.5, 1, 3) + 2.0 * up.view(1, 3),
        "tangent": across,
        "harmonics": _uniform(draw, 0.0, 0.5, 1, 9, 3),
    }

    def function(lights: Tensor, tangent: Tensor, **given: Tensor) -> Tensor:
        # a point and a distant light; w and the handedness are no numbers to move
        w = lights.new_tensor([1.0, 0.0]).view(1, 2, 1)
        batch = len(lights)
        frame = torch.cat([tangent, hand.expand(batch, -1, -1, -1)], dim=1)
        lamps = torch.cat([lights, w.expand(batch, -1, -1)], dim=2)
        return ops.shade_mesh(lights=lamps, tangent=frame, **given)

    return function, {name: value.requires_grad_() for name, value in inputs.items()}


CHECKED: dict[str, Build] = {
    "rasterize": _rasterize,
    "interpolate": _interpolate,
    "texture[wrap]": functools.partial(_texture, boundary="wrap", cube=False),
    "texture[clamp]": functools.partial(_texture, boundary="clamp", cube=False),
    "texture[zero]": functools.partial(_texture, boundary="zero", cube=False),
    "texture[cube]": functools.partial(_texture, boundary="cube", cube=True),
    "construct_mip": _construct_mip,
    "antialias[bounded]": functools.partial(_antialias, mode="bounded"),
    "antialias[nvdiffrast]": functools.partial(_antialias, mode="nvdiffrast"),
    "shade_mesh": _shade_mesh,
}
"""What makes a function and its inputs of random numbers, by name."""


def check_op(name: str, seeds: int) -> tuple[float, float, int]:
    """Compare an op's gradient with differences.

    Args:
        name: One of `CHECKED`.
        seeds: Random scenes, each 8 x 6 pixels.

    Returns:
        The largest error over the largest entry; the share of entries left out at switches; how
        many were compared.
    """
    worst, entries, switches = 0.0, 0, 0
    for seed in range(seeds):
        function, inputs = CHECKED[name](torch.Generator().manual_seed(1000 + seed))
        found = compare_gradients(function, inputs, seed)
        worst = max(worst, found.error)
        entries, switches = entries + found.entries, switches + found.switches
    return worst, switches / (entries + switches), entries


def _measure(full: bool, context: Context) -> Sequence[Measure]:
    seeds = _SEEDS[full]
    measures = []
    for done, name in enumerate(CHECKED):
        error, left_out, entries = check_op(name, seeds)
        exact = name != "antialias[nvdiffrast]"
        note = f"relative, {entries} entries, {seeds} seeds"
        note += "" if exact else "; its edges' heights have 1e-3 px added, as nvdiffrast's"
        measures.append(Measure(name, error, _ERROR if exact else _PARITY, note))
        measures.append(Measure("  left out at switches", left_out, _SWITCHES, "share"))
        context.progress(done + 1, len(CHECKED), error)
    return measures


GRADCHECK_CASES = tuple(
    Case(
        name,
        "every entry of the ops' gradients against central differences of step 1e-6, float64",
        functools.partial(_measure, full), long=full,
    )
    for name, full in (("gradcheck", False), ("gradcheck_100", True))
)  # fmt: skip
"""Ten seeds, and a hundred."""
