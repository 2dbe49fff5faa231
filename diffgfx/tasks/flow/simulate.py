"""From a scene file to frames: ``diffgfx fluid simulate``."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from diffgfx.check import check_choice
from diffgfx.errors import DivergedError, InputError, RangeError
from diffgfx.fluid import (
    build_scene,
    courant_number,
    first_state,
    net_outflow,
    project_state,
    step,
)
from diffgfx.io import read_flow
from diffgfx.scene import FlowSetting, FluidScene, FluidState
from diffgfx.tasks.flow.device import check_device
from diffgfx.tasks.flow.grids import write_grids
from diffgfx.tasks.flow.preview import Preview, PreviewKind, frame_rate
from diffgfx.tasks.flow.run_folder import RunFolder, open_run

__all__ = ["Progress", "SimulateOptions", "StepReport", "simulate_flow"]


FrameFormat = Literal["npz", "uni"]


@dataclasses.dataclass(frozen=True)
class SimulateOptions:
    """Choices of a simulation.

    Attributes:
        frames: Frames to make beside the first state; None: as many as the scene says.
        resume: Go on with an earlier run.
        preview: Pictures and a film, pictures, or nothing.
        format: ``"uni"`` writes each frame as Mantaflow grids too.
        device: ``"cpu"`` or ``"cuda"``.
    """

    frames: int | None = None
    resume: bool = False
    preview: PreviewKind = "none"
    format: FrameFormat = "npz"
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Raise unless every choice means something."""
        if self.frames is not None and self.frames < 1:
            raise RangeError(f"--frames must be at least 1, got {self.frames}; leave it out")
        check_choice("--device", self.device, ("cpu", "cuda"))


@dataclasses.dataclass(frozen=True)
class StepReport:
    """What is known after a frame.

    Attributes:
        frame: Its number.
        frames: How many there will be.
        step: Steps since the start.
        time: Seconds since the start.
        courant: Cells that the fastest fluid moves in a step, added over the axes.
        parts: In how many parts the last step was taken.
        iterations: Of the last pressure solve.
        divergence: Largest divergence times the side of a cell [m/s].
        mass: Smoke in the box [m^dim].
    """

    frame: int
    frames: int
    step: int
    time: float
    courant: float
    parts: int
    iterations: int
    divergence: float
    mass: float


Progress = Callable[[StepReport], object]
"""Told after each frame."""


def simulate_flow(
    scene_file: Path | str,
    out: Path | str,
    options: SimulateOptions | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Simulate a scene file into a folder of frames.

    ``OUT/frames/000000.npz`` is the start. Each frame is the whole state of a restart and appears
    whole or not at all: a run that was killed loses at most the frame it was at, and one that
    resumes goes on as if it had never stopped, to the bit.

    Args:
        scene_file: See `io.read_flow`.
        out: The folder.
        options: Choices.
        progress: Told after each frame.

    Returns:
        A summary: frames, steps, seconds and the last report.

    Raises:
        InputError: If the scene or a frame to resume from is not right, or the flow blows up.
        OutputError: If the folder cannot be written.
        BackendError: If the device is not there.
    """
    options = options or SimulateOptions()
    check_device(options.device)
    setting = read_flow(scene_file)
    scene = build_scene(setting, device=options.device)
    _check_begins(setting, scene, first_state(setting, device=options.device), scene_file)
    run = open_run(out, Path(scene_file).read_bytes(), setting, resume=options.resume)
    begun = time.perf_counter()
    frames = options.frames or setting.frames
    preview = Preview(run.path, options.preview, scene, frame_rate(setting))
    with torch.no_grad():
        first, state = _start(run, setting, options.device)
        report = _report(first, frames, state, scene)
        for number in range(first + 1, frames + 1):
            state = _frame_after(state, scene, setting, scene_file)
            report = _report(number, frames, state, scene)
            preview.add(number, state)
            if options.format == "uni":
                write_grids(run.path, number, state)
            run.write(number, state)  # last: a run resumes after its last frame
            if progress is not None:
                progress(report)
        preview.finish()
    return {
        "frames": frames,
        "made": max(frames - first, 0),
        "seconds": round(time.perf_counter() - begun, 3),
        "cells": list(setting.cells),
        **{key: getattr(report, key) for key in ("step", "time", "courant", "divergence", "mass")},
    }


def _check_begins(
    setting: FlowSetting, scene: FluidScene, state: FluidState, scene_file: Path | str
) -> None:
    """Raise `InputError` unless fluid gets out wherever it comes in."""
    for k, side in enumerate(setting.sides):
        axis, end = k // 2, k % 2
        if side != "inflow" or setting.side_velocity[k][axis] == 0.0 or scene.openings is None:
            continue
        face = scene.openings[axis]
        if not bool(face.select(face.ndim - 1 - axis, -end).any()):
            where = f"sides.{'xyz'[axis]}.{('low', 'high')[end]}"
            raise InputError(
                f"{scene_file}: obstacle must leave {where} open, through which fluid comes in, "
                "got one over all of it; move it"
            )
    try:
        with torch.no_grad():
            project_state(state, scene)
    except (RangeError, DivergedError) as error:
        raise InputError(
            f"{scene_file}: sides and obstacle must let fluid out where it comes in, got: {error}; "
            "make another side an outflow, or move the obstacle"
        ) from error


def _frame_after(
    state: FluidState, scene: FluidScene, setting: FlowSetting, scene_file: Path | str
) -> FluidState:
    """Return the state a frame later; raise `InputError` where its steps are too long."""
    try:
        for _ in range(setting.steps_per_frame):
            state = step(state, scene)
    except DivergedError as error:
        raise InputError(
            f"{scene_file}: time.dt must be short enough for the flow, got "
            f"{setting.dt:g} s: {error}"
        ) from error
    return state


def _start(run: RunFolder, setting: FlowSetting, device: str) -> tuple[int, FluidState]:
    last = run.last()
    if last is None:
        state = first_state(setting, device=device)
        run.write(0, state)
        return 0, state
    state = run.read(last)
    return last, state.with_tensors([tensor.to(device) for tensor in state.tensors()])


def _report(number: int, frames: int, state: FluidState, scene: FluidScene) -> StepReport:
    source = net_outflow(state, scene)
    return StepReport(
        frame=number,
        frames=frames,
        step=state.step,
        time=state.time,
        courant=courant_number(state, scene),
        parts=state.parts,
        iterations=0 if state.iterations is None else int(state.iterations.max()),
        divergence=float(source.abs().max()) * scene.cell,
        mass=float(state.density.double().sum()) * scene.cell**scene.dim,
    )
