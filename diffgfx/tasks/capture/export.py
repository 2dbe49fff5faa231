"""A proven capture as files: maps, a glTF material, re-renders, the comparison and the numbers."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from diffgfx.io import (
    encode_transfer,
    metres_per_unit,
    output_folder,
    write_capture,
    write_exr_layers,
    write_maps,
    write_material_glb,
    write_png,
)
from diffgfx.ops import height_from_normals
from diffgfx.scene import Capture
from diffgfx.tasks.capture.compare import draw_comparison
from diffgfx.tasks.capture.options import CaptureOptions
from diffgfx.tasks.capture.report import render_report
from diffgfx.tasks.capture.run import CaptureResult
from diffgfx.tasks.capture.uncertainty import MapUncertainty
from diffgfx.tasks.material_export import export_to_programs

__all__ = ["capture_metrics", "export_capture", "refined_capture"]

_STEM_BYTES = 200   # of the 255 that a file system gives a name


def export_capture(
    capture: Capture,
    result: CaptureResult,
    options: CaptureOptions,
    folder: Path | str,
    *,
    overwrite: bool = False,
    progress: Callable[[str, int, int, float | None], object] | None = None,
) -> dict[str, Any]:
    """Write everything that a capture yields into a folder that appears whole or not at all.

    Args:
        capture: What was captured.
        result: What `capture_material` returned.
        options: What it was asked for.
        folder: The folder to be; see `io.output_folder`.
        overwrite: Whether an earlier result may be replaced.
        progress: Told of every file group.

    Returns:
        The contents of ``metrics.json``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    tell = progress or (lambda stage, done, total, error: None)
    begun = time.perf_counter()
    scale = metres_per_unit(capture.units)
    warnings = list(result.warnings)
    if scale is None:
        warnings.append(
            f"units {capture.units!r} have no length in metres: material.glb takes 1 m for each"
        )
    with output_folder(folder, overwrite, [capture.folder]) as staging:
        normal = result.maps.normal.double()
        height = height_from_normals(normal, result.maps.size).float()
        _write_maps(staging / "maps", result, height, capture.units)
        tell("export", 1, 4, None)
        write_material_glb(staging / "material.glb", result.maps, metres_per_unit=scale or 1.0)
        exports = export_to_programs(
            staging, result.maps, metres_per_unit=scale or 1.0, units=capture.units
        )
        warnings += exports.warnings
        tell("export", 2, 4, None)
        _write_renders(staging / "rerender", capture, result)
        write_png(staging / "compare.png", draw_comparison(capture, result))
        refined = refined_capture(capture, result, options)
        write_capture(staging / "capture.json", refined)
        tell("export", 3, 4, None)
        seconds = {**result.seconds, "export": time.perf_counter() - begun}
        final = options.final if result.held_out else "split"
        metrics = capture_metrics(result, refined, seconds, warnings, final)
        metrics["exports"] = exports.errors
        page = render_report(capture, result, metrics, height)
        (staging / "report.html").write_bytes(page)
        metrics["seconds"]["export"] = round(time.perf_counter() - begun, 3)  # the report's too
        text = json.dumps(metrics, indent=1, allow_nan=False)
        (staging / "metrics.json").write_text(text + "\n", encoding="utf-8")
    tell("export", 4, 4, None)
    return metrics


def _write_maps(
    folder: Path, result: CaptureResult, height: torch.Tensor, units: str
) -> None:
    folder.mkdir()
    write_maps(folder, result.maps, height, units=units)
    _write_uncertainty(folder, result.uncertainty)


def _write_uncertainty(folder: Path, uncertainty: MapUncertainty) -> None:
    layers = {}
    for name, deviation in uncertainty.kinds().items():
        rows = deviation[0].movedim(0, -1).numpy()
        if rows.shape[2] == 1:
            layers[name] = rows
        else:
            layers |= {f"{name}.{key}": rows[..., k : k + 1] for k, key in enumerate("RGB")}
    write_exr_layers(folder / "uncertainty.exr", layers)
    blind = uncertainty.no_highlight.float()[..., None]
    write_png(folder / "no_highlight.png", blind.numpy())


def _write_renders(folder: Path, capture: Capture, result: CaptureResult) -> None:
    folder.mkdir()
    for index, photo in enumerate(capture.photos):
        picture = encode_transfer(result.renders[index], capture.transfer)
        stem = Path(photo.file).stem.encode()[:_STEM_BYTES].decode(errors="ignore")
        write_png(folder / f"{index}_{stem}.png", picture.permute(1, 2, 0).numpy())


def refined_capture(
    capture: Capture, result: CaptureResult, options: CaptureOptions
) -> Capture:
    """Return the capture with the light, poses and exposures that the fit found.

    The exposure of a photograph that no fit saw is the one its measurement solved. A power that
    was not known stays out of ``light_power``, which would set the scale of the next fit.
    """
    unseen = result.held_out if options.final == "split" else ()
    pairs = result.light.pairs(result.unknowns)
    exposures = result.light.exposures(result.unknowns).tolist()
    photos = [
        dataclasses.replace(
            photo,
            camera=_vector(pairs["camera_position"][0, i]),
            light=_vector(pairs["light_position"][0, i]),
            exposure=exposures[i] * (result.errors[i].exposure if i in unseen else 1.0),
        )
        for i, photo in enumerate(capture.photos)
    ]
    refined = dataclasses.replace(capture, photos=tuple(photos))
    if capture.light_power is not None:
        return refined
    found = list(_vector(result.light.power(result.unknowns)))
    return dataclasses.replace(refined, extra={**capture.extra, "light_power_found": found})


def _vector(x: torch.Tensor) -> tuple[float, float, float]:
    a, b, c = (float(v) for v in x.cpu())
    return a, b, c


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def capture_metrics(
    result: CaptureResult, refined: Capture, seconds: dict[str, float], warnings: Sequence[str],
    final: str = "split",
) -> dict[str, Any]:  # fmt: skip
    """Return the numbers of a capture as ``metrics.json`` holds them.

    Args:
        result: What `capture_material` returned.
        refined: What `refined_capture` made of it.
        seconds: Time of every stage.
        warnings: What the user should know, a line each.
        final: ``"all"`` where the maps were fitted again to all photographs after the proof.
    """
    photos = [
        {
            "file": photo.file,
            "held_out": index in result.held_out,
            "camera": list(_vector(result.cameras[index])),
            "pose": result.poses[index],
            "rmse": error.rmse,
            "rmse_raw": error.rmse_raw,
            "psnr": error.psnr,
            "ssim": error.ssim,
            "flip": error.flip,
        }
        for index, (photo, error) in enumerate(zip(refined.photos, result.errors, strict=True))
    ]
    offset = result.unknowns["offset"] * result.light.distance
    ambient = result.light.power(result.unknowns) * result.unknowns["ambient"].exp()
    return {
        "photos": photos,
        "fitted": _mean([p["rmse"] for p in photos if not p["held_out"]]),  # type: ignore[misc]
        "held_out": _mean([p["rmse"] for p in photos if p["held_out"]]),  # type: ignore[misc]
        "light": {
            "power": list(_vector(result.light.power(result.unknowns))),
            "exposure": [photo.exposure for photo in refined.photos],
            "offset": list(_vector(offset)),
            "cone": float(torch.nn.functional.softplus(result.unknowns["cone"])),
            "ambient": list(_vector(ambient / result.light.distance**2)),
        },
        "uncertainty": _uncertainty_metrics(result.uncertainty),
        "next_photo": dataclasses.asdict(result.next_photo),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_rss_mb": _peak_rss_mb(),
        "resolution": list(result.photos.resolution),
        "steps": result.steps,
        "final": final,
        "warnings": list(warnings),
    }


def _uncertainty_metrics(uncertainty: MapUncertainty) -> dict[str, Any]:
    """Return means and medians of the deviations, and the share of texels without a highlight."""
    kinds = uncertainty.kinds()
    return {
        "mean": {name: float(x.mean()) for name, x in kinds.items()},
        "median": {name: float(x.median()) for name, x in kinds.items()},
        "no_highlight": float(uncertainty.no_highlight.float().mean()),
    }


def _peak_rss_mb() -> float | None:
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
