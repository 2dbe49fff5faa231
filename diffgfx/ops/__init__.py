"""Differentiable ops: checked, documented, registered with torch, served by the kernels."""

from diffgfx.ops.height_from_normals import height_from_normals
from diffgfx.ops.march_volume import march_volume
from diffgfx.ops.normals_from_height import normals_from_height
from diffgfx.ops.shade_svbrdf import shade_svbrdf
from diffgfx.ops.svbrdf_render_loss import Residual, svbrdf_render_loss

__all__ = [
    "Residual",
    "height_from_normals",
    "march_volume",
    "normals_from_height",
    "shade_svbrdf",
    "svbrdf_render_loss",
]
