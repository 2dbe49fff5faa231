"""The folder of a simulation: its scene, its frames, and where to go on."""

import contextlib
import dataclasses
import os
import re
from pathlib import Path

from diffgfx.errors import InputError, OutputError
from diffgfx.io import read_flow, read_frame, write_frame
from diffgfx.scene import FlowSetting, FluidState

__all__ = ["RunFolder", "open_run", "read_run"]

_SCENE = "scene.toml"
_FRAMES = "frames"
_FRAME = re.compile(r"[0-9]{6}\.npz")
_PARTIAL = re.compile(r"\.[0-9a-f]{12}\.partial(\.\w+)?")
_SCENE_PARTIAL = f".{_SCENE}.partial"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """A folder whose frames are a simulation.

    Attributes:
        path: The folder.
        setting: The scene.
    """

    path: Path
    setting: FlowSetting

    def frame(self, number: int) -> Path:
        """Return where a frame stands or will stand."""
        return self.path / _FRAMES / f"{number:06d}.npz"

    def write(self, number: int, state: FluidState) -> None:
        """Write a frame, whole or not at all."""
        write_frame(self.frame(number), state, self.setting.cell)

    def read(self, number: int) -> FluidState:
        """Read a frame; raise `InputError` if it is not one of this scene."""
        return read_frame(self.frame(number), self.setting.cells, self.setting.cell)

    def count(self) -> int:
        """Return how many frames there are; raise `InputError` if there is none, or a gap."""
        folder = self.path / _FRAMES
        try:
            held = sorted(os.listdir(folder)) if folder.is_dir() else []
        except OSError as error:
            raise InputError(
                f"{folder}: folder must be readable, got {error.strerror}; check its permissions"
            ) from error
        names = [name for name in held if _FRAME.fullmatch(name)]
        remedy = f"make them by diffgfx fluid simulate {self.path / _SCENE} -o FOLDER"
        if not names:
            raise InputError(f"{folder}: folder must hold frames 000000.npz on, got none; {remedy}")
        for number, name in enumerate(names):
            if name != self.frame(number).name:
                raise InputError(
                    f"{folder}: frames must be numbered without a gap, got {name} and no "
                    f"{self.frame(number).name}; {remedy}"
                )
        return len(names)

    def last(self) -> int | None:
        """Return the number of the last frame before the first gap; None if there is none."""
        number = 0
        while self.frame(number).is_file():
            number += 1
        return number - 1 if number else None


def read_run(path: Path | str) -> RunFolder:
    """Open the folder of a simulation to read its frames.

    Raises:
        InputError: If it is no folder, or its scene file is missing or not right.
    """
    folder = Path(path)
    remedy = f"make it by diffgfx fluid simulate SCENE.toml -o {folder}"
    if not folder.is_dir():
        found = "a file" if folder.exists() else "none"
        raise InputError(f"{folder}: folder of a simulation must exist, got {found}; {remedy}")
    if not (folder / _SCENE).is_file():
        raise InputError(f"{folder}: folder of a simulation must hold {_SCENE}, got none; {remedy}")
    return RunFolder(folder, read_flow(folder / _SCENE))


def open_run(path: Path | str, scene: bytes, setting: FlowSetting, *, resume: bool) -> RunFolder:
    """Make the folder of a simulation, or open that of an earlier one.

    Args:
        path: The folder.
        scene: The bytes of the scene file; a copy stands in the folder.
        setting: What they say.
        resume: Go on with what is there, which must come from the same scene; with nothing there,
            start.

    Raises:
        OutputError: If the folder cannot be written, or is not empty and ``resume`` is false.
        InputError: If it holds another scene.
    """
    folder = Path(path)
    run = RunFolder(folder, setting)
    try:
        held = sorted(os.listdir(folder)) if folder.exists() else []
        held = [name for name in held if name != _SCENE_PARTIAL]  # a run killed as it began
        if held and not resume:
            raise OutputError(
                f"{folder}: output folder must be empty, got {len(held)} entries; name another "
                "folder, or go on with an earlier run by --resume"
            )
        if held and not (folder / _SCENE).is_file():
            raise OutputError(
                f"{folder}: a folder to resume must hold {_SCENE}, got {len(held)} other entries; "
                "name the folder of an earlier run"
            )
        if held and (folder / _SCENE).read_bytes() != scene:
            raise InputError(
                f"{folder / _SCENE}: scene of the earlier run must equal the one given, got "
                "another; name the same scene file, or another folder"
            )
        folder.mkdir(parents=True, exist_ok=True)
        if not held:  # before all else: by it a folder is known that can be resumed
            _write_whole(folder / _SCENE, scene)
        (folder / _FRAMES).mkdir(exist_ok=True)
        _sweep(folder)
    except (InputError, OutputError):
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"{folder}: output folder must be writable, got: {reason}; name another folder"
        ) from error
    return run


def _sweep(folder: Path) -> None:
    """Delete what a run that was killed had half written."""
    inner = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()]
    for place in (folder, *inner):
        for entry in place.iterdir():
            if _PARTIAL.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    entry.unlink()


def _write_whole(path: Path, data: bytes) -> None:
    partial = path.with_name(_SCENE_PARTIAL)
    partial.write_bytes(data)
    os.replace(partial, path)
