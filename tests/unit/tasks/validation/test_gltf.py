import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from diffgfx.io.gltf import write_material_glb
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.validation.gltf import (
    GltfSurface,
    evaluate_gltf,
    gltf_brdf,
    load_gltf_surface,
    measure_gltf,
)

UP = np.array([[[0.0, 0.0, 1.0]]])


def _surface(
    base: float, metallic: float, roughness: float, color: float = 1.0, specular: float = 1.0
) -> GltfSurface:
    one = np.ones((1, 1, 1))
    colour = np.full((1, 1, 3), color)
    return GltfSurface(
        0.0 * UP,
        UP,
        base * np.ones_like(UP),
        metallic * one,
        roughness * one,
        specular * one,
        colour,
    )


def _tilted(degrees: float) -> np.ndarray:
    angle = math.radians(degrees)
    return np.array([[[math.sin(angle), 0.0, math.cos(angle)]]])


@pytest.mark.parametrize(
    ("surface", "expected"),
    [
        (_surface(0.5, 0.0, 1.0), 0.96 * 0.5 / math.pi + 0.04 / (4 * math.pi)),
        (_surface(0.5, 1.0, 1.0), 0.5 / (4 * math.pi)),
        (_surface(0.5, 0.5, 1.0), 0.48 * 0.5 / math.pi + (0.02 + 0.25) / (4 * math.pi)),
        (_surface(0.5, 0.0, 0.5), 0.96 * 0.5 / math.pi + 0.04 / (4 * math.pi * 0.0625)),
        (_surface(0.5, 0.0, 1.0, color=10.0), 0.6 * 0.5 / math.pi + 0.4 / (4 * math.pi)),
        (_surface(0.5, 0.0, 1.0, color=90.0), 1.0 / (4 * math.pi)),
        (_surface(0.5, 0.0, 1.0, specular=0.5), 0.98 * 0.5 / math.pi + 0.02 / (4 * math.pi)),
        (_surface(0.5, 0.0, 1.0, specular=0.0), 0.5 / math.pi),
    ],
)
def test_head_on_values_by_hand(surface: GltfSurface, expected: float) -> None:
    assert gltf_brdf(surface, UP, UP).ravel().tolist() == pytest.approx([expected] * 3)


def test_values_at_an_angle_by_hand() -> None:
    # alpha = 1: D = 1 / pi, and V = 1 / (2 (n.l + n.v)); light and eye at 60 degrees, h up.
    dielectric, metal = 0.04 + 0.96 * 0.5**5, 0.5 + 0.5 * 0.5**5
    plastic = (1 - dielectric) * 0.5 / math.pi + dielectric / (2 * math.pi)
    for metallic in (0.0, 0.25, 1.0):
        found = gltf_brdf(_surface(0.5, metallic, 1.0), _tilted(60), _tilted(-60))
        expected = (1 - metallic) * plastic + metallic * metal / (2 * math.pi)
        assert found.ravel().tolist() == pytest.approx([expected] * 3)


def test_reciprocity_and_the_dark_side() -> None:
    surface = _surface(0.3, 0.2, 0.4, color=3.0)
    one, other = _tilted(70), _tilted(-20)
    np.testing.assert_allclose(gltf_brdf(surface, one, other), gltf_brdf(surface, other, one))
    assert (gltf_brdf(surface, _tilted(100), other) == 0.0).all()
    assert (gltf_brdf(surface, other, _tilted(100)) == 0.0).all()


def _maps(lowest: float, size: int = 24) -> MaterialMaps:
    """Smooth random maps with roughness from ``lowest`` to 1, in a rectangular sample."""
    random = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 10, 6, 6, generator=random, dtype=torch.float64)
    draw = torch.nn.functional.interpolate(coarse, size=(size, 2 * size), mode="bilinear")
    normal = torch.cat([0.6 * draw[:, :2] - 0.3, torch.ones_like(draw[:, :1])], dim=1)
    roughness = lowest + (1.0 - lowest) * draw[:, 9:] ** 2
    return MaterialMaps(normal, draw[:, 3:6], draw[:, 6:9] ** 2, roughness, (8.0, 4.0))


def _lights() -> tuple[Tensor, Tensor, Tensor]:
    """Nine pairs: three flashes at the camera, six oblique ones with the camera elsewhere."""
    random = torch.Generator().manual_seed(5)
    place = torch.rand(2, 9, 3, generator=random, dtype=torch.float64)
    place[..., :2] = 16.0 * place[..., :2] - 8.0
    place[..., 2] = 2.0 + 10.0 * place[..., 2]
    place[1, :3] = place[0, :3]
    intensity = torch.tensor([300.0, 200.0, 100.0], dtype=torch.float64).expand(9, 3)
    return place[0], intensity, place[1]


def test_positions_and_normals_come_from_the_mesh(tmp_path: Path) -> None:
    maps = _maps(0.3, size=4)
    write_material_glb(tmp_path / "m.glb", maps, metres_per_unit=0.01)
    surface = load_gltf_surface(tmp_path / "m.glb")
    assert surface.position.shape == (4, 8, 3)
    np.testing.assert_allclose(surface.position[0, 0], [-0.035, 0.015, 0.0], atol=1e-8)
    np.testing.assert_allclose(surface.position[3, 6], [0.025, -0.015, 0.0], atol=1e-8)
    expected = torch.nn.functional.normalize(maps.normal, dim=1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(surface.normal, expected, atol=4e-5)
    np.testing.assert_allclose(
        25 * surface.base[..., :1], 25 * maps.diffuse[0, 0][..., None], atol=1e-3
    )
    np.testing.assert_allclose(
        0.04 * surface.specular_color, maps.specular[0].permute(1, 2, 0), atol=4e-5
    )


def test_a_lambertian_texel_under_one_light(tmp_path: Path) -> None:
    grey, up = torch.full((1, 3, 1, 1), 0.5), torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    maps = MaterialMaps(up, grey, 0.0 * grey, torch.ones(1, 1, 1, 1), (1.0, 1.0))
    write_material_glb(tmp_path / "m.glb", maps, metres_per_unit=1.0)
    place = np.array([[3.0, 0.0, 4.0]])
    found = evaluate_gltf(tmp_path / "m.glb", place, np.array([[25.0, 50.0, 0.0]]), place)
    # F0 = 0 and the eye in the light: f = 0.5 / pi, cosine 0.8, distance 5
    expected = np.array([1.0, 2.0, 0.0]) * 0.8 * 0.5 / math.pi
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-4)


def test_our_export_means_our_brdf() -> None:
    error = measure_gltf(_maps(0.03), *_lights())
    assert error.evaluation <= 1e-9
    assert error.quantisation > 1e-6  # there is a difference to see


def test_our_op_in_single_precision_agrees_on_ordinary_materials() -> None:
    error = measure_gltf(_maps(0.15), *_lights())
    assert error.evaluation <= 1e-9
    assert error.evaluation_float32 <= 1e-5
    assert error.quantisation <= 2e-3
