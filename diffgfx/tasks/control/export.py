"""What was recovered as files: the numbers, a scene or a frame to run from, and the comparison."""

import json
from pathlib import Path
from typing import Any

from diffgfx.io import output_folder, write_flow, write_frame
from diffgfx.tasks.control.compare import write_comparison
from diffgfx.tasks.control.run import ControlResult

__all__ = ["RESULT", "control_numbers", "export_control"]

RESULT = "result.json"
"""The file by which an earlier result is known."""


def export_control(
    result: ControlResult, out: Path | str, scene: Path | str, *, overwrite: bool = False
) -> dict[str, Any]:
    """Write a result into a folder that appears whole or not at all.

    ``result.json``; ``scene.toml``, with the recovered numbers where a scene file can say them;
    ``compare.png``; and, for a velocity, ``velocity.npz``, a frame from which a run can start.

    Args:
        result: What `control_flow` returned.
        out: The folder to be; see `io.output_folder`.
        scene: The scene file that it was given.
        overwrite: Whether an earlier result may be replaced.

    Returns:
        The contents of ``result.json``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    numbers = control_numbers(result)
    with output_folder(out, overwrite, [scene], marker=RESULT) as staging:
        text = json.dumps(numbers, indent=1, allow_nan=False)
        (staging / RESULT).write_text(text + "\n", encoding="utf-8")
        if result.options.unknown == "velocity":
            (staging / "scene.toml").write_bytes(Path(scene).read_bytes())
            write_frame(staging / "velocity.npz", result.state, result.setting.cell)
        else:
            write_flow(staging / "scene.toml", result.setting)
        write_comparison(staging / "compare.png", result)
    return numbers


def control_numbers(result: ControlResult) -> dict[str, Any]:
    """Return the numbers of a result as ``result.json`` holds them."""
    history = result.solution.history
    return {
        "unknown": result.options.unknown,
        "unit": result.unit,
        "start": result.start,
        "recovered": result.recovered,
        "deviation": result.deviation,
        "target": result.target.kind,
        "frames": len(result.target.frames),
        "residual": result.solution.residual,
        "frame_errors": result.frame_errors,
        "losses": [record.data for record in history],
        "levels": [record.level for record in history],
        "steps": result.solution.steps,
        "seed": result.options.seed,
        "seconds": round(result.seconds, 3),
    }
