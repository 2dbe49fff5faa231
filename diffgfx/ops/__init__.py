"""Differentiable ops: checked, documented, registered with torch, served by the kernels."""

from diffgfx.ops.advect import Scheme, advect
from diffgfx.ops.advect_tvd import Limiter, advect_tvd
from diffgfx.ops.advect_velocity import advect_velocity
from diffgfx.ops.height_from_normals import height_from_normals
from diffgfx.ops.normals_from_height import normals_from_height
from diffgfx.ops.shade_svbrdf import shade_svbrdf
from diffgfx.ops.svbrdf_render_loss import Residual, svbrdf_render_loss

__all__ = [
    "Limiter",
    "Residual",
    "Scheme",
    "advect",
    "advect_tvd",
    "advect_velocity",
    "height_from_normals",
    "normals_from_height",
    "shade_svbrdf",
    "svbrdf_render_loss",
]
