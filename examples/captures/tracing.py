"""Path-trace a displaced material in Mitsuba 3, as a rectified photograph sees it.

The relief is real geometry (a mesh with a vertex a texel), so parallax, shadows and interreflection
are in the picture, none of which a planar shading model knows. Mitsuba evaluates the library's BRDF
by the plugin of `diffgfx.tasks.validation`.
"""

from typing import Any

import numpy as np
import torch
from displaced import displaced_mesh
from torch import Tensor

from diffgfx.data import ProceduralMaterial
from diffgfx.scene import MaterialMaps

BOUNCES = 4


def trace(
    mi: Any,
    material: ProceduralMaterial,
    position: Tensor,
    intensity: Tensor,
    *,
    samples: int,
    seed: int,
) -> Tensor:
    """Photograph a material with camera and point light at the given places.

    The camera looks straight down and its film is shifted to the sample: what a pinhole camera sees
    after exact rectification to the plane z = 0. Pixels average their area (box filter).

    Args:
        mi: Mitsuba's module, see `start_mitsuba`.
        material: What lies on the table; it is repeated a little beyond its edge.
        position: Places of camera and light [unit of the maps' size], shape (n, 3).
        intensity: Radiant intensity of the light, shape (n, 3).
        samples: Paths a pixel, a multiple of 16.
        seed: Names the noise.

    Returns:
        Linear radiance, shape (n, 3, h, w).
    """
    parameters = {"sample": displaced_mesh(mi, material)}
    images = []
    for number, (place, power) in enumerate(
        zip(position.tolist(), intensity.tolist(), strict=True)
    ):
        scene = mi.load_dict(
            {
                "type": "scene",
                "integrator": {"type": "path", "max_depth": BOUNCES + 1, "rr_depth": 64},
                "light": {
                    "type": "point",
                    "position": place,
                    "intensity": {"type": "rgb", "value": power},
                },
                **parameters,
            }
        )
        sensor = shifted_camera(mi, place, material.maps)
        passes = [
            np.array(
                mi.render(scene, sensor=sensor, spp=16, seed=(seed * 64 + number) * 4096 + turn)
            )
            for turn in range(samples // 16)
        ]
        images.append(np.moveaxis(np.mean(passes, axis=0), -1, 0))
    return torch.from_numpy(np.stack(images).astype(np.float32))


def shifted_camera(mi: Any, place: list[float], maps: MaterialMaps) -> Any:
    """A pinhole camera that looks along -z and whose film covers the sample exactly."""
    height, width = maps.resolution
    x, y, z = place
    return mi.load_dict(
        {
            "type": "perspective",
            "fov_axis": "x",
            "fov": float(np.degrees(2.0 * np.arctan(0.5 * maps.size[0] / z))),
            "principal_point_offset_x": -x / maps.size[0],
            "principal_point_offset_y": y / maps.size[1],
            "near_clip": 0.01 * z,
            "far_clip": 10.0 * z,
            "to_world": mi.ScalarTransform4f().look_at(
                origin=place, target=[x, y, 0.0], up=[0.0, 1.0, 0.0]
            ),
            "film": {
                "type": "hdrfilm",
                "width": width,
                "height": height,
                "pixel_format": "rgb",
                "component_format": "float32",
                "rfilter": {"type": "box"},
            },
            "sampler": {"type": "independent"},
        }
    )
