"""From the frames of a simulation to a film or a folder of pictures: ``diffgfx fluid render``."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diffgfx.errors import InputError, OutputError, RangeError
from diffgfx.fluid import build_scene
from diffgfx.io import check_output, film_writer, frame_writer
from diffgfx.scene import FluidState
from diffgfx.tasks.flow.picture import picture_of, shows_smoke
from diffgfx.tasks.flow.preview import frame_rate
from diffgfx.tasks.flow.run_folder import RunFolder, read_run

__all__ = ["FilmOptions", "film_flow"]

_MARKER = "frame_0000.png"
_OTHER_FILMS = (".avi", ".gif", ".mkv", ".mov", ".png", ".webm")

Progress = Callable[[str, int, int, float | None], object]
"""Called with the stage, what is done of it, how much it is, and no error."""


@dataclasses.dataclass(frozen=True)
class FilmOptions:
    """Choices of a film.

    Attributes:
        size: Pixels of the longer side, from 16 to 4096.
        fps: Frames a second, above 0 and up to 240; None: real time, at most 30.
        overwrite: Whether an earlier film may be replaced.
    """

    size: int = 512
    fps: float | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Raise unless every choice means something."""
        if not 16 <= self.size <= 4096:
            raise RangeError(f"--size must be from 16 to 4096 pixels, got {self.size}; try 512")
        if self.fps is not None and not 0.0 < self.fps <= 240.0:
            raise RangeError(
                f"--fps must be above 0 and at most 240 frames a second, got {self.fps:g}; try 24"
            )


def film_flow(
    path: Path | str,
    out: Path | str,
    options: FilmOptions | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Film every frame of a simulation: smoke in the light, or vorticity where there is no smoke.

    Args:
        path: The folder of the simulation.
        out: A film where it ends in .mp4, else a folder of ``frame_0000.png`` and so on; it appears
            whole or not at all.
        options: Choices.
        progress: Told after each frame.

    Returns:
        A summary: frames, width, height, frames a second and seconds taken.

    Raises:
        InputError: If the folder holds no simulation, or a frame is not right.
        OutputError: If the film is there already, or cannot be written.
    """
    options = options or FilmOptions()
    tell = progress or (lambda stage, done, total, error: None)
    begun = time.perf_counter()
    run = read_run(path)
    count = run.count()
    _check_out(Path(out), options.overwrite, run)
    scene = build_scene(run.setting)
    first = run.read(0)
    _check_seen(run, first)
    smoke = shows_smoke(first, scene)
    fps = options.fps or frame_rate(run.setting)
    writer: contextlib.AbstractContextManager[Callable[[Any], None]] = (
        film_writer(out, fps=fps) if _is_film(Path(out))
        else frame_writer(out, overwrite=options.overwrite)
    )  # fmt: skip
    height = width = 0
    with writer as add:
        for number in range(count):
            picture = picture_of(run.read(number), scene, options.size, smoke=smoke).numpy()
            height, width = picture.shape[:2]
            add(picture)
            tell("film", number + 1, count, None)
    return {
        "frames": count,
        "width": width,
        "height": height,
        "fps": fps,
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _is_film(out: Path) -> bool:
    return out.suffix.lower() == ".mp4"


def _check_out(out: Path, overwrite: bool, run: RunFolder) -> None:
    """Raise where the result could not be written, before the work that leads to it."""
    if not _is_film(out):
        if out.suffix.lower() in _OTHER_FILMS:
            raise OutputError(
                f"{out}: film must end in .mp4, got {out.suffix}; or name a folder for pictures"
            )
        check_output(out, overwrite, [run.path], marker=_MARKER)
        return
    if out.is_dir():
        raise OutputError(f"{out}: film must be a file, got a folder; name another")
    if os.path.lexists(out) and not overwrite:
        raise OutputError(
            f"{out}: film must not be there yet, got a file; name another or pass --overwrite"
        )


def _check_seen(run: RunFolder, first: FluidState) -> None:
    if run.setting.dim == 3 and not run.setting.inflows and not bool(first.density.any()):
        raise InputError(
            f"{run.frame(0)}: a flow in 3-D must hold smoke to be seen, got density 0 and no "
            "inflow; add an [[inflow]] to the scene"
        )
