"""A calibration as files: rectified photographs with their ``capture.json``, and the picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diffgfx.io import encode_transfer, output_folder, write_capture, write_png
from diffgfx.io.camera_photo import read_camera_photo
from diffgfx.scene import Capture, GreyBeside, Photo
from diffgfx.tasks.calibration.draw import draw_detections
from diffgfx.tasks.calibration.exposure import agreed_exposures, grey_exposures
from diffgfx.tasks.calibration.rectify import (
    Reading,
    choose_texels,
    read_greys,
    rectify,
    sample_box,
)
from diffgfx.tasks.calibration.run import Calibration, Progress, common_balance

__all__ = ["MARKER", "export_calibration"]

MARKER = "calibration.json"
"""The file by which an earlier result is known."""

_STEM_BYTES = 200           # of the 255 that a file system gives a name
_DIGITS = 6


def export_calibration(
    calibration: Calibration,
    folder: Path | str,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Rectify the photographs into a folder that appears whole or not at all.

    Args:
        calibration: What `calibrate_photos` returned; its files are read again.
        folder: The folder to be; see `io.output_folder`.
        overwrite: Whether an earlier result may be replaced.
        progress: Told of every photograph.

    Returns:
        The contents of ``calibration.json``.

    Raises:
        InputError: If a photograph can no longer be read.
        OutputError: If the folder cannot be written.
    """
    tell = progress or (lambda stage, done, total, error: None)
    lens, sheet, poses = calibration.lens, calibration.sheet, calibration.solved.poses
    balance = common_balance(calibration.views)
    shape = choose_texels(lens, poses, sheet, -calibration.height)
    inputs = [view.path for view in calibration.views]
    with output_folder(folder, overwrite, inputs, marker=MARKER) as staging:
        names, readings, bright = [], [], []
        for index, (path, pose) in enumerate(zip(inputs, poses, strict=True)):
            photo = read_camera_photo(path, balance)
            flat = rectify(photo, lens, pose, sheet, -calibration.height, shape)
            name = _name(index, path)
            if photo.pixels.dtype.kind == "f" and float(photo.pixels.max()) > 1.0:
                bright.append(path.name)
            write_png(staging / name, encode_transfer(flat, "srgb"), bits=16)
            names.append(name)
            readings.append(read_greys(photo.linear(), lens, pose, sheet))
            tell("rectify", index + 1, len(inputs), None)
        capture, warnings = _capture(calibration, staging, names, readings)
        if bright:
            warnings.append(
                f"photos must have 1 for full scale, got more in {', '.join(bright)}: cut off; "
                "scale all photographs alike"
            )
        write_capture(staging, capture)
        write_png(staging / "detected.png", draw_detections(calibration))
        record = _record(calibration, names, shape, warnings)
        text = json.dumps(record, indent=1, allow_nan=False)
        (staging / MARKER).write_text(text + "\n", encoding="utf-8")
    return record


def _name(index: int, path: Path) -> str:
    stem = "".join(c if c.isprintable() and c not in '\\/:' else "_" for c in path.stem)
    return f"{index}_{stem.encode()[:_STEM_BYTES].decode(errors='ignore')}.png"


def _capture(
    calibration: Calibration,
    folder: Path,
    names: Sequence[str],
    readings: Sequence[tuple[Reading | None, ...]],
) -> tuple[Capture, list[str]]:
    """Return what ``capture.json`` is to say, and the warnings that arose."""
    sheet, warnings = calibration.sheet, list(calibration.warnings)
    cameras = [calibration.position(pose) for pose in calibration.solved.poses]
    up = 0.1 * calibration.height
    places = tuple(
        (0.05 * (left + right), 0.05 * (low + high), up) for left, low, right, high in sheet.greys
    )
    seen = any(reading for row in readings for reading in row)
    if not seen:
        warnings.append(
            "no grey patch could be read: off the picture, clipped or under glare; the albedo "
            "scale will be a belief"
        )
    elif not sheet.reflectance_measured:
        warnings.append(
            f"the grey patches were not measured: a reflectance of {sheet.reflectance:g} was to be "
            "printed, and the albedo scale rests on it; measure them or glue grey card on them, "
            "then correct grey.reflectance in the sheet's file and set grey.measured to true"
        )
    noted = [view.photo.notes.exposure for view in calibration.views]
    exposures, doubt = agreed_exposures(noted, grey_exposures(cameras, places, readings))
    warnings += [] if doubt is None else [doubt]
    photos = tuple(
        Photo(name, camera, exposure=exposure, grey=row if seen else ())
        for name, camera, exposure, row in zip(names, cameras, exposures, readings, strict=True)
    )
    left, low, right, high = sample_box(sheet)
    size = (0.1 * (right - left), 0.1 * (high - low))
    beside = GreyBeside(places, sheet.reflectance, sheet.reflectance_measured) if seen else None
    return Capture(folder, "cm", size, "srgb", photos, grey_beside=beside), warnings


def _record(
    calibration: Calibration,
    names: Sequence[str],
    shape: tuple[int, int],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Return the numbers of a calibration as ``calibration.json`` holds them."""
    lens, solved = calibration.lens, calibration.solved
    photos = [
        {"source": view.path.name, "file": name, "tags": len(kept.numbers),
         "error": round(error, 4)}
        for view, name, kept, error in zip(
            calibration.views, names, solved.kept, solved.errors, strict=True
        )
    ]
    total = float(np.sqrt(np.mean(np.square(solved.errors))))
    return {
        "photos": photos,
        "left_out": [{"source": entry.view.path.name, "reason": entry.reason}
                     for entry in calibration.left_out],
        "error": round(total, 4),
        "lens": {
            "size": list(lens.size),
            "focal": round(lens.focal, 3),
            "focal_deviation": round(lens.focal_deviation, _DIGITS),
            "centre": [round(value, 3) for value in lens.centre],
            "distortion": [round(value, _DIGITS) for value in lens.distortion],
        },
        "texels": list(shape),
        "warnings": list(warnings),
    }  # fmt: skip
