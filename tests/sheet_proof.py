"""How near a calibration comes to the truth of `tests.sheet_mitsuba`'s photographs.

    python -m tests.sheet_proof PHOTOS SHEET.json -o DIR [--resolution 256]

The same photographs are also rectified by the true lens from the true places, here, with no code of
the library, and fitted in the same way; what the fit makes of either is compared.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from diffgfx.data import make_material
from diffgfx.io import read_capture, read_maps, read_sheet, write_capture, write_sheet
from diffgfx.scene import Capture, MaterialMaps, Photo
from diffgfx.tasks.calibration import calibrate_photos, export_calibration
from diffgfx.tasks.capture import CaptureOptions, capture_material, export_capture
from tests.sheet_photos import TrueLens

SIDE = 1024                     # texels of the truly rectified photographs
WINDOW, SEEN = 100.0, 98.0      # mm: the window, and what is left of it without its rim


def truly_rectified(photo: Path, lens: TrueLens, entry: dict[str, Any]) -> np.ndarray:
    """Return a photograph on the sample's plane, by its true lens and place, 16-bit sRGB."""
    place = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    x, y = np.meshgrid(SEEN * place, -SEEN * place)
    axes, camera = np.array(entry["axes"]), np.array(entry["camera"])
    seen = (np.stack([x, y, np.zeros_like(x)], axis=-1) - camera) @ axes.T
    pixel = lens.pixels(seen).astype(np.float32)
    stored = cv2.imread(str(photo), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) / 255.0
    linear = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    flat = cv2.remap(linear.astype(np.float32), pixel[..., 0], pixel[..., 1], cv2.INTER_LANCZOS4)
    flat = np.clip(flat, 0.0, 1.0)
    encoded = np.where(flat <= 0.0031308, 12.92 * flat, 1.055 * flat ** (1 / 2.4) - 0.055)
    return np.rint(65535.0 * encoded).astype(np.uint16)


def truly_posed(folder: Path, photos: Path, truth: dict[str, Any], calibrated: Capture) -> Capture:
    """Write and return the capture that true calibration would have made."""
    folder.mkdir(parents=True)
    lens = TrueLens(**truth["lens"])
    entries = []
    for entry, found in zip(truth["photos"], calibrated.photos, strict=True):
        name = Path(entry["file"]).stem + ".png"
        cv2.imwrite(str(folder / name), truly_rectified(photos / entry["file"], lens, entry))
        camera = tuple(0.1 * value for value in entry["camera"])
        entries.append(Photo(name, camera, camera, found.exposure, grey=found.grey))
    capture = dataclasses.replace(calibrated, folder=folder, photos=tuple(entries), extra={})
    write_capture(folder, capture)
    return capture


def fitted(capture: Capture, resolution: int, folder: Path) -> tuple[float, MaterialMaps]:
    """Capture; return the held-out error and the maps."""
    options = CaptureOptions(resolution=resolution)
    result = capture_material(capture, options)
    metrics = export_capture(capture, result, options, folder)
    return metrics["held_out"], read_maps(folder / "maps")


def albedo_ratio(maps: MaterialMaps, material: str) -> dict[str, float]:
    """Return found / true reflectance: of the means of d, of d + s, and of the texels' median."""
    true = make_material(material, 512, seed=3, size=0.1 * WINDOW)
    place = (torch.arange(2048) + 0.5) / 2048 - 0.5
    place = place * 2.0 * SEEN / WINDOW
    grid = torch.stack(torch.meshgrid(place, place, indexing="xy"), dim=-1)[None]

    def small(x: torch.Tensor) -> torch.Tensor:
        seen = torch.nn.functional.grid_sample(x, grid, align_corners=False)
        return torch.nn.functional.interpolate(seen, maps.resolution, mode="area").mean(dim=1)

    d, s = small(true.diffuse), small(true.specular)
    found_d, found_s = maps.diffuse.mean(dim=1), maps.specular.mean(dim=1)
    return {
        "diffuse": float(found_d.mean() / d.mean()),
        "median": float((found_d / d).median()),
        "diffuse + specular": float((found_d + found_s).mean() / (d + s).mean()),
    }


def prove(photos: Path, sheet_file: Path, out: Path, resolution: int) -> dict[str, Any]:
    """Calibrate, fit both, and return the numbers."""
    truth = json.loads((photos / "truth.json").read_text())
    out.mkdir(parents=True, exist_ok=True)
    measured = dataclasses.replace(
        read_sheet(sheet_file), reflectance=truth["grey"], reflectance_measured=True
    )
    write_sheet(out / "sheet.json", measured)
    paths = [photos / entry["file"] for entry in truth["photos"]]
    found = calibrate_photos(paths, read_sheet(out / "sheet.json"), thickness=truth["card"])
    record = export_calibration(found, out / "calibrated")
    capture = read_capture(out / "calibrated")
    off = [
        float(np.linalg.norm(0.1 * np.array(entry["camera"]) - photo.camera)
              / np.linalg.norm(0.1 * np.array(entry["camera"])))
        for entry, photo in zip(truth["photos"], capture.photos, strict=True)
    ]  # fmt: skip
    stated = np.array([photo.exposure or np.nan for photo in capture.photos])
    true = np.array([entry["exposure"] for entry in truth["photos"]])
    posed = truly_posed(out / "truly_posed", photos, truth, capture)
    held, maps = fitted(capture, resolution, out / "material")
    held_true, maps_true = fitted(posed, resolution, out / "material_truly_posed")
    return {
        "photos": len(capture.photos),
        "texels": record["texels"],
        "position, worst": max(off),
        "position, mean": float(np.mean(off)),
        "reprojection [pixel]": record["error"],
        "focal length": record["lens"]["focal"] / truth["lens"]["focal"] - 1.0,
        "exposures, deviation": float(np.std(np.log(stated / true))),
        "held-out rmse": held,
        "held-out rmse, truly posed": held_true,
        "albedo": albedo_ratio(maps, truth["material"]),
        "albedo, truly posed": albedo_ratio(maps_true, truth["material"]),
        "warnings": record["warnings"],
    }


def main(argv: list[str]) -> dict[str, Any]:
    """Print the numbers; returns them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("-o", dest="out", type=Path, required=True)
    parser.add_argument("--resolution", type=int, default=256)
    options = parser.parse_args(argv)
    numbers = prove(options.photos, options.sheet, options.out, options.resolution)
    print(json.dumps(numbers, indent=1))
    return numbers


if __name__ == "__main__":
    main(sys.argv[1:])
