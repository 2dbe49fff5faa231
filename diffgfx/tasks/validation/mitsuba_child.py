"""What runs inside Mitsuba's own process: ``python -m ... JOB INPUT.npz OUTPUT.npz``.

Arrays in, arrays out; nothing of the library's kernels is loaded here, so that neither compiler
meets the other and an abort of one is reported by the parent as an error.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from diffgfx.tasks.validation.mitsuba_bsdf import start_mitsuba
from diffgfx.tasks.validation.mitsuba_mesh_child import mesh_derivatives, mesh_image
from diffgfx.tasks.validation.mitsuba_projective_child import mesh_projective
from diffgfx.tasks.validation.mitsuba_views import render_views

__all__ = ["JOBS", "main", "plane_scene"]

Arrays = dict[str, Any]

_MAPS = ("normal", "diffuse", "specular", "roughness")


def plane_scene(mi: Any, maps: Any, size: Any, light: Any, intensity: Any) -> Any:
    """Build a flat sample in z = 0 under one point light.

    Args:
        mi: Mitsuba's module, see `start_mitsuba`.
        maps: The ten maps n3 d3 s3 r1, shape (10, h, w).
        size: Width and height of the sample.
        light: Position of the light.
        intensity: Its radiant intensity, RGB.

    Returns:
        The scene; its integrator computes direct light.
    """
    parts = np.split(np.moveaxis(np.asarray(maps, np.float32), 0, -1), [3, 6, 9], axis=-1)
    parts[3] = np.repeat(parts[3], 3, axis=-1)
    # texel centres are met exactly by nearest look-up; row 0 of a texture lies at the bottom
    textures = {
        name: {
            "type": "bitmap",
            "data": mi.TensorXf(np.ascontiguousarray(part[::-1])),
            "raw": True,
            "filter_type": "nearest",
            "wrap_mode": "clamp",
        }
        for name, part in zip(_MAPS, parts, strict=True)
    }
    scale = mi.ScalarTransform4f().scale([0.5 * float(size[0]), 0.5 * float(size[1]), 1.0])
    return mi.load_dict(
        {
            "type": "scene",
            "integrator": {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0},
            "light": {
                "type": "point",
                "position": [float(x) for x in light],
                "intensity": {"type": "rgb", "value": [float(x) for x in intensity]},
            },
            "plane": {
                "type": "rectangle",
                "to_world": scale,
                "bsdf": {"type": "diffgfx", **textures},
            },
        }
    )


def _render(mi: Any, scene: Any, camera: Any, size: Any, shape: tuple[int, int]) -> Any:
    """Radiance along one ray through each texel centre, row by row from the upper left."""
    dr = importlib.import_module("drjit")
    height, width = shape
    x, y = np.meshgrid(
        ((np.arange(width) + 0.5) / width - 0.5) * size[0],
        (0.5 - (np.arange(height) + 0.5) / height) * size[1],
    )
    target = mi.Point3f(x.ravel().astype(np.float32), y.ravel().astype(np.float32), 0.0)
    origin = mi.Point3f(*[float(value) for value in camera])
    ray = mi.Ray3f(origin, dr.normalize(target - origin))
    sampler = mi.load_dict({"type": "independent"})
    sampler.seed(0, height * width)
    return scene.integrator().sample(scene, sampler, ray)[0]


def _image_array(image: Any, shape: tuple[int, int]) -> Any:
    return np.array(image, dtype=np.float64).reshape(3, *shape)


def _image(mi: Any, given: Arrays) -> Arrays:
    """Images (n, 3, h, w) of every light and view pair."""
    shape = given["maps"].shape[1:]
    images = []
    for light, intensity, camera in zip(
        given["light"], given["intensity"], given["camera"], strict=True
    ):
        scene = plane_scene(mi, given["maps"], given["size"], light, intensity)
        images.append(_image_array(_render(mi, scene, camera, given["size"], shape), shape))
    return {"image": np.stack(images)}


def _derivatives(mi: Any, given: Arrays) -> Arrays:
    """Derivative images by forward-mode differentiation, one input channel at a time.

    ``maps`` (n, 10, 3, h, w), ``light`` and ``intensity`` (n, 3, 3, h, w): pair, input channel,
    colour, place.
    """
    found: dict[str, list[Any]] = {"maps": [], "light": [], "intensity": []}
    for pair in range(len(given["light"])):
        scene = plane_scene(
            mi, given["maps"], given["size"], given["light"][pair], given["intensity"][pair]
        )

        def view(key: str, channel: int, scene: Any = scene, pair: int = pair) -> Any:
            return _derivative_image(mi, scene, given, given["camera"][pair], key, channel)

        found["maps"].append(
            [view(f"plane.bsdf.{name}.data", channel) for name in _MAPS for channel in range(3)][
                :10
            ]
        )
        found["light"].append([view("light.position", axis) for axis in range(3)])
        found["intensity"].append([view("light.intensity.value", axis) for axis in range(3)])
    return {name: np.array(images) for name, images in found.items()}


def _derivative_image(
    mi: Any, scene: Any, given: Arrays, camera: Any, key: str, channel: int
) -> Any:
    dr = importlib.import_module("drjit")
    shape = given["maps"].shape[1:]
    parameters = mi.traverse(scene)
    value = parameters[key]
    if key.endswith(".data"):
        seed = np.zeros(value.shape, dtype=np.float32)
        seed[..., channel] = 1.0
        tangent = mi.TensorXf(seed)
    else:
        tangent = type(value)(*[float(axis == channel) for axis in range(3)])
    dr.enable_grad(value)
    dr.set_grad(value, tangent)
    parameters.update()
    image = dr.forward_to(_render(mi, scene, camera, given["size"], shape))
    dr.disable_grad(parameters[key])
    return _image_array(image, shape)


def _interaction(mi: Any, dr: Any, wi: Any) -> Any:
    """A bare surface point seen from directions (n, 3) of its shading frame."""
    si = dr.zeros(mi.SurfaceInteraction3f, len(wi))
    si.wi = mi.Vector3f(np.ascontiguousarray(wi.T, dtype=np.float32))
    si.uv = mi.Point2f(0.5, 0.5)
    return si


def _conductor(mi: Any, given: Arrays) -> Arrays:
    """Mitsuba's roughconductor with F = 1, times the light's cosine, (roughness, direction)."""
    dr = importlib.import_module("drjit")
    wo = mi.Vector3f(np.ascontiguousarray(given["wo"].T, dtype=np.float32))
    rows = []
    for roughness in given["roughness"]:
        bsdf = mi.load_dict(
            {
                "type": "roughconductor",
                "distribution": "ggx",
                "alpha": float(roughness) ** 2,
                "material": "none",
            }
        )
        value = bsdf.eval(mi.BSDFContext(), _interaction(mi, dr, given["wi"]), wo)
        rows.append(np.array(value, dtype=np.float64)[0])
    return {"value": np.array(rows)}


def _sampler(mi: Any, given: Arrays) -> Arrays:
    """The plugin's sampler, per view direction.

    ``albedo`` (n, 3), ``share`` (n,) of samples that leave the surface, and ``density`` (n,), its
    mean over the given light directions.
    """
    dr = importlib.import_module("drjit")
    side = int(given["side"])
    maps = np.asarray(given["maps"], np.float32).reshape(10, 1, 1)
    scene = plane_scene(mi, maps, (2.0, 2.0), (0.0, 0.0, 1.0), (1.0, 1.0, 1.0))
    bsdf = scene.shapes()[0].bsdf()
    wo = mi.Vector3f(np.ascontiguousarray(given["wo"].T, dtype=np.float32))
    rng = np.random.default_rng(0)
    strata = np.stack(np.meshgrid(*[np.arange(side)] * 3)).reshape(3, -1)
    found: dict[str, list[Any]] = {"albedo": [], "share": [], "density": []}
    for direction in given["wi"]:
        u = ((strata + rng.random(strata.shape)) / side).astype(np.float32)
        si = _interaction(mi, dr, np.repeat(direction[None], u.shape[1], axis=0))
        record, weight = bsdf.sample(
            mi.BSDFContext(), si, mi.Float(u[0]), mi.Point2f(mi.Float(u[1]), mi.Float(u[2]))
        )
        found["albedo"].append(np.array(weight, dtype=np.float64).mean(axis=1))
        found["share"].append(np.mean(np.array(record.pdf) > 0.0))
        si = _interaction(mi, dr, np.repeat(direction[None], len(given["wo"]), axis=0))
        found["density"].append(np.array(bsdf.pdf(mi.BSDFContext(), si, wo), np.float64).mean())
    return {name: np.array(values) for name, values in found.items()}


JOBS: dict[str, Callable[[Any, Arrays], Arrays]] = {
    "image": _image,
    "derivatives": _derivatives,
    "conductor": _conductor,
    "sampler": _sampler,
    "views": render_views,
    "mesh_image": mesh_image,
    "mesh_derivatives": mesh_derivatives,
    "mesh_projective": mesh_projective,
}
"""What the process can be asked for."""


def main(argv: list[str]) -> int:
    """Run one job: its name, the file of its inputs and the file for its results."""
    job, source, target = argv
    with np.load(source) as given:
        arrays = dict(given)
    np.savez(target, **JOBS[job](start_mitsuba(), arrays))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
