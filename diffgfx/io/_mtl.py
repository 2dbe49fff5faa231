"""Material libraries of OBJ, as ten maps: what such files mean in practice, stated here once.

``Kd`` and ``map_Kd`` are the base colour, the picture sRGB. ``Pr``, ``Pm`` and their maps are
roughness and metallic of the PBR extension; without ``Pr`` the exponent gives the roughness,
``r = (2 / (Ns + 2))^(1/4)``, which makes Blinn's lobe as wide as GGX's. ``Ks`` is read as exporters
write it, F0 = 0.08 Ks, so that Ks = 0.5 is plastic. ``norm`` is a tangent-space normal map, y up.
``bsdf pbr`` marks the files of nvdiffrec, whose ``Ks`` and ``map_Ks`` hold occlusion, roughness and
metallic.
"""

import dataclasses
import math
from itertools import takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from diffgfx.errors import InputError
from diffgfx.io._files import read_bytes, show, show_path
from diffgfx.io._gltf_material import resize
from diffgfx.io._mesh_build import plain_material
from diffgfx.io._uri import inside_folder
from diffgfx.io.encodings import from_metallic
from diffgfx.io.image import decode_transfer, read_header, read_pixels
from diffgfx.scene import MaterialMaps, Wrap

__all__ = ["Look", "default_look", "read_mtl"]

Array = npt.NDArray[np.floating]
Statements = dict[str, list[str]]

_FILE_LIMIT = 1 << 23
_PIXEL_LIMIT = 1 << 24
_TEXEL_LIMIT = 1 << 25
_ROUGH = 0.5
_DIELECTRIC = 0.04
_READ = frozenset(
    {"kd", "map_kd", "ks", "ns", "pr", "map_pr", "pm", "map_pm", "norm", "bsdf", "map_ks"}
)
_SILENT = frozenset({"illum", "ka", "ni", "tf", "sharpness", "d", "tr", "ke"})
# Words that follow each option of a texture statement; the second and third of -s, -o and -t may
# be left out.
_OPTIONS = {
    "-s": 1, "-o": 1, "-t": 1, "-mm": 2, "-bm": 1, "-clamp": 1, "-blendu": 1, "-blendv": 1,
    "-boost": 1, "-texres": 1, "-imfchan": 1, "-type": 1, "-cc": 1,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Look:
    """A material and what is outside its maps."""

    maps: MaterialMaps
    wrap: Wrap = "wrap"


def default_look(dtype: torch.dtype) -> Look:
    """Return grey plastic: d = 0.5, F0 = 0.04, r = 0.5; for meshes whose file names no material."""
    return Look(plain_material((0.5, 0.5, 0.5), _DIELECTRIC, _ROUGH, dtype))


def read_mtl(path: Path, wanted: set[str], dtype: torch.dtype) -> tuple[dict[str, Look], list[str]]:
    """Return the wanted materials of a library, and notes on what is left out.

    Args:
        path: The library; its textures must lie in its folder.
        wanted: Names of materials; others are not decoded.
        dtype: Of the maps.

    Raises:
        InputError: If the library is broken, or a texture missing, broken, outside the folder, over
            2^24 pixels, or all materials over 2^25 texels.
    """
    name = show_path(path)
    found: dict[str, Statements] = {}
    fields: Statements = {}
    for line in read_bytes(path, _FILE_LIMIT).decode("utf-8-sig", "replace").split("\n"):
        words = line.partition("#")[0].split()
        if words and words[0].lower() == "newmtl":
            fields = found.setdefault(" ".join(words[1:]), {})
        elif words:
            fields.setdefault(words[0].lower(), words[1:])
    looks: dict[str, Look] = {}
    notes: list[str] = []
    texels = 0
    for title, statements in found.items():
        if title in wanted:
            material = _Material(name, title, path.parent, statements)
            looks[title] = material.look(dtype)
            notes += material.notes
            texels += math.prod(looks[title].maps.resolution)
            if texels > _TEXEL_LIMIT:
                raise InputError(
                    f"{name}: materials must hold at most {_TEXEL_LIMIT} texels, got {texels}; "
                    "reduce the textures"
                )
    return looks, notes


class _Material:
    """One material of a library while it is read."""

    def __init__(self, name: str, title: str, home: Path, statements: Statements) -> None:
        self.place = f"{name}: material {show(title)}"
        self.home = home
        self.statements = statements
        self.wrap: Wrap = "wrap"
        foreign = sorted(set(statements) - _READ - _SILENT)
        self.notes = [f"{self.place}: {show(key)} is left out" for key in foreign]
        if max(self._numbers("ke", (0.0, 0.0, 0.0), high=math.inf)) > 0.0:
            self.notes.append(f"{self.place}: emission is left out")
        if self._is_clear():
            self.notes.append(f"{self.place}: shown opaque")

    def look(self, dtype: torch.dtype) -> Look:
        """Return the material as maps."""
        base = self._picture("map_kd", "srgb")
        white = (1.0, 1.0, 1.0) if base is not None else (0.8, 0.8, 0.8)
        colour = _times(base, self._numbers("kd", white))
        if "bsdf" in self.statements:
            packed = _times(self._picture("map_ks", "linear"), self._numbers("ks", (0.0, 1.0, 0.0)))
            roughness, metallic = packed[..., 1:2], packed[..., 2:]
            dielectric = np.full((1, 1, 3), _DIELECTRIC)
        else:
            roughness = _times(self._picture("map_pr", "linear"), self._roughness())[..., :1]
            metal = self._numbers("pm", (float("map_pm" in self.statements),), most=1)
            metallic = _times(self._picture("map_pm", "linear"), metal * 3)[..., :1]
            shine = _times(self._picture("map_ks", "linear"), self._numbers("ks", (0.5, 0.5, 0.5)))
            dielectric = 0.08 * shine
        relief = self._picture("norm", "linear")
        normal = np.array([[[0.0, 0.0, 1.0]]]) if relief is None else 2.0 * relief - 1.0
        images = (colour, metallic, roughness, normal, dielectric)
        height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
        resized = [resize(values, height, width, dtype) for values in images]
        maps = from_metallic(*resized[:4], dielectric=resized[4])
        if relief is not None:
            maps[:, :3] = torch.nn.functional.normalize(maps[:, :3], dim=1)
        return Look(MaterialMaps.from_tensor(maps), self.wrap)

    def _is_clear(self) -> bool:
        for key, opaque in (("d", "1"), ("tr", "0")):
            try:
                value = float(self.statements.get(key, [opaque])[-1])
            except (ValueError, IndexError):
                continue
            if value != float(opaque):
                return True
        return False

    def _roughness(self) -> tuple[float, ...]:
        if "pr" in self.statements:
            return self._numbers("pr", (1.0,), most=1) * 3
        if "map_pr" in self.statements:
            return (1.0, 1.0, 1.0)
        if "ns" not in self.statements:
            return (_ROUGH, _ROUGH, _ROUGH)
        exponent = self._numbers("ns", (0.0,), most=1, high=math.inf)[0]
        return ((2.0 / (exponent + 2.0)) ** 0.25,) * 3

    def _numbers(
        self, key: str, default: tuple[float, ...], *, most: int = 3, high: float = 1.0
    ) -> tuple[float, ...]:
        words = self.statements.get(key)
        if words is None:
            return default
        try:
            values = tuple(float(word) for word in words[:most])
        except ValueError:
            values = ()
        if most == 3 and len(values) == 1:
            values *= 3
        if len(values) != most or not all(0.0 <= v <= high and v < math.inf for v in values):
            raise InputError(
                f"{self.place} {key} must be {most} numbers in [0, {high:g}], got "
                f"{show(' '.join(words))}; correct it"
            )
        return values

    def _picture(self, key: str, transfer: str) -> Array | None:
        """Return a texture as linear values, shape (h, w, 3)."""
        words = self.statements.get(key)
        if words is None:
            return None
        words = list(words)
        while len(words) > 1 and words[0] in _OPTIONS:
            option, count = words[0], _OPTIONS[words[0]]
            if option == "-clamp" and words[1] == "on":
                self.wrap = "clamp"
            elif option in ("-s", "-o", "-t"):
                self.notes.append(f"{self.place}: {key} {option} is left out")
                # the last word names the picture, were it a number
                count += sum(1 for _ in takewhile(_is_number, words[2:4][: len(words) - 3]))
            words = words[1 + count :]
        inside = f"{self.place} {key}"
        text = " ".join(words)
        path = inside_folder(self.home, text, inside)
        header = read_header(path)
        if header.width * header.height > _PIXEL_LIMIT:
            raise InputError(
                f"{inside}: image must hold at most {_PIXEL_LIMIT} pixels, got {header.width} x "
                f"{header.height}; reduce it"
            )
        if header.kind == "exr":
            raise InputError(f"{inside} must be a PNG or JPEG, got an EXR; convert it")
        pixels = read_pixels(path)
        most = np.iinfo(pixels.dtype).max
        stored = np.arange(most + 1) / most
        table = decode_transfer(stored, "srgb") if transfer == "srgb" else stored
        return np.asarray(table.astype(np.float32)[pixels])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _times(picture: Array | None, factor: tuple[float, ...]) -> Array:
    values = np.array(factor).reshape(1, 1, 3)
    return values if picture is None else picture * values
