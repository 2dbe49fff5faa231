"""The material for the page's own renderer: few bytes, and no rounding that a highlight shows.

A mirror-like highlight sees an error of a thousandth in the normal or the roughness; both are
stored in 16 bits, colours in 8 bits of their sRGB encoding. Planes of bytes are differenced along
their rows and compressed by zlib, which a browser undoes without a library.
"""

import base64
import dataclasses
import zlib

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.inverse import area_average
from diffgfx.io import encode_transfer
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.material import picture_material

__all__ = ["EYE", "FIRST_LIGHT", "ViewData", "pack_view", "view_maps"]

VIEW_SIDE = 512
FIRST_LIGHT = (-0.25, 0.25, 1.0)
"""Where the light stands when the page opens [longer sides of the sample, from its centre]."""
EYE = (0.0, 0.0, 2.0)
"""Where the eye of the view is, in the same unit."""

_Bytes = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class ViewData:
    """What the page's renderer is given.

    Attributes:
        width: Texels along a row.
        height: Rows.
        size: Width and height of the sample, the longer being 1.
        power: Radiant intensity of the light [radiance x longer side^2] at exposure 0.
        light: Its first place [longer sides].
        eye: Place of the eye.
        planes: Base64 of the compressed planes; see `pack_view`.
    """

    width: int
    height: int
    size: tuple[float, float]
    power: float
    light: tuple[float, float, float]
    eye: tuple[float, float, float]
    planes: str


def view_maps(maps: MaterialMaps, side: int = VIEW_SIDE) -> MaterialMaps:
    """Return the maps as the page draws them: averaged down to ``side`` texels at most."""
    height, width = maps.resolution
    scale = side / max(height, width)
    tensor = maps.to_tensor()
    if scale < 1.0:
        small = (max(1, round(height * scale)), max(1, round(width * scale)))
        tensor = area_average(tensor, small)
    normal = torch.nn.functional.normalize(tensor[:, :3], dim=1)
    return MaterialMaps.from_tensor(torch.cat([normal, tensor[:, 3:]], dim=1), maps.size)


def pack_view(maps: MaterialMaps) -> ViewData:
    """Pack a material (b = 1, normals toward +z) for the page.

    Planes of h x w bytes follow one another: x of the normal, its high byte and its low one, then
    y, then the roughness, likewise ((x + 1) / 2 and r in 65535ths); red, green, blue of d, then of
    s, sRGB-encoded. Each byte but the first of a row is a difference to its left neighbour.
    """
    shown = view_maps(maps)
    fine = torch.cat([0.5 * (shown.normal[0, :2] + 1.0), shown.roughness[0]])
    colours = encode_transfer(torch.cat([shown.diffuse[0], shown.specular[0]]), "srgb")
    codes = _codes(fine, 65535).astype(np.uint16)
    planes: list[_Bytes] = []
    for plane in codes:
        planes += [(plane >> 8).astype(np.uint8), (plane & 255).astype(np.uint8)]
    planes += list(_codes(colours, 255).astype(np.uint8))
    stacked = np.stack(planes)
    stacked[..., 1:] -= stacked[..., :-1].copy()
    side = max(maps.size)
    height, width = shown.resolution
    return ViewData(
        width=width,
        height=height,
        size=(maps.size[0] / side, maps.size[1] / side),
        power=picture_material(shown, light=FIRST_LIGHT, camera=EYE, size=max(width, height)).power,
        light=FIRST_LIGHT,
        eye=EYE,
        planes=base64.b64encode(zlib.compress(stacked.tobytes(), 9)).decode("ascii"),
    )


def _codes(values: Float[Tensor, "c h w"], top: int) -> npt.NDArray[np.float64]:
    array = values.detach().cpu().double().clamp(0.0, 1.0).numpy()
    return np.asarray(np.rint(array * top))
