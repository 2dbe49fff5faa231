"""Errors of a re-render: known exposures, known noise, and the structural similarity by hand."""

import math

import numpy as np
import pytest
import torch

from diffgfx.io import encode_transfer
from diffgfx.tasks.capture.flip import flip
from diffgfx.tasks.capture.measure import measure_photo, ssim


def picture(height: int = 24, width: int = 20, high: float = 0.5) -> torch.Tensor:
    return 0.02 + high * torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("transfer", ["srgb", "gamma2.2", "linear"])
def test_equal_pictures(transfer):
    found = measure_photo(picture(), picture(), transfer)
    assert found.exposure == pytest.approx(1.0, abs=1e-4)
    assert found.rmse < 1e-4
    assert found.rmse_raw == 0.0
    assert found.psnr > 80.0
    assert found.flip < 1e-3
    assert found.ssim == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("transfer", ["srgb", "gamma2.2", "linear"])
@pytest.mark.parametrize("exposure", [0.5, 0.97, 1.8])
def test_the_exposure_is_recovered(transfer, exposure):
    photo = picture()
    found = measure_photo(photo / exposure, photo, transfer)
    assert found.exposure == pytest.approx(exposure, rel=1e-3)
    assert found.rmse < 1e-3
    raw = encode_transfer(photo / exposure, transfer) - encode_transfer(photo, transfer)
    assert found.rmse_raw == pytest.approx(float(raw.square().mean().sqrt()), rel=1e-5)
    assert found.rmse_raw > 10 * found.rmse


def test_clipped_places_do_not_mislead_the_exposure():
    photo = picture(high=1.5)
    found = measure_photo(photo / 0.8, photo.clamp(max=1.0), "srgb")
    assert found.exposure == pytest.approx(0.8, rel=1e-3)
    assert found.rmse < 1e-3


def test_known_psnr():
    photo = torch.full((3, 20, 20), 0.5)
    render = photo.clone()
    render[:, ::2] += 0.1
    render[:, 1::2] -= 0.1
    found = measure_photo(render, photo, "linear")
    # best factor: <r, p> / <r, r> = 0.25 / 0.26, error sqrt(0.25 - 0.25^2 / 0.26)
    assert found.exposure == pytest.approx(0.25 / 0.26, rel=1e-3)
    assert found.rmse == pytest.approx(math.sqrt(0.25 - 0.25**2 / 0.26), rel=1e-4)
    assert found.rmse_raw == pytest.approx(0.1, rel=1e-5)
    assert found.psnr == pytest.approx(-20 * math.log10(found.rmse))


def test_the_exposure_never_makes_it_worse():
    photo = torch.zeros(3, 12, 12)
    photo[:, 0, 0] = 1.0
    found = measure_photo(torch.rand(3, 12, 12), photo, "srgb")
    assert found.rmse <= found.rmse_raw


def test_flip_is_that_of_the_pictures_on_a_screen():
    """Whatever the photographs' own transfer; 2.2 and sRGB differ enough to tell them apart."""
    photo, render = torch.rand(3, 12, 12) * 0.2, torch.rand(3, 12, 12) * 0.2
    found = measure_photo(render, photo, "linear")
    shown = [encode_transfer(x, "srgb") for x in (photo, render * found.exposure)]
    assert found.flip == pytest.approx(flip(*shown), rel=1e-6)
    as_stored = flip(photo, render * found.exposure)
    assert found.flip != pytest.approx(as_stored, rel=0.05)


def _ssim_by_hand(first: np.ndarray, second: np.ndarray) -> float:
    """One channel, one place: an 11 x 11 window of deviation 1.5."""
    line = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    window = np.outer(line, line) / line.sum() ** 2
    a, b = (window * first).sum(), (window * second).sum()
    var_a, var_b = (window * (first - a) ** 2).sum(), (window * (second - b) ** 2).sum()
    cov = (window * (first - a) * (second - b)).sum()
    return float(
        (2 * a * b + 1e-4) * (2 * cov + 9e-4) / ((a * a + b * b + 1e-4) * (var_a + var_b + 9e-4))
    )


def test_ssim_by_hand():
    rng = np.random.default_rng(3)
    first, second = rng.random((2, 3, 11, 11))
    found = ssim(torch.from_numpy(first), torch.from_numpy(second))
    wanted = np.mean([_ssim_by_hand(a, b) for a, b in zip(first, second, strict=True)])
    assert found == pytest.approx(wanted, rel=1e-9)
    assert ssim(torch.from_numpy(first), torch.from_numpy(1 - first)) < 0.0


def test_ssim_of_flat_pictures_is_their_likeness_in_level():
    first, second = torch.full((3, 16, 16), 0.25), torch.full((3, 16, 16), 0.75)
    wanted = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ssim(first, second) == pytest.approx(wanted, rel=1e-3)
    assert ssim(torch.zeros(3, 4, 1), torch.zeros(3, 4, 1)) == pytest.approx(1.0)
