"""Procedural materials and synthetic captures, for tests, demos and validation."""

from diffgfx.data.procedural import (
    MATERIALS,
    ProceduralMaterial,
    build_material,
    make_material,
    make_procedural,
)

__all__ = [
    "MATERIALS",
    "ProceduralMaterial",
    "build_material",
    "make_material",
    "make_procedural",
]
