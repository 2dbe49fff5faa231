"""What meshes are made of, at each pixel: maps read where the parts show.

Maps that ask for a gradient are laid out anew for each picture, and read apart from the others:
those are laid out once, with their mip levels (`kept`), and take no part in the backward pass.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx.ops import construct_mip, texture
from diffgfx.render.geometry import Geometry
from diffgfx.render.kept import Kept
from diffgfx.scene import Part
from diffgfx.types import Backend

__all__ = ["Packed", "pack_maps", "read_maps"]

_CHANNELS = {"normal": 3, "diffuse": 3, "specular": 3, "roughness": 1}


class _Group(NamedTuple):
    """Some of a part's maps in one texture.

    Attributes:
        names: Which, in the order of their channels.
        texels: As `ops.texture` takes them, but row 0 at the top, (1, h, w, channels).
        mip: Mip levels from 1 on; None if they are to be made from the texels.
    """

    names: tuple[str, ...]
    texels: Tensor
    mip: list[Tensor] | None

    def split(self, values: Tensor) -> dict[str, Tensor]:
        """Return values of all channels, (..., channels), by map."""
        if len(self.names) == 1:
            return {self.names[0]: values}
        counts = [_CHANNELS[name] for name in self.names]
        return dict(zip(self.names, torch.split(values, counts, dim=-1), strict=True))


Packed = tuple[_Group, ...]


def pack_maps(
    parts: Sequence[Part], relief: bool, keep: Kept, backend: Backend = "auto"
) -> tuple[Packed, ...]:
    """Return each part's maps as `read_maps` takes them.

    Args:
        parts: What there is to show.
        relief: Whether normals count; if not, they are left out unless they ask for a gradient.
        keep: What earlier pictures made.
        backend: Of the mip levels.
    """
    return tuple(_pack(part, relief, keep, backend) for part in parts)


def _pack(part: Part, relief: bool, keep: Kept, backend: Backend) -> Packed:
    maps = {name: getattr(part.material, name) for name in _CHANNELS}
    followed = tuple(name for name, value in maps.items() if value.requires_grad)
    left_out = () if relief else ("normal",)
    still = tuple(name for name in maps if name not in (*followed, *left_out))
    groups = []
    if still:
        laid_out = keep(_lay_out, *(maps[name] for name in still), backend=backend)
        groups.append(_Group(still, *laid_out))
    if followed:
        groups.append(_Group(followed, _texels(*(maps[name] for name in followed)), None))
    return tuple(groups)


def _lay_out(*maps: Tensor, backend: Backend) -> tuple[Tensor, list[Tensor]]:
    """Return maps (1, c, h, w) as one texture, and its mip levels."""
    texels = _texels(torch.cat(maps, dim=1))  # a copy, even of one map: see `Kept`
    top = _halvings(texels.shape[1], texels.shape[2])
    return texels, construct_mip(texels, max_mip_level=top, backend=backend) if top else []


def _texels(*maps: Tensor) -> Tensor:
    joined = maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)
    return joined.permute(0, 2, 3, 1).contiguous()


def read_maps(
    parts: Sequence[Part],
    packed: Sequence[Packed],
    geometry: Geometry,
    rast: Tensor,
    uv: Tensor,
    uv_da: Tensor,
    backend: Backend = "auto",
) -> Tensor:
    """Return the ten maps n3 d3 s3 r1 of the parts that pixels show, trilinear between mip levels.

    Args:
        parts: What there is to show.
        packed: What `pack_maps` made of it.
        geometry: The same, joined.
        rast: Which triangle each pixel shows, (B, H, W, 4).
        uv: Texture coordinates, v downward, (B, H, W, 2).
        uv_da: Their screen derivatives, (B, H, W, 4).
        backend: Of the look-ups.

    Returns:
        Maps, (B, 10, H, W); those of pixels that show nothing mean nothing, nor do normals that
        were not packed.
    """
    if len(parts) == 1:
        values = _values(parts[0], packed[0], uv, uv_da, backend)
        return torch.cat([rows.permute(0, 3, 1, 2) for rows in values], dim=1)
    shown = rast[..., 3].reshape(-1).long() - 1
    maps = uv.new_zeros((len(shown), sum(_CHANNELS.values())))
    uv, uv_da = uv.reshape(-1, 2), uv_da.reshape(-1, 4)
    for index, part in enumerate(parts):
        first, last = geometry.first[index : index + 2]
        where = torch.nonzero((shown >= first) & (shown < last))[:, 0]
        if not len(where):
            continue
        line = (1, 1, len(where), -1)
        places = (uv[where].view(line), uv_da[where].view(line))
        values = _values(part, packed[index], *places, backend)
        maps = maps.index_copy(0, where, torch.cat(values, dim=3)[0, 0])
    return maps.view(*rast.shape[:3], -1).permute(0, 3, 1, 2)


def _values(
    part: Part, packed: Packed, uv: Tensor, uv_da: Tensor, backend: Backend
) -> list[Tensor]:
    """Return what pixels see of each map, (B, H, W, channels), all ten channels together."""
    pixels = uv.shape[:3]
    found = {"normal": uv.new_zeros((1, 1, 1, _CHANNELS["normal"])).expand(*pixels, -1)}
    for group in packed:
        if part.material.resolution == (1, 1):
            values = group.texels.expand(*pixels, -1)
        else:
            values = texture(
                group.texels, uv, uv_da=uv_da, mip=group.mip, filter_mode="linear-mipmap-linear",
                boundary_mode=part.wrap, max_mip_level=_halvings(*part.material.resolution),
                backend=backend,
            )  # fmt: skip
        found |= group.split(values)
    return [found[name] for name in _CHANNELS]


def _halvings(height: int, width: int) -> int:
    """How often both sides can be halved; a side of one stays one."""
    count = 0
    while (height, width) != (1, 1) and all(side == 1 or side % 2 == 0 for side in (height, width)):
        height, width = max(height // 2, 1), max(width // 2, 1)
        count += 1
    return count
