"""Compositions of ops into pictures."""

from diffgfx.render.buffers import Buffers
from diffgfx.render.frames import vertex_tangents
from diffgfx.render.mesh import render
from diffgfx.render.planar import render_planar
from diffgfx.render.vertex_normals import vertex_normals
from diffgfx.render.volume import frame_box, render_smoke

__all__ = [
    "Buffers",
    "frame_box",
    "render",
    "render_planar",
    "render_smoke",
    "vertex_normals",
    "vertex_tangents",
]
