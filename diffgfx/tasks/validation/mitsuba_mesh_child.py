"""Pictures of meshes inside Mitsuba's own process; see `mitsuba_child`.

Inputs: ``corners`` (F, 3, 3), ``normals`` (F, 3, 3), ``uv`` (F, 3, 2), ``tangents`` (F, 3, 4) or
none, ``maps`` (10, h, w), ``camera`` (origin, target, up), ``fov_y`` [degrees], ``intensity`` of a
point light at the camera, ``size``, ``spp`` (a square number if ``regular``), ``regular``, and
``border``, whether shapes may move across the picture's edge.
"""

import importlib
from typing import Any

import numpy as np

__all__ = ["mesh_derivatives", "mesh_image", "mesh_scene"]

Arrays = dict[str, Any]
_MAPS = ("normal", "diffuse", "specular", "roughness")


def _mesh(mi: Any, given: Arrays, bsdf: Any) -> Any:
    """Corners that agree in every value are one vertex: an edge is known to have two sides."""
    columns = [np.asarray(given[name], np.float32) for name in ("corners", "normals", "uv")]
    rows = np.concatenate([column.reshape(-1, column.shape[-1]) for column in columns], axis=1)
    rows, faces = np.unique(rows, axis=0, return_inverse=True)
    props = mi.Properties()
    props["bsdf"] = bsdf
    mesh = mi.Mesh(
        "mesh", vertex_count=len(rows), face_count=len(columns[0]), has_vertex_normals=True,
        has_vertex_texcoords=True, props=props,
    )  # fmt: skip
    parameters = mi.traverse(mesh)
    parameters["faces"] = mi.UInt32(faces.astype(np.uint32).ravel())
    parameters["vertex_positions"] = _flat(mi, rows[:, :3])
    parameters["vertex_normals"] = _flat(mi, rows[:, 3:6])
    parameters["vertex_texcoords"] = _flat(mi, rows[:, 6:8])
    parameters.update()
    return mesh


def _frames(given: Arrays) -> Any:
    """Return rows (F, 12) of the BSDF's frames: over a triangle tangents are affine in its uv."""
    tangents, uv = (np.asarray(given[name], np.float64) for name in ("tangents", "uv"))
    ways = tangents[..., :3]
    edges, change = uv[:, 1:] - uv[:, :1], ways[:, 1:] - ways[:, :1]
    slopes = np.linalg.pinv(edges) @ change  # flat where a triangle has no area in uv
    return np.concatenate(
        [ways[:, 0], slopes.reshape(-1, 6), uv[:, 0], tangents[:, 0, 3:]], axis=1
    )


def _flat(mi: Any, values: Any) -> Any:
    return mi.Float(np.ascontiguousarray(values, dtype=np.float32).ravel())


def _bsdf(mi: Any, given: Arrays) -> Any:
    parts = np.split(np.moveaxis(np.asarray(given["maps"], np.float32), 0, -1), [3, 6, 9], axis=-1)
    parts[3] = np.repeat(parts[3], 3, axis=-1)
    textures: dict[str, Any] = {
        name: {
            "type": "bitmap",
            "data": mi.TensorXf(np.ascontiguousarray(part[::-1])),  # its row 0 is the lowest v
            "raw": True,
            "filter_type": "bilinear",
            "wrap_mode": "repeat",
        }
        for name, part in zip(_MAPS, parts, strict=True)
    }
    if "tangents" in given:
        textures["frames"] = mi.TensorXf(_frames(given).astype(np.float32))
    return mi.load_dict({"type": "diffgfx", **textures})


def mesh_scene(mi: Any, given: Arrays) -> Any:
    """Build the scene that the inputs describe; its integrator computes direct light.

    Args:
        mi: Mitsuba's module, see `start_mitsuba`.
        given: See this module's head.
    """
    origin, target, up = (np.asarray(row, np.float64).tolist() for row in given["camera"])
    size = int(given["size"])
    return mi.load_dict(
        {
            "type": "scene",
            "integrator": {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0},
            "light": {
                "type": "point",
                "position": origin,
                "intensity": {"type": "rgb", "value": np.asarray(given["intensity"]).tolist()},
            },
            "sensor": {
                "type": "perspective",
                "to_world": mi.ScalarTransform4f().look_at(origin, target, up),
                "fov": float(given["fov_y"]),
                "fov_axis": "y",
                "near_clip": 1e-3,
                "sampler": _sampler(given),
                "film": {
                    "type": "hdrfilm", "width": size, "height": size, "pixel_format": "rgb",
                    "component_format": "float32", "rfilter": {"type": "box"},
                    "sample_border": bool(given.get("border", False)),
                },
            },
            "mesh": _mesh(mi, given, _bsdf(mi, given)),
        }
    )  # fmt: skip


def _sampler(given: Arrays) -> Arrays:
    """Random samples or, with ``regular``, the middles of as many squares as there are samples."""
    if not given.get("regular", False):
        return {"type": "independent"}
    return {"type": "stratified", "jitter": False, "sample_count": int(given["spp"])}


def _image(mi: Any, given: Arrays, **changed: Any) -> Any:
    """Radiance (h, w, 3), the mean over each pixel, row 0 at the top."""
    scene = mesh_scene(mi, {**given, **changed})
    size, spp = int(given["size"]), int(given["spp"])
    total = np.zeros((size, size, 3))
    rounds = 1 if given.get("regular", False) else max(1, size * size * spp // 2**23)
    for turn in range(rounds):
        picture = mi.render(scene, spp=spp // rounds, seed=turn)
        total += np.asarray(picture, dtype=np.float64).reshape(size, size, 3)
        del picture
        importlib.import_module("gc").collect()
    return total / rounds


def mesh_image(mi: Any, given: Arrays) -> Arrays:
    """Return ``image`` (h, w, 3)."""
    return {"image": _image(mi, given)}


def _moved(given: Arrays, turn: Any, shift: Any) -> Arrays:
    """Return corners, normals and tangents turned about the middle of the mesh, then shifted."""
    middle = given["middle"]
    moved = {
        "corners": (given["corners"] - middle) @ turn.T + middle + shift,
        "normals": given["normals"] @ turn.T,
    }
    if "tangents" in given:
        way = given["tangents"]
        moved["tangents"] = np.concatenate([way[..., :3] @ turn.T, way[..., 3:]], axis=-1)
    return moved


def mesh_derivatives(mi: Any, given: Arrays) -> Arrays:
    """Derivative images (h, w, 3) by central differences, both ends with the same random numbers.

    ``translation`` along ``along``, ``rotation`` about ``axis``, ``roughness`` added to all texels,
    ``texture`` (diffuse along ``pattern``), ``light`` (intensity, all channels).
    """
    step = float(given["step"])
    found = {}

    def differ(name: str, change: Any, by: float) -> None:
        ends = [_image(mi, given, **change(sign * by)) for sign in (1.0, -1.0)]
        found[name] = (ends[0] - ends[1]) / (2.0 * by)

    def turned(angle: float) -> Arrays:
        x, y, z = given["axis"]
        cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        turn = np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross
        return _moved(given, turn, np.zeros(3))

    def mapped(channels: slice, pattern: Any) -> Any:
        def change(by: float) -> Arrays:
            maps = given["maps"].copy()
            maps[channels] += by * pattern
            return {"maps": maps}

        return change

    differ("translation", lambda by: _moved(given, np.eye(3), by * given["along"]), step)
    differ("rotation", turned, step / float(given["radius"]))
    differ("roughness", mapped(slice(9, 10), 1.0), 0.01)
    differ("texture", mapped(slice(3, 6), given["pattern"]), 0.05)
    differ("light", lambda by: {"intensity": given["intensity"] + by}, 0.1 * given["intensity"][0])
    return found
