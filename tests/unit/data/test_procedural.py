"""Procedural materials: one seed one material, plausible ranges, integrable normals, no seam."""

import numpy as np
import pytest
import torch
from torch import Tensor

from diffgfx.data import MATERIALS, ProceduralMaterial, make_material, make_procedural
from diffgfx.errors import RangeError

METALS = ("brushed_brass", "hammered_steel")
ROUGHNESS = {
    "glazed_tiles": (0.08, 0.9),
    "varnished_wood": (0.19, 0.42),
    "leather": (0.38, 0.7),
    "plaster": (0.78, 0.9),
    "brushed_brass": (0.2, 0.42),
    "hammered_steel": (0.15, 0.3),
}


@pytest.fixture(scope="module", params=MATERIALS)
def made(request: pytest.FixtureRequest) -> tuple[str, ProceduralMaterial]:
    return request.param, make_procedural(request.param, 128)


def _slopes(material: ProceduralMaterial) -> tuple[np.ndarray, np.ndarray]:
    n = material.maps.normal[0].double().numpy()
    return -n[0] / n[2], -n[1] / n[2]


def test_six_materials_span_the_roughness_scale() -> None:
    assert len(MATERIALS) == 6
    assert min(low for low, _ in ROUGHNESS.values()) == 0.08
    assert max(high for _, high in ROUGHNESS.values()) == 0.9


def test_shapes_and_units(made: tuple[str, ProceduralMaterial]) -> None:
    _, material = made
    assert material.maps.to_tensor().shape == (1, 10, 128, 128)
    assert material.maps.to_tensor().dtype == torch.float32
    assert material.maps.size == (0.1, 0.1)
    assert material.height.shape == (1, 1, 128, 128)
    assert material.height.mean().abs() < 1e-8


def test_the_same_seed_gives_the_same_bits(made: tuple[str, ProceduralMaterial]) -> None:
    name, first = made
    second = make_procedural(name, 128, seed=0)
    assert torch.equal(first.maps.to_tensor(), second.maps.to_tensor())
    assert torch.equal(first.height, second.height)
    assert torch.equal(make_material(name, 128).to_tensor(), first.maps.to_tensor())


def test_another_seed_gives_another_material(made: tuple[str, ProceduralMaterial]) -> None:
    name, first = made
    other = make_procedural(name, 128, seed=1)
    assert (other.height - first.height).std() > 0.3 * first.height.std()
    changed = (other.maps.diffuse - first.maps.diffuse).abs() > 1e-4
    assert changed.float().mean() > 0.2


def test_reflectance_and_roughness_lie_in_range(made: tuple[str, ProceduralMaterial]) -> None:
    name, material = made
    maps = material.maps
    low, high = ROUGHNESS[name]
    assert maps.roughness.min() >= low - 1e-6
    assert maps.roughness.max() <= high + 1e-6
    assert maps.roughness.std() > 0.005
    if name in METALS:
        assert maps.diffuse.max() < 0.03
        assert maps.specular.mean() > 0.4
        assert maps.specular.max() <= 0.95
    else:
        assert 0.0 < maps.diffuse.min() < maps.diffuse.max() < 0.85
        assert 0.03 <= maps.specular.min() < maps.specular.max() <= 0.06


def test_normals_are_unit_and_slopes_are_moderate(made: tuple[str, ProceduralMaterial]) -> None:
    name, _ = made
    normal = make_material(name, 256).normal
    assert torch.allclose(normal.norm(dim=1), torch.ones(1, 256, 256), atol=1e-6)
    degrees = torch.rad2deg(torch.arccos(normal[:, 2]))
    assert degrees.max() < 42.0
    assert degrees.quantile(0.95) < 20.0
    assert degrees.mean() > 1.0


def test_normals_integrate_to_the_height(made: tuple[str, ProceduralMaterial]) -> None:
    _, material = made
    slope_x, slope_y = _slopes(material)
    n = slope_x.shape[0]
    sine = 1j * np.sin(2.0 * np.pi * np.fft.fftfreq(n)) * n / material.maps.size[0]
    along_x, along_y = sine[None, :], -sine[:, None]
    gain = np.abs(along_x) ** 2 + np.abs(along_y) ** 2
    seen = gain > 1e-9 * gain.max()
    joined = np.conj(along_x) * np.fft.fft2(slope_x) + np.conj(along_y) * np.fft.fft2(slope_y)
    spectrum = np.where(seen, joined / np.where(seen, gain, 1.0), 0.0)
    wanted = np.where(seen, np.fft.fft2(material.height[0, 0].double().numpy()), 0.0)
    found, height = np.fft.ifft2(spectrum).real, np.fft.ifft2(wanted).real
    assert np.abs(found - height).max() < 2e-5 * np.abs(height).max()


def test_slopes_point_the_way_the_height_rises(made: tuple[str, ProceduralMaterial]) -> None:
    _, material = made
    slope_x, slope_y = _slopes(material)
    height = material.height[0, 0].double().numpy()
    pitch = material.maps.size[0] / 128
    rise_x = (height[:, 2:] - height[:, :-2]) / (2.0 * pitch)
    rise_up = (height[:-2, :] - height[2:, :]) / (2.0 * pitch)
    np.testing.assert_allclose(slope_x[:, 1:-1], rise_x, atol=2e-5)
    np.testing.assert_allclose(slope_y[1:-1, :], rise_up, atol=2e-5)


def _worst_step(image: Tensor, dim: int) -> tuple[float, float]:
    """The largest mean step between neighbouring rows or columns inside, and across the seam."""
    step = (image - image.roll(1, dim)).abs().mean(dim=[d for d in range(4) if d != dim])
    return float(step[1:].max()), float(step[0])


@pytest.mark.parametrize("dim", [2, 3])
def test_maps_tile_without_a_seam(made: tuple[str, ProceduralMaterial], dim: int) -> None:
    _, material = made
    for image in (material.maps.to_tensor(), material.height):
        inside, seam = _worst_step(image, dim)
        assert seam <= 1.1 * inside


def test_a_coarse_material_is_the_fine_one_with_less_detail(
    made: tuple[str, ProceduralMaterial],
) -> None:
    name, coarse = made
    fine = make_procedural(name, 384).height[..., 1::3, 1::3]
    both = torch.stack([fine.flatten(), coarse.height.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.9


def test_relief_scales_with_the_size() -> None:
    small, large = make_procedural("leather", 64), make_procedural("leather", 64, size=1.0)
    assert torch.allclose(large.height, 10.0 * small.height, rtol=1e-5, atol=1e-9)
    assert torch.equal(large.maps.normal, small.maps.normal)
    assert large.maps.size == (1.0, 1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"name": "granite"}, "name must be one of glazed_tiles"),
        ({"name": "plaster", "resolution": 8}, "resolution must be at least 16, got 8"),
        ({"name": "plaster", "seed": -1}, "seed must be at least 0, got -1"),
        ({"name": "plaster", "size": 0.0}, "size must be a finite number above zero"),
    ],
)
def test_wrong_arguments_are_named(call: dict[str, object], words: str) -> None:
    with pytest.raises(RangeError, match=words):
        make_procedural(**call)  # type: ignore[arg-type]
