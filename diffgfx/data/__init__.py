"""Procedural materials and synthetic captures, for tests, demos and validation."""

from diffgfx.data.procedural import (
    MATERIALS,
    ProceduralMaterial,
    build_material,
    make_material,
    make_procedural,
)
from diffgfx.data.shapes import make_cube, make_icosphere, make_knot, make_sphere, subdivide
from diffgfx.data.synthetic_capture import (
    CameraModel,
    Renderer,
    SyntheticCapture,
    colocated_poses,
    synthetic_capture,
)

__all__ = [
    "MATERIALS",
    "CameraModel",
    "ProceduralMaterial",
    "Renderer",
    "SyntheticCapture",
    "build_material",
    "colocated_poses",
    "make_cube",
    "make_icosphere",
    "make_knot",
    "make_material",
    "make_procedural",
    "make_sphere",
    "subdivide",
    "synthetic_capture",
]
