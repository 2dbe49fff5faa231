"""Textures of a material in glTF: where they lie on the surface, and what is outside them."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt
import torch

from diffgfx.io._gltf_asset import Asset, Fields
from diffgfx.io._gltf_material import IOR, SPECULAR, decode_material
from diffgfx.scene import MaterialMaps, Wrap

__all__ = ["Material", "Placement", "read_material"]

_TRANSFORM = "KHR_texture_transform"
_PIXEL_LIMIT = 1 << 24
_WRAPS = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_KNOWN = {SPECULAR, IOR}
_AGAIN = "export the file again"
_UNMOVED = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclasses.dataclass(frozen=True)
class Placement:
    """How texture coordinates of a file become places in a texture, v down.

    Attributes:
        channel: Which set of coordinates, the n of TEXCOORD_n.
        matrix: Rows of the affine map that is applied to (u, v, 1).
        wraps: What lies outside along u and v: repeat, clamp or mirror.
    """

    channel: int = 0
    matrix: tuple[tuple[float, ...], tuple[float, ...]] = _UNMOVED
    wraps: tuple[str, str] = ("repeat", "repeat")

    def apply(self, uv: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return coordinates in this library's sense, v up, of those that stand in the file."""
        rows = np.array(self.matrix)
        with np.errstate(over="ignore", invalid="ignore"):
            u, v = (uv @ row[:2] + row[2] for row in rows)
        return np.stack([u, 1.0 - v], axis=1)


@dataclasses.dataclass(frozen=True)
class Material:
    """A material, where it lies, and what it is without.

    Attributes:
        maps: The maps, b = 1.
        placement: Where they lie; None where there is no texture.
        wrap: What is outside.
        two_sided: Whether backs show.
        notes: What is left out.
    """

    maps: MaterialMaps
    placement: Placement | None
    wrap: Wrap
    two_sided: bool
    notes: tuple[str, ...]


def read_material(asset: Asset, fields: Fields, where: str, dtype: torch.dtype) -> Material:
    """Return a material of a mesh.

    Raises:
        InputError: If it is broken, or its textures lie in different places.
    """
    notes = _leave_out(asset, fields, where)
    found: list[tuple[str, Placement]] = []

    def texture(owner: Fields, key: str, inside: str) -> npt.NDArray[np.float64]:
        if key not in owner:
            return np.ones((1, 1, 4))
        place = f"{inside}.{key}"
        info = asset.fields(owner, key, inside)
        found.append((place, _placement(asset, info, place)))
        return asset.image(info.get("index"), f"{place}.index", _PIXEL_LIMIT)

    tensor, weight = decode_material(asset, fields, where, texture, dtype)
    if weight != 1.0:
        notes.append(f"{where}: specular below 1 does not dim the rim")
    for place, other in found[1:]:
        if other != found[0][1]:
            rule = f"must lie where {found[0][0]} lies"
            raise asset.fault(place, rule, other, "bake the textures to one set of coordinates")
    placement = found[0][1] if found else None
    if placement is not None:
        tensor, placement = _unfold(tensor, placement)
        if len(set(placement.wraps)) > 1:
            notes.append(f"{where}: textures repeat along both axes, not {placement.wraps}")
    clamped = placement is not None and placement.wraps == ("clamp", "clamp")
    two_sided = fields.get("doubleSided", False)
    if not isinstance(two_sided, bool):
        raise asset.fault(f"{where}.doubleSided", "must be true or false", two_sided, _AGAIN)
    maps = MaterialMaps.from_tensor(tensor)
    return Material(maps, placement, "clamp" if clamped else "wrap", two_sided, tuple(notes))


def _leave_out(asset: Asset, fields: Fields, where: str) -> list[str]:
    foreign = sorted(set(asset.fields(fields, "extensions", where)) - _KNOWN)
    notes = [f"{where}: {name[:60]} is left out" for name in foreign]
    glow = asset.numbers(fields, "emissiveFactor", (0.0, 0.0, 0.0), where)
    if max(glow) > 0.0:
        notes.append(f"{where}: emission is left out")
    if "occlusionTexture" in fields:
        notes.append(f"{where}: occlusion is left out")
    if fields.get("alphaMode", "OPAQUE") != "OPAQUE":
        notes.append(f"{where}: shown opaque")
    return notes


def _placement(asset: Asset, info: Fields, place: str) -> Placement:
    extensions = asset.fields(info, "extensions", place)
    moved = asset.fields(extensions, _TRANSFORM, f"{place}.extensions")
    inside = f"{place}.extensions.{_TRANSFORM}"
    channel = asset.whole(info, "texCoord", 0, place)
    if "texCoord" in moved:
        channel = asset.whole(moved, "texCoord", 0, inside)
    shift = asset.numbers(moved, "offset", (0.0, 0.0), inside, low=-math.inf)
    scale = asset.numbers(moved, "scale", (1.0, 1.0), inside, low=-math.inf)
    angle = asset.number(moved, "rotation", 0.0, inside, low=-math.inf)
    cos, sin = math.cos(angle), math.sin(angle)
    # The extension's T R S: a positive angle turns coordinates (u right, v down) clockwise.
    matrix = (
        (cos * scale[0], sin * scale[1], shift[0]),
        (-sin * scale[0], cos * scale[1], shift[1]),
    )
    texture = asset.item("textures", info.get("index"), f"{place}.index")
    sampler: Fields = {}
    if "sampler" in texture:
        sampler = asset.item("samplers", texture["sampler"], "sampler")
    wraps = []
    for key in ("wrapS", "wrapT"):
        code = sampler.get(key, 10497)
        if not isinstance(code, int) or code not in _WRAPS:
            raise asset.fault(f"samplers.{key}", f"must be one of {[*_WRAPS]}", code, _AGAIN)
        wraps.append(_WRAPS[code])
    return Placement(channel, matrix, (wraps[0], wraps[1]))


def _unfold(maps: torch.Tensor, placement: Placement) -> tuple[torch.Tensor, Placement]:
    """Write out one mirrored period, so that repeating shows what mirroring would have shown."""
    rows, wraps = [list(row) for row in placement.matrix], list(placement.wraps)
    for axis, dim in ((0, 3), (1, 2)):
        if wraps[axis] != "mirror":
            continue
        if maps.shape[dim] > 1:
            maps = torch.cat([maps, maps.flip(dim)], dim=dim)
            rows[axis] = [0.5 * value for value in rows[axis]]
        wraps[axis] = "repeat"
    return maps, Placement(
        placement.channel, (tuple(rows[0]), tuple(rows[1])), (wraps[0], wraps[1])
    )
