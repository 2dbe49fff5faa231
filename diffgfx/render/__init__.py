"""Compositions of ops into pictures."""

from diffgfx.render.buffers import Buffers
from diffgfx.render.foreign_brdf import lobe_pairs, shade_openpbr, shade_unreal
from diffgfx.render.frames import vertex_tangents
from diffgfx.render.kept import Kept
from diffgfx.render.mesh import render
from diffgfx.render.planar import render_planar
from diffgfx.render.vertex_normals import vertex_normals
from diffgfx.render.volume import frame_box, render_smoke

__all__ = [
    "Buffers",
    "Kept",
    "frame_box",
    "lobe_pairs",
    "render",
    "render_planar",
    "render_smoke",
    "shade_openpbr",
    "shade_unreal",
    "vertex_normals",
    "vertex_tangents",
]
