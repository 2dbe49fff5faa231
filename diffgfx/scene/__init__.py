"""What there is to render or to recover: frozen dataclasses, no algorithms."""

from diffgfx.scene.camera import Camera
from diffgfx.scene.capture import Capture, GreyBeside, GreyPatch, Photo, Transfer
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
from diffgfx.scene.light import DistantLight, HarmonicsLight, Light, PointLight
from diffgfx.scene.material import MaterialMaps
from diffgfx.scene.mesh import Mesh, Part, Wrap
from diffgfx.scene.scene import Model, Scene
from diffgfx.scene.sheet import Sheet, Tag
from diffgfx.scene.target import TargetSet

__all__ = [
    "Camera",
    "Capture",
    "DistantLight",
    "FlowSetting",
    "FluidScene",
    "FluidState",
    "GreyBeside",
    "GreyPatch",
    "HarmonicsLight",
    "Inflow",
    "Light",
    "MaterialMaps",
    "Mesh",
    "Model",
    "Obstacle",
    "Part",
    "Photo",
    "PointLight",
    "Region",
    "Scene",
    "Scheme",
    "Sheet",
    "Source",
    "Tag",
    "TargetSet",
    "Transfer",
    "Wrap",
]
