"""Differentiable ops: checked, documented, registered with torch, served by the kernels."""

from diffgfx.ops.advect import Scheme, advect
from diffgfx.ops.advect_tvd import Limiter, advect_tvd
from diffgfx.ops.advect_velocity import advect_velocity
from diffgfx.ops.antialias import AntialiasMode, antialias
from diffgfx.ops.buoyancy import buoyancy
from diffgfx.ops.construct_mip import construct_mip
from diffgfx.ops.convect import convect
from diffgfx.ops.curl import curl
from diffgfx.ops.diffuse import diffuse, diffuse_scalar
from diffgfx.ops.diffuse_past import diffuse_past
from diffgfx.ops.divergence import divergence
from diffgfx.ops.gradient import gradient
from diffgfx.ops.height_from_normals import height_from_normals
from diffgfx.ops.inflow import inflow
from diffgfx.ops.interpolate import interpolate
from diffgfx.ops.laplacian import laplacian, laplacian_scalar
from diffgfx.ops.links import wall_links
from diffgfx.ops.march_volume import march_volume
from diffgfx.ops.normals_from_height import normals_from_height
from diffgfx.ops.project import Projection, project
from diffgfx.ops.rasterize import rasterize
from diffgfx.ops.shade_mesh import shade_mesh
from diffgfx.ops.shade_svbrdf import shade_svbrdf
from diffgfx.ops.svbrdf_render_loss import Residual, svbrdf_render_loss
from diffgfx.ops.texture import BoundaryMode, FilterMode, texture
from diffgfx.ops.to_centres import to_centres
from diffgfx.ops.to_faces import to_faces
from diffgfx.ops.topology import construct_topology
from diffgfx.ops.vorticity_confinement import vorticity_confinement

__all__ = [
    "AntialiasMode",
    "BoundaryMode",
    "FilterMode",
    "Limiter",
    "Projection",
    "Residual",
    "Scheme",
    "advect",
    "advect_tvd",
    "advect_velocity",
    "antialias",
    "buoyancy",
    "construct_mip",
    "construct_topology",
    "convect",
    "curl",
    "diffuse",
    "diffuse_past",
    "diffuse_scalar",
    "divergence",
    "gradient",
    "height_from_normals",
    "inflow",
    "interpolate",
    "laplacian",
    "laplacian_scalar",
    "march_volume",
    "normals_from_height",
    "project",
    "rasterize",
    "shade_mesh",
    "shade_svbrdf",
    "svbrdf_render_loss",
    "texture",
    "to_centres",
    "to_faces",
    "vorticity_confinement",
    "wall_links",
]
