"""Derivative images by Mitsuba's own differentiation, silhouettes by its projective sampling.

T. Zhang et al., "Projective Sampling for Differentiable Rendering of Geometry", SIGGRAPH Asia 2023:
what a moving silhouette adds is integrated over silhouettes and not over pixels. Inputs are those
of `mitsuba_mesh_child.mesh_derivatives`; ``spp`` counts for the inside of shapes, and again for
their silhouettes.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from diffgfx.tasks.validation.mitsuba_mesh_child import mesh_scene

__all__ = ["mesh_projective"]

Arrays = dict[str, Any]
_ROUND = 256            # samples a pixel in one launch: what fits into memory


def mesh_projective(mi: Any, given: Arrays) -> Arrays:
    """Return derivative images (h, w, 3) in forward mode, named as by `mesh_derivatives`."""
    scene = mesh_scene(mi, {**given, "border": True})
    parameters = mi.traverse(scene)
    return {
        name: _pushed(mi, given, scene, parameters, change)
        for name, change in _changes(mi, given, parameters).items()
    }


def _changes(mi: Any, given: Arrays, parameters: Any) -> dict[str, Callable[[Any], Arrays]]:
    """Return for each unknown what becomes of the scene's parameters as it grows from zero."""
    dr = importlib.import_module("drjit")
    along, axis, middle = (
        mi.Vector3f(*(float(x) for x in given[key])) for key in ("along", "axis", "middle")
    )
    places, normals = (
        dr.unravel(mi.Vector3f, mi.Float(parameters[f"mesh.vertex_{name}"]))
        for name in ("positions", "normals")
    )
    frames = dr.unravel(mi.Vector3f, mi.Float(parameters["mesh.bsdf.frames"]))
    turning = dr.select(dr.arange(mi.UInt32, dr.width(frames)) % 4 < 3, 1.0, 0.0)
    texels = {
        key: mi.TensorXf(parameters[f"mesh.bsdf.{key}.data"]) for key in ("diffuse", "roughness")
    }
    pattern = np.repeat(np.asarray(given["pattern"], np.float32)[::-1, :, None], 3, axis=-1)
    intensity = mi.Color3f(parameters["light.intensity.value"])

    def shifted(by: Any) -> Arrays:
        return {"mesh.vertex_positions": dr.ravel(places + by * along),
                "mesh.vertex_normals": dr.ravel(normals)}  # fmt: skip

    def turned(by: Any) -> Arrays:
        return {
            "mesh.vertex_positions": dr.ravel(places + by * dr.cross(axis, places - middle)),
            "mesh.vertex_normals": dr.ravel(normals + by * dr.cross(axis, normals)),
            "mesh.bsdf.frames": dr.ravel(frames + by * turning * dr.cross(axis, frames)),
        }

    return {
        "translation": shifted,
        "rotation": turned,
        "roughness": lambda by: {"mesh.bsdf.roughness.data": texels["roughness"] + by},
        "texture": lambda by: {
            "mesh.bsdf.diffuse.data": texels["diffuse"]
            + by * mi.TensorXf(np.ascontiguousarray(pattern))
        },
        "light": lambda by: {"light.intensity.value": intensity + by},
    }


def _set(parameters: Any, values: Arrays) -> None:
    """Set parameters one by one: Mitsuba makes normals anew whenever places change."""
    for key, value in values.items():
        parameters[key] = value
        parameters.update()


def _pushed(mi: Any, given: Arrays, scene: Any, parameters: Any, change: Any) -> Any:
    """Return what an unknown at zero does to the picture, the mean over rounds of samples."""
    dr = importlib.import_module("drjit")
    size, spp = int(given["size"]), int(given["spp"])
    rounds = max(1, spp // _ROUND)
    each = spp // rounds
    integrator = mi.load_dict(
        {"type": "direct_projective", "sppc": each, "sppp": each, "sppi": 0}
    )
    still = {key: type(parameters[key])(parameters[key]) for key in change(mi.Float(0.0))}
    total = np.zeros((size, size, 3))
    for turn in range(rounds):
        by = mi.Float(0.0)
        dr.enable_grad(by)
        _set(parameters, change(by))
        dr.forward(by, dr.ADFlag.ClearEdges)    # to the scene, before the picture is asked for
        picture = mi.render(scene, parameters, integrator=integrator, spp=0, seed=turn)
        pushed = dr.forward_to(picture)
        total += np.asarray(pushed, dtype=np.float64).reshape(size, size, 3)
    _set(parameters, still)
    return total / rounds
