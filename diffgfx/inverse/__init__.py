"""Inverse problems: observations, parametrisations, priors, and the one solver."""

from diffgfx.inverse.basis import SharedBasis, cluster
from diffgfx.inverse.observation import PixelSplit, split_pixels
from diffgfx.inverse.prior import broad_share, charbonnier, curl, edge_weights, smoothness
from diffgfx.inverse.problem import Level, Part, Problem, Unknowns
from diffgfx.inverse.pyramid import area_average, bounded, ladder, prolong_field, unbounded
from diffgfx.inverse.solve import Progress, Record, Solution, SolverConfig, solve
from diffgfx.inverse.uncertainty import gauss_newton_deviation

__all__ = [
    "Level",
    "Part",
    "PixelSplit",
    "Problem",
    "Progress",
    "Record",
    "SharedBasis",
    "Solution",
    "SolverConfig",
    "Unknowns",
    "area_average",
    "bounded",
    "broad_share",
    "charbonnier",
    "cluster",
    "curl",
    "edge_weights",
    "gauss_newton_deviation",
    "ladder",
    "prolong_field",
    "smoothness",
    "solve",
    "split_pixels",
    "unbounded",
]
