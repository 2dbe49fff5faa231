"""Synthetic captures: poses, noise statistics, exposure, clipping and rounding."""

import numpy as np
import pytest
import torch
from torch import Tensor

from diffgfx.data import make_material
from diffgfx.data.synthetic_capture import (
    CameraModel,
    SyntheticCapture,
    colocated_poses,
    synthetic_capture,
)
from diffgfx.errors import RangeError, ShapeError
from diffgfx.scene import MaterialMaps

IDEAL = CameraModel(exposure=0.0, electrons=float("inf"), read=0.0, levels=0, transfer="linear")


def _flat(resolution: int = 32) -> MaterialMaps:
    maps = make_material("plaster", resolution)
    return MaterialMaps(maps.normal, torch.full_like(maps.diffuse, 0.5), maps.specular,
                        maps.roughness, maps.size)  # fmt: skip


def _paint(maps: MaterialMaps, position: Tensor, intensity: Tensor) -> Tensor:
    """A renderer that shows the diffuse albedo as it is, times the light."""
    assert position.shape == intensity.shape
    return maps.diffuse[:, None] * intensity[..., None, None]


def _take(maps: MaterialMaps, **options: object) -> SyntheticCapture:
    return synthetic_capture(maps, _paint, **options)  # type: ignore[arg-type]


def test_an_ideal_camera_stores_what_the_renderer_returns() -> None:
    maps = make_material("leather", 32)
    shot = _take(maps, power=2.0, camera=IDEAL)
    assert shot.images.shape == (9, 3, 32, 32)
    assert torch.allclose(shot.images, (2.0 * maps.diffuse).expand(9, -1, -1, -1), atol=1e-6)
    assert torch.equal(shot.exposure, torch.ones(9))
    assert shot.saturated.sum() == 0


def test_the_renderer_gets_the_poses_and_unit_light() -> None:
    seen: list[Tensor] = []

    def spy(maps: MaterialMaps, position: Tensor, intensity: Tensor) -> Tensor:
        seen.extend([position, intensity])
        return _paint(maps, position, intensity)

    shot = synthetic_capture(_flat(), spy, seed=3)
    assert torch.equal(seen[0][0], shot.position)
    assert torch.equal(seen[1], torch.ones(1, 9, 3))
    assert torch.equal(shot.position, colocated_poses((0.1, 0.1), seed=3))


def test_highlights_form_a_grid_over_the_sample() -> None:
    place = colocated_poses((2.0, 1.0), jitter=0.0).reshape(3, 3, 3)
    assert torch.allclose(place[0, :, 0], torch.tensor([-0.64, 0.0, 0.64]))
    assert torch.allclose(place[:, 0, 1], torch.tensor([0.32, 0.0, -0.32]))
    assert torch.allclose(place[..., 2], torch.tensor(4.8))
    shaken = torch.stack([colocated_poses((2.0, 1.0), seed=s) for s in range(40)]).reshape(
        -1, 3, 3, 3
    )
    spread = (shaken - place).reshape(-1, 3).std(dim=0)
    assert torch.allclose(spread, torch.tensor([0.088, 0.088, 0.264]), rtol=0.15)
    assert shaken[..., 2].min() > 4.0


def test_a_seed_names_the_capture() -> None:
    first, again, other = (_take(_flat(), seed=s) for s in (4, 4, 5))
    assert torch.equal(first.stored, again.stored)
    assert torch.equal(first.exposure, again.exposure)
    assert not torch.equal(first.position, other.position)
    assert not torch.equal(first.exposure, other.exposure)
    assert first.exposure.std() > 0.02


def test_exposure_scales_each_photo() -> None:
    camera = CameraModel(
        exposure=0.1, electrons=float("inf"), read=0.0, levels=0, transfer="linear"
    )
    shot = _take(_flat(), power=1.0, camera=camera)
    wanted = 0.5 * shot.exposure[:, None, None, None].expand_as(shot.images)
    assert torch.allclose(shot.images, wanted, atol=1e-6)


def test_noise_has_the_stated_variance() -> None:
    camera = CameraModel(exposure=0.0, electrons=500.0, read=0.02, levels=0, transfer="linear")
    images = _take(_flat(64), power=1.0, camera=camera).images.double()
    assert images.mean() == pytest.approx(0.5, abs=1e-3)
    assert images.var() == pytest.approx(0.5 / 500.0 + 0.02**2, rel=0.03)
    assert (
        torch.corrcoef(torch.stack([images[0].flatten(), images[1].flatten()]))[0, 1].abs() < 0.05
    )


def test_stored_values_are_bytes_of_an_srgb_file() -> None:
    shot = _take(make_material("leather", 32))
    levels = shot.stored.double() * 255.0
    assert (levels - levels.round()).abs().max() < 1e-4
    assert len(levels.round().unique()) > 40
    one = shot.stored == np.float32(128 / 255)
    assert one.any()
    assert shot.images[one][0] == pytest.approx(0.21586, abs=1e-4)


def test_pixels_at_full_scale_are_marked() -> None:
    maps = _flat()
    maps.diffuse[:, 1, :16] = 3.0
    shot = _take(maps, power=1.0, camera=IDEAL)
    assert shot.saturated[:, :, :16].min() == 1.0
    assert shot.saturated[:, :, 16:].max() == 0.0
    assert shot.images.max() == 1.0


def test_metering_puts_the_bright_tenth_above_six_tenths() -> None:
    maps = make_material("leather", 64)
    shot = _take(maps, camera=IDEAL)
    bright = shot.images.amax(dim=1)
    assert (bright > 0.6).float().mean() == pytest.approx(0.1, abs=0.01)
    assert shot.power * maps.diffuse.max() == pytest.approx(float(shot.images.max()), rel=1e-5)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(RangeError, match="must show light to be metered"):
        synthetic_capture(_flat(), lambda m, p, i: 0.0 * _paint(m, p, i))
    with pytest.raises(ShapeError, match=r"render\(...\) must have shape \(1, 9, 3, 32, 32\)"):
        synthetic_capture(_flat(), lambda m, p, i: _paint(m, p, i)[0])
    with pytest.raises(ShapeError, match=r"position must have shape"):
        _take(_flat(), position=torch.zeros(9, 2))
    with pytest.raises(RangeError, match="power must be a finite number above zero"):
        _take(_flat(), power=-1.0)
