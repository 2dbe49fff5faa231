"""Meshes: pictures of them, and fits to pictures."""

from diffgfx.tasks.mesh.picture import PictureOptions, picture_mesh
from diffgfx.tasks.mesh.view import parse_camera, parse_light

__all__ = ["PictureOptions", "parse_camera", "parse_light", "picture_mesh"]
