"""Make the sample captures in this folder: procedural materials, path-traced, photographed, stored.

    python examples/captures/make_samples.py [--only NAME] [--out FOLDER]

Needs Mitsuba 3 and LLVM 19 (see `start_mitsuba`); a minute a sample. All is seeded.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from sample_materials import CARD, leather_with_card, scales
from torch import Tensor
from tracing import trace

from diffgfx.data import (
    ProceduralMaterial,
    SyntheticCapture,
    build_material,
    colocated_poses,
    synthetic_capture,
)
from diffgfx.data.recipes import Recipe
from diffgfx.io.capture_file import write_capture
from diffgfx.io.exr import write_exr
from diffgfx.scene import Capture, MaterialMaps, Photo
from diffgfx.tasks.validation.mitsuba_bsdf import start_mitsuba

SIZE = 10.0
JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 92),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]


@dataclasses.dataclass(frozen=True)
class Sample:
    """How a sample is made; ``known`` tells power and exposures, a grey card stands in if not."""

    recipe: Recipe
    seed: int
    power: float
    known: bool


SAMPLES = {
    "brass_scales": Sample(scales, seed=1, power=1500.0, known=True),
    "leather_card": Sample(leather_with_card, seed=2, power=2000.0, known=False),
}


def photograph(
    mi: Any, sample: Sample, material: ProceduralMaterial, paths: int
) -> SyntheticCapture:
    """Trace nine photographs from hand-held places, rounded as ``capture.json`` stores them."""

    def render(maps: MaterialMaps, position: Tensor, intensity: Tensor) -> Tensor:
        place, power = position[0], intensity[0]
        return trace(mi, material, place, power, samples=paths, seed=sample.seed)[None]

    place = torch.round(colocated_poses(material.maps.size, seed=sample.seed), decimals=4)
    return synthetic_capture(
        material.maps, render, seed=sample.seed, power=sample.power, position=place
    )


def store(
    folder: Path, sample: Sample, material: ProceduralMaterial, shot: SyntheticCapture
) -> None:
    """Write photographs, ``capture.json`` and the true maps, the latter at half the resolution."""
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    photos = []
    for number, stored in enumerate(shot.stored):
        pixels = np.round(255.0 * stored.permute(1, 2, 0).numpy()[..., ::-1]).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), pixels, JPEG)
        x, y, z = (round(value, 4) for value in shot.position[number].tolist())
        exposure = round(float(shot.exposure[number]), 4) if sample.known else None
        photos.append(Photo(f"{number}.jpg", (x, y, z), (x, y, z), exposure))
    power = (sample.power,) * 3 if sample.known else None
    notes = {
        "axes": "origin at the sample centre, +x right, +y up, +z toward the camera",
        "source": f"examples/captures/make_samples.py --only {folder.name}",
        "notes": "path-traced displaced procedural material; truth/ holds its maps",
    }
    write_capture(
        folder,
        Capture(folder, "cm", material.maps.size, shot.transfer, tuple(photos), power,
                None if sample.known else CARD, notes),
    )  # fmt: skip
    layers = {**vars(material.maps), "height": material.height}
    for name in ("normal", "diffuse", "specular", "roughness", "height"):
        half = torch.nn.functional.avg_pool2d(layers[name], 2)
        half = torch.nn.functional.normalize(half, dim=1) if name == "normal" else half
        write_exr(folder / "truth" / f"{name}.exr", half[0].permute(1, 2, 0).numpy(), half=True)


def main(argv: list[str]) -> dict[str, float]:
    """Make the samples; returns each one's size on disk [MB]."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(SAMPLES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--paths", type=int, default=128)
    options = parser.parse_args(argv)
    mi = start_mitsuba()
    megabytes = {}
    for name in [options.only] if options.only else sorted(SAMPLES):
        sample, folder = SAMPLES[name], options.out / name
        material = build_material(sample.recipe, options.resolution, words=[sample.seed], size=SIZE)
        store(folder, sample, material, photograph(mi, sample, material, options.paths))
        megabytes[name] = 1e-6 * sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    return megabytes


if __name__ == "__main__":
    print(main(sys.argv[1:]))
