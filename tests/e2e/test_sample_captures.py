"""The shipped samples: readable, small, true to their maps, and what their script makes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.data import build_material
from diffgfx.io.capture_file import read_capture
from diffgfx.io.exr import read_exr
from diffgfx.io.image import decode_transfer, encode_transfer, read_image
from diffgfx.scene import Capture
from diffgfx.tasks.validation.mitsuba import why_no_mitsuba

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "captures"
NAMES = ("brass_scales", "leather_card")
MISSING = why_no_mitsuba()


@pytest.fixture
def script_folder() -> Iterator[None]:
    """Make the scripts' own modules importable, as they are where a script is run."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


def _truth(name: str) -> Tensor:
    layers = [read_exr(FOLDER / name / "truth" / f"{layer}.exr")
              for layer in ("normal", "diffuse", "specular", "roughness")]  # fmt: skip
    layers[3] = layers[3][..., :1]
    return torch.from_numpy(np.concatenate(layers, axis=-1)).permute(2, 0, 1)[None]


def _photos(capture: Capture) -> Tensor:
    """The photographs in linear light, averaged to the resolution of the true maps."""
    stored = np.stack([read_image(capture.folder / photo.file) for photo in capture.photos])
    linear = torch.from_numpy(decode_transfer(stored, capture.transfer)).permute(0, 3, 1, 2)
    return torch.nn.functional.avg_pool2d(linear, 2)


def _render(maps: Tensor, capture: Capture, power: float) -> Tensor:
    place = torch.tensor([photo.camera for photo in capture.photos])[None]
    light = torch.full_like(place, power)
    return ops.shade_svbrdf(maps, place, light, place, capture.sample_size)[0]


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_complete_and_small(name: str) -> None:
    capture = read_capture(FOLDER / name)
    assert len(capture.photos) == 9
    assert capture.units == "cm"
    assert all(photo.camera == photo.light for photo in capture.photos)
    assert sum(f.stat().st_size for f in (FOLDER / name).glob("*.jpg")) < 1.5e6
    assert sum(f.stat().st_size for f in (FOLDER / name / "truth").glob("*")) < 2e6


def test_photographs_agree_with_the_true_maps_and_the_stated_light() -> None:
    capture = read_capture(FOLDER / "brass_scales")
    assert capture.light_power == (1500.0, 1500.0, 1500.0)
    photos, found = _photos(capture), _render(_truth("brass_scales"), capture, 1500.0)
    exposure = torch.tensor([photo.exposure for photo in capture.photos])
    assert exposure.std() > 0.03
    found = (found * exposure[:, None, None, None]).clamp(max=1.0)
    error = encode_transfer(found, "srgb") - encode_transfer(photos, "srgb")
    rmse = error.square().mean(dim=(1, 2, 3)).sqrt()
    assert rmse.max() < 0.05
    assert error.mean().abs() < 0.012
    mirrored = encode_transfer(found.flip(-2), "srgb") - encode_transfer(photos, "srgb")
    assert mirrored.square().mean().sqrt() > 0.1


def test_the_grey_card_sets_the_scale_of_the_leather() -> None:
    capture = read_capture(FOLDER / "leather_card")
    assert capture.light_power is None
    assert all(photo.exposure is None for photo in capture.photos)
    patch = capture.grey_patch
    assert patch is not None
    maps = _truth("leather_card")
    left, top, right, bottom = (round(256 * edge) for edge in patch.rect)
    card = maps[0, :, top:bottom, left:right]
    assert torch.allclose(card[3:6], torch.tensor(patch.reflectance), atol=1e-3)
    photos, found = _photos(capture), _render(maps, capture, 2000.0)
    ratio = (photos / found)[:, :, top:bottom, left:right].mean(dim=(1, 2, 3))
    assert ratio.log().std() > 0.03
    assert ratio.log().abs().max() < 0.35
    scaled = (found * ratio[:, None, None, None]).clamp(max=1.0)
    error = encode_transfer(scaled, "srgb") - encode_transfer(photos, "srgb")
    assert error.square().mean().sqrt() < 0.015


@pytest.mark.usefixtures("script_folder")
@pytest.mark.parametrize("name", NAMES)
def test_the_true_maps_are_what_the_recipe_and_the_seed_make(name: str) -> None:
    import make_samples

    sample = make_samples.SAMPLES[name]
    made = build_material(sample.recipe, 512, words=[sample.seed], size=make_samples.SIZE)
    for channels, layer in ((slice(3, 6), "diffuse"), (slice(6, 9), "specular")):
        wanted = torch.nn.functional.avg_pool2d(vars(made.maps)[layer], 2)
        assert torch.allclose(_truth(name)[:, channels], wanted, rtol=1e-3, atol=1e-4)
    height = torch.from_numpy(read_exr(FOLDER / name / "truth" / "height.exr")[..., 0])
    wanted = torch.nn.functional.avg_pool2d(made.height, 2)[0, 0]
    assert torch.allclose(height, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
@pytest.mark.slow
def test_the_script_makes_a_sample(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "make_samples.py"), "--only", "brass_scales",
               "--out", str(tmp_path), "--resolution", "128", "--paths", "16"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run(command, check=True, env=environment, cwd=tmp_path, capture_output=True)
    made, shipped = read_capture(tmp_path / "brass_scales"), read_capture(FOLDER / "brass_scales")
    assert made.photos == shipped.photos
    assert made.light_power == shipped.light_power
    assert read_exr(tmp_path / "brass_scales" / "truth" / "diffuse.exr").shape == (64, 64, 3)
    coarse = torch.nn.functional.avg_pool2d(_photos(made), 2)
    fine = torch.nn.functional.avg_pool2d(_photos(shipped), 8)
    assert torch.corrcoef(torch.stack([coarse.flatten(), fine.flatten()]))[0, 1] > 0.9
