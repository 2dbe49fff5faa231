"""A material's relief as a mesh of Mitsuba 3, a vertex a texel, with the library's BRDF on it."""

from typing import Any

import numpy as np
import torch

from diffgfx.data import ProceduralMaterial
from diffgfx.scene import MaterialMaps

MARGIN = 32
"""How many texels the material is repeated beyond its edge, for cameras that look past it."""


def displaced_mesh(mi: Any, material: ProceduralMaterial) -> Any:
    """A mesh with one vertex a texel, normals of the maps, repeated `MARGIN` texels outward."""
    maps, count = material.maps, material.maps.resolution[0]
    index = np.arange(-MARGIN, count + MARGIN)
    row, column = np.meshgrid(index, index, indexing="ij")
    wrap = (row % count, column % count)
    u, v = (column + 0.5) / count, 1.0 - (row + 0.5) / count
    position = [
        (u - 0.5) * maps.size[0],
        (v - 0.5) * maps.size[1],
        material.height[0, 0].numpy()[wrap],
    ]
    normal = [component[wrap] for component in maps.normal[0].numpy()]
    side = len(index)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    below = corner + side
    faces = np.concatenate(
        [np.stack([corner, below, below + 1], 1), np.stack([corner, below + 1, corner + 1], 1)]
    )
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(textured_bsdf(mi, maps))
    mesh = mi.Mesh("sample", side * side, len(faces), has_vertex_normals=True,
                   has_vertex_texcoords=True, props=properties)  # fmt: skip
    editable = mi.traverse(mesh)
    editable["vertex_positions"] = _flat(mi.Float, position)
    editable["vertex_normals"] = _flat(mi.Float, normal)
    editable["vertex_texcoords"] = _flat(mi.Float, [u, v])
    editable["faces"] = mi.UInt32(faces.astype(np.uint32).ravel())
    editable.update()
    return mesh


def textured_bsdf(mi: Any, maps: MaterialMaps) -> dict[str, Any]:
    """The library's BRDF with the maps as textures; the normal is the mesh's own."""
    flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand_as(maps.normal)
    layers = {
        "normal": flat,
        "diffuse": maps.diffuse,
        "specular": maps.specular,
        "roughness": maps.roughness.expand_as(maps.diffuse),
    }
    textures = {}
    for name, layer in layers.items():
        rows_up = layer[0].permute(1, 2, 0).flip(0).contiguous().numpy()
        textures[name] = {
            "type": "bitmap",
            "data": mi.TensorXf(rows_up),
            "raw": True,
            "filter_type": "bilinear",
            "wrap_mode": "repeat",
        }
    return {"type": "diffgfx", **textures}


def _flat(kind: Any, components: list[np.ndarray]) -> Any:
    return kind(np.stack(components, axis=-1).astype(np.float32).ravel())
