"""Photographs of the printed sheet around a known material, path-traced: the truth of a capture.

    python -m tests.sheet_mitsuba SHEET.pdf -o DIR [--megapixels 12] [--material leather]

Mitsuba renders a pinhole's picture of page and material; the lens bends it, defocus, vignetting,
noise, exposure and JPEG follow. ``truth.json`` says what all of it was.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from diffgfx.data import make_material
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.validation.mitsuba_bsdf import start_mitsuba
from tests.sheet_photos import (
    TrueLens,
    develop,
    exif_of,
    looking,
    page_picture,
    reflectance_of_page,
    stands,
)

WINDOW, PAGE = 100.0, (210.0, 297.0)        # mm
CARD = 0.3                                  # mm: height of the printed side above the sample
SPECULAR, ROUGHNESS = 0.04, 0.9             # of paper and ink
WIDE = 1.12                                 # of the lens's picture: what distortion brings in
TILE = 1 << 19                              # pixels rendered at once
DOTS = 300.0
MARGIN = 1.2                                # of the window: how far the material goes on


def stated_grey(drawn: float) -> float:
    """Return what a 45/0 instrument reads on ink of diffuse reflectance ``drawn``, gloss and all.

    Light at 45 degrees, view at 0: pi times the BRDF, GGX of roughness 0.9 on a diffuse base.
    """
    alpha2, n_l = ROUGHNESS**4, np.cos(np.pi / 4)
    n_h2 = np.cos(np.pi / 8) ** 2
    spread = alpha2 / (np.pi * (n_h2 * (alpha2 - 1.0) + 1.0) ** 2)
    shadow = 0.5 / (n_l + np.sqrt(n_l**2 * (1.0 - alpha2) + alpha2))
    fresnel = SPECULAR + (1.0 - SPECULAR) * (1.0 - np.cos(np.pi / 8)) ** 5
    return float((1.0 - fresnel) * drawn + np.pi * spread * shadow * fresnel)


def textured(mi: Any, layers: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the library's BRDF with images (h, w, 3), row 0 at the top, as textures."""
    return {"type": "diffgfx"} | {
        name: {"type": "bitmap", "data": mi.TensorXf(np.ascontiguousarray(image[::-1])),
               "raw": True, "filter_type": "bilinear", "wrap_mode": "repeat"}
        for name, image in layers.items()
    }  # fmt: skip


def flat_mesh(mi: Any, name: str, bsdf: dict[str, Any], points: Any, uv: Any, faces: Any) -> Any:
    """Return a mesh of few triangles that face +z."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(bsdf)
    mesh = mi.Mesh(name, len(points), len(faces), has_vertex_texcoords=True, props=properties)
    editable = mi.traverse(mesh)
    for key, values in (("vertex_positions", points), ("vertex_texcoords", uv)):
        editable[key] = mi.Float(np.asarray(values, np.float32).ravel())
    editable["faces"] = mi.UInt32(np.asarray(faces, np.uint32).ravel())
    editable.update()
    return mesh


def paper(mi: Any, reflectance: np.ndarray) -> Any:
    """Return the page with its window cut out, at the height of the card."""
    half = 0.5 * np.array(PAGE)
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    flat = np.concatenate([signs * half, signs * 0.5 * WINDOW])
    points = np.pad(flat, ((0, 0), (0, 1)), constant_values=CARD)
    faces = [f for k in range(4)
             for f in ((k, (k + 1) % 4, 4 + k), ((k + 1) % 4, 4 + (k + 1) % 4, 4 + k))]  # fmt: skip
    one = np.ones((1, 1, 3), np.float32)
    layers = {
        "normal": np.array([[[0.0, 0.0, 1.0]]], np.float32),
        "diffuse": np.repeat(reflectance[..., None], 3, axis=2),
        "specular": SPECULAR * one,
        "roughness": ROUGHNESS * one,
    }
    return flat_mesh(mi, "page", textured(mi, layers), points, flat / (2 * half) + 0.5, faces)


def sample(mi: Any, maps: MaterialMaps) -> Any:
    """Return the material in z = 0; its maps fill the window and are repeated beyond it."""
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    points = np.pad(signs * 0.5 * MARGIN * WINDOW, ((0, 0), (0, 1)))
    layers = {name: getattr(maps, name)[0].expand(3, -1, -1).permute(1, 2, 0).numpy()
              for name in ("normal", "diffuse", "specular", "roughness")}  # fmt: skip
    uv = 0.5 * MARGIN * signs + 0.5
    return flat_mesh(mi, "sample", textured(mi, layers), points, uv, [(0, 1, 2), (0, 2, 3)])


def trace(
    mi: Any, meshes: dict[str, Any], place: np.ndarray, axes: np.ndarray, lens: TrueLens,
    power: float, samples: int, seed: int,
) -> np.ndarray:
    """Return the pinhole's picture, ``WIDE`` times the lens's, linear, (h, w, 3)."""
    width, height = (2 * round(0.5 * WIDE * side) for side in (lens.width, lens.height))
    scene = mi.load_dict({
        "type": "scene",
        "integrator": {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0},
        "flash": {"type": "point", "position": place.tolist(),
                  "intensity": {"type": "rgb", "value": [power] * 3}},
        **meshes,
    })  # fmt: skip
    picture = np.zeros((height, width, 3), np.float32)
    rows = max(1, TILE // width)
    for top in range(0, height, rows):
        count = min(rows, height - top)
        sensor = mi.load_dict({
            "type": "perspective", "fov_axis": "x", "near_clip": 10.0, "far_clip": 2000.0,
            "fov": float(np.degrees(2.0 * np.arctan(0.5 * width / lens.focal))),
            "to_world": mi.ScalarTransform4f().look_at(
                origin=place.tolist(), target=(place + axes[2]).tolist(), up=(-axes[1]).tolist()),
            "film": {"type": "hdrfilm", "width": width, "height": height, "pixel_format": "rgb",
                     "crop_offset_y": top, "crop_offset_x": 0, "crop_width": width,
                     "crop_height": count, "component_format": "float32",
                     "rfilter": {"type": "box"}},
            "sampler": {"type": "multijitter", "sample_count": samples},
        })  # fmt: skip
        tile = mi.render(scene, sensor=sensor, spp=samples, seed=seed * 4096 + top)
        picture[top : top + count] = np.array(tile)
    return picture


def bent(picture: np.ndarray, lens: TrueLens) -> np.ndarray:
    """Return what the lens makes of a pinhole's picture whose middle is its principal point."""
    rows, columns = np.mgrid[: lens.height, : lens.width].astype(np.float64)
    rays = lens.rays(columns.ravel(), rows.ravel()).reshape(lens.height, lens.width, 3)
    height, width = picture.shape[:2]
    x = (lens.focal * rays[..., 0] + 0.5 * width - 0.5).astype(np.float32)
    y = (lens.focal * rays[..., 1] + 0.5 * height - 0.5).astype(np.float32)
    return np.clip(cv2.remap(picture, x, y, cv2.INTER_LANCZOS4), 0.0, None)


def lens_of(megapixels: float) -> TrueLens:
    """Return a phone's main lens, 26 mm in film's terms."""
    width = 4 * round((megapixels * 1e6 / 12.0) ** 0.5)
    height = 3 * width // 4
    centre = (0.503 * width, 0.494 * height)
    focal = 26.0 * math.hypot(width, height) / math.hypot(36.0, 24.0)
    return TrueLens(width, height, focal, centre, -0.05, 0.02, 4e-4, -6e-4)


def main(argv: list[str]) -> dict[str, Any]:
    """Make the photographs; returns the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pdf", type=Path)
    parser.add_argument("-o", dest="out", type=Path, required=True)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--material", default="leather")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--power", type=float, default=4.5e5)
    options = parser.parse_args(argv)
    mi = start_mitsuba()
    lens = lens_of(options.megapixels)
    page = reflectance_of_page(page_picture(options.pdf, DOTS))
    maps = make_material(options.material, 512, seed=3, size=0.1 * WINDOW)
    meshes = {"page": paper(mi, page), "sample": sample(mi, maps)}
    options.out.mkdir(parents=True, exist_ok=True)
    sharp = lens.width / 4000.0
    rng = np.random.default_rng(11)
    photos = []
    for number, place in enumerate(stands()):
        axes = looking(place, number)
        time = float(np.exp(0.15 * rng.standard_normal())) / 60.0
        light = trace(mi, meshes, place, axes, lens, options.power, options.samples, number)
        seen = bent(light, lens) * (60.0 * time)
        data = develop(seen, number, blur=1.5 * sharp, vignette=0.3, quality=92,
                       exif=exif_of(time, 1.8, 100, 26))  # fmt: skip
        (options.out / f"{number}.jpg").write_bytes(data)
        photos.append({"file": f"{number}.jpg", "camera": place.tolist(),
                       "axes": axes.tolist(), "exposure": 60.0 * time})  # fmt: skip
        print(f"photo {number + 1}/9", file=sys.stderr, flush=True)
    truth = {"photos": photos, "card": CARD, "material": options.material, "power": options.power,
             "grey": stated_grey(0.18), "lens": vars(lens)}  # fmt: skip
    (options.out / "truth.json").write_text(json.dumps(truth, indent=1))
    return truth


if __name__ == "__main__":
    main(sys.argv[1:])
