"""Folders of maps as other systems have them: files, names, bits and encodings of each.

``material.json`` beside the files states what every file holds, so that a folder that was written
here can be read without being told what it is.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffgfx.check import check_choice, check_finite
from diffgfx.errors import InputError, RangeError, ShapeError
from diffgfx.io._encoding_table import ENCODINGS, NormalSense, Parts, describe_file
from diffgfx.io._files import atomic_path, show, show_path
from diffgfx.io._json import Fields, check_plain, read_object
from diffgfx.io.encodings import SOURCES
from diffgfx.io.encodings_write import to_unreal, unbalance_diffuse
from diffgfx.io.image import decode_transfer, encode_transfer, read_image, write_png
from diffgfx.io.maps import MapFiles, read_pair
from diffgfx.scene import MaterialMaps

__all__ = ["ENCODINGS", "SIDECAR", "NormalSense", "read_encoded_maps", "write_encoded_maps"]

SIDECAR = "material.json"
_FORMAT = "diffgfx-encoded-maps-1"


def write_encoded_maps(
    folder: Path | str,
    maps: MaterialMaps,
    encoding: str,
    *,
    normal: NormalSense | None = None,
    units: str = "m",
) -> list[str]:
    """Write maps as another system stores them, and ``material.json``, which says how.

    `ENCODINGS` lists the systems.

    Args:
        folder: An existing folder; see `output_folder` for one that appears whole.
        maps: One material, b = 1; normals of any length.
        encoding: One of `ENCODINGS`.
        normal: Which way green points in the normal map: up (gl) or down (dx). None for what the
            system expects: dx for unreal, else gl; the published encodings know no other.
        units: Unit of ``maps.size``.

    Returns:
        What could not be kept, a line each.

    Raises:
        ShapeError: If ``maps`` holds more than one material.
        RangeError: If the encoding is unknown or has no such normals, or a value is not finite.
        OutputError: If a file cannot be written.
    """
    check_choice("encoding", encoding, [*ENCODINGS])
    kind = ENCODINGS[encoding]
    sense = normal or kind.senses[0]
    if sense not in kind.senses:
        raise RangeError(
            f"normal must be {' or '.join(kind.senses)} for {encoding}, got {sense}; "
            "its programs read normal maps with green up"
        )
    if maps.diffuse.shape[0] != 1:
        raise ShapeError(
            f"maps must hold one material, got {maps.diffuse.shape[0]}; write one folder each"
        )
    tensor = maps.to_tensor().detach().double().cpu()
    check_finite("maps", tensor, "find where it arose before writing it")
    tensor = torch.cat([torch.nn.functional.normalize(tensor[:, :3], dim=1), tensor[:, 3:]], dim=1)
    folder, warnings, files = Path(folder), _losses(encoding, tensor), {}
    for role, values in kind.encode(tensor).items():
        name = _file_name(kind.files[role].name, sense)
        linear = 0.5 * _turned(values, sense) + 0.5 if role == "normal" else values
        stored = encode_transfer(linear[0].movedim(0, -1), kind.files[role].transfer)
        write_png(folder / name, stored.numpy(), bits=kind.bits)
        words = describe_file(encoding, role, sense)
        files[role] = {"file": name, "bits": kind.bits, "stored": words}
    rows, columns = maps.resolution
    _write_sidecar(folder, {
        "format": _FORMAT, "encoding": encoding, "units": units, "size": list(maps.size),
        "resolution": [columns, rows], "normal": sense, "files": files, "warnings": warnings,
    })  # fmt: skip
    return warnings


def read_encoded_maps(folder: Path | str, encoding: str | None = None) -> MapFiles:
    """Read what `write_encoded_maps` wrote, or the files of another system.

    Args:
        folder: The folder of the files.
        encoding: One of `ENCODINGS`; None where ``material.json`` says it. Without that file the
            longer side of the sample counts as one metre, files may have plain names
            (``normal.png``, ``diffuse.png``), and normals are as the file's name ends (``_gl``,
            ``_dx``) or, where it says nothing, with green up.

    Returns:
        The maps as float32, b = 1, normals of unit length, without a height. The diffuse is weighed
        for this library's BRDF, see `balance_diffuse`, and may exceed 1.

    Raises:
        RangeError: If the encoding is unknown.
        InputError: If a file is missing, damaged or of another size, or if what ``material.json``
            says is not to be believed.
    """
    folder = Path(folder)
    size: tuple[float, float] | None = None
    units = "m"
    if (folder / SIDECAR).exists() or encoding is None:
        encoding, size, units = _read_sidecar(folder / SIDECAR, encoding)
    check_choice("encoding", encoding, [*ENCODINGS])
    kind = ENCODINGS[encoding]
    parts: Parts = {}
    for role, file in kind.files.items():
        path, sense = _find(folder, role, file.name, kind.senses)
        stored = torch.from_numpy(decode_transfer(read_image(path), file.transfer)).double()
        values = stored.movedim(-1, 0)[None, : file.channels]
        if role == "normal":
            values = _decode_normal(values, sense, path)
        first = next(iter(parts.values()), values)
        if values.shape[-2:] != first.shape[-2:]:
            raise InputError(
                f"{show_path(path)}: maps must share one size, got {values.shape[-1]} x "
                f"{values.shape[-2]} after {first.shape[-1]} x {first.shape[-2]}; resize them"
            )
        parts[role] = values
    maps = kind.decode(parts).float()
    rows, columns = maps.shape[-2:]
    longer = max(rows, columns)
    return MapFiles(
        MaterialMaps.from_tensor(maps, size or (columns / longer, rows / longer)), None, units
    )


def _decode_normal(stored: Tensor, sense: NormalSense, path: Path) -> Tensor:
    values = _turned(2.0 * stored - 1.0, sense)
    if float(values.norm(dim=1).min()) < 1e-3:
        raise InputError(
            f"{show_path(path)}: normals must have a length, got 0; fill them with (0, 0, 1)"
        )
    return torch.nn.functional.normalize(values, dim=1)


def _turned(normal: Tensor, sense: NormalSense) -> Tensor:
    """Return normals between this library's sense, +y up, and the one asked for."""
    sign = -1.0 if sense == "dx" else 1.0
    return normal * normal.new_tensor([1.0, sign, 1.0]).view(1, 3, 1, 1)


def _read_sidecar(
    path: Path, encoding: str | None
) -> tuple[str, tuple[float, float], str]:
    fields = read_object(path, "name the encoding of the folder", "write the maps again")
    name = show_path(path)
    check_plain(name, fields)
    stated, units = fields.get("encoding"), fields.get("units")
    if fields.get("format") != _FORMAT or stated not in ENCODINGS:
        raise InputError(
            f"{name}: format must be {_FORMAT} with one of {', '.join(ENCODINGS)}, got "
            f"{show(fields.get('format'))} with {show(stated)}; write the maps again"
        )
    if encoding is not None and encoding != stated:
        raise InputError(
            f"{name}: encoding must be the one that was asked for, {encoding}, got {stated}; "
            "leave out --from"
        )
    size = read_pair(name, "size", fields.get("size"))
    if min(size) <= 0.0 or not isinstance(units, str):
        raise InputError(
            f"{name}: size must be above zero in a named unit, got {size[0]:g} x {size[1]:g} "
            f"{show(units)}; correct it"
        )
    return stated, size, units


def _write_sidecar(folder: Path, fields: Fields) -> None:
    with atomic_path(folder / SIDECAR) as partial:
        partial.write_text(json.dumps(fields, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _file_name(name: str, sense: str) -> str:
    return name.format(sense=sense, SENSE=sense.upper())


def _find(
    folder: Path, role: str, name: str, senses: tuple[NormalSense, ...]
) -> tuple[Path, NormalSense]:
    """Return the file that is there, and which way its green points if it is a normal map."""
    candidates: list[tuple[Path, NormalSense]] = [
        *((folder / _file_name(name, sense), sense) for sense in senses),
        (folder / f"{role}.png", "gl"),
    ]
    return next((found for found in candidates if found[0].exists()), candidates[0])


def _losses(encoding: str, maps: Tensor) -> list[str]:
    """Return what an encoding cannot hold, a line each."""
    if encoding in SOURCES:
        maps = unbalance_diffuse(maps, encoding)
    _, diffuse, specular, roughness = torch.split(maps, [3, 3, 3, 1], dim=1)
    parts = {"diffuse": diffuse, "specular": specular, "roughness": roughness}
    if encoding in ("metallic", "unreal"):
        parts.pop("diffuse")  # becomes part of a base colour
    lines = []
    for name, part in parts.items():
        share = _share((part < -1e-6) | (part > 1.0 + 1e-6))
        if share > 0.0:
            lines.append(f"{name} was clipped to [0, 1] on {share:.1%} of texels")
    if encoding == "unreal":
        share = _share(to_unreal(maps).clipped)
        if share > 0.0:
            lines.append(
                f"Unreal's Specular ends at F0 = 0.08 and was clipped on {share:.1%} of texels "
                "that are no metals, which became metallic by what they reflect more; take "
                "material.glb, or the OpenPBR material, where that matters"
            )
    return lines


def _share(texels: Tensor) -> float:
    return float(np.mean(texels.any(dim=1).numpy()))
