"""Pictures of a textured mesh by Mitsuba, with our BRDF as its plugin: what runs in its process."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["render_views"]

Arrays = dict[str, Any]

_MAPS = ("normal", "diffuse", "specular", "roughness")


def render_views(mi: Any, given: Arrays) -> Arrays:
    """Return ``image`` (n, 3, h, w), row 0 at the top, of n cameras.

    Args:
        mi: Mitsuba's module, see `start_mitsuba`.
        given: ``corners`` (F, 3, 3), ``normals`` (F, 3, 3) and ``uv`` (F, 3, 2) of the triangles;
            ``maps`` (10, h, w); ``light`` and ``intensity`` (k, 3) of point lights; ``position``,
            ``target``, ``up`` (n, 3) and ``fov_y`` (n,) [rad] of the cameras; ``size`` and
            ``samples``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mesh.ply"
        _write_mesh(mi, given, path)
        scene = {
            "type": "scene",
            "integrator": {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0},
            "mesh": {"type": "ply", "filename": str(path), "bsdf": _material(mi, given["maps"])},
        }
        for k, (place, power) in enumerate(zip(given["light"], given["intensity"], strict=True)):
            scene[f"light{k}"] = {
                "type": "point",
                "position": [float(x) for x in place],
                "intensity": {"type": "rgb", "value": [float(x) for x in power]},
            }
        loaded = mi.load_dict(scene)
        images = [
            np.array(mi.render(loaded, sensor=_sensor(mi, given, k), seed=k), np.float32)
            for k in range(len(given["position"]))
        ]
    return {"image": np.moveaxis(np.stack(images)[..., :3], -1, 1)}


def _write_mesh(mi: Any, given: Arrays, path: Path) -> None:
    """Write triangles that share nothing, so that seams need no care."""
    corners = np.asarray(given["corners"], np.float32).reshape(-1, 3)
    mesh = mi.Mesh(
        "mesh", vertex_count=len(corners), face_count=len(corners) // 3,
        has_vertex_normals=True, has_vertex_texcoords=True,
    )  # fmt: skip
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = corners.ravel()
    parameters["vertex_normals"] = np.asarray(given["normals"], np.float32).ravel()
    parameters["vertex_texcoords"] = np.asarray(given["uv"], np.float32).ravel()
    parameters["faces"] = np.arange(len(corners), dtype=np.uint32)
    parameters.update()
    mesh.write_ply(str(path))


def _material(mi: Any, maps: Any) -> Arrays:
    parts = np.split(np.moveaxis(np.asarray(maps, np.float32), 0, -1), [3, 6, 9], axis=-1)
    parts[3] = np.repeat(parts[3], 3, axis=-1)
    textures = {
        name: {
            "type": "bitmap",
            "data": mi.TensorXf(np.ascontiguousarray(part[::-1])),
            "raw": True,
            "filter_type": "bilinear",
            "wrap_mode": "repeat",
        }
        for name, part in zip(_MAPS, parts, strict=True)
    }
    return {"type": "diffgfx", **textures}


def _sensor(mi: Any, given: Arrays, k: int) -> Any:
    place = {key: [float(x) for x in given[key][k]] for key in ("position", "target", "up")}
    look = mi.ScalarTransform4f().look_at(
        origin=place["position"], target=place["target"], up=place["up"]
    )
    size = int(given["size"])
    return mi.load_dict(
        {
            "type": "perspective",
            "fov": float(np.degrees(given["fov_y"][k])),
            "fov_axis": "y",
            "to_world": look,
            "sampler": {"type": "stratified", "sample_count": int(given["samples"])},
            "film": {
                "type": "hdrfilm",
                "width": size,
                "height": size,
                "rfilter": {"type": "box"},
                "pixel_format": "rgb",
            },
        }
    )
