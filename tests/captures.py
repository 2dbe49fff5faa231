"""Small captures of known materials, photographed by the library's own equation, for tests."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from diffgfx.data import CameraModel, SyntheticCapture, make_material, synthetic_capture
from diffgfx.io import write_png
from diffgfx.ops import shade_svbrdf
from diffgfx.scene import MaterialMaps, Transfer

SIZE = 10.0  # [cm]


@dataclasses.dataclass(frozen=True)
class KnownCapture:
    """A capture on disk and the truth about it."""

    folder: Path
    maps: MaterialMaps
    shot: SyntheticCapture


def render(maps: MaterialMaps, position: Tensor, intensity: Tensor) -> Tensor:
    """Photograph a material with camera and light at one place."""
    return shade_svbrdf(maps.to_tensor(), position, intensity, position, maps.size)


def known_maps(
    name: str = "leather", resolution: int = 32, rows: int | None = None
) -> MaterialMaps:
    """Return the upper ``rows`` of a procedural material (default: all of it)."""
    whole = make_material(name, resolution, size=SIZE)
    kept = whole.to_tensor()[..., : rows or resolution, :].contiguous()
    return MaterialMaps.from_tensor(kept, (SIZE, SIZE * kept.shape[-2] / resolution))


def write_known_capture(
    folder: Path,
    maps: MaterialMaps | None = None,
    *,
    transfer: Transfer = "srgb",
    seed: int = 0,
    power: bool = True,
    exposures: bool = False,
    **fields: Any,
) -> KnownCapture:
    """Write nine photographs of a material, with noise, exposures and eight bits.

    Args:
        folder: An existing folder.
        maps: The material, leather by default.
        transfer: Encoding of the photographs.
        seed: Names poses, exposures and noise.
        power: Whether ``capture.json`` states the light's power.
        exposures: Whether it states every photograph's exposure.
        fields: Further keys of ``capture.json``.
    """
    maps = known_maps() if maps is None else maps
    shot = synthetic_capture(maps, render, seed=seed, camera=CameraModel(transfer=transfer))
    photos = []
    for index, (picture, place) in enumerate(zip(shot.stored, shot.position, strict=True)):
        write_png(folder / f"{index}.png", picture.permute(1, 2, 0).numpy())
        photo = {"file": f"{index}.png", "camera": [round(x, 4) for x in place.tolist()]}
        photos.append(photo | ({"exposure": float(shot.exposure[index])} if exposures else {}))
    known = {"light_power": shot.power} if power else {}
    record = {"units": "cm", "sample_size": list(maps.size), "transfer": transfer, "photos": photos}
    (folder / "capture.json").write_text(json.dumps(record | known | fields))
    return KnownCapture(folder, maps, shot)


def rmse(first: Tensor, second: Tensor) -> float:
    """Return the root mean square difference."""
    return float((first - second).square().mean().sqrt())
