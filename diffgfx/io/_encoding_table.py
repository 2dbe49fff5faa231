"""What each encoding of a material is: its files, what they hold, and the way there and back."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from diffgfx.io import encodings as read
from diffgfx.io import encodings_write as write
from diffgfx.scene import Transfer

__all__ = ["ENCODINGS", "Encoding", "NormalSense", "Parts", "describe_file"]

NormalSense = Literal["gl", "dx"]
"""Which way green points in a normal map: up (OpenGL, glTF, Blender) or down (DirectX, Unreal)."""

Parts = dict[str, Tensor]
_GREEN = {"gl": "green up, OpenGL", "dx": "green down, DirectX"}


class MapFile(NamedTuple):
    """One file of an encoding: linear values of ``channels`` channels, how they are stored."""

    name: str
    channels: int
    transfer: Transfer = "linear"


class Encoding(NamedTuple):
    """How a system stores a material.

    Attributes:
        files: The file of each role; ``{sense}`` in a name stands for that of the normals.
        bits: Bits a channel.
        encode: From the maps n3 d3 s3 r1 to the linear values of each role, normals unit vectors.
        decode: The way back.
        senses: Which normal maps the system knows, the usual one first.
    """

    files: dict[str, MapFile]
    bits: Literal[8, 16]
    encode: Callable[[Tensor], Parts]
    decode: Callable[[Parts], Tensor]
    senses: tuple[NormalSense, ...] = ("gl",)


def _published(
    source: str, store: Callable[..., Any], load: Callable[..., Tensor], names: str
) -> Encoding:
    """Return a published encoding: its functions store and load every value themselves."""

    def encode(maps: Tensor) -> Parts:
        stored: Parts = store(write.unbalance_diffuse(maps, source))._asdict()
        stored["normal"] = 2.0 * stored["normal"] - 1.0
        return stored

    def decode(parts: Parts) -> Tensor:
        stored = {**parts, "normal": 0.5 * parts["normal"] + 0.5}
        return read.balance_diffuse(load(**stored), source)

    normal, diffuse, specular, roughness = names.split()
    files = {
        "normal": MapFile(normal, 3),
        "diffuse": MapFile(diffuse, 3),
        "specular": MapFile(specular, 3),
        "roughness": MapFile(roughness, 1),
    }
    return Encoding(files, 8, encode, decode)


def _encode_specular(maps: Tensor) -> Parts:
    names = ("normal", "diffuse", "specular", "roughness")
    return dict(zip(names, torch.split(maps, [3, 3, 3, 1], dim=1), strict=True))


def _encode_unreal(maps: Tensor) -> Parts:
    found = write.to_unreal(maps)
    packed = torch.cat([torch.ones_like(found.roughness), found.roughness, found.metallic], dim=1)
    return {"base": found.base, "packed": packed, "specular": found.specular,
            "normal": found.normal}  # fmt: skip


def _decode_unreal(parts: Parts) -> Tensor:
    base, packed = parts["base"], parts["packed"]
    roughness, metallic = packed[:, 1:2], packed[:, 2:3]
    specular = torch.lerp(0.08 * parts["specular"].expand_as(base), base, metallic)
    room = 1.0 - specular.amax(dim=1, keepdim=True)
    diffuse = read.divide_where(base * (1.0 - metallic), room)
    return torch.cat([parts["normal"], diffuse, specular, roughness], dim=1)


_NAMES = "normal.png diffuse.png specular.png roughness.png"
ENCODINGS: dict[str, Encoding] = {
    "specular": Encoding(
        {"normal": MapFile("normal_{sense}.png", 3), "diffuse": MapFile("diffuse.png", 3, "srgb"),
         "specular": MapFile("specular.png", 3, "srgb"), "roughness": MapFile("roughness.png", 1)},
        16, _encode_specular, lambda parts: torch.cat([*parts.values()], dim=1), ("gl", "dx"),
    ),
    "metallic": Encoding(
        {"base": MapFile("basecolor.png", 3, "srgb"), "metallic": MapFile("metallic.png", 1),
         "roughness": MapFile("roughness.png", 1), "normal": MapFile("normal_{sense}.png", 3)},
        16, lambda maps: read.to_metallic(maps)._asdict(),
        lambda parts: read.from_metallic(**parts), ("gl", "dx"),
    ),
    "deschaintre": _published(
        "deschaintre", write.to_deschaintre, read.from_deschaintre, _NAMES
    ),
    "gao": _published("gao", write.to_gao, read.from_gao, _NAMES),
    "materialgan": _published(
        "materialgan", write.to_materialgan, read.from_materialgan,
        "nom.png dif.png spe.png rgh.png",
    ),
    "unreal": Encoding(
        {"base": MapFile("BaseColor.png", 3, "srgb"),
         "packed": MapFile("OcclusionRoughnessMetallic.png", 3),
         "specular": MapFile("Specular.png", 1), "normal": MapFile("Normal_{SENSE}.png", 3)},
        8, _encode_unreal, _decode_unreal, ("dx", "gl"),
    ),
}  # fmt: skip
"""specular: normal, diffuse, specular, roughness, as `write_maps` has them, in PNG alone. metallic:
normal, basecolor, metallic, roughness of glTF's workflow, see `to_metallic`. Both with 16 bits,
colours sRGB-encoded. deschaintre, gao, materialgan: their four files with 8 bits, as their programs
read them; the diffuse is weighed for their renderers, see `unbalance_diffuse`. unreal: BaseColor
(sRGB), OcclusionRoughnessMetallic (occlusion 1), Specular, Normal, 8 bits, as it compresses
textures to 8 bits anyway; see `to_unreal`.
"""


def describe_file(encoding: str, role: str, sense: NormalSense) -> str:
    """Say in words how a file is to be read."""
    if role == "normal":
        return f"0.5 n + 0.5, {_GREEN[sense]}, linear"
    words = {
        "base": "base colour, sRGB",
        "packed": "linear: R occlusion (1), G roughness, B metallic",
        "metallic": "metallic, linear",
        "roughness": "perceptual roughness, alpha = roughness^2, linear",
        "diffuse": "diffuse albedo of (1 - max F) d / pi, sRGB",
        "specular": "F0, sRGB",
    }
    if encoding == "unreal" and role == "specular":
        return "F0 / 0.08, linear"
    if encoding not in read.SOURCES:
        return words[role]
    gamma = {"deschaintre": "", "gao": "diffuse", "materialgan": "diffuse specular roughness"}
    power = "value^(1/2.2)" if role in gamma[encoding].split() else "value, linear"
    weight = "d / pi" if encoding == "gao" else "d (1 - s) / pi"
    thing = {"diffuse": f"diffuse albedo of {weight}", "specular": "F0",
             "roughness": "perceptual roughness, alpha = roughness^2"}  # fmt: skip
    return f"{power}: {thing[role]}"
