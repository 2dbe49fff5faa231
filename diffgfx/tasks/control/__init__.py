"""Recover an unknown of a flow from its smoke, or from pictures of it."""

from diffgfx.tasks.control.export import RESULT, export_control
from diffgfx.tasks.control.options import ControlOptions
from diffgfx.tasks.control.run import ControlResult, control_flow
from diffgfx.tasks.control.target import Target, read_target

__all__ = [
    "RESULT",
    "ControlOptions",
    "ControlResult",
    "Target",
    "control_flow",
    "export_control",
    "read_target",
]
