"""What meshes are made of, at each pixel: maps read where the parts show."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.ops import texture
from diffgfx.render.geometry import Geometry
from diffgfx.scene import Part
from diffgfx.types import Backend

__all__ = ["pack_maps", "read_maps"]

_CHANNELS = 10


def pack_maps(parts: Sequence[Part]) -> tuple[Tensor, ...]:
    """Return each part's maps as `ops.texture` takes them, row 0 at the bottom: (1, h, w, 10)."""
    return tuple(
        part.material.to_tensor().permute(0, 2, 3, 1).flip(1).contiguous() for part in parts
    )


def read_maps(
    parts: Sequence[Part],
    packed: Sequence[Tensor],
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
        uv: Texture coordinates, (B, H, W, 2).
        uv_da: Their screen derivatives, (B, H, W, 4).
        backend: Of the look-ups.

    Returns:
        Maps, (B, H, W, 10); those of pixels that show nothing mean nothing.
    """
    if len(parts) == 1 and parts[0].material.resolution != (1, 1):
        return _read(parts[0], packed[0], uv, uv_da, backend)
    if len(parts) == 1:
        return packed[0].expand(*uv.shape[:3], _CHANNELS)
    shown = rast[..., 3].reshape(-1).long() - 1
    maps = uv.new_zeros((len(shown), _CHANNELS))
    uv, uv_da = uv.reshape(-1, 2), uv_da.reshape(-1, 4)
    for index, part in enumerate(parts):
        first, last = geometry.first[index : index + 2]
        where = torch.nonzero((shown >= first) & (shown < last))[:, 0]
        if not len(where):
            continue
        if part.material.resolution == (1, 1):
            rows = packed[index].reshape(1, _CHANNELS).expand(len(where), _CHANNELS)
        else:
            line = (1, 1, len(where), -1)
            places = (uv[where].view(line), uv_da[where].view(line))
            rows = _read(part, packed[index], *places, backend)[0, 0]
        maps = maps.index_copy(0, where, rows)
    return maps.view(*rast.shape[:3], _CHANNELS)


def _read(part: Part, texels: Tensor, uv: Tensor, uv_da: Tensor, backend: Backend) -> Tensor:
    return texture(
        texels, uv.contiguous(), uv_da=uv_da.contiguous(),
        filter_mode="linear-mipmap-linear", boundary_mode=part.wrap,
        max_mip_level=_halvings(part.material.resolution), backend=backend,
    )  # fmt: skip


def _halvings(resolution: tuple[int, int]) -> int:
    """How often both sides can be halved; a side of one stays one."""
    height, width = resolution
    count = 0
    while (height, width) != (1, 1) and all(side == 1 or side % 2 == 0 for side in (height, width)):
        height, width = max(height // 2, 1), max(width // 2, 1)
        count += 1
    return count
