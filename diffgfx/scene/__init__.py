"""What there is to render or to recover: frozen dataclasses, no algorithms."""

from diffgfx.scene.capture import Capture, GreyPatch, Photo, Transfer
from diffgfx.scene.flow import (
    FlowSetting,
    FluidScene,
    FluidState,
    Inflow,
    Obstacle,
    Region,
    Scheme,
    Source,
)
from diffgfx.scene.material import MaterialMaps

__all__ = [
    "Capture",
    "FlowSetting",
    "FluidScene",
    "FluidState",
    "GreyPatch",
    "Inflow",
    "MaterialMaps",
    "Obstacle",
    "Photo",
    "Region",
    "Scheme",
    "Source",
    "Transfer",
]
