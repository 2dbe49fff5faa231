"""Flows: compositions of ops into steps, and of steps into rollouts."""

from diffgfx.fluid.build import build_scene, first_state
from diffgfx.fluid.forces import SolidForce, solid_force
from diffgfx.fluid.gradient_check import GradientReport, gradient_check
from diffgfx.fluid.pressure import net_outflow, project_state
from diffgfx.fluid.rollout import Rollout, rollout
from diffgfx.fluid.shapes import face_distances, face_openings
from diffgfx.fluid.step import courant_number, step

__all__ = [
    "GradientReport",
    "Rollout",
    "SolidForce",
    "build_scene",
    "courant_number",
    "face_distances",
    "face_openings",
    "first_state",
    "gradient_check",
    "net_outflow",
    "project_state",
    "rollout",
    "solid_force",
    "step",
]
