"""Inverse problems: observations, parametrisations, priors, and the one solver."""

from diffgfx.inverse.adam_uniform import AdamUniform
from diffgfx.inverse.basis import SharedBasis, cluster
from diffgfx.inverse.large_steps import LargeSteps
from diffgfx.inverse.observation import PixelSplit, split_pixels
from diffgfx.inverse.posterior import (
    Posterior,
    neighbour_roughness,
    noise_passed,
    posterior_of,
)
from diffgfx.inverse.prior import broad_share, charbonnier, curl, edge_weights, smoothness
from diffgfx.inverse.problem import Level, Part, Problem, Unknowns
from diffgfx.inverse.pyramid import area_average, bounded, ladder, prolong_field, unbounded
from diffgfx.inverse.solve import Progress, Record, Solution, SolverConfig, Watch, solve
from diffgfx.inverse.uncertainty import gauss_newton_deviation

__all__ = [
    "AdamUniform",
    "LargeSteps",
    "Level",
    "Part",
    "PixelSplit",
    "Posterior",
    "Problem",
    "Progress",
    "Record",
    "SharedBasis",
    "Solution",
    "SolverConfig",
    "Unknowns",
    "Watch",
    "area_average",
    "bounded",
    "broad_share",
    "charbonnier",
    "cluster",
    "curl",
    "edge_weights",
    "gauss_newton_deviation",
    "ladder",
    "neighbour_roughness",
    "noise_passed",
    "posterior_of",
    "prolong_field",
    "smoothness",
    "solve",
    "split_pixels",
    "unbounded",
]
