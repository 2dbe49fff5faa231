"""Noise and belief of a few unknowns, and how much noise a smoothing fit passes."""

import pytest
import torch

from diffgfx.inverse import neighbour_roughness, noise_passed, posterior_of


def test_one_unknown_in_closed_form():
    a, precision, offset = 3.0, 0.5, 2.0
    found = posterior_of(
        torch.tensor([[[a]]]), torch.tensor([[precision]]), torch.tensor([[offset]])
    )
    share = precision / (a + precision)
    assert float(found.noise) == pytest.approx(a / (a + precision) ** 2)
    assert float(found.belief) == pytest.approx(
        precision / (a + precision) ** 2 + (share * offset) ** 2
    )


def test_errors_of_estimates_drawn_at_random():
    """Truths from the belief, data with noise, and the estimate that ignores the belief's mean."""
    random = torch.Generator().manual_seed(0)
    jacobian = torch.randn(6, 3, generator=random, dtype=torch.float64)
    jacobian[:, 2] = 0.05 * jacobian[:, 2] + jacobian[:, 1]
    sigma, deviation, draws = 0.3, torch.tensor([0.5, 1.0, 2.0]).double(), 200_000
    information = jacobian.T @ jacobian / sigma**2
    precision = deviation.pow(-2)
    truth = deviation * torch.randn(draws, 3, generator=random, dtype=torch.float64)
    noise = sigma * torch.randn(draws, 6, generator=random, dtype=torch.float64)
    gain = torch.linalg.inv(information + torch.diag(precision))
    estimate = (truth @ jacobian.T + noise) @ jacobian / sigma**2 @ gain.T
    error = estimate - truth
    found = posterior_of(information[None], precision[None], torch.zeros(1, 3).double())
    total = (found.noise + found.belief)[0]
    assert torch.allclose(error.T @ error / draws, total, rtol=0.03, atol=0.02)
    assert torch.allclose(total, gain)
    of_noise = noise @ jacobian / sigma**2 @ gain.T
    assert torch.allclose(of_noise.T @ of_noise / draws, found.noise[0], rtol=0.03, atol=0.02)


def test_the_roughness_of_noise_is_its_variance():
    random = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.randn(1, 256, 256, generator=random)
    assert neighbour_roughness(noise).mean().item() == pytest.approx(0.09, rel=0.02)
    plane = torch.linspace(0.0, 1.0, 16)[None, :, None].expand(1, 16, 16)
    assert float(neighbour_roughness(plane)[:, 1:-1, 1:-1].max()) < 1e-12


@pytest.mark.parametrize("penalty", [0.1, 1.0, 10.0, 300.0])
def test_the_noise_that_a_smoothing_fit_passes(penalty):
    """argmin |x - y|^2 + k sum of squared differences, on a torus, solved by transforms."""
    random = torch.Generator().manual_seed(1)
    noise = torch.randn(32, 256, 256, generator=random, dtype=torch.float64)
    angle = 2 * torch.pi * torch.fft.fftfreq(256, dtype=torch.float64)
    wave = 2 - 2 * angle.cos()
    filtered = torch.fft.fft2(noise) / (1 + penalty * (wave[:, None] + wave[None]))
    smooth = torch.fft.ifft2(filtered).real
    rough = neighbour_roughness(smooth)[:, 1:-1, 1:-1].mean()
    assert float(noise_passed(rough)) == pytest.approx(float(smooth.square().mean()), rel=0.05)


def test_what_is_as_rough_as_noise_was_not_smoothed():
    ratio = torch.tensor([0.0, 1e-9, 1e-3, 0.1, 0.9, 1.0, 50.0])
    passed = noise_passed(ratio)
    assert passed.dtype == ratio.dtype
    assert bool((passed.diff() >= 0).all())
    assert passed[-2:].tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
    assert 0.0 < float(passed[0]) < 1e-4
