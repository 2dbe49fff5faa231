"""Meshes: pictures of them, and fits to pictures."""

from diffgfx.tasks.mesh.distance import chamfer_distance, pose_error
from diffgfx.tasks.mesh.fit import FitResult, ViewError, fit_mesh
from diffgfx.tasks.mesh.fit_export import export_fit, fit_numbers
from diffgfx.tasks.mesh.fit_options import FitOptions
from diffgfx.tasks.mesh.picture import PictureOptions, picture_mesh
from diffgfx.tasks.mesh.pose import rotation_matrix
from diffgfx.tasks.mesh.targets import (
    Targets,
    make_targets,
    orbit_views,
    read_targets,
    write_targets,
)
from diffgfx.tasks.mesh.view import parse_camera, parse_light

__all__ = [
    "FitOptions",
    "FitResult",
    "PictureOptions",
    "Targets",
    "ViewError",
    "chamfer_distance",
    "export_fit",
    "fit_mesh",
    "fit_numbers",
    "make_targets",
    "orbit_views",
    "parse_camera",
    "parse_light",
    "picture_mesh",
    "pose_error",
    "read_targets",
    "rotation_matrix",
    "write_targets",
]
