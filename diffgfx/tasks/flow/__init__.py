"""Jobs with flows: simulate a scene file, resume it, film it."""

from diffgfx.tasks.flow.device import check_device
from diffgfx.tasks.flow.film import FilmOptions, film_flow
from diffgfx.tasks.flow.picture import picture_size, smoke_light
from diffgfx.tasks.flow.run_folder import RunFolder, read_run
from diffgfx.tasks.flow.simulate import SimulateOptions, StepReport, simulate_flow

__all__ = [
    "FilmOptions",
    "RunFolder",
    "SimulateOptions",
    "StepReport",
    "check_device",
    "film_flow",
    "picture_size",
    "read_run",
    "simulate_flow",
    "smoke_light",
]
