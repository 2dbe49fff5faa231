"""Differentiable ops: checked, documented, registered with torch, served by the kernels."""

from diffgfx.ops.shade_svbrdf import shade_svbrdf
from diffgfx.ops.svbrdf_render_loss import Residual, svbrdf_render_loss

__all__ = ["Residual", "shade_svbrdf", "svbrdf_render_loss"]
