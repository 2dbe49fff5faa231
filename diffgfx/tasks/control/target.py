"""What a simulation is to match: densities of another one, or pictures of smoke."""

import dataclasses
import math
import os
import re
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from diffgfx.errors import InputError
from diffgfx.fluid import build_scene, first_state
from diffgfx.io import decode_transfer, read_image
from diffgfx.scene import FlowSetting, FluidScene, FluidState
from diffgfx.tasks.flow import RunFolder, picture_size, smoke_light

__all__ = ["Target", "read_target"]

_PICTURE = re.compile(r"frame_[0-9]{4}\.png")
_LEAST_SIGNAL = 1e-7   # mean square of a target that shows more than eight bits round off


@dataclasses.dataclass(frozen=True)
class Target:
    """Frames to match, and where the simulation starts.

    Attributes:
        kind: Densities of smoke, or pictures of it in linear light.
        frames: Frame 1 on; densities (n, 1, [d,] h, w), pictures (n, 3, h, w) with row 0 at the
            top.
        start: Frame 0: of the target where that says it, else clear fluid as the scene has it.
        clear: What a frame without smoke would be, shape (1, ...) as ``frames``.
    """

    kind: Literal["density", "picture"]
    frames: Tensor
    start: FluidState
    clear: Tensor

    def seen(self, density: Tensor, scene: FluidScene) -> Tensor:
        """Return what is seen of smoke, to be held against ``frames``; gradients to ``density``.

        Pictures end at full scale as files do; smoke that is brighter has no gradient.
        """
        if self.kind == "density":
            return density
        pixels = (self.frames.shape[3], self.frames.shape[2])
        return smoke_light(density, scene, pixels).clamp_max(1.0)


def read_target(path: Path | str, setting: FlowSetting, *, device: str = "cpu") -> Target:
    """Read what a simulation of a scene is to match.

    Args:
        path: The folder of a simulation (its frames' densities; it starts as its frame 0 says), or
            a folder of pictures as ``diffgfx fluid render -o FOLDER`` writes them (it starts clear
            and at rest).
        setting: The scene; frames lie ``dt * steps_per_frame`` apart.
        device: Of the tensors.

    Returns:
        The target, float32.

    Raises:
        InputError: If it is neither, has fewer than two frames, a gap, frames of another grid or
            time or size, or shows no smoke; one line naming file, rule, value and remedy.
    """
    folder = Path(path)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "none"
        raise InputError(
            f"{folder}: target must be a folder, got {found}; name that of a simulation, or of "
            "pictures frame_0000.png and so on"
        )
    if (folder / "frames").is_dir():
        target = _densities(RunFolder(folder, setting), device)
    else:
        target = _pictures(folder, setting, device)
    if float((target.frames - target.clear).square().mean()) < _LEAST_SIGNAL:
        raise InputError(
            f"{folder}: target must show smoke after frame 0, got none; name one with smoke"
        )
    return target


def _densities(run: RunFolder, device: str) -> Target:
    count = run.count()
    if count < 2:
        raise InputError(
            f"{run.path}: target must have at least two frames, got {count}; simulate more"
        )
    start = run.read(0)
    apart = run.setting.dt * run.setting.steps_per_frame
    frames = []
    for number in range(1, count):
        state = run.read(number)
        if not math.isclose(state.time - start.time, number * apart, rel_tol=1e-4):
            raise InputError(
                f"{run.frame(number)}: time must be {start.time + number * apart:g} s, frames "
                f"being {apart:g} s apart in the scene, got {state.time:g}; give the target's own "
                "dt and steps_per_frame"
            )
        frames.append(state.density)
    start = start.with_tensors([tensor.to(device) for tensor in start.tensors()])
    density = torch.cat(frames).to(device)
    return Target("density", density, start, torch.zeros_like(density[:1]))


def _pictures(folder: Path, setting: FlowSetting, device: str) -> Target:
    try:
        names = sorted(name for name in os.listdir(folder) if _PICTURE.fullmatch(name))
    except OSError as error:
        raise InputError(
            f"{folder}: folder must be readable, got {error.strerror}; check its permissions"
        ) from error
    for number, name in enumerate(names):
        if name != f"frame_{number:04d}.png":
            raise InputError(
                f"{folder}: pictures must be numbered without a gap, got {name} and no "
                f"frame_{number:04d}.png; render them again"
            )
    if len(names) < 2:
        raise InputError(
            f"{folder}: target must hold frames/ of a simulation or at least two pictures "
            f"frame_0000.png and so on, got {len(names)} pictures; make them by diffgfx fluid "
            f"render RUN -o {folder}"
        )
    frames = torch.stack([_picture(folder / name, setting) for name in names[1:]]).to(device)
    start = first_state(setting, device=device)
    scene = build_scene(setting, device=device)
    with torch.no_grad():
        pixels = (frames.shape[3], frames.shape[2])
        clear = smoke_light(torch.zeros_like(start.density), scene, pixels)
    return Target("picture", frames, start, clear)


def _picture(path: Path, setting: FlowSetting) -> Tensor:
    stored = torch.from_numpy(read_image(path))
    height, width = stored.shape[:2]
    wanted = picture_size(setting.cells, max(height, width))
    if (width, height) != wanted:
        raise InputError(
            f"{path}: picture must have {wanted[0]} x {wanted[1]} pixels for "
            f"{list(setting.cells)} cells, got {width} x {height}; render it with this scene's grid"
        )
    return decode_transfer(stored, "srgb").permute(2, 0, 1)
