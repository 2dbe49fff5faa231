"""Jobs with flows: simulate a scene file, resume it, show it."""

from diffgfx.tasks.flow.simulate import SimulateOptions, StepReport, simulate_flow

__all__ = ["SimulateOptions", "StepReport", "simulate_flow"]
