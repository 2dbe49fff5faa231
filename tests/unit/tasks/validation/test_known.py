"""Photographs of known materials: what they hold, and that they show the material."""

from pathlib import Path

import pytest
import torch

from diffgfx.io import encode_transfer, load_photos
from diffgfx.render import render_planar
from diffgfx.tasks.validation.known import Known, photograph_material, read_synthetic_random


def _ideal(known: Known, exposure: torch.Tensor) -> torch.Tensor:
    """Render the truth as the capture's file describes its photographs."""
    assert known.capture.light_power is not None
    place = torch.tensor([photo.camera for photo in known.capture.photos])[None]
    power = torch.tensor(known.capture.light_power) * exposure[None, :, None]
    return render_planar(
        known.truth.to_tensor(), known.truth.size,
        light_position=place, light_intensity=power, camera_position=place,
    )[0]  # fmt: skip


@pytest.mark.parametrize("name", ["varnished_wood", "hammered_steel"])
def test_nine_photographs_of_the_material(tmp_path: Path, name: str) -> None:
    known = photograph_material(name, tmp_path, resolution=32)
    photos = load_photos(known.capture)
    assert photos.images.shape == (9, 3, 32, 32)
    assert all(photo.exposure is None for photo in known.capture.photos)
    assert float(photos.saturated.mean()) < 0.04
    ideal = _ideal(known, torch.ones(9))
    usable = (photos.saturated == 0) & (ideal > 0.02) & (ideal < 0.9)
    exposure = torch.stack(
        [
            (images[mask].log() - truth[mask].log()).median()
            for images, truth, mask in zip(photos.images, ideal, usable, strict=True)
        ]
    )
    assert float(exposure.mean().abs()) < 0.005  # the power is that of the mean exposure
    assert 0.03 < float(exposure.std()) < 0.2
    picture = encode_transfer(_ideal(known, exposure.exp()), known.capture.transfer)
    stored = encode_transfer(photos.images, known.capture.transfer)
    assert 0.001 < float((picture - stored).square().mean().sqrt()) < 0.015


def test_the_same_seed_takes_the_same_photographs(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        photograph_material("leather", tmp_path / name, resolution=16, seed=int(name == "c"))
    first, second, other = ((tmp_path / name / "4.png").read_bytes() for name in "abc")
    assert first == second != other


def test_synthetic_random_is_its_photographs(data_folder: Path) -> None:
    """Our BRDF on the balanced maps gives the published pictures but for masking and epsilons."""
    known = read_synthetic_random(data_folder)
    picture = encode_transfer(_ideal(known, torch.ones(9)), "gamma2.2")
    stored = encode_transfer(load_photos(known.capture).images, "gamma2.2")
    assert float((picture - stored).square().mean().sqrt()) < 0.0025


def test_synthetic_random_keeps_quiet_about_its_light(data_folder: Path) -> None:
    assert read_synthetic_random(data_folder, power=None).capture.light_power is None
    assert read_synthetic_random(data_folder).capture.light_power == (1500.0,) * 3
