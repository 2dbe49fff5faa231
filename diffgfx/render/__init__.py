"""Compositions of ops into pictures."""

from diffgfx.render.planar import render_planar

__all__ = ["render_planar"]
