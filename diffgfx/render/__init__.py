"""Compositions of ops into pictures."""

from diffgfx.render.frames import vertex_tangents
from diffgfx.render.planar import render_planar
from diffgfx.render.volume import frame_box, render_smoke

__all__ = ["frame_box", "render_planar", "render_smoke", "vertex_tangents"]
