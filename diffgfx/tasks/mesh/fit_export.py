"""What was found as files: the model, the numbers, the comparison, and the film."""

import json
import math
from pathlib import Path
from typing import Any

import torch

from diffgfx.io import film_writer, output_folder, write_glb, write_png
from diffgfx.scene import HarmonicsLight, Light, PointLight
from diffgfx.tasks.mesh.fit import FitResult
from diffgfx.tasks.mesh.fit_compare import draw_views

__all__ = ["RESULT", "export_fit", "fit_numbers"]

RESULT = "metrics.json"
"""The file by which an earlier result is known."""

_FPS, _HOLD = 24.0, 24  # frames a second, and how often the last is shown


def export_fit(result: FitResult, out: Path | str, *, overwrite: bool = False) -> dict[str, Any]:
    """Write a result into a folder that appears whole or not at all.

    ``model.glb``, ``metrics.json``, ``compare.png`` and ``fit.mp4``.

    Args:
        result: What `fit_mesh` returned.
        out: The folder to be; see `io.output_folder`.
        overwrite: Whether an earlier result may be replaced.

    Returns:
        The contents of ``metrics.json``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    numbers = fit_numbers(result)
    inputs = [] if result.targets.folder is None else [result.targets.folder]
    with output_folder(out, overwrite, inputs, marker=RESULT) as staging:
        write_glb(staging / "model.glb", result.model.parts)
        text = json.dumps(numbers, indent=1, allow_nan=False)
        (staging / RESULT).write_text(text + "\n", encoding="utf-8")
        write_png(staging / "compare.png", draw_views(result))
        with film_writer(staging / "fit.mp4", fps=_FPS) as add:
            for frame in result.frames + [result.frames[-1]] * _HOLD:
                add(frame.numpy())
    return numbers


def fit_numbers(result: FitResult) -> dict[str, Any]:
    """Return the numbers of a result as ``metrics.json`` holds them."""
    views = [
        {"file": name, "held_out": k in result.held_out, **error._asdict()}
        for k, (name, error) in enumerate(zip(result.targets.names, result.errors, strict=True))
    ]
    numbers: dict[str, Any] = {
        "unknown": result.options.unknown,
        "fitted": _means([view for view in views if not view["held_out"]]),
        "held_out": _means([view for view in views if view["held_out"]]),
        "views": views,
        "residual": result.solution.residual,
        "steps": result.solution.steps,
        "losses": [record.data for record in result.solution.history],
        "levels": [record.level for record in result.solution.history],
        "seed": result.options.seed,
        "seconds": round(result.seconds, 3),
    }
    if result.turn is not None and result.shift is not None:
        angle = math.dist(result.turn, (0.0, 0.0, 0.0))
        numbers["pose"] = {
            "rotation_vector": result.turn,
            "rotation_degrees": math.degrees(angle),
            "translation": result.shift,
        }
    if result.pose is not None:
        numbers["pose_error"] = {
            "rotation_degrees": math.degrees(result.pose.rotation),
            "translation_of_size": result.pose.translation,
        }
    if result.chamfer is not None:
        numbers["chamfer_of_diagonal"] = result.chamfer
        numbers["chamfer_of_diagonal_at_start"] = result.chamfer_start
    if result.options.lights == "refine":
        numbers["lights"] = [_light(light) for light in result.lights]
    return numbers


def _means(views: list[dict[str, Any]]) -> dict[str, float] | None:
    if not views:
        return None
    keys = ("rmse", "psnr", "rmse_object", "psnr_object", "rmse_linear")
    return {key: sum(view[key] for view in views) / len(views) for key in keys}


def _light(light: Light) -> dict[str, Any]:
    if isinstance(light, HarmonicsLight):
        return {"kind": "harmonics", "coefficients": _row(light.coefficients)}
    if isinstance(light, PointLight):
        if len(light.position) > 1:
            return {"kind": "camera", "intensity": _row(light.intensity)}
        return {
            "kind": "point",
            "position": _row(light.position),
            "intensity": _row(light.intensity),
        }
    return {
        "kind": "distant",
        "direction": _row(light.direction),
        "irradiance": _row(light.irradiance),
    }


def _row(value: torch.Tensor) -> Any:
    return value[0].detach().double().tolist()
